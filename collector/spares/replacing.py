"""One file replaces one kind wholly, in one transaction and only if all of it is right; the difference comes first."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from collector.problem import Problem
from collector.spares import table_file
from collector.spares.kinds import CONTRACTS, DEPOTS, KINDS, STOCK, WARRANTY, Kind, Values
from collector.spares.table_file import Mistakes, said
from collector.store import Base
from collector.store.devices import Site
from collector.store.installation import Fact
from collector.store.people import AuditEntry
from collector.store.spares import Contract, Depot, Stock, Warranty
from collector.store.upsert import upsert

_TOMORROW: Final = timedelta(days=1)  # somewhere it is a day later than here


class Changed(Problem):
    """Somebody else changed the table since it was looked at."""


@dataclass(frozen=True, slots=True)
class Import:
    """The last change of a kind; `at` None: nothing was ever entered."""

    version: str
    at: datetime | None
    who: str


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Kind
    added: Sequence[Values] = ()
    changed: Sequence[tuple[Values, Values]] = ()  # before, after
    gone: Sequence[Values] = ()
    same: int = 0
    wanted: Sequence[Values] = field(default=(), repr=False)

    @property
    def is_none(self) -> bool:
        return not (self.added or self.changed or self.gone)

    def changes(self, before: Values, after: Values) -> list[tuple[str, Any, Any]]:
        """(heading, before, after) of what differs."""
        return [
            (column.heading, before[column.field], after[column.field])
            for column in self.kind.columns
            if before[column.field] != after[column.field]
        ]

    @property
    def words(self) -> str:
        return f"{len(self.added)} added, {len(self.changed)} changed, {len(self.gone)} gone, {self.same} as before"


def last(session: Session) -> dict[str, Import]:
    """Of each kind, in one statement."""
    rows = {
        row.name: row.value
        for row in session.scalars(select(Fact).where(Fact.name.in_([_fact(name) for name in KINDS])))
    }
    return {name: _import(rows.get(_fact(name), "")) for name in KINDS}


def compare(session: Session, kind: Kind, body: bytes, file: str, now: datetime) -> Difference:
    """What the file would change. Raises Mistakes, which name file, line and column."""
    return _compare(session, kind, table_file.read(body, file, kind.headings, kind.required), file, now)


def _compare(
    session: Session, kind: Kind, lines: Iterable[table_file.Line], file: str, now: datetime
) -> Difference:
    wanted = _wanted(session, kind, lines, file, now)
    fields = [column.field for column in kind.columns]
    known = {
        kind.key(row): row
        for row in (
            dict(zip(fields, each, strict=True))
            for each in session.execute(select(*(getattr(kind.table, name) for name in fields)))
        )
    }
    added, changed, same = [], [], 0
    for values in wanted:
        before = known.pop(kind.key(values), None)
        if before is None:
            added.append(values)
        elif before != values:
            changed.append((before, values))
        else:
            same += 1
    gone = list(known.values())
    _still_needed(session, kind, gone, changed, file)
    return Difference(kind, added, changed, gone, same, wanted)


def replace(
    session: Session, kind: Kind, body: bytes, file: str, *, who: str, now: datetime, seen: str | None = None
) -> Difference:
    """Do it. `seen`: the version that was looked at; raises Changed when there is another now, and Mistakes."""
    lines = table_file.read(body, file, kind.headings, kind.required)  # before anybody has to wait
    claim(session, kind, who, now, seen)
    told = _compare(session, kind, lines, file, now)
    table = _table(kind.table)
    connection = session.connection()
    keys = [column.name for column in table.primary_key]
    stamp = {kind.stamped: now} if kind.stamped else {}
    # A row whose name is spelt otherwise now is another row to the database.
    old = [kind.primary(values) for values in (*told.gone, *(before for before, _after in told.changed))]
    new = [
        kind.primary(values) | stamp for values in (*told.added, *(after for _before, after in told.changed))
    ]
    kept = {tuple(values[name] for name in keys) for values in new}
    vanished = [values for values in old if tuple(values[name] for name in keys) not in kept]
    if vanished:
        at_key = delete(table).where(*(table.c[name] == bindparam(f"old_{name}") for name in keys))
        connection.execute(at_key, [{f"old_{name}": values[name] for name in keys} for values in vanished])
    upsert(connection, table, new)
    if stamp:
        connection.execute(update(table).values(stamp))
    session.expire_all()
    audit(
        session, who, f"spares: {kind.name} imported", file, now,
        {"added": len(told.added), "changed": len(told.changed), "gone": len(told.gone), "as before": told.same},
    )  # fmt: skip
    return told


def count(
    session: Session, depot: str, part_number: str, *, seen: int, found: int, who: str, now: datetime
) -> None:
    """Somebody looked into the depot. `seen` is the number they were shown; raises Changed when it is another now."""
    claim(session, STOCK, who, now, None)
    done = session.execute(
        update(Stock)
        .where(Stock.depot == depot, Stock.part_number == part_number, Stock.quantity == seen)
        .values(quantity=found, counted_at=now.replace(microsecond=0))
        .returning(Stock.quantity)
    ).first()
    if done is None:
        raise Changed("Somebody else counted it, or it lies there no more.")
    audit(session, who, "stock counted", f"{part_number} in {depot}", now, {"before": seen, "after": found})


def claim(session: Session, kind: Kind, who: str, now: datetime, seen: str | None) -> None:
    """Hold the lists until the transaction ends, and give this one a new version. Raises Changed."""
    # One lock for the five: a file may name what another one is about to take away.
    _held(session, "spares")
    held = _held(session, _fact(kind.name))
    if seen is not None and _import(held.value).version != seen:
        raise Changed("This list was changed in the meantime.")
    held.value = json.dumps({"version": uuid.uuid4().hex, "at": now.isoformat(), "who": who})
    session.flush()


def _held(session: Session, name: str) -> Fact:
    if session.get(Fact, name) is None:
        with session.connection().begin_nested() as inner:
            try:
                session.connection().execute(insert(_table(Fact)).values(name=name, value=""))
            except IntegrityError:  # another one was first
                inner.rollback()
    return session.get_one(Fact, name, with_for_update=True, populate_existing=True)


def _table(of: type[Base]) -> Table:
    table = of.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{of.__name__} is no plain table")
    return table


def audit(session: Session, who: str, action: str, subject: str, now: datetime, data: dict[str, Any]) -> None:
    session.add(
        AuditEntry(id=uuid.uuid4().hex, at=now, who=who, action=action[:64], subject=subject[:255], data=data)
    )


def _fact(kind: str) -> str:
    return f"spares.{kind}"


def _import(value: str) -> Import:
    told = json.loads(value) if value else {}
    at = told.get("at")
    return Import(told.get("version", ""), datetime.fromisoformat(at) if at else None, told.get("who", ""))


def _wanted(
    session: Session, kind: Kind, lines: Iterable[table_file.Line], file: str, now: datetime
) -> list[Values]:
    names = _names(session, kind)
    found: list[Values] = []
    where: dict[tuple[str, ...], int] = {}
    wrong = []
    for line in lines:
        values: Values = {}
        for column in kind.columns:
            told = line.cells[column.heading]
            try:
                if not told and column.required:
                    raise ValueError("it is empty")
                value = column.read(told, line.cells) if told else column.empty
                if column.field in names and value:
                    value = _called(names[column.field], value, column.heading)
                if column.field == "counted_at":
                    value = _counted(value, now)
            except ValueError as error:
                wrong.append(f"{file}, line {line.number}, column {column.heading}: {error}")
                continue
            values[column.field] = value
        if len(values) < len(kind.columns):
            continue
        if values.get("starts_on") and values["starts_on"] > values["ends_on"]:
            wrong.append(f"{file}, line {line.number}, column ends on: it ends before it starts")
        first = where.setdefault(kind.key(values), line.number)
        if first != line.number:
            wrong.append(f"{file}, lines {first} and {line.number}: {kind.label(values)} stands there twice")
        found.append(values)
    if wrong:
        raise Mistakes(wrong)
    return found


def _names(session: Session, kind: Kind) -> dict[str, dict[str, str]]:
    """What a field may name, by its spelling without capitals."""
    asked = {
        DEPOTS.name: ("site", Site.name),
        STOCK.name: ("depot", Depot.name),
        WARRANTY.name: ("contract", Contract.name),
    }
    if kind.name not in asked:
        return {}
    field_name, column = asked[kind.name]
    return {field_name: {name.casefold(): name for name in session.scalars(select(column))}}


def _called(names: Mapping[str, str], value: str, heading: str) -> str:
    found = names.get(value.casefold())
    if found is None:
        known = sorted(names.values(), key=str.casefold)
        some = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
        raise ValueError(
            f"there is no {heading} {said(value)}; there is {some}" if known else f"there is no {heading} yet"
        )
    return found


def _counted(value: datetime | None, now: datetime) -> datetime:
    if value is None:
        return now.replace(microsecond=0)
    if value > now + _TOMORROW:
        raise ValueError(f"{value:%Y-%m-%d} is still to come")
    return value


def _still_needed(
    session: Session, kind: Kind, gone: Sequence[Values], changed: Sequence[tuple[Values, Values]], file: str
) -> None:
    """A depot in which something lies and a contract that devices have cannot go, or be spelt otherwise."""
    column = {DEPOTS.name: Stock.depot, CONTRACTS.name: Warranty.contract}.get(kind.name)
    lost = {values["name"] for values in gone} if column is not None else set()
    if column is not None:
        lost |= {before["name"] for before, after in changed if before["name"] != after["name"]}
    if column is None or not lost:
        return
    of = STOCK if kind is DEPOTS else WARRANTY
    used = session.execute(select(column, func.count()).where(column != "").group_by(column).order_by(column))
    wrong = [
        f"{file}: {kind.one} {said(name)} is not in it, and is named in {many} {of.one if many == 1 else of.many}: change that first"
        for name, many in used
        if name in lost
    ]
    if wrong:
        raise Mistakes(wrong)
