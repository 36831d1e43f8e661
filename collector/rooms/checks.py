"""Checks of rooms: asked for by a person or by the clock, ended when the hosts have answered, kept as history.

Each look has a row. The clock's are there once: a unique index decides between two collectors. A check that finds a
room worse opens no ticket of its own, the findings have theirs; pages show its row, and `worsened` is for mails.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from collector.rooms import asking, readiness, room
from collector.rooms.asking import PATIENCE
from collector.rooms.item import clock
from collector.rooms.known import Place
from collector.rooms.readiness import Verdict
from collector.rooms.room import RoomRow
from collector.store.rooms import (
    ASKED,
    BEFORE_15,
    BEFORE_60,
    DEGRADED,
    MORNING,
    NOT_READY,
    READY,
    UNKNOWN,
    Booking,
    ReadinessCheck,
)

MORNING_AT: Final = time(7, 15)  # by the site's clock: before court, and early enough to send somebody
MADE_UP_UNTIL: Final = time(
    12
)  # a collector that was down looks late; in the afternoon it is no morning any more
BEFORE: Final = {BEFORE_60: timedelta(minutes=60), BEFORE_15: timedelta(minutes=15)}
CLOCK: Final = "tocsin"
_AT_ONCE: Final = 50  # rooms judged in one sweep: reports wait meanwhile, and the others end with the next
_LOOK_BACK: Final = timedelta(days=30)  # a room that was not looked at for so long has no former verdict


class Wanted(NamedTuple):
    """What the clock asks for."""

    site: str
    room: str
    trigger: str
    for_at: datetime


class Rates(NamedTuple):
    """How the checks of a room ended."""

    passed: int = 0
    degraded: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def passed_ratio(self) -> float | None:
        """Of the checks that could tell; None: none could."""
        told = self.passed + self.degraded + self.failed
        return self.passed / told if told else None


@dataclass(frozen=True, slots=True)
class Worsened:
    """A room that was ready at one check and is not at the next."""

    check: ReadinessCheck
    before: str  # the former verdict


def ask(
    session: Session, site: str, name: str, *, who: str, now: datetime, trigger: str = ASKED,
    for_at: datetime | None = None,
) -> ReadinessCheck:  # fmt: skip
    """Ask the room's hosts for fresh data. Asked again while the first one waits, it is the same check.
    Raises NoSuchRoom."""
    found = room.room(session, site, name)
    waiting = session.scalar(
        select(ReadinessCheck)
        .where(
            ReadinessCheck.site == site, ReadinessCheck.room == name, ReadinessCheck.trigger == trigger,
            ReadinessCheck.ended_at.is_(None), ReadinessCheck.asked_at > now - PATIENCE,
        )
        .order_by(ReadinessCheck.asked_at.desc())
        .limit(1)
    )  # fmt: skip
    if waiting is not None:
        return waiting
    wanted = Wanted(site, name, trigger, for_at or now)
    _begin(session, [wanted], {(site, name): found}, who, now)
    room.record(session, who, "room check asked", f"{site} {name}", now)
    return session.scalars(
        select(ReadinessCheck).where(
            ReadinessCheck.site == site, ReadinessCheck.room == name, ReadinessCheck.trigger == trigger,
            ReadinessCheck.for_at == wanted.for_at,
        )
    ).one()  # fmt: skip


def due(session: Session, rooms: Iterable[RoomRow], now: datetime) -> list[Wanted]:
    """Begin what the clock asks for now, each once. Three statements at most when nothing is due."""
    places = {(row.site, row.name): row for row in rooms}
    wanted = [*_mornings(places.values(), now), *_before_bookings(session, places, now)]
    if not wanted:
        return []
    known = {
        Wanted(*row)
        for row in session.execute(
            select(
                ReadinessCheck.site, ReadinessCheck.room, ReadinessCheck.trigger, ReadinessCheck.for_at
            ).where(ReadinessCheck.for_at.in_({one.for_at for one in wanted}))
        )
    }
    return _begin(session, [one for one in wanted if one not in known], places, CLOCK, now)


def _mornings(rooms: Iterable[RoomRow], now: datetime) -> Iterator[Wanted]:
    for row in rooms:
        zone = clock(row.time_zone, now).zone
        day = now.astimezone(zone).date()
        at = datetime.combine(day, MORNING_AT, zone).astimezone(UTC)
        late = datetime.combine(day, MADE_UP_UNTIL, zone).astimezone(UTC)
        if at <= now < late and (row.hours is None or any(row.hours.on(day))):
            yield Wanted(row.site, row.name, MORNING, at)


def _before_bookings(session: Session, rooms: Mapping[Place, RoomRow], now: datetime) -> Iterator[Wanted]:
    """A booking that became known after its moment has passed gets only the looks that are still ahead. A look we
    slept through is made up until the next one of the same booking."""
    found: set[Wanted] = set()
    for site, name, starts_at, created_at in session.execute(
        select(Booking.site, Booking.room, Booking.starts_at, Booking.created_at).where(
            Booking.cancelled_at.is_(None), Booking.starts_at > now, Booking.starts_at <= now + BEFORE[BEFORE_60]
        )
    ):  # fmt: skip
        trigger = BEFORE_15 if starts_at - now <= BEFORE[BEFORE_15] else BEFORE_60
        if (site, name) in rooms and created_at <= starts_at - BEFORE[trigger]:
            found.add(Wanted(site, name, trigger, starts_at))
    yield from sorted(found)


def _begin(
    session: Session, wanted: Sequence[Wanted], rooms: Mapping[Place, RoomRow], who: str, now: datetime
) -> list[Wanted]:
    """Write the checks that nobody else has begun, and ask their devices."""
    if not wanted:
        return []
    rows: list[dict[str, Any]] = [
        {
            "id": uuid.uuid4().hex, "site": one.site, "room": one.room, "trigger": one.trigger, "for_at": one.for_at,
            "who": who, "asked_at": now, "verdict": "", "reason": "", "items": [], "bring": [],
        }
        for one in sorted(wanted)  # in one order: two collectors must not wait for each other
    ]  # fmt: skip
    # Both dialects' inserts have the same two methods and no common type.
    insert: Any = (
        postgresql.insert(ReadinessCheck)
        if session.get_bind().dialect.name == "postgresql"
        else sqlite.insert(ReadinessCheck)
    )
    begun = [
        Wanted(*row)
        for row in session.execute(
            insert.values(rows)
            .on_conflict_do_nothing(index_elements=["site", "room", "trigger", "for_at"])
            .returning(
                ReadinessCheck.site, ReadinessCheck.room, ReadinessCheck.trigger, ReadinessCheck.for_at
            )
        )
    ]
    places = {(one.site, one.room) for one in begun}
    hosts = asking.hosts(session, [device for place in places for device in rooms[place].devices])
    asking.request(session, hosts, who, now)
    return begun


def finish(session: Session, now: datetime) -> list[Place]:
    """End the checks whose devices have answered, or had a minute for it. One statement while none is open."""
    open_ones = session.execute(
        select(ReadinessCheck.id, ReadinessCheck.site, ReadinessCheck.room, ReadinessCheck.asked_at)
        .where(ReadinessCheck.ended_at.is_(None))
        .order_by(ReadinessCheck.asked_at, ReadinessCheck.id)
    ).all()
    if not open_ones:
        return []
    wanted = {(row.site, row.room) for row in open_ones}
    rooms = {place: row for row in room.rooms(session) if (place := (row.site, row.name)) in wanted}
    hosts = asking.hosts(session, [device for row in rooms.values() for device in row.devices])
    answers = asking.answered(session, hosts)
    ripe = [
        row
        for row in open_ones
        if _is_ripe(rooms.get((row.site, row.room)), row.asked_at, hosts, answers, now)
    ]
    if not ripe:
        return []
    ripe = ripe[:_AT_ONCE]
    asked = {(row.site, row.room): row.asked_at for row in reversed(ripe)}  # the oldest one's
    found = readiness.verdicts(session, [rooms[place] for place in asked if place in rooms], now, asked)
    ended = []
    for row in ripe:
        verdict = found.get((row.site, row.room), _GONE)
        if _end(session, row.id, verdict, now):
            ended.append((row.site, row.room))
    return ended


_GONE: Final = Verdict(UNKNOWN, "there is no such room any more", None, (), ())


def _is_ripe(
    row: RoomRow | None, asked_at: datetime, hosts: set[str], answers: Mapping[str, datetime], now: datetime
) -> bool:
    if row is None or now - asked_at >= PATIENCE:
        return True
    here = [device.id for device in row.devices if device.id in hosts]
    return all(device in answers and answers[device] >= asked_at for device in here)


def _end(session: Session, check_id: str, verdict: Verdict, now: datetime) -> bool:
    """False: somebody else has ended it."""
    claimed = session.execute(
        update(ReadinessCheck)
        .where(ReadinessCheck.id == check_id, ReadinessCheck.ended_at.is_(None))
        .values(
            ended_at=now, verdict=verdict.verdict, reason=verdict.reason,
            items=[item.as_row() for item in verdict.items], bring=list(verdict.bring),
        )
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]  # fmt: skip
    return bool(claimed == 1)


def history(session: Session, site: str, name: str, most: int = 50) -> list[ReadinessCheck]:
    """The newest first, those that have not ended too."""
    return list(
        session.scalars(
            select(ReadinessCheck)
            .where(ReadinessCheck.site == site, ReadinessCheck.room == name)
            .order_by(ReadinessCheck.asked_at.desc(), ReadinessCheck.id)
            .limit(most)
        )
    )


def pass_rates(session: Session, since: datetime, until: datetime) -> dict[Place, Rates]:
    """How the checks that ended in this span ended, by room."""
    counts: dict[Place, dict[str, int]] = {}
    for site, name, verdict, count in session.execute(
        select(ReadinessCheck.site, ReadinessCheck.room, ReadinessCheck.verdict, func.count())
        .where(ReadinessCheck.ended_at >= since, ReadinessCheck.ended_at < until)
        .group_by(ReadinessCheck.site, ReadinessCheck.room, ReadinessCheck.verdict)
    ):
        counts.setdefault((site, name), {})[verdict] = count
    return {
        place: Rates(
            passed=found.get(READY, 0), degraded=found.get(DEGRADED, 0), failed=found.get(NOT_READY, 0),
            unknown=found.get(UNKNOWN, 0),
        )
        for place, found in counts.items()
    }  # fmt: skip


def worsened(session: Session, since: datetime) -> list[Worsened]:
    """Rooms that were ready, or nearly, at one check, and by one that ended since then are not: for mails and pages."""
    former = (
        func.lag(ReadinessCheck.verdict)
        .over(
            partition_by=(ReadinessCheck.site, ReadinessCheck.room),
            order_by=(ReadinessCheck.ended_at, ReadinessCheck.asked_at, ReadinessCheck.id),
        )
        .label("former")
    )
    looked = (
        select(ReadinessCheck.id, ReadinessCheck.ended_at, ReadinessCheck.verdict, former)
        .where(ReadinessCheck.ended_at > since - _LOOK_BACK)
        .subquery()
    )
    rows = session.execute(
        select(ReadinessCheck, looked.c.former)
        .join(looked, looked.c.id == ReadinessCheck.id)
        .where(
            looked.c.ended_at >= since, looked.c.verdict == NOT_READY, looked.c.former.in_((READY, DEGRADED))
        )
        .order_by(ReadinessCheck.ended_at, ReadinessCheck.site, ReadinessCheck.room)
    )
    return [Worsened(check, before) for check, before in rows]
