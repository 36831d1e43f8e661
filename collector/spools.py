"""Numbering: which reports of a spool are new, and which of a device's spools is to be believed.

A device's reports are judged from one spool at a time, the current one. Another spool under the same
credential is on probation first: its reports are stored and acknowledged, but not judged. If the current
spool stays quiet through the probation, the device was rolled back or lost its spool file, and the new
spool takes over. If the current one is heard again, two machines hold one credential: the newcomer is a
clone, nothing of it is merged, and a finding says so.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.memory import DeviceMemory, SpoolMark
from collector.store.reports import CLONE, CURRENT, PROBATION, SUPERSEDED, StoredReport
from collector.unpack import printable, signed
from protos import intake_pb2 as wire
from protos.report_pb2 import Report

_ROLLED_BACK_FOR: Final = timedelta(days=1)
STANDINGS: Final = {
    CURRENT: wire.CURRENT,
    PROBATION: wire.ON_PROBATION,
    SUPERSEDED: wire.CLONE,
    CLONE: wire.CLONE,
}


def standing(
    memory: DeviceMemory, batch: wire.ReportBatch, address: str, now: datetime, probation: timedelta
) -> SpoolMark:
    """The spool this call speaks for, with its standing brought up to date."""
    mark = memory.spools.get(batch.spool_id)
    current = memory.spools.get(memory.device.spool_id)
    if mark is None:
        mark = SpoolMark(
            id=batch.spool_id, standing=PROBATION if current else CURRENT, birth=int(batch.birth),
            previous_id=batch.previous_spool_id[:32], machine_hash=signed(batch.machine_hash),
            first_seen_at=now, seen_at=now, stored_at=now, marks={wire.LIVE: (0, 0), wire.BACKFILL: (0, 0)},
        )  # fmt: skip
        memory.spools[mark.id] = mark
    elif mark.standing == CURRENT:
        _unmask(memory, mark, now)
    elif mark.standing == PROBATION and (current is None or _outlived(mark, current, now, probation)):
        if current is not None:
            current.standing = SUPERSEDED
        mark.standing = CURRENT
    elif mark.standing == SUPERSEDED:
        # Its place was taken because it was quiet, and now it speaks: two machines after all.
        mark.standing = CLONE
    mark.seen_at = now
    mark.address = address
    if batch.machine_hash:
        mark.machine_hash = signed(batch.machine_hash)
    if mark.standing == CURRENT:
        memory.device.spool_id = mark.id
    return mark


def _outlived(mark: SpoolMark, current: SpoolMark, now: datetime, probation: timedelta) -> bool:
    return now - mark.first_seen_at >= probation and current.seen_at < mark.first_seen_at


def _unmask(memory: DeviceMemory, current: SpoolMark, now: datetime) -> None:
    """The current spool is heard: whoever is on probation since before this moment is a clone."""
    for other in memory.spools.values():
        if other.standing == PROBATION and other.first_seen_at < now:
            other.standing = CLONE


def clones(memory: DeviceMemory, now: datetime, remembered: timedelta = timedelta(days=7)) -> int:
    """Machines other than the device that used its credential in the last week."""
    return sum(
        1 for mark in memory.spools.values() if mark.standing == CLONE and now - mark.seen_at < remembered
    )


def tell_of_copies(memory: DeviceMemory, report: Report, now: datetime) -> None:
    """Tell the rules of clones and roll-backs, in the report they are about to judge.

    A device that never had one costs nothing.
    """
    copied = any(mark.standing == CLONE for mark in memory.spools.values())
    if copied:
        report.readings.add(metric="device_clones_count", last=clones(memory, now), samples=1)
    current = memory.spools.get(memory.device.spool_id)
    if current is not None and current.birth == wire.AFTER_FORK:
        # Once a second machine was heard, that is the explanation, and one finding is enough.
        recent = not copied and now - current.first_seen_at < _ROLLED_BACK_FOR
        report.readings.add(metric="device_rolled_back_state", last=recent, samples=1)


def verdict(
    session: Session, memory: DeviceMemory, mark: SpoolMark, envelope: wire.Envelope, content: int
) -> "wire.Verdict":
    """STORED for a report to store, DUPLICATE or FORKED for one with a number that is taken."""
    seq, known = mark.marks[envelope.lane]
    if envelope.seq > seq:
        return wire.STORED
    if envelope.seq == seq:
        return wire.DUPLICATE if known == content else wire.FORKED
    stored = session.execute(
        select(StoredReport.hash).where(
            StoredReport.device_id == memory.device.id,
            StoredReport.spool_id == mark.id,
            StoredReport.lane == int(envelope.lane),
            StoredReport.seq == envelope.seq,
        )
    ).scalar()
    # Absent: pruned since. It was acknowledged once and is so again.
    return wire.DUPLICATE if stored is None or stored == content else wire.FORKED


def valid(envelope: wire.Envelope) -> bool:
    """A lane we know, and a number that a BIGINT holds."""
    return envelope.lane in (wire.LIVE, wire.BACKFILL) and 0 < envelope.seq < 1 << 63


def row(device_id: str, mark: SpoolMark) -> dict[str, object]:
    """The mark as a row of the store."""
    live, backfill = mark.marks[wire.LIVE], mark.marks[wire.BACKFILL]
    return {
        "device_id": device_id, "id": mark.id, "standing": mark.standing, "birth": mark.birth,
        "previous_id": mark.previous_id, "machine_hash": mark.machine_hash,
        "live_seq": live[0], "live_hash": live[1], "backfill_seq": backfill[0], "backfill_hash": backfill[1],
        "host_name": printable(mark.host_name, 255), "address": mark.address,
        "first_seen_at": mark.first_seen_at, "seen_at": mark.seen_at,
    }  # fmt: skip
