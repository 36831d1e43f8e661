"""Lists: the filters and orders of the pages, and `next`, the address of what follows, until it is null."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import Field, StringConstraints
from sqlalchemy import Row, SQLColumnExpression

from console import database as db
from console import lists
from console.api.fields import Asked, Shown
from console.api.problem import Mistake, Stopped

Item = TypeVar("Item", bound=Shown)


Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]*$", max_length=2000)]


class ListAsked(Asked):
    limit: int = Field(50, ge=1, le=200, description="How many at once")
    after: Cursor = Field("", description="Where to go on: it stands in `next`")


class Page(Shown, Generic[Item]):
    items: list[Item]
    total: int = Field(description="How many match, on all pages together")
    is_more: bool = Field(default=False, description="More than `total` match: they were not counted further")
    next: str | None = Field(description="The address of what follows; null: that was all")


PageType = TypeVar("PageType", bound="Page[Any]")


def order(sorts: Mapping[str, object], default: str) -> Any:
    """The field `sort` of a list with these orders."""
    return Field(
        default,
        pattern=rf"^-?({'|'.join(sorts)})$",
        description="What to order by; a - before it: the other way round",
    )


def page(
    kind: type[PageType],
    query: Callable[[lists.Wish], lists.Query],
    shown: Callable[[Row[Any]], Shown],
    *,
    sorts: Mapping[str, lists.Sort],
    default: str,
    filters: Iterable[str],
    ids: SQLColumnExpression[str],
    limit: int,
) -> PageType:
    """Two statements, however many rows there are."""
    wish = lists.wish(sorts, default=default, filters=filters)
    if request.args.get("after") and not lists.fits(wish, sorts):
        raise bad_cursor()
    found = lists.page(db.session(), query(wish), wish, sorts=sorts, ids=ids, size=limit)
    return kind(
        items=[shown(row) for row in found.rows],
        total=found.total,
        is_more=found.is_more,
        next=following(found.after),
    )


def following(cursor: str) -> str | None:
    if not cursor:
        return None
    return f"{request.path}?{urlencode(request.args.to_dict() | {'after': cursor})}"


def bad_cursor() -> Stopped:
    mistake = Mistake(
        where="query.after", problem="goes on no list in this order; follow `next` as it was given"
    )
    return Stopped(422, f"{mistake.where}: {mistake.problem}.", errors=[mistake])
