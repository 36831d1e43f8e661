"""What a collector remembers of a device between its calls, so that a report needs no read.

Only the pipeline's one thread touches it. It is dropped whenever a transaction fails, and a device whose
row has another version than remembered is read again: memory may be lost at any moment, never believed.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rules.state import DeviceState as RuleState
from collector.store.devices import Device, DeviceState
from collector.store.findings import CLEARED, Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult, Spool


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
        known = self._devices.get(device_id)
        if known is not None:
            self._devices.move_to_end(device_id)
            return known
        loaded = load(session, device_id)
        self._devices[device_id] = loaded
        if len(self._devices) > self._capacity:
            self._devices.popitem(last=False)
        return loaded

    def forget(self, device_id: str) -> None:
        self._devices.pop(device_id, None)

    def clear(self) -> None:
        self._devices.clear()

    def heard(self) -> list[DeviceMemory]:
        """Devices with a call that the store has not been told of."""
        return [m for m in self._devices.values() if m.seen_at is not None and m.seen_at != m.flushed_at]


def load(session: Session, device_id: str) -> DeviceMemory:
    """Read everything remembered of a device."""
    device = session.get(Device, device_id)
    if device is None:
        raise KeyError(device_id)
    session.refresh(device)
    row = session.get(DeviceState, device_id)
    memory = DeviceMemory(
        device=device,
        spools={
            row.id: _spool(row) for row in session.scalars(select(Spool).where(Spool.device_id == device_id))
        },
        state=RuleState.from_bytes(row.body) if row is not None else RuleState(),
        findings={
            (finding.rule, finding.component): OpenFinding(finding.id, finding.severity, finding.ticket_id)
            for finding in session.scalars(
                select(Finding).where(Finding.device_id == device_id, Finding.state != CLEARED)
            )
        },
        sections={
            row.section: SectionMark(row.hash, row.announced_hash)
            for row in session.scalars(
                select(InventorySection).where(InventorySection.device_id == device_id)
            )
        },
        results={
            row.probe: row.reason
            for row in session.scalars(select(ProbeResult).where(ProbeResult.device_id == device_id))
        },
        seen_at=device.seen_at,
        flushed_at=device.seen_at,
    )
    session.expunge(device)
    return memory


def _spool(row: Spool) -> SpoolMark:
    return SpoolMark(
        id=row.id, standing=row.standing, birth=row.birth, previous_id=row.previous_id,
        machine_hash=row.machine_hash, first_seen_at=row.first_seen_at, seen_at=row.seen_at,
        marks={1: (row.live_seq, row.live_hash), 2: (row.backfill_seq, row.backfill_hash)}, stored_at=row.seen_at,
        host_name=row.host_name, address=row.address,
    )  # fmt: skip
