"""Parts: what fits, what lies in which depot, who pays. What to order and what ends soon comes first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from flask import Blueprint, Flask, render_template, url_for
from sqlalchemy import ColumnElement, String, cast, func, literal, select
from sqlalchemy.orm import Session, aliased
from werkzeug.wrappers import Response

from collector.spares import kinds, replacing
from collector.spares.fitting import PARTS
from collector.spares.kinds import CONTRACTS, DEPOTS, KINDS, MAP, STOCK, WARRANTY, Kind, Values
from collector.store.devices import Device
from collector.store.spares import Contract, Depot, FittingPart, Stock, Warranty
from console import database as db
from console import guard, lists, sessions

spares = Blueprint("spares", __name__, url_prefix="/parts")

KIND: Final = f"<any({', '.join(KINDS)}):kind>"  # in an address
ENDS: Final = {"60": "within 60 days", "90": "within 90 days", "ended": "already", "later": "later"}
_MOST: Final = 12  # of each list on the first page


@dataclass(frozen=True, slots=True)
class _List:
    query: lists.Query
    sorts: Mapping[str, lists.Sort]
    default: str
    ids: Any
    filters: tuple[str, ...]
    searched: tuple[Any, ...]


def _ends(column: Any) -> Any:
    """A day as text sorts like the day; one that is not known comes last."""
    return func.coalesce(cast(column, String), literal("9999"))


_SHORT: Final = Stock.minimum - Stock.quantity
_SORT: Final = lists.Sort
_LISTS: Final[dict[str, _List]] = {
    MAP.name: _List(
        select(FittingPart),
        {
            "part": _SORT(FittingPart.part, "Part"), "model": _SORT(FittingPart.model, "Model"),
            "capacity": _SORT(func.coalesce(FittingPart.at_least_bytes, 0), "Capacity", descending_first=True),
            "number": _SORT(FittingPart.part_number, "Part number"),
        },
        "part", FittingPart.id, ("q", "part"),
        (FittingPart.part_number, FittingPart.model, FittingPart.form_factor, FittingPart.interface, FittingPart.description),
    ),
    DEPOTS.name: _List(
        select(Depot), {"depot": _SORT(Depot.name, "Depot"), "site": _SORT(Depot.site, "Site")}, "depot", Depot.name, ("q",),
        (Depot.name, Depot.site, Depot.note),
    ),
    STOCK.name: _List(
        select(Stock, Depot.site.label("site")).join(Depot, Depot.name == Stock.depot),
        {
            "short": _SORT(_SHORT, "Order", descending_first=True), "depot": _SORT(Stock.depot, "Depot"),
            "number": _SORT(Stock.part_number, "Part number"), "quantity": _SORT(Stock.quantity, "Lies there"),
            "counted": _SORT(Stock.counted_at, "Counted"),
        },
        "-short", Stock.depot + "\x1f" + Stock.part_number, ("q", "depot", "low"), (Stock.part_number, Stock.depot),
    ),
    CONTRACTS.name: _List(
        select(Contract),
        {
            "contract": _SORT(Contract.name, "Contract"), "vendor": _SORT(Contract.vendor, "Vendor"),
            "ends": _SORT(_ends(Contract.ends_on), "Ends"),
        },
        "ends", Contract.name, ("q", "ends"), (Contract.name, Contract.vendor, Contract.contact, Contract.terms),
    ),
    WARRANTY.name: _List(
        select(Warranty),
        {
            "ends": _SORT(_ends(Warranty.ends_on), "Ends"), "serial": _SORT(Warranty.system_serial, "Serial"),
            "contract": _SORT(Warranty.contract, "Contract"),
        },
        "ends", Warranty.system_serial, ("q", "ends"), (Warranty.system_serial, Warranty.contract),
    ),
}  # fmt: skip


def register(app: Flask) -> None:
    app.register_blueprint(spares)


def today() -> date:
    return guard.now().astimezone(sessions.config().zone).date()


@spares.get("")
def page() -> str:
    """What to order, what ends soon, and the five lists with their ages."""
    session, day = db.session(), today()
    low = select(Stock).where(Stock.quantity < Stock.minimum)
    ending = select(Warranty).where(*_ending(Warranty.ends_on, "90", day))
    soon = session.scalars(ending.order_by(Warranty.ends_on, Warranty.system_serial).limit(_MOST)).all()
    return render_template(
        "spares.html",
        today=day,
        low=session.scalars(low.order_by(_SHORT.desc(), Stock.depot, Stock.part_number).limit(_MOST)).all(),
        low_total=_total(session, low),
        soon=soon,
        soon_total=_total(session, ending),
        soonest_total=_total(session, select(Warranty).where(*_ending(Warranty.ends_on, "60", day))),
        devices=devices_of(session, [row.system_serial for row in soon]),
        contracts=session.scalars(
            select(Contract)
            .where(*_ending(Contract.ends_on, "90", day))
            .order_by(Contract.ends_on)
            .limit(_MOST)
        ).all(),
        kinds=KINDS.values(),
        totals={
            name: session.scalar(select(func.count()).select_from(kind.table)) or 0
            for name, kind in KINDS.items()
        },
        last=replacing.last(session),
    )


@spares.get(f"/{KIND}")
def listing(kind: str) -> str:
    of, listed_as, session = KINDS[kind], _LISTS[kind], db.session()
    asked = _wish(kind)
    listed = lists.page(session, _query(kind, asked), asked, sorts=listed_as.sorts, ids=listed_as.ids)
    rows = [each[0] for each in listed.rows]
    more: dict[str, Any] = {}
    if of is WARRANTY:
        more["devices"] = devices_of(session, [row.system_serial for row in rows])
    if of is STOCK:
        more["depots"] = session.scalars(select(Depot.name).order_by(Depot.name)).all()
    if of is DEPOTS:
        names = [row.name for row in rows]
        more["held"] = {
            row.depot: row
            for row in session.execute(
                select(
                    Stock.depot, func.count().label("numbers"), func.sum(Stock.quantity).label("pieces"),
                    func.min(Stock.counted_at).label("oldest_at"),
                )
                .where(Stock.depot.in_(names))
                .group_by(Stock.depot)
            )
        }  # fmt: skip
    return render_template(
        "spares_list.html", kind=of, listed=listed, sorts=listed_as.sorts, path=url_for("spares.listing", kind=kind), today=today(),
        last=replacing.last(session)[kind], parts_known=PARTS, ends_words=ENDS, kinds=KINDS.values(), cell=_cell_of(of), **more,
    )  # fmt: skip


@spares.get(f"/{KIND}.csv")
def csv(kind: str) -> Response:
    """As it can be imported again."""
    asked, listed_as = _wish(kind), _LISTS[kind]
    query = lists.everything(_query(kind, asked), asked, sorts=listed_as.sorts, ids=listed_as.ids)
    rows = (each[0] for each in db.session().execute(query))
    return lists.csv_response(
        f"tocsin-{kind}.csv", cells(KINDS[kind]), (values_of(KINDS[kind], row) for row in rows)
    )


@spares.get(f"/{KIND}/sample.csv")
def sample(kind: str) -> Response:
    """The columns and one row to begin with."""
    of = KINDS[kind]
    columns = [(column.heading, _example(column.example)) for column in of.columns]
    return lists.csv_response(f"tocsin-{kind}-sample.csv", lists.Cells(columns), [None])


def _example(text: str) -> Any:
    return lambda _row: text


def _wish(kind: str) -> lists.Wish:
    listed_as = _LISTS[kind]
    return lists.wish(listed_as.sorts, default=listed_as.default, filters=listed_as.filters)


def _query(kind: str, asked: lists.Wish) -> lists.Query:
    listed_as = _LISTS[kind]
    query, chosen = listed_as.query, asked.filters
    if chosen["q"]:
        query = query.where(lists.contains(chosen["q"], *listed_as.searched))
    if chosen.get("part"):
        query = query.where(FittingPart.part == chosen["part"])
    if chosen.get("depot"):
        query = query.where(Stock.depot == chosen["depot"])
    if chosen.get("low"):
        query = query.where(Stock.quantity < Stock.minimum)
    if chosen.get("ends") in ENDS:
        column = Warranty.ends_on if kind == WARRANTY.name else Contract.ends_on
        query = query.where(*_ending(column, chosen["ends"], today()))
    return query


def _ending(column: Any, when: str, day: date) -> Sequence[ColumnElement[bool]]:
    match when:
        case "ended":
            return [column < day]
        case "later":
            return [column > day + timedelta(days=90)]
    return [column >= day, column <= day + timedelta(days=int(when))]


def _total(session: Session, query: Any) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def devices_of(session: Session, serials: Iterable[str]) -> dict[str, Device]:
    """By serial in capitals, as warranties are kept; of two with one serial the one heard of last."""
    one = aliased(Device)
    # As they are spelled: read out of the index of serials, which is a tenth of the devices themselves.
    spelled = select(one.system_serial).where(
        one.system_serial != "", func.upper(func.replace(one.system_serial, " ", "")).in_(list(serials))
    )
    rows = session.scalars(
        select(Device).where(Device.system_serial.in_(spelled), Device.revoked_at.is_(None))
    )
    return {
        kinds.serial(row.system_serial): row
        for row in sorted(rows, key=lambda row: row.seen_at or row.enrolled_at)
    }


def values_of(kind: Kind, row: Any) -> Values:
    return {column.field: getattr(row, column.field) for column in kind.columns}


def cells(kind: Kind) -> lists.Cells[Values]:
    return lists.Cells([(column.heading, _getter(column)) for column in kind.columns])


def _getter(column: kinds.Column) -> Any:
    return lambda values: kinds.cell(column, values)


def _cell_of(kind: Kind) -> Any:
    by_field = {column.field: column for column in kind.columns}
    return lambda row, name: kinds.cell(by_field[name], values_of(kind, row))
