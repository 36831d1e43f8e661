"""What the judge needs of rooms: the accepted baseline of each device, and when its room is in its hours or in use."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rules.context import NO_BASELINE, Baseline, Expected
from collector.store.devices import Device, Site
from collector.store.rooms import BaselinePart, Booking, Room
from collector.tickets.calendar import Calendar, calendar_of

logger = logging.getLogger(__name__)

# Bookings so far away decide nothing yet; they are read again each day.
AHEAD: Final = timedelta(days=3)
Span = tuple[datetime, datetime]


class RoomsInForce:
    """A copy of the store's rows, as Decisions holds it. Only the pipeline's one thread touches it."""

    def __init__(self) -> None:
        self._baselines: dict[str, Baseline] = {}
        self._hours: dict[tuple[str, str], Calendar] = {}  # (site, room); room empty: the site's own
        self._bookings: dict[tuple[str, str], list[Span]] = {}

    def read(self, session: Session, now: datetime) -> set[str]:
        """Read everything anew. Returns the devices whose baseline is another now."""
        before = self._baselines
        parts: dict[str, list[BaselinePart]] = {}
        for row in session.scalars(select(BaselinePart).where(BaselinePart.ended_at.is_(None))):
            parts.setdefault(row.device_id, []).append(row)
        self._baselines = {device_id: baseline_of(rows) for device_id, rows in parts.items()}
        self._hours = _hours(session.scalars(select(Site)).all(), session.scalars(select(Room)).all())
        self.read_bookings(session, now)
        return {
            device_id
            for device_id in before.keys() | self._baselines.keys()
            if before.get(device_id) != self._baselines.get(device_id)
        }

    def read_bookings(self, session: Session, now: datetime) -> None:
        rows = session.scalars(
            select(Booking).where(
                Booking.cancelled_at.is_(None), Booking.ends_at > now - timedelta(days=1), Booking.starts_at < now + AHEAD
            )
        )  # fmt: skip
        self._bookings = {}
        for row in rows:
            self._bookings.setdefault((row.site, row.room), []).append((row.starts_at, row.ends_at))

    def baseline(self, device_id: str) -> Baseline:
        return self._baselines.get(device_id, NO_BASELINE)

    def during(self, device: Device) -> Callable[[str, datetime], bool]:
        place = (device.site or "", device.room)
        hours = self._hours.get(place) or self._hours.get((place[0], ""))
        bookings = self._bookings.get(place, []) if device.room else []
        return lambda when, at: is_within(when, at, hours, bookings)


def is_within(when: str, at: datetime, hours: Calendar | None, bookings: Iterable[Span]) -> bool:
    """`hours`: a room without any is open at all times, and a booking opens it too. `session`: it is booked."""
    booked = any(begins <= at < ends for begins, ends in bookings)
    if when == "session":
        return booked
    is_open = booked or hours is None or hours.open_at(at)
    return is_open if when == "hours" else not is_open


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
