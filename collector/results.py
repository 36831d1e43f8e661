"""What a report changes on the device's own rows: presence, newest probe results, what lists show."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from collector.changes import Changes
from collector.inventory import Items
from collector.memory import DeviceMemory
from collector.store.devices import ASLEEP, ONLINE, SHUT_DOWN
from collector.store.installation import RefreshRequest
from collector.unpack import OUTCOMES, PATCH_STATES, Row, Unpacked, moment
from protos import intake_pb2 as wire

_OLDEST: Final = timedelta(days=30)
_GOODBYES: Final = {wire.SUSPENDING: ASLEEP, wire.SHUTTING_DOWN: SHUT_DOWN}

# fact of a section → column of the device
_COLUMNS: Final[dict[str, dict[str, tuple[str, int]]]] = {
    "system": {
        "maker": ("maker", 200), "model": ("model", 200), "serial": ("system_serial", 200),
        "device_class": ("device_class", 16),
    },
    "operating_system": {"name": ("os_name", 200)},
}  # fmt: skip


def presence(
    changes: Changes,
    memory: DeviceMemory,
    batch: wire.ReportBatch,
    address: str,
    now: datetime,
    skew: float | None,
) -> None:
    """The device was heard. Written at once when its presence changes, else with the next sweep."""
    device = memory.device
    # An agent that only stops says nothing of its machine: it falls silent like any other.
    becomes = _GOODBYES.get(batch.goodbye, ONLINE)
    values: dict[str, Any] = {}
    if device.presence != becomes:
        device.presence, device.presence_at = becomes, now
        values |= {"presence": becomes, "presence_at": now}
    if address != device.address:
        device.address = address
        values["address"] = address
    if values or batch.reports:
        if skew is not None:
            values["clock_skew_seconds"] = skew
        changes.device(device.id, seen_at=now, **values)
        memory.flushed_at = now


def live(changes: Changes, memory: DeviceMemory, unpacked: Unpacked, now: datetime) -> None:
    """A live report: the device's summary columns and the newest result of each probe that ran."""
    report, device = unpacked.report, memory.device
    values: dict[str, Any] = {"reported_at": now}
    device.reported_at = now  # whether planned work is over for it is asked of what is remembered
    if report.HasField("uptime_seconds"):
        values["uptime_seconds"] = report.uptime_seconds
    for name in ("host_name", "boot_id", "agent_version"):
        text = getattr(report, name)
        if text and text != getattr(device, name):
            setattr(device, name, text)
            values[name] = text
    if report.HasField("patches"):
        state = PATCH_STATES.get(report.patches.state, "unknown")
        if (state, report.patches.reason) != (device.patch_state, device.patch_reason):
            device.patch_state, device.patch_reason = state, report.patches.reason
            values |= {"patch_state": state, "patch_reason": report.patches.reason}
    if "disk_health" in unpacked.rows:
        unreadable = sum(
            row[0] == "disk_readable_state" and row[2] == 0 for row in unpacked.rows["disk_health"]
        )
        if unreadable != device.unreadable_disks:
            device.unreadable_disks = values["unreadable_disks"] = unreadable
    changes.device(device.id, **values)
    _probe_results(changes, memory, unpacked, now)


def _probe_results(changes: Changes, memory: DeviceMemory, unpacked: Unpacked, now: datetime) -> None:
    report = unpacked.report
    rows = unpacked.rows
    collected_at = moment(report.collected_at)
    for outcome in report.outcomes:
        if outcome.probe:
            ran_at = _ran_at(collected_at, moment(outcome.ended_at), now)
            kind = OUTCOMES.get(outcome.outcome, "unknown")
            readings = rows.get(outcome.probe, ())
            _result(
                changes, memory, outcome.probe, kind, outcome.reason, outcome.took_seconds, readings, ran_at
            )
    # What was refused in the report itself is a thing we cannot see, and stands with the others.
    words = "; ".join(unpacked.refused[:5])
    if len(unpacked.refused) > 5:
        words += f"; and {len(unpacked.refused) - 5} more"
    if words or memory.results.get("report"):
        _result(changes, memory, "report", "ok", words and f"refused: {words}", 0.0, (), now)


def _ran_at(collected_at: datetime | None, ended_at: datetime | None, now: datetime) -> datetime:
    """When a probe ran, by our clock: a full report repeats results that may be hours old.

    Both times are the device's own, so that their difference is right whatever its clock says.
    """
    if collected_at is None or ended_at is None or not timedelta(0) < collected_at - ended_at < _OLDEST:
        return now
    return now - (collected_at - ended_at)


def _result(
    changes: Changes, memory: DeviceMemory, probe: str, outcome: str, reason: str, took: float,
    readings: Sequence[Row], at: datetime,
) -> None:  # fmt: skip
    row: dict[str, Any] = {
        "device_id": memory.device.id, "probe": probe, "outcome": outcome, "reason": reason, "took_seconds": took,
        "received_at": at,
    }  # fmt: skip
    key = (memory.device.id, probe)
    seen = probe in memory.results
    memory.results[probe] = reason
    if outcome == "ok":
        changes.results[key] = row | {"ok_at": at, "readings": json.dumps(readings)}
    elif seen:
        # The numbers of the last good run stay, with their age: this row does not name those columns.
        changes.results_failed[key] = row
    else:
        changes.results[key] = row | {"ok_at": None, "readings": "[]"}


def sections(changes: Changes, memory: DeviceMemory, complete: dict[str, Items]) -> None:
    """Facts that lists show are copied onto the device's row."""
    values: dict[str, str] = {}
    for name, columns in _COLUMNS.items():
        for facts in complete.get(name, {}).values():
            for fact, (column, limit) in columns.items():
                if facts.get(fact):
                    values[column] = facts[fact][:limit]
    # A class given by people (token, console) is not overruled by a chassis type.
    if memory.device.device_class not in ("", "unknown"):
        values.pop("device_class", None)
    for column, text in values.items():
        setattr(memory.device, column, text)
    if values:
        changes.device(memory.device.id, **values)


def answer_refresh(session: Session, memory: DeviceMemory, now: datetime) -> None:
    """The first live report after a refresh request was handed over answers it."""
    if not memory.refresh:
        return
    session.execute(
        update(RefreshRequest)
        .where(RefreshRequest.id.in_([request for request, _ in memory.refresh]))
        .values(answered_at=now)
    )
    memory.refresh.clear()
