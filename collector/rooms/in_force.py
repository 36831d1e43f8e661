"""What the judge needs of rooms: the accepted baseline of each device, and when its room is in its hours, in use or soon so."""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from collector.rules.context import NO_BASELINE, Baseline, Expected
from collector.store.devices import Device, Site
from collector.store.rooms import BaselinePart, Booking, Room
from collector.tickets.calendar import Calendar, calendar_of

logger = logging.getLogger(__name__)

# Bookings so far away decide nothing yet; they are read again each day.
AHEAD: Final = timedelta(days=3)
# How long before a booking it decides already. An hour: somebody can still bring a part, or move the session; the same hour
# in which readiness calls a session near. Twelve hours: tonight, for what must not happen in front of people tomorrow.
_LEAD: Final = {
    "session": timedelta(0),
    "near_session": timedelta(hours=1),
    "before_session": timedelta(hours=12),
}
Place = tuple[str, str]  # site, room


class Booked(NamedTuple):
    """When a room is in use, and since when that is known."""

    begins: datetime
    ends: datetime  # or when it was cancelled
    known_at: datetime


class Anew(NamedTuple):
    """Devices for which something is in force now that was not before."""

    accepted: set[str]  # another baseline, or other accepted values
    booked: set[str]  # other bookings of their room


class RoomsInForce:
    """A copy of the store's rows, as Decisions holds it. Only the pipeline's one thread touches it."""

    def __init__(self) -> None:
        self._baselines: dict[str, Baseline] = {}
        self._hours: dict[tuple[str, str], Calendar] = {}  # (site, room); room empty: the site's own
        self._bookings: dict[Place, list[Booked]] = {}

    def read(self, session: Session, now: datetime) -> Anew:
        """Read everything anew."""
        before, booked = self._baselines, self._bookings
        parts: dict[str, list[BaselinePart]] = {}
        for row in session.scalars(select(BaselinePart).where(BaselinePart.ended_at.is_(None))):
            parts.setdefault(row.device_id, []).append(row)
        self._baselines = {device_id: baseline_of(rows) for device_id, rows in parts.items()}
        self._hours = _hours(session.scalars(select(Site)).all(), session.scalars(select(Room)).all())
        self.read_bookings(session, now)
        accepted = {
            device_id
            for device_id in before.keys() | self._baselines.keys()
            if before.get(device_id) != self._baselines.get(device_id)
        }
        places = {
            place
            for place in booked.keys() | self._bookings.keys()
            if booked.get(place) != self._bookings.get(place)
        }
        return Anew(accepted, _devices_in(session, places))

    def read_bookings(self, session: Session, now: datetime) -> None:
        rows = session.scalars(
            # A cancelled one held until then: what it did is judged as it was.
            select(Booking).where(
                or_(Booking.cancelled_at.is_(None), Booking.cancelled_at > now - timedelta(days=1)),
                Booking.ends_at > now - timedelta(days=1), Booking.starts_at < now + AHEAD,
            ).order_by(Booking.starts_at, Booking.id)
        )  # fmt: skip
        self._bookings = {}
        for row in rows:
            self._bookings.setdefault((row.site, row.room), []).append(booked(row))

    def baseline(self, device_id: str) -> Baseline:
        return self._baselines.get(device_id, NO_BASELINE)

    def during(self, device: Device) -> Callable[[str, datetime], bool]:
        place = (device.site or "", device.room)
        hours = self._hours.get(place) or self._hours.get((place[0], ""))
        bookings = self._booked(device)
        return lambda when, at: is_within(when, at, hours, bookings)

    def turns(self, device: Device) -> Callable[[str, datetime], datetime | None]:
        bookings = self._booked(device)
        return lambda when, at: next_turn(when, at, bookings)

    def _booked(self, device: Device) -> Sequence[Booked]:
        return self._bookings.get((device.site or "", device.room), ()) if device.room else ()


def booked(row: Booking) -> Booked:
    ends = row.ends_at if row.cancelled_at is None else min(row.ends_at, row.cancelled_at)
    return Booked(row.starts_at, ends, row.created_at)


def is_within(when: str, at: datetime, hours: Calendar | None, bookings: Iterable[Booked]) -> bool:
    """`hours`: a room without any is open at all times, and a booking opens it too. `wanted`: the same, and the hour
    before a booking, when what is switched off now should be on. `session`: it is booked. `near_session` and
    `before_session` begin an hour and twelve hours before that."""
    if when in _LEAD:
        return _is_used(when, at, bookings)
    is_open = hours is None or hours.open_at(at) or _is_used("session", at, bookings)
    if when == "wanted":
        return is_open or _is_used("near_session", at, bookings)
    return is_open if when == "hours" else not is_open


def next_turn(when: str, at: datetime, bookings: Iterable[Booked]) -> datetime | None:
    """When `is_within` next says otherwise than it does `at` that moment; of the times that follow from bookings alone."""
    spans = list(_spans(when, bookings))
    now_so = any(begins <= at < ends for begins, ends in spans)
    for moment in sorted(moment for span in spans for moment in span if moment > at):
        if any(begins <= moment < ends for begins, ends in spans) != now_so:
            return moment
    return None


def _is_used(when: str, at: datetime, bookings: Iterable[Booked]) -> bool:
    return any(begins <= at < ends for begins, ends in _spans(when, bookings))


def _spans(when: str, bookings: Iterable[Booked]) -> Iterator[tuple[datetime, datetime]]:
    for booking in bookings:
        begins = max(booking.begins - _LEAD[when], booking.known_at)
        if begins < booking.ends:
            yield begins, booking.ends


def _devices_in(session: Session, places: Collection[Place]) -> set[str]:
    rooms = {room for _site, room in places}
    rows = session.execute(select(Device.id, Device.site, Device.room).where(Device.room.in_(rooms)))
    return {row.id for row in rows if (row.site or "", row.room) in places} if rooms else set()


def baseline_of(rows: Iterable[BaselinePart]) -> Baseline:
    """Its key follows from which acceptances are in force."""
    sections: dict[str, dict[str, Expected]] = {}
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: (row.section, row.key)):
        sections.setdefault(row.section, {})[row.key] = Expected(row.label or row.key, row.facts)
        digest.update(row.id.encode())
    return Baseline(digest.hexdigest()[:16], sections) if sections else NO_BASELINE


def hours_of(site: Site, room: Room | None) -> Calendar | None:
    """Raises ValueError for hours that cannot be read."""
    hours = (room.hours if room is not None else None) or site.hours
    return calendar_of(site.time_zone, hours, site.holidays) if hours else None


def _hours(sites: Iterable[Site], rooms: Iterable[Room]) -> dict[tuple[str, str], Calendar]:
    known = {site.name: site for site in sites}
    wanted: list[tuple[Site, Room | None]] = [(site, None) for site in known.values()]
    wanted += [(known[room.site], room) for room in rooms if room.site in known]
    found: dict[tuple[str, str], Calendar] = {}
    for site, room in wanted:
        try:
            calendar = hours_of(site, room)
        except ValueError as error:  # written past the checks: one place's hours must not stop the others
            logger.error("site %s: %s", site.name, error)
            continue
        if calendar is not None:
            found[site.name, room.name if room is not None else ""] = calendar
    return found
