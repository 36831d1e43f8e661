"""When rooms are in use, out of a calendar file (ICS) that is read again and again.

Kept are room, beginning and end, and the entry's UID; no title, no description, no names. Each repetition is
written out, 60 days ahead. A second reading changes what changed and cancels what has vanished; a booking that
moved is cancelled and made anew, so that what was known on a day can still be told.
"""

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from collector import decide, planned_calendar
from collector.decide import Refused
from collector.planned_calendar import Difference, Entry
from collector.rooms import room as rooming
from collector.store.devices import Site
from collector.store.rooms import Booking
from collector.tickets.calendar import Calendar

AHEAD: Final = timedelta(days=60)
_DAY: Final = timedelta(days=1)
_SOURCE_LIMIT: Final = 255
_CALENDAR_LIMIT: Final = 100
_SHOWN: Final = 60  # letters of a location in a sentence
_BETWEEN: Final = re.compile(r"\s*[;,]\s*")
Place = tuple[str, str]  # site, room


def read(body: bytes, zone: ZoneInfo, now: datetime) -> tuple[list[Entry], list[str]]:
    """The occurrences that are not over, and in words what could not be taken. Raises CalendarError."""
    return planned_calendar.read(body, zone, now, AHEAD, weekly=False)


def take(
    session: Session, entries: Iterable[Entry], *, calendar: str, site: str, room: str | None, who: str, now: datetime,
    locations: Mapping[str, str] | None = None, whole: bool = True,
) -> Difference:  # fmt: skip
    """Book what is new, anew what changed, cancel what has vanished. Raises Refused.

    Without `room` the LOCATION of each entry names it: as a room of the site is called, or as `locations` says.
    `whole` false: some entries could not be read, so what is missing has perhaps not vanished and stays.
    """
    if not calendar.strip() or len(calendar) > _CALENDAR_LIMIT or not calendar.isprintable():
        raise Refused(f"{calendar[:_CALENDAR_LIMIT]!r} is no name of a calendar")
    # Held until the end: two readings of one calendar at once would book everything twice.
    if session.get(Site, site, with_for_update=True) is None:
        raise Refused(f"there is no site {site!r}")
    if room is not None:
        rooming.claim(session, site, room, now)
    here = {row.name: row.hours for row in rooming.rooms(session) if row.site == site}
    for named in sorted(set((locations or {}).values()) - here.keys()):
        raise Refused(f"there is no room {named!r} at {site!r}")
    called = {_plain(name): name for name in here} | {
        _plain(said): name for said, name in (locations or {}).items()
    }
    known = _known(session, calendar, site, room, now)
    told = Difference()
    seen: set[tuple[str, str]] = set()
    nowhere: Counter[str] = Counter()
    for entry in entries:
        if entry.weekly:
            raise ValueError(f"{entry.uid}: bookings are single; read them with bookings.read")
        if not entry.takes_time:
            continue
        places = [room] if room is not None else _rooms_of(entry.location, called)
        if not places:
            nowhere[entry.location] += 1
        for place in places:
            for uid, starts_at, ends_at in _times(entry, here.get(place), now):
                source = _source(calendar, uid)
                seen.add((source, place))
                row = known.get((source, place))
                if row is not None and (row.starts_at, row.ends_at) == (starts_at, ends_at):
                    told.unchanged += 1
                    continue
                if row is None:
                    told.added += 1
                else:
                    row.cancelled_at = now
                    told.changed += 1
                session.add(
                    Booking(
                        id=uuid.uuid4().hex, site=site, room=place, starts_at=starts_at, ends_at=ends_at,
                        source=source, created_at=now,
                    )
                )  # fmt: skip
    for key, row in known.items():
        if whole and key not in seen:
            row.cancelled_at = now
            told.ended += 1
    told.skipped += [_lost(location, count, site) for location, count in sorted(nowhere.items())]
    if told.added or told.changed or told.ended:
        rooming.record(
            session, who, "bookings read", f"{site} {room or ''} {calendar}", now,
            {"added": told.added, "changed": told.changed, "cancelled": told.ended, "as before": told.unchanged},
        )  # fmt: skip
        decide.changed(session)
    session.flush()
    return told


def _known(
    session: Session, calendar: str, site: str, room: str | None, now: datetime
) -> dict[tuple[str, str], Booking]:
    rows = session.scalars(
        select(Booking).where(
            Booking.source.startswith(f"{calendar}#", autoescape=True), Booking.site == site,
            *([Booking.room == room] if room is not None else []), Booking.cancelled_at.is_(None), Booking.ends_at > now,
        )
    )  # fmt: skip
    return {(row.source, row.room): row for row in rows}


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _rooms_of(location: str, called: Mapping[str, str]) -> list[str]:
    """`Courtroom 3`, and what calendars make of it: `Courtroom 3; Video call`, or two rooms at once."""
    whole = called.get(_plain(location))
    if whole is not None:
        return [whole]
    found = (called.get(_plain(part)) for part in _BETWEEN.split(location))
    return list(dict.fromkeys(name for name in found if name is not None))


def _lost(location: str, count: int, site: str) -> str:
    many = "1 entry" if count == 1 else f"{count} entries"
    if not location:
        return f"{many} without a location: which room is meant?"
    return f"{many} at {location[:_SHOWN]!r}, which is no room of {site}"


def _times(entry: Entry, hours: Calendar | None, now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """(UID, from, to). Whole days are the room's hours of these days: nobody sits in court at three in the night."""
    zone = ZoneInfo(entry.time_zone)
    begins, ends = entry.starts_at.astimezone(zone), entry.ends_at.astimezone(zone)
    midnights = begins.time() == ends.time() == datetime.min.time()
    if not midnights or hours is None:
        yield entry.uid, entry.starts_at, entry.ends_at
        return
    day = begins.date()
    while day < ends.date():
        spans = list(hours.on(day))
        if spans and spans[-1][1] > now:
            yield f"{entry.uid}#{day:%Y%m%d}", spans[0][0], spans[-1][1]
        day += _DAY


def _source(calendar: str, uid: str) -> str:
    """Cut in a way that keeps two occurrences apart: what tells them apart stands at the end of the UID."""
    source = f"{calendar}#{uid}"
    if len(source) <= _SOURCE_LIMIT:
        return source
    return f"{calendar}#{hashlib.sha256(uid.encode()).hexdigest()}"


def current(session: Session, site: str, room: str, now: datetime) -> Booking | None:
    """The one that is under way; of several the one that began first."""
    return _first(session, site, room, Booking.starts_at <= now, Booking.ends_at > now)


def next_of(session: Session, site: str, room: str, now: datetime) -> Booking | None:
    """The one that begins next."""
    return _first(session, site, room, Booking.starts_at > now)


def _first(session: Session, site: str, room: str, *where: object) -> Booking | None:
    return session.scalar(
        select(Booking)
        .where(Booking.site == site, Booking.room == room, Booking.cancelled_at.is_(None), *where)  # type: ignore[arg-type]
        .order_by(Booking.starts_at, Booking.id)
        .limit(1)
    )


def between(
    session: Session, begins: datetime, ends: datetime, rooms: Collection[Place] | None = None
) -> list[Booking]:
    """Those that touch this span, in order; of these rooms, or of all."""
    query = select(Booking).where(
        Booking.cancelled_at.is_(None), Booking.starts_at < ends, Booking.ends_at > begins
    )
    if rooms is not None:
        query = query.where(tuple_(Booking.site, Booking.room).in_(list(rooms)))
    return list(session.scalars(query.order_by(Booking.starts_at, Booking.site, Booking.room, Booking.id)))
