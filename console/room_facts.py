"""What the pages about one room say: verdict with its items, hosts, parts, projectors, tickets, bookings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import abort
from sqlalchemy.orm import Session

from collector.rooms import baseline, bookings, item, known, readiness, room
from collector.rooms.baseline import Row
from collector.rooms.item import Clock, Item
from collector.rooms.known import Known, KnownDevice
from collector.rooms.look import probe_of
from collector.rooms.parts import LINKS
from collector.rooms.readiness import Verdict
from collector.rooms.room import RoomRow
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.rooms import Booking
from collector.store.tickets import Ticket
from console import format, words

_AHEAD: Final = timedelta(days=14)
_MOST_BOOKINGS: Final = 12
_NAMED: Final = 6  # parts in one sentence
OLD: Final = timedelta(hours=24)  # on paper in red: it says nothing of today
_RANK: Final = {item.FAIL: 0, item.WARN: 1, item.NOT_CHECKED: 2, item.PASS: 3}
# Where a part is, and what is worth reading of it, by section: the rest is on the device's page.
_WHERE: Final = ("connector", "usb_path", "input", "host", "folder")
_SAID: Final[Mapping[str, tuple[str, ...]]] = {
    "displays": ("width_pixels", "refresh_hertz", "made_year"),
    "audio_endpoints": ("flow", "bus"),
    "audio_defaults": ("name",),
    "cameras": ("problem",),
    "capture_inputs": ("signal", "width_pixels"),
    "usb_links": ("speed_bits_per_second",),
    "projectors": ("manufacturer", "model"),
    "recorders": ("process", "folder"),
    "network_targets": ("host", "port"),
}


@dataclass(frozen=True, slots=True)
class Part:
    row: Row
    what: str  # people's word of its kind
    mark: words.Mark
    where: str
    said: str
    serial: str
    at: datetime | None  # when its device told of it last


@dataclass(frozen=True, slots=True)
class Projector:
    """As it tells of itself. None: it did not say."""

    row: Row
    facts: Mapping[str, str]
    at: datetime | None
    reachable: bool | None
    power: str
    lamp_hours: float | None
    lamp_used: float | None
    filter_hours: float | None
    filter_used: float | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An open finding of the room's devices, or a ticket whose findings are over."""

    device: Device
    finding: Finding | None
    ticket: Ticket | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    room: RoomRow
    verdict: Verdict
    clock: Clock
    zone: ZoneInfo
    items: Sequence[Item]  # the worst first
    hosts: Sequence[KnownDevice]
    others: Sequence[Device]  # that stand there and serve no room
    parts: Sequence[Part]
    projectors: Sequence[Projector]
    told: Sequence[Told]
    bookings: Sequence[Booking]
    data_at: datetime | None
    unknown: Sequence[str] = field(default_factory=list)  # sentences

    @property
    def mark(self) -> words.Mark:
        return words.READINESS.get(self.verdict.verdict, words.READINESS["unknown"])

    @property
    def has_baseline(self) -> bool:
        return any(part.row.accepted is not None for part in self.parts)

    @property
    def differences(self) -> int:
        return sum(part.row.what in (baseline.MISSING, baseline.NEW, baseline.CHANGED) for part in self.parts)

    @property
    def tickets(self) -> list[Ticket]:
        """Each once, in the order of their findings."""
        return list({one.ticket.id: one.ticket for one in self.told if one.ticket is not None}.values())

    @property
    def under_way(self) -> Booking | None:
        return next((one for one in self.bookings if one.starts_at <= self.clock.now), None)

    @property
    def next(self) -> Booking | None:
        return next((one for one in self.bookings if one.starts_at > self.clock.now), None)


def found(session: Session, site: str, name: str) -> RoomRow:
    try:
        return room.room(session, site, name)
    except room.NoSuchRoom:
        abort(404, "There is no such room: no A/V host stands there, and nobody has set its hours.")


def shown(session: Session, site: str, name: str, now: datetime) -> Shown:
    row = found(session, site, name)
    one = known.read(session, [row], now)[site, name]
    verdict = readiness.judge(one, now)
    rows = baseline.differences(session, [row], now)[site, name]
    clock = item.clock(row.time_zone, now)
    parts = [_part(each, one) for each in rows if each.section]
    told_at = [host.device.reported_at for host in one.devices]
    hosts = {host.device.id for host in one.devices}
    return Shown(
        room=row,
        verdict=verdict,
        clock=clock,
        zone=clock.zone,
        items=sorted(verdict.items, key=lambda each: _RANK.get(each.result, 2)),
        hosts=one.devices,
        others=[device for device in row.devices if device.id not in hosts],
        parts=parts,
        projectors=[_projector(each, one) for each in rows if each.section == "projectors"],
        told=_told(one),
        bookings=bookings.between(session, now, now + _AHEAD, [(site, name)])[:_MOST_BOOKINGS],
        data_at=min((at for at in told_at if at), default=None) if None not in told_at else None,
        unknown=_unknown(verdict.items, rows),
    )


def _part(row: Row, one: Known) -> Part:
    facts = row.facts_now or row.facts_before
    mark = words.DIFFERENCE[row.what]
    return Part(
        row=row,
        what=words.PARTS.get(row.section, words.plain(row.section)),
        mark=mark,
        where=row.key
        if row.section == LINKS
        else next((facts[name] for name in _WHERE if facts.get(name)), ""),
        said=said(row.section, facts),
        serial="" if facts.get("serial_is_placeholder") == "true" else facts.get("serial", ""),
        at=_told_at(row, one),
    )


def _device(row: Row, one: Known) -> KnownDevice | None:
    return next((host for host in one.devices if host.device.id == row.device_id), None)


def _told_at(row: Row, one: Known) -> datetime | None:
    host = _device(row, one)
    probed = host.probes.get(probe_of(row.section)) if host else None
    return probed.ok_at if probed else None


def said(section: str, facts: Mapping[str, str]) -> str:
    """A few facts in a line."""
    told = []
    for name in _SAID.get(section, ()):
        text = facts.get(name, "")
        if not text:
            continue
        if name == "width_pixels":
            told.append(f"{text} × {facts.get('height_pixels', '?')}")
        else:
            told.append(fact(name, text))
    return ", ".join(told)


def fact(name: str, text: str) -> str:
    match name:
        case "refresh_hertz":
            return f"{text} Hz"
        case "made_year":
            return f"made {text}"
    return format.fact(name, text)


def _projector(row: Row, one: Known) -> Projector:
    host = _device(row, one)

    def value(name: str) -> float | None:
        return host.value(f"projector_{name}", row.key) if host else None

    def hours(name: str) -> float | None:
        seconds = value(name)
        return None if seconds is None else seconds / 3600

    reachable, power = value("reachable_state"), value("power_state")
    return Projector(
        row=row,
        facts={**row.facts_before, **row.facts_now},
        at=_told_at(row, one),
        reachable=None if reachable is None else bool(reachable),
        power="" if power is None else words.STATES["projector_power_state"].get(int(power), ""),
        lamp_hours=hours("lamp_seconds_total"),
        lamp_used=value("lamp_used_ratio"),
        filter_hours=hours("filter_seconds_total"),
        filter_used=value("filter_used_ratio"),
        faults=tuple(
            f"{words.PROJECTOR_FAULTS[part]}: {'error' if (value(f'{part}_fault_state') or 0) >= 2 else 'warning'}"
            for part in words.PROJECTOR_FAULTS
            if value(f"{part}_fault_state")
        ),
    )


def _told(one: Known) -> list[Told]:
    found: list[Told] = []
    for host in one.devices:
        tickets = {ticket.id: ticket for ticket in host.tickets}
        found += [
            Told(host.device, finding, tickets.get(finding.ticket_id or "")) for finding in host.findings
        ]
        used = {finding.ticket_id for finding in host.findings}
        found += [Told(host.device, None, ticket) for ticket in host.tickets if ticket.id not in used]
    # "critical" comes before "warning"
    return sorted(found, key=lambda one: (one.finding is None, one.finding.severity if one.finding else ""))


def _unknown(items: Iterable[Item], rows: Iterable[Row]) -> list[str]:
    """What nobody can say of this room now: a sentence for all parts of which the same is true."""
    parts: dict[str, list[str]] = {}
    for each in items:
        if each.result == item.NOT_CHECKED:
            prefix = f"{each.part}: " if each.part and each.reason.startswith(f"{each.part}: ") else ""
            parts.setdefault(each.reason.removeprefix(prefix), []).append(prefix.removesuffix(": "))
    sentences = [_of_parts(names, said) for said, names in parts.items()]
    silent = {each.part for each in items if each.name == item.HOST and each.result == item.NOT_CHECKED}
    sentences += [
        row.reason
        for row in rows
        if row.what == baseline.NOT_KNOWN and row.reason and row.host_name not in silent
    ]
    return item.without_twins(sentences)


def _of_parts(names: Sequence[str], said: str) -> str:
    known = [name for name in dict.fromkeys(names) if name]
    if not known:
        return said
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"{', '.join(known[:_NAMED])}{more}: {said}"
