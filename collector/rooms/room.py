"""Which rooms there are, what stands in them, and when they are used.

A room of ours has an A/V host in it, or a row of its own. Desktops in an office that is called 312 make no room.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from collector import decide
from collector.decide import Refused
from collector.problem import Problem
from collector.rooms.in_force import hours_of
from collector.store.devices import Device, Site
from collector.store.people import AuditEntry
from collector.store.rooms import BaselinePart, Room
from collector.tickets.calendar import Calendar, calendar_of

logger = logging.getLogger(__name__)

GROUPS: Final = ("desktop", "field", "office-tech", "av")
Hours = Mapping[str, Sequence[Sequence[str]]]  # weekday ("0" is Monday) → [["08:00", "17:00"], …]
_LONGEST_NAME: Final = 100


class NoSuchRoom(Problem):
    """There is no room of this name at this site."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomRow:
    site: str
    name: str
    time_zone: str
    hours: Calendar | None  # None: at all times
    own_hours: bool  # not the site's
    note: str
    devices: list[Device] = field(default_factory=list)  # by host name; revoked ones stand nowhere


def rooms(session: Session) -> list[RoomRow]:
    """All of them by site and name, in four statements."""
    return _rows(session)


def room(session: Session, site: str, name: str) -> RoomRow:
    """Raises NoSuchRoom."""
    found = _rows(
        session, Device.site == site, Device.room == name, of=(Room.site == site, Room.name == name)
    )
    if not found:
        raise NoSuchRoom(
            f"there is no room {name!r} at {site!r}: no A/V host stands there, and it has no hours"
        )
    return found[0]


def _rows(
    session: Session, *where: ColumnElement[bool], of: Sequence[ColumnElement[bool]] = ()
) -> list[RoomRow]:
    stands = (Device.revoked_at.is_(None), Device.room != "", *where)
    place = select(Device.site, Device.room).where(*stands, Device.site.is_not(None))
    # Two statements in one, each with an index: "or" would look at every device.
    ours = place.where(Device.device_class == "av_host").union(
        place.where(Device.group == "av"), select(Room.site, Room.name).where(*of)
    )
    places: dict[tuple[str, str], list[Device]] = {
        (row[0] or "", row[1]): [] for row in session.execute(ours)
    }
    if not places:
        return []  # the sweep asks each ten seconds, and many an office has no rooms
    # Joined, so that each place is looked up: with "in" every device was looked at. Put in order here: in the
    # database it would be the order of all devices.
    here = ours.subquery()
    found = session.scalars(
        select(Device).join(here, (Device.site == here.c.site) & (Device.room == here.c.room)).where(*stands)
    )
    for device in sorted(found, key=lambda one: (one.host_name, one.id)):
        # A device may have been placed between the two statements.
        places.setdefault((device.site or "", device.room), []).append(device)
    sites = {site.name: site for site in session.scalars(select(Site))}
    own = {(row.site, row.name): row for row in session.scalars(select(Room).where(*of))}
    of_site = cache(
        lambda name: hours(sites[name], None)
    )  # one calendar for all rooms that have none of their own

    def hours_in(site: str, name: str) -> Calendar | None:
        row = own.get((site, name))
        return hours(sites[site], row) if row is not None and row.hours else of_site(site)

    return [
        RoomRow(
            site=site, name=name, time_zone=sites[site].time_zone, hours=hours_in(site, name),
            own_hours=bool(own[site, name].hours) if (site, name) in own else False,
            note=own[site, name].note if (site, name) in own else "", devices=devices,
        )
        for (site, name), devices in sorted(places.items(), key=lambda place: place[0])
    ]  # fmt: skip


def hours(site: Site, room: Room | None) -> Calendar | None:
    """The room's own, else the site's; None: at all times."""
    try:
        return hours_of(site, room)
    except ValueError as error:  # written past the checks: one room's hours must not hide the others
        logger.error("site %s: %s", site.name, error)
        return None


def claim(session: Session, site: str, name: str, now: datetime) -> Room:
    """The room's row, made if it is new and held until the transaction ends: two people who decide about one
    room do so one after the other. Raises Refused."""
    if session.get(Site, site) is None:
        raise Refused(f"there is no site {site!r}")
    if not name.strip() or name != name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Refused(f"{name[:_LONGEST_NAME]!r} is no name of a room")
    if session.get(Room, (site, name)) is None:
        try:
            with session.begin_nested():
                session.add(Room(site=site, name=name, hours={}, note="", created_at=now))
        except IntegrityError:
            pass  # somebody else has just made it
    return session.get_one(Room, (site, name), with_for_update=True, populate_existing=True)


def keep(
    session: Session, site: str, name: str, *, hours: Hours | None = None, note: str | None = None, who: str, now: datetime
) -> Room:  # fmt: skip
    """Write hours and note of a room; None leaves them as they are, no hours are those of the site. Raises Refused."""
    row = claim(session, site, name, now)
    data: dict[str, Any] = {}
    if hours is not None:
        week = {day: [list(span) for span in spans] for day, spans in hours.items() if spans}
        at = session.get_one(Site, site)
        try:
            calendar_of(at.time_zone, week, at.holidays)
        except ValueError as error:
            raise Refused(str(error)) from None
        if week != row.hours:
            row.hours = data["hours"] = week
    if note is not None and note.strip() != row.note:
        row.note = data["note"] = note.strip()
    if data:
        record(session, who, "room changed", f"{site} {name}", now, data)
        decide.changed(session)
    return row


def place(
    session: Session, device_id: str, site: str, room: str, group: str | None = None, *, who: str, now: datetime
) -> Device:  # fmt: skip
    """Put a device into a room, or with an empty `room` out of all rooms. Raises Refused.

    What was accepted of it goes with it into another room, where the difference shows what did not come along;
    out of all rooms nothing is expected of it any more.
    """
    device = session.get(Device, device_id)
    if device is None or device.revoked_at is not None:
        raise Refused(f"there is no device {device_id!r}")
    if room and not site:
        raise Refused("a room needs its site")
    if site and session.get(Site, site) is None:
        raise Refused(f"there is no site {site!r}")
    if room != room.strip() or len(room) > _LONGEST_NAME or not (room.isprintable()):
        raise Refused(f"{room[:_LONGEST_NAME]!r} is no name of a room")
    if group is not None and group not in GROUPS:
        raise Refused(f"group must be one of {', '.join(GROUPS)}, not {group!r}")
    before = {"site": device.site or "", "room": device.room, "group": device.group}
    after = {"site": site, "room": room, "group": group or device.group}
    if after == before:
        return device
    device.site, device.room, device.group = site or None, room, after["group"]
    # Whatever a collector remembers of it is out of date. Counted by the store: a report may come at this moment.
    device.version = Device.version + 1
    ended = 0
    if not room:
        ended = session.execute(
            update(BaselinePart)
            .where(BaselinePart.device_id == device_id, BaselinePart.ended_at.is_(None))
            .values(ended_at=now, ended_by=who)
        ).rowcount  # type: ignore[attr-defined]
    record(
        session, who, "device placed", device_id, now, {"from": before, "to": after, "parts no longer expected": ended}
    )  # fmt: skip
    decide.changed(session)
    session.flush()
    session.refresh(device)
    return device


def record(
    session: Session, who: str, action: str, subject: str, now: datetime, data: dict[str, Any] | None = None
) -> None:
    """For the audit."""
    session.add(
        AuditEntry(id=uuid.uuid4().hex, at=now, who=who, action=action, subject=subject[:255], data=data)
    )
