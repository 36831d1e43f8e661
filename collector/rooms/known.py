"""What the store knows of rooms, read for all of them at once: whatever judges a room later asks nothing more."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Text, cast, func, literal, select
from sqlalchemy.orm import Session, aliased

from collector import decisions
from collector.inventory import Items
from collector.rooms.room import RoomRow
from collector.store import UTCDateTime
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart, Booking, ReadinessCheck, Room
from collector.store.situations import Maintenance
from collector.store.tickets import WORKING_STATES, Ticket
from collector.unpack import unpack_items
from protos.catalogue import BY_NAME

# Whose word a room is judged by: those of the parts, then those of the host.
PART_PROBES: Final = ("displays", "audio", "cameras", "usb", "recorder", "projectors", "network")
HOST_PROBES: Final = ("filesystem", "clock", "reboot_pending", "patches")
SECTIONS: Final = (
    "displays", "projectors", "audio_defaults", "audio_endpoints", "cameras", "usb_links", "capture_inputs",
    "recorders", "network_targets",
)  # fmt: skip
# How far ahead the next booking is looked for, and how far back former checks tell since when a verdict holds.
_AHEAD: Final = timedelta(days=14)
_BACK: Final = timedelta(days=30)

Place = tuple[str, str]  # site, room
Span = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """The newest run of a probe, and the numbers of the last one that was ok."""

    outcome: str
    reason: str = ""
    ok_at: datetime | None = None
    values: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (metric, component)


@dataclass(frozen=True, slots=True)
class Expected:
    """What judging needs of a BaselinePart in force. Of thousands, objects of the ORM took most of the time."""

    section: str
    key: str
    label: str
    facts: Mapping[str, str]
    mandatory: bool
    who: str
    created_at: datetime


@dataclass(kw_only=True, slots=True)
class KnownDevice:
    device: Device
    probes: dict[str, Probed] = field(default_factory=dict)
    # None: newer items are on their way, or they cannot be unpacked.
    sections: dict[str, Items | None] = field(default_factory=dict)
    parts: list[Expected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.device.host_name or self.device.id

    @property
    def is_host(self) -> bool:
        return self.device.device_class == "av_host" or self.device.group == "av" or bool(self.parts)

    def value(self, metric: str, component: str = "") -> float | None:
        probed = self.probes.get(BY_NAME[metric].probe)
        return None if probed is None else probed.values.get((metric, component))

    def values(self, metric: str) -> dict[str, float]:
        probed = self.probes.get(BY_NAME[metric].probe)
        return {} if probed is None else {key[1]: v for key, v in probed.values.items() if key[0] == metric}


@dataclass(kw_only=True, slots=True)
class Known:
    room: RoomRow
    devices: list[KnownDevice] = field(default_factory=list)
    bookings: list[Span] = field(default_factory=list)  # under way or to come, in order
    works: list[tuple[datetime, str, str]] = field(default_factory=list)  # until, who, why: under way
    # What former checks said: since when, and which verdict; the newest first, unbroken runs as one.
    runs: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.room.site, self.room.name

    def current(self, now: datetime) -> Span | None:
        return next((span for span in self.bookings if span[0] <= now < span[1]), None)

    def next(self, now: datetime) -> Span | None:
        return next((span for span in self.bookings if span[0] > now), None)


def read(session: Session, rooms: Iterable[RoomRow], now: datetime) -> dict[Place, Known]:
    """The same number of statements for one room and for a thousand."""
    found = {(room.site, room.name): Known(room=room) for room in rooms}
    devices: dict[str, KnownDevice] = {}
    if not found:
        return {}
    for known in found.values():
        known.devices = [KnownDevice(device=device) for device in known.room.devices]
    _add_revoked(session, found)
    for known in found.values():
        devices |= {one.device.id: one for one in known.devices}
    _parts(session, devices)
    _planned(session, found, now)
    for known in found.values():
        # Desktops that stand there too have tickets of their own: a room is what its A/V hosts can do.
        known.devices = [one for one in known.devices if one.is_host]
    hosts = {id: one for id, one in devices.items() if one.is_host}
    _probes(session, hosts)
    _sections(session, hosts)
    _judged(session, hosts)
    _booked(session, found, now)
    _checked(session, found, now)
    return found


def _add_revoked(session: Session, found: Mapping[Place, Known]) -> None:
    """A host that was revoked stands nowhere any more, and its parts are still expected: nobody looks at them now."""
    expects = select(BaselinePart.device_id).where(BaselinePart.ended_at.is_(None))
    for device in session.scalars(
        select(Device).where(Device.revoked_at.is_not(None), Device.room != "", Device.id.in_(expects))
    ):
        known = found.get((device.site or "", device.room))
        if known is not None:
            known.devices.append(KnownDevice(device=device))


def _probes(session: Session, devices: Mapping[str, KnownDevice]) -> None:
    rows = session.execute(
        select(
            ProbeResult.device_id, ProbeResult.probe, ProbeResult.outcome, ProbeResult.reason, ProbeResult.ok_at,
            cast(ProbeResult.readings, Text),
        ).where(ProbeResult.device_id.in_(devices), ProbeResult.probe.in_(PART_PROBES + HOST_PROBES))
    ).all()  # fmt: skip
    numbers = {
        text: {(str(r[0]), str(r[1])): float(r[2]) for r in readings}
        for text, readings in _decoded(row[5] for row in rows).items()
    }
    for device_id, probe, outcome, reason, ok_at, text in rows:
        devices[device_id].probes[probe] = Probed(
            outcome=outcome, reason=reason, ok_at=ok_at, values=numbers[text]
        )


def _decoded(texts: Iterable[str]) -> dict[str, Any]:
    """What columns of JSON hold, by their text. In one piece: rooms hold thousands of short ones, of which many are
    alike, and to begin with each took longer than to read it."""
    found = list(dict.fromkeys(texts))
    return dict(zip(found, json.loads(f"[{','.join(found)}]"), strict=True))


def _sections(session: Session, devices: Mapping[str, KnownDevice]) -> None:
    unpacked = cache(_unpacked)  # courtrooms are furnished alike
    for device_id, section, hash, announced, items in session.execute(
        select(
            InventorySection.device_id, InventorySection.section, InventorySection.hash,
            InventorySection.announced_hash, InventorySection.items,
        ).where(InventorySection.device_id.in_(devices), InventorySection.section.in_(SECTIONS))
    ):  # fmt: skip
        devices[device_id].sections[section] = unpacked(items) if hash == announced else None


def _unpacked(items: bytes) -> Items | None:
    try:
        return unpack_items(items)
    except (ValueError, zlib.error):
        return None


def _parts(session: Session, devices: Mapping[str, KnownDevice]) -> None:
    part = BaselinePart
    rows = session.execute(
        select(
            part.device_id, part.section, part.key, part.label, cast(part.facts, Text), part.mandatory, part.who,
            part.created_at,
        )
        .where(part.device_id.in_(devices), part.ended_at.is_(None))
        .order_by(part.section, part.label, part.key)
    ).all()  # fmt: skip
    facts = _decoded(row[4] for row in rows)
    for device_id, section, key, label, text, mandatory, who, created_at in rows:
        devices[device_id].parts.append(
            Expected(section, key, label, facts[text], mandatory, who, created_at)
        )


def _judged(session: Session, devices: Mapping[str, KnownDevice]) -> None:
    for finding in session.scalars(
        select(Finding)
        # That every finding has a rule leads to the index of the open ones.
        .where(Finding.device_id.in_(devices), Finding.rule > "", Finding.state != CLEARED)
        .order_by(Finding.severity, Finding.since_at, Finding.id)  # critical comes before warning
    ):
        devices[finding.device_id].findings.append(finding)
    for ticket in session.scalars(
        select(Ticket)
        .where(Ticket.device_id.in_(devices), Ticket.state.in_(WORKING_STATES))
        .order_by(Ticket.number)
    ):
        devices[ticket.device_id].tickets.append(ticket)


def _booked(session: Session, found: Mapping[Place, Known], now: datetime) -> None:
    for site, room, starts_at, ends_at in session.execute(
        select(Booking.site, Booking.room, Booking.starts_at, Booking.ends_at)
        .where(
            Booking.cancelled_at.is_(None),
            Booking.ends_at > now,
            Booking.starts_at < now + _AHEAD,
            *_only(found),
        )
        .order_by(Booking.starts_at, Booking.ends_at)
    ):
        if (site, room) in found:
            found[site, room].bookings.append((starts_at, ends_at))


def _only(found: Mapping[Place, Known]) -> Iterable[ColumnElement[bool]]:
    """One room does not read the bookings of all."""
    if len(found) > 1:
        return ()
    ((site, room),) = found
    return Booking.site == site, Booking.room == room


def _checked(session: Session, found: Mapping[Place, Known], now: datetime) -> None:
    """Since when the former checks say the same. Each room's are walked backwards in an index as far as the first
    that says another thing: reading all of the month took longer than all the rest of a room."""
    hosts = [one.device.id for known in found.values() for one in known.devices]
    place = (
        select(Device.site, Device.room)
        .where(Device.id.in_(hosts))
        .union(select(Room.site, Room.name).where(Room.site.in_({site for site, _room in found})))
        .subquery()
    )
    newest, other, same = (aliased(ReadinessCheck) for _ in range(3))
    said = (
        select(newest.verdict).where(*_of(newest, place, now)).order_by(newest.ended_at.desc()).limit(1).scalar_subquery()
    )  # fmt: skip
    # Made once: folded into what asks, the newest verdict would be looked for at each step.
    told = select(place.c.site, place.c.room, said.label("verdict")).cte("told").prefix_with("MATERIALIZED")
    before = (
        select(other.ended_at).where(*_of(other, told, now), other.verdict != told.c.verdict)
        .order_by(other.ended_at.desc()).limit(1).correlate(told).scalar_subquery()
    )  # fmt: skip
    begin = func.coalesce(before, literal(now - _BACK, UTCDateTime()), type_=UTCDateTime())
    # `begin` is the only lower edge: with two of them the other one may be taken to enter the index by.
    since = (
        select(func.min(same.ended_at))
        .where(
            same.site == told.c.site, same.room == told.c.room, same.ended_at > begin, same.ended_at <= now
        )
        .scalar_subquery()
    )
    for site, room, verdict, since_at in session.execute(
        select(told.c.site, told.c.room, told.c.verdict, since.label("since"))
    ):
        if (site, room) in found and since_at is not None:
            found[site, room].runs.append((since_at, verdict))


def _of(check: type[ReadinessCheck], place: FromClause, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The former checks of a room."""
    return (
        check.site == place.c.site, check.room == place.c.room, check.ended_at > now - _BACK, check.ended_at <= now,
    )  # fmt: skip


def _planned(session: Session, found: Mapping[Place, Known], now: datetime) -> None:
    windows: list[Maintenance] = [
        window
        for window in session.scalars(select(Maintenance).where(Maintenance.ended_at.is_(None)))
        if not window.rule and decisions.under_way(window, now)
    ]
    for known in found.values():
        for window in windows:
            if _touches(window, known):
                _begins, ends = decisions.current(window, now)
                known.works.append((ends, window.who, window.why))


def _touches(window: Maintenance, known: Known) -> bool:
    if any(decisions.window_fits(window, one.device, "") for one in known.devices):
        return True
    return (
        not window.device_id and window.site in ("", known.room.site) and window.room in ("", known.room.name)
    )
