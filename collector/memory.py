"""What a collector remembers of a device between its calls, so that a report needs no read.

Only the pipeline's one thread touches it. It is dropped whenever a transaction fails, and a device whose
row has another version than remembered is read again: memory may be lost at any moment, never believed.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rules.state import DeviceState as RuleState
from collector.store.devices import Device, DeviceState
from collector.store.findings import CLEARED, Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult, Spool

_AT_ONCE: Final = 500


@dataclass(slots=True)
class SpoolMark:
    """How far one spool is stored, and how it stands."""

    id: str
    standing: str
    birth: int
    previous_id: str
    machine_hash: int
    first_seen_at: datetime
    seen_at: datetime
    marks: dict[int, tuple[int, int]]  # lane → (seq, hash)
    stored_at: datetime  # when its row was last written
    host_name: str = ""
    address: str = ""


@dataclass(slots=True)
class OpenFinding:
    id: str
    severity: str
    ticket_id: str


@dataclass(slots=True)
class SectionMark:
    hash: int
    announced: int


@dataclass(slots=True)
class DeviceMemory:
    device: Device  # detached; only its columns
    spools: dict[str, SpoolMark]
    state: RuleState
    findings: dict[tuple[str, str], OpenFinding]
    sections: dict[str, SectionMark]
    results: dict[str, str]  # probes with a row → the reason it gives
    seen_at: datetime | None = None
    checkpoint: date | None = None  # the day of the newest checkpoint; None: not looked up
    flushed_at: datetime | None = None
    refresh: list[tuple[str, int]] = field(default_factory=list)  # requests sent, not answered


class Memory:
    """Devices by id, the least recently heard ones forgotten first."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._devices: OrderedDict[str, DeviceMemory] = OrderedDict()
        self._capacity = capacity

    def of(self, session: Session, device_id: str) -> DeviceMemory:
        """The device's memory, read from the store if it is not here. Raises KeyError for no such device."""
        if device_id not in self._devices:
            self.bring(session, [device_id])
        self._devices.move_to_end(device_id)
        return self._devices[device_id]

    def bring(self, session: Session, device_ids: Iterable[str]) -> None:
        """Read those that are not here, as far as there are such devices. Whoever wants many says so at once: after
        a start each is read, and one at a time costs each half a dozen statements."""
        missing = [one for one in dict.fromkeys(device_ids) if one not in self._devices]
        for begin in range(0, len(missing), _AT_ONCE):
            found = load(session, missing[begin : begin + _AT_ONCE])
            self._devices |= {
                one: found[one] for one in missing if one in found
            }  # the order they are given up in
        while len(self._devices) > self._capacity:
            self._devices.popitem(last=False)

    def forget(self, device_id: str) -> None:
        self._devices.pop(device_id, None)

    def clear(self) -> None:
        self._devices.clear()

    def heard(self) -> list[DeviceMemory]:
        """Devices with a call that the store has not been told of."""
        return [m for m in self._devices.values() if m.seen_at is not None and m.seen_at != m.flushed_at]


def load(session: Session, device_ids: Sequence[str]) -> dict[str, DeviceMemory]:
    """Read everything remembered of these devices, in as many statements as of one. Unknown ids are left out."""
    # A row that this session has read before may have been changed since by a statement.
    anew = select(Device).where(Device.id.in_(device_ids)).execution_options(populate_existing=True)
    found: dict[str, DeviceMemory] = {}
    for device in session.scalars(anew).all():
        session.expunge(device)
        found[device.id] = DeviceMemory(
            device=device, spools={}, state=RuleState(), findings={}, sections={}, results={},
            seen_at=device.seen_at, flushed_at=device.seen_at,
        )  # fmt: skip
    state, section, result = DeviceState, InventorySection, ProbeResult
    for spool in session.scalars(select(Spool).where(Spool.device_id.in_(found))):
        found[spool.device_id].spools[spool.id] = _spool(spool)
    for device_id, body in session.execute(
        select(state.device_id, state.body).where(state.device_id.in_(found))
    ):
        found[device_id].state = RuleState.from_bytes(body)
    for one in session.execute(
        select(
            Finding.device_id,
            Finding.rule,
            Finding.component,
            Finding.id,
            Finding.severity,
            Finding.ticket_id,
        ).where(Finding.device_id.in_(found), Finding.state != CLEARED)
    ):
        found[one.device_id].findings[one.rule, one.component] = OpenFinding(
            one.id, one.severity, one.ticket_id
        )
    for device_id, name, hash, announced in session.execute(
        select(section.device_id, section.section, section.hash, section.announced_hash).where(
            section.device_id.in_(found)
        )
    ):
        found[device_id].sections[name] = SectionMark(hash, announced)
    for device_id, probe, reason in session.execute(
        select(result.device_id, result.probe, result.reason).where(result.device_id.in_(found))
    ):
        found[device_id].results[probe] = reason
    return found


def _spool(row: Spool) -> SpoolMark:
    return SpoolMark(
        id=row.id, standing=row.standing, birth=row.birth, previous_id=row.previous_id,
        machine_hash=row.machine_hash, first_seen_at=row.first_seen_at, seen_at=row.seen_at,
        marks={1: (row.live_seq, row.live_hash), 2: (row.backfill_seq, row.backfill_hash)}, stored_at=row.seen_at,
        host_name=row.host_name, address=row.address,
    )  # fmt: skip
