"""The accepted baseline of a room: what is there now, what differs from what was accepted, accepting it anew.

Accepted is only what was told lately. A device that is silent, or that has not told of its displays for a day,
proves nothing about them: its rows are `not_known`, and a person who wants to accept the others names them.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from collector import decide
from collector.decide import Refused
from collector.rooms import room as rooming
from collector.rooms.parts import MOVING, OPTIONAL, SECTIONS, Facts, Items, expected, is_there, label
from collector.rooms.room import RoomRow
from collector.store.devices import SILENT, Device
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart
from collector.unpack import unpack_items
from protos.sections import BY_NAME

FRESH_FOR: Final = timedelta(hours=24)
SAME, MISSING, NEW, CHANGED, NOT_KNOWN = "same", "missing", "new", "changed", "not_known"
Key = tuple[str, str, str]  # device id, section, key
_TOLD_MOST: Final = 50  # parts named in the audit


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part as a device tells of it now. `not_known`: why that may be true no more; empty: it is fresh."""

    device_id: str
    section: str
    key: str
    label: str
    facts: Facts
    not_known: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One part, accepted and now. Of a device that told of nothing yet, section and key are empty."""

    device_id: str
    host_name: str
    section: str
    key: str
    label: str
    what: str  # same missing new changed not_known
    facts_before: Facts
    facts_now: Facts
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # fact → (accepted, now)
    mandatory: bool = True
    accepted: BaselinePart | None = None
    reason: str = ""  # not_known: why, in a sentence


@dataclass(frozen=True, slots=True)
class Accepted:
    added: int = 0
    changed: int = 0
    ended: int = 0
    same: int = 0


def take(session: Session, site: str, room: str, now: datetime) -> list[Part]:
    """What is there now, of all the room's devices. Raises NoSuchRoom."""
    found = rooming.room(session, site, room)
    told = _Told(session, found.devices, found.time_zone, now)
    return [
        Part(
            device_id=device.id, section=section, key=key, label=label(section, key, facts), facts=facts,
            not_known=told.doubt(device, section),
        )
        for device in found.devices
        for section in SECTIONS
        for key, facts in expected(section, told.items(device.id)).items()
    ]  # fmt: skip


def difference(session: Session, site: str, room: str, now: datetime) -> list[Row]:
    """What is there now against what was accepted, by device and section. Raises NoSuchRoom."""
    found = rooming.room(session, site, room)
    return differences(session, [found], now)[site, room]


def differences(
    session: Session, rooms: Iterable[RoomRow], now: datetime
) -> dict[tuple[str, str], list[Row]]:
    """Of many rooms, in three statements."""
    rooms = list(rooms)
    devices = [device for room in rooms for device in room.devices]
    accepted: dict[str, list[BaselinePart]] = {}
    for row in session.scalars(
        select(BaselinePart)
        .where(BaselinePart.device_id.in_([device.id for device in devices]), BaselinePart.ended_at.is_(None))
        .execution_options(populate_existing=True)
    ):
        accepted.setdefault(row.device_id, []).append(row)
    told = _Told(session, devices, "UTC", now)
    result: dict[tuple[str, str], list[Row]] = {}
    for room in rooms:
        told.zone = ZoneInfo(room.time_zone)
        result[room.site, room.name] = [
            row for device in room.devices for row in _of_device(device, accepted.get(device.id, []), told)
        ]
    return result


class _Told:
    """What devices said last of the sections, and whether that can still be believed."""

    def __init__(self, session: Session, devices: Collection[Device], zone: str, now: datetime) -> None:
        self.zone = ZoneInfo(zone)
        self._now = now
        self._items: dict[str, dict[str, Items]] = {}
        ids = [device.id for device in devices]
        for row in session.execute(
            select(InventorySection.device_id, InventorySection.section, InventorySection.items).where(
                InventorySection.device_id.in_(ids), InventorySection.section.in_(SECTIONS)
            )
        ):
            self._items.setdefault(row.device_id, {})[row.section] = unpack_items(row.items)
        probes = {BY_NAME[section].probe for section in SECTIONS}
        self._results = {
            (row.device_id, row.probe): row
            for row in session.execute(
                select(
                    ProbeResult.device_id, ProbeResult.probe, ProbeResult.ok_at, ProbeResult.outcome, ProbeResult.reason
                ).where(ProbeResult.device_id.in_(ids), ProbeResult.probe.in_(probes))
            )
        }  # fmt: skip

    def items(self, device_id: str) -> dict[str, Items]:
        return self._items.get(device_id, {})

    def silence(self, device: Device) -> str:
        """Empty: the device is not silent."""
        if device.presence != SILENT:
            return ""
        name, at = device.host_name or device.id, device.presence_at or device.seen_at
        return f"{name} is silent" + (f" since {self._said(at)}" if at else "")

    def doubt(self, device: Device, section: str) -> str:
        """Why what the device said of this section may be true no more; empty: it is fresh."""
        silence = self.silence(device)
        if silence:
            return silence
        name, of = device.host_name or device.id, section.replace("_", " ")
        result = self._results.get((device.id, BY_NAME[section].probe))
        if result is None or result.ok_at is None:
            said = f"{name} has never told of its {of}"
        elif self._now - result.ok_at > FRESH_FOR:
            said = f"{name} has told nothing of its {of} since {self._said(result.ok_at)}"
        else:
            return ""
        more = result is not None and result.outcome != "ok" and result.reason
        return f"{said}: {more}" if more else said

    def _said(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"


def _of_device(device: Device, accepted: Iterable[BaselinePart], told: _Told) -> list[Row]:
    by_section: dict[str, dict[str, BaselinePart]] = {}
    for part in accepted:
        by_section.setdefault(part.section, {})[part.key] = part
    items = told.items(device.id)
    rows: list[Row] = []
    for section in SECTIONS:
        known, shown = by_section.get(section, {}), items.get(section, {})
        # What was accepted is looked for in all that is there: a hub stays a part when its camera is gone.
        keys = expected(section, items).keys() | known.keys()
        if keys:
            doubt = told.doubt(device, section)
            rows += [
                _row(device, section, key, known.get(key), shown.get(key), doubt) for key in sorted(keys)
            ]
    silence = told.silence(device)
    if not rows and silence:
        rows.append(
            Row(
                device_id=device.id, host_name=device.host_name, section="", key="", label=device.host_name,
                what=NOT_KNOWN, facts_before={}, facts_now={}, reason=silence,
            )
        )  # fmt: skip
    return rows


def _row(
    device: Device, section: str, key: str, accepted: BaselinePart | None, facts: Facts | None, doubt: str
) -> Row:
    before: Facts = accepted.facts if accepted is not None else {}
    now: Facts = facts or {}
    there = facts is not None and is_there(facts)
    # A fact that is not told now is no other fact: a projector in standby says little of itself.
    changed = {
        name: (before[name], now[name])
        for name in sorted(before.keys() & now.keys() - MOVING.get(section, frozenset()))
        if before[name] != now[name]
    }
    if doubt:
        what = NOT_KNOWN
    elif accepted is None:
        what = NEW
    elif not there:
        what = MISSING
    else:
        what = CHANGED if changed else SAME
    return Row(
        device_id=device.id, host_name=device.host_name, section=section, key=key,
        label=label(section, key, now) if now else (accepted.label if accepted is not None else key) or key,
        what=what, facts_before=before, facts_now=now, changed=changed if what == CHANGED else {},
        mandatory=accepted.mandatory if accepted is not None else section not in OPTIONAL, accepted=accepted,
        reason=doubt,
    )  # fmt: skip


def accept(
    session: Session, site: str, room: str, *, why: str, who: str, now: datetime,
    only: Collection[Key] | None = None, optional: Collection[Key] = (),
) -> Accepted:  # fmt: skip
    """The baseline is then what is there now; with `only`, of just these parts. `optional`: the room is ready
    without them. Raises Refused and NoSuchRoom; nothing is changed then."""
    _needs_reason(why)
    found = rooming.room(session, site, room)  # before the room's row is made: that row would make it a room
    rooming.claim(session, site, room, now)
    rows = differences(session, [found], now)[site, room]
    chosen = _chosen(rows, only, optional)
    added: list[str] = []
    changed: list[str] = []
    ended: list[str] = []
    same = 0
    for row in chosen:
        mandatory = row.mandatory and _key(row) not in optional
        if row.what == SAME and mandatory == row.mandatory:
            same += 1
            continue
        if row.accepted is not None:
            _end(session, row.accepted, who, now)
        if row.what == MISSING:
            ended.append(row.label)
            continue
        (changed if row.accepted is not None else added).append(row.label)
        session.add(_part(row, mandatory, why, who, now))
    _flush(session)
    if added or changed or ended:
        data = {
            "why": why, "added": added[:_TOLD_MOST], "changed": changed[:_TOLD_MOST], "ended": ended[:_TOLD_MOST],
            "same": same,
        }  # fmt: skip
        rooming.record(session, who, "baseline accepted", f"{site} {room}", now, data)
        decide.changed(session)
    return Accepted(len(added), len(changed), len(ended), same)


def _chosen(rows: list[Row], only: Collection[Key] | None, optional: Collection[Key]) -> list[Row]:
    """Raises Refused: a name that is no part here, or a row of which nothing fresh is known."""
    for key in [*(only or ()), *optional]:
        if not any(_key(row) == key for row in rows):
            raise Refused(f"{' '.join(key[1:])} is no part of this room, now or before")
    chosen = [row for row in rows if only is None or _key(row) in only]
    doubts = list(dict.fromkeys(row.reason for row in chosen if row.what == NOT_KNOWN))
    if doubts:
        more = f"; and {len(doubts) - 3} more" if len(doubts) > 3 else ""
        raise Refused(
            f"only what was told lately can be accepted, and {'; '.join(doubts[:3])}{more}. Name the parts to accept without these."
        )
    return chosen


def _key(row: Row) -> Key:
    return row.device_id, row.section, row.key


def _part(row: Row, mandatory: bool, why: str, who: str, now: datetime) -> BaselinePart:
    return BaselinePart(
        device_id=row.device_id, id=uuid.uuid4().hex, section=row.section, key=row.key, label=row.label,
        facts=dict(row.facts_now), mandatory=mandatory, why=why, who=who, created_at=now,
    )  # fmt: skip


def set_mandatory(
    session: Session, device_id: str, section: str, key: str, mandatory: bool, *, who: str, why: str, now: datetime
) -> None:  # fmt: skip
    """Whether the room is ready without this accepted part. Raises Refused."""
    _needs_reason(why)
    part = _in_force(session, device_id, section, key, now)
    if part.mandatory == mandatory:
        return
    _end(session, part, who, now)
    session.add(
        BaselinePart(
            device_id=device_id, id=uuid.uuid4().hex, section=section, key=key, label=part.label, facts=part.facts,
            mandatory=mandatory, why=why, who=who, created_at=now,
        )
    )  # fmt: skip
    _flush(session)
    _tell(session, part, "baseline part mandatory" if mandatory else "baseline part optional", who, why, now)


def expect_no_more(
    session: Session, device_id: str, section: str, key: str, *, who: str, why: str, now: datetime
) -> None:
    """The part was taken away for good, also where its device says nothing any more. Raises Refused."""
    _needs_reason(why)
    part = _in_force(session, device_id, section, key, now)
    _end(session, part, who, now)
    _tell(session, part, "baseline part ended", who, why, now)


def _in_force(session: Session, device_id: str, section: str, key: str, now: datetime) -> BaselinePart:
    device = session.get(Device, device_id)
    if device is not None and device.site and device.room:
        rooming.claim(session, device.site, device.room, now)
    part = session.scalar(
        select(BaselinePart)
        .where(
            BaselinePart.device_id == device_id, BaselinePart.section == section, BaselinePart.key == key,
            BaselinePart.ended_at.is_(None),
        )
        .execution_options(populate_existing=True)
    )  # fmt: skip
    if part is None:
        raise Refused("this is no part of an accepted baseline")
    return part


def _tell(session: Session, part: BaselinePart, action: str, who: str, why: str, now: datetime) -> None:
    data: dict[str, Any] = {"section": part.section, "key": part.key, "why": why}
    rooming.record(session, who, action, f"{part.device_id} {part.label}", now, data)
    decide.changed(session)


def _end(session: Session, part: BaselinePart, who: str, now: datetime) -> None:
    changed = session.execute(
        update(BaselinePart)
        .where(BaselinePart.device_id == part.device_id, BaselinePart.id == part.id, BaselinePart.ended_at.is_(None))
        .values(ended_at=now, ended_by=who)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]  # fmt: skip
    if changed != 1:
        raise Refused(_OTHERS)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise Refused(_OTHERS) from None


_OTHERS: Final = "somebody else has just changed this baseline; look at the difference again"


def _needs_reason(why: str) -> None:
    if not why.strip():
        raise Refused("say why: whoever meets this in a year will ask")
