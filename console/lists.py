"""Lists: filter, sort and page live in the URL. Sort keys come from an allow-list; pages go by key, not by
number, so that page 200 costs what page 1 costs and nothing is shown twice while rows arrive.
"""

import base64
import csv
import io
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from flask import Response, request
from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    SQLColumnExpression,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from collector.store import UTCDateTime
from console import format

PAGE: Final = 50
CSV_ROWS: Final = 50_000
LONGEST_FILTER: Final = 500
COUNTED: Final = (
    25_000  # more rows than that are "more than": nobody pages through them, and counting them costs
)

Query = Select[*tuple[Any, ...]]

_CURSORS: Final = ("after", "before")


@dataclass(frozen=True, slots=True)
class Sort:
    """A way to order a list. The expression must not be NULL (coalesce): NULLs have no place in a key."""

    expression: SQLColumnExpression[Any]
    label: str
    descending_first: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What the URL asks for; anything not understood is as if it had not been said."""

    sort: str
    descending: bool
    cursor: tuple[str, Any, str] | None  # direction, value, id
    filters: dict[str, str]

    def url(self, path: str, **changes: str) -> str:
        """The same list, changed; a changed filter or sort starts at the first page."""
        arguments = {**self.filters, "sort": f"-{self.sort}" if self.descending else self.sort, **changes}
        return f"{path}?{urlencode({key: text for key, text in arguments.items() if text})}"

    def sort_url(self, path: str, key: str, sorts: Mapping[str, Sort]) -> str:
        down = not self.descending if key == self.sort else sorts[key].descending_first
        return self.url(path, sort=f"-{key}" if down else key)


@dataclass(frozen=True, slots=True)
class Listed:
    rows: Sequence[Row[Any]]
    total: int  # at most COUNTED
    wish: Wish
    after: str  # cursors; empty: there is no such page
    before: str
    is_more: bool = False  # than `total`: it was not counted further


def wish(sorts: Container[str], *, default: str, filters: Iterable[str]) -> Wish:
    asked = request.args.get("sort", "") or default
    if asked.lstrip("-") not in sorts or asked.startswith("--"):
        asked = default
    cursor = None
    for direction in _CURSORS:
        if request.args.get(direction):
            cursor = _decode(direction, request.args[direction])
    return Wish(
        sort=asked.lstrip("-"),
        descending=asked.startswith("-"),
        cursor=cursor,
        filters={name: argument(name) for name in filters},
    )


def argument(name: str) -> str:
    return request.args.get(name, "").replace("\x00", "").strip()[:LONGEST_FILTER]


def page(
    session: Session,
    query: Query,
    asked: Wish,
    *,
    sorts: Mapping[str, Sort],
    ids: SQLColumnExpression[str],
    size: int = PAGE,
) -> Listed:
    """Two statements, however many rows there are."""
    # Rows alone: what the list shows of each is not looked for.
    bare = query.order_by(None).with_only_columns(literal(1).label("one"), maintain_column_froms=True)
    total = session.scalar(select(func.count()).select_from(bare.limit(COUNTED + 1).subquery())) or 0
    key: Any = sorts[asked.sort].expression
    backwards = asked.cursor is not None and asked.cursor[0] == "before"
    down = asked.descending != backwards
    wanted = query.add_columns(key.label("_key"), ids.label("_id"))
    if asked.cursor is not None and _fits(asked.cursor[1], key.type):
        _, value, last_id = asked.cursor
        edge = literal(value, type_=key.type)
        # The first condition is where an index is entered, the others are about the rows of one value.
        if down:
            wanted = wanted.where(and_(key <= edge, or_(key < edge, ids < last_id)))
        else:
            wanted = wanted.where(and_(key >= edge, or_(key > edge, ids > last_id)))
    wanted = wanted.order_by(*((key.desc(), ids.desc()) if down else (key.asc(), ids.asc())))
    rows = list(session.execute(wanted.limit(size + 1)).all())
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (more if not backwards else True)
    has_previous = bool(rows) and (more if backwards else asked.cursor is not None)
    return Listed(
        rows=rows,
        total=min(total, COUNTED),
        is_more=total > COUNTED,
        wish=asked,
        after=_encode(rows[-1]) if has_next else "",
        before=_encode(rows[0]) if has_previous else "",
    )


def _fits(value: Any, kind: TypeEngine[Any]) -> bool:
    """A cursor made for one order says nothing in another."""
    if isinstance(kind, UTCDateTime):
        return isinstance(value, datetime)
    # To Python True is a number, to PostgreSQL it is none.
    return isinstance(value, int if isinstance(kind, Integer) else str) and not isinstance(value, bool)


def fits(asked: Wish, sorts: Mapping[str, Sort]) -> bool:
    """There is a cursor, and it goes on a list in this order."""
    key: Any = sorts[asked.sort].expression
    return asked.cursor is not None and _fits(asked.cursor[1], key.type)


def everything(
    query: Query, asked: Wish, *, sorts: Mapping[str, Sort], ids: SQLColumnExpression[str]
) -> Query:
    """The whole list in its order, for CSV."""
    key = sorts[asked.sort].expression
    order = (key.desc(), ids.desc()) if asked.descending else (key.asc(), ids.asc())
    return query.order_by(*order).limit(CSV_ROWS)


def contains(text: str, *columns: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Case does not matter; % and _ mean themselves. One look at all the columns, each on a line of its own: nine looks
    took three times as long, and a list is read to its end for what is in none of it."""
    first, *others = (func.coalesce(column, literal_column("''")) for column in columns)
    everything: ColumnElement[Any] = first
    for column in others:
        everything = everything.concat(literal_column("'\n'")).concat(column)
    return everything.icontains(" ".join(text.split("\n")), autoescape=True)


def _encode(row: Row[Any]) -> str:
    value = row._mapping["_key"]
    plain = ["t", value.isoformat()] if isinstance(value, datetime) else ["v", value]
    text = json.dumps([*plain, row._mapping["_id"]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(direction: str, text: str) -> tuple[str, Any, str] | None:
    try:
        kind, value, last_id = json.loads(base64.urlsafe_b64decode(text[:2000] + "=" * (-len(text) % 4)))
        if kind == "t":
            value = datetime.fromisoformat(value)
            if value.tzinfo is None:
                return None
        elif isinstance(value, int) and abs(value) > 2**53:
            return None
        # What no database takes: NUL, lone surrogates (UnicodeEncodeError is a ValueError).
        if b"\x00" in f"{value}{last_id}".encode():
            return None
    except (ValueError, TypeError, RecursionError):
        return None
    return (direction, value, last_id) if isinstance(last_id, str) else None


# A spreadsheet runs a cell that begins so. The wide forms are taken for the narrow ones by some.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")

RowType = TypeVar("RowType")
Columns = Sequence[str | tuple[str, Callable[[RowType], object]]]


@dataclass(frozen=True, slots=True)
class Cells(Generic[RowType]):
    """The columns of a CSV: heading and how to get the cell."""

    columns: Sequence[tuple[str, Callable[[RowType], object]]]


def cell(value: object) -> object:
    """A number stays a number; text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return format.iso(value)
    text = str(value).replace("\x00", "")
    return (
        f"'{text}" if text.lstrip(" \ufeff\u200b").startswith(_FORMULA) or text.startswith(_FORMULA) else text
    )


def export(name: str, columns: Columns[RowType], rows: Iterable[RowType]) -> Response:
    """The rows as `tocsin-NAME.csv`: the one way a list leaves the console. `columns`: an attribute of the row, or a
    heading and how to get its cell. Times are written as ISO 8601 in UTC, unknown ones as nothing."""
    cells = Cells([(one, attrgetter(one)) if isinstance(one, str) else one for one in columns])
    return csv_response(f"tocsin-{name}.csv", cells, rows)


def csv_response(name: str, cells: Cells[RowType], rows: Iterable[RowType]) -> Response:
    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL)
        yield "\ufeff"  # Excel takes UTF-8 for Latin-1 without it
        writer.writerow([heading for heading, _ in cells.columns])
        for row in rows:
            writer.writerow([cell(get(row)) for _, get in cells.columns])
            if buffer.tell() > 32_000:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()

    # Joined here, not streamed: the request's database session ends with the view.
    return Response(
        "".join(lines()),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
