"""All rooms as a departure board: is each ready, why not, since when, and when it is needed next."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from flask import Blueprint, Flask, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.rooms import item, known, morning, readiness, room
from collector.rooms.item import Clock
from collector.rooms.readiness import Verdict
from collector.rooms.room import RoomRow
from collector.store.devices import Device
from collector.store.rooms import NOT_READY
from console import database as db
from console import guard, lists, words

rooms = Blueprint("rooms", __name__)

FILTERS: Final = ("q", "site", "verdict", "risk")
_PAGE: Final = 100
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATE: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One room on the board."""

    room: RoomRow
    verdict: Verdict
    booking: known.Span | None  # under way, else the next one
    data_at: datetime | None  # of that A/V host which was silent longest
    clock: Clock  # on the wall of its site
    hosts: int

    @property
    def mark(self) -> words.Mark:
        return words.READINESS.get(self.verdict.verdict, words.READINESS["unknown"])

    @property
    def is_at_risk(self) -> bool:
        """Not ready, and somebody will sit in it, or sits in it now."""
        return self.verdict.verdict == NOT_READY and self.booking is not None

    @property
    def is_in_use(self) -> bool:
        return self.booking is not None and self.booking[0] <= self.clock.now


@dataclass(frozen=True, slots=True)
class Order:
    label: str
    descending_first: bool = False


SORTS: Final = {
    "worst": Order("Readiness"),
    "room": Order("Room"),
    "booking": Order("Next booking"),
    "since": Order("Since", descending_first=True),
    "age": Order("Data"),
}


def register(app: Flask) -> None:
    app.register_blueprint(rooms)


def board(session: Session, now: datetime) -> list[Line]:
    """Worst first, and of these the one that is needed soonest. The same number of statements for any number."""
    found = known.read(session, room.rooms(session), now)
    lines = [line_of(one, now) for one in found.values()]
    return sorted(lines, key=_worst)


def line_of(one: known.Known, now: datetime) -> Line:
    told = [host.device.reported_at for host in one.devices]
    return Line(
        room=one.room, verdict=readiness.judge(one, now), booking=one.current(now) or one.next(now),
        data_at=min((at for at in told if at is not None), default=None) if None not in told else None,
        clock=item.clock(one.room.time_zone, now), hosts=len(told),
    )  # fmt: skip


def _worst(line: Line) -> tuple[Any, ...]:
    rank = readiness.WORST_FIRST.index(line.verdict.verdict)
    # Within one verdict whoever is needed first; at the end those that nobody has booked.
    return rank, _begins(line), _place(line)


def _begins(line: Line) -> datetime:
    return line.booking[0] if line.booking else _LATE


def _place(line: Line) -> tuple[str, str]:
    return line.room.site.casefold(), line.room.name.casefold()


_KEYS: Final = {
    "worst": _worst,
    "room": _place,
    "booking": lambda line: (_begins(line), _place(line)),
    "since": lambda line: (line.verdict.since or _NEVER, _place(line)),
    "age": lambda line: (line.data_at or _NEVER, _place(line)),
}


def counts(lines: Iterable[Line]) -> Counter[str]:
    """By verdict, and `risk`."""
    found: Counter[str] = Counter()
    for line in lines:
        found[line.verdict.verdict] += 1
        found["risk"] += line.is_at_risk
    return found


_COLUMNS: Final[lists.Columns[Line]] = (
    ("site", lambda line: line.room.site),
    ("room", lambda line: line.room.name),
    ("readiness", lambda line: line.verdict.verdict),
    ("reason", lambda line: line.verdict.reason),
    ("since", lambda line: line.verdict.since),
    ("booked_from", lambda line: line.booking[0] if line.booking else None),
    ("booked_to", lambda line: line.booking[1] if line.booking else None),
    ("not_ready_before_booking", lambda line: "yes" if line.is_at_risk else "no"),
    ("bring", lambda line: "; ".join(line.verdict.bring)),
    "hosts",
    ("oldest_data_at", lambda line: line.data_at),
)


def _wish() -> lists.Wish:
    return lists.wish(SORTS, default="worst", filters=FILTERS)


def wanted(lines: Sequence[Line], asked: lists.Wish) -> list[Line]:
    filters = asked.filters
    text = filters["q"].casefold()
    found = [
        line
        for line in lines
        if (not text or text in f"{line.room.site} {line.room.name}".casefold())
        and filters["site"] in ("", line.room.site)
        and filters["verdict"] in ("", line.verdict.verdict)
        and (not filters["risk"] or line.is_at_risk)
    ]
    return sorted(found, key=_KEYS[asked.sort], reverse=asked.descending)


@rooms.get("/rooms")
def page() -> str:
    session, now, asked = db.session(), guard.now(), _wish()
    lines = board(session, now)
    shown = wanted(lines, asked)
    number = request.args.get("page", 1, type=int)
    last = max(1, -(-len(shown) // _PAGE))
    number = min(max(number, 1), last)
    return render_template(
        "rooms.html",
        lines=shown[(number - 1) * _PAGE : number * _PAGE],
        total=len(shown),
        of_all=len(lines),
        counts=counts(lines),
        wish=asked,
        sorts=SORTS,
        sites=sorted({line.room.site for line in lines}),
        number=number,
        last=last,
        any_device=bool(lines) or session.scalar(select(Device.id).limit(1)) is not None,
    )


@rooms.get("/rooms.csv")
def csv() -> Response:
    asked = _wish()
    lines = wanted(board(db.session(), guard.now()), asked)
    return lists.export("rooms", _COLUMNS, lines[: lists.CSV_ROWS])


@rooms.get("/rooms/morning")
def morning_page() -> str:
    """What to look at before the first session of the day, of all sites or of one."""
    site = lists.argument("site")
    everything = board(db.session(), guard.now())
    lines = [line for line in everything if site in ("", line.room.site)]
    return render_template(
        "morning.html",
        lines=lines,
        counts=counts(lines),
        site=site,
        sites=sorted({line.room.site for line in everything}),
        bring=item.without_twins(text for line in lines for text in line.verdict.bring),
    )


@rooms.get("/rooms/morning.txt")
def morning_text() -> Response:
    """The same as plain text, for a mail or a terminal."""
    session = db.session()
    text = morning.text(session, room.rooms(session), guard.now(), lists.argument("site") or None)
    return Response(text, mimetype="text/plain")
