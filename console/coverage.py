"""What we cannot see: probes that could not read, disks without health data, devices of unknown patch state."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.store.devices import ASLEEP, ONLINE, SHUT_DOWN, SILENT, UNKNOWN, Device
from collector.store.reports import ProbeResult
from console import database as db
from console import guard, lists, unseen

coverage = Blueprint("coverage", __name__)

_MOST: Final = 200
_LONG_GONE: Final = timedelta(days=14)
_PRESENCES: Final = frozenset({ONLINE, ASLEEP, SHUT_DOWN, SILENT, UNKNOWN})
_COLUMNS: Final[lists.Columns[Any]] = (
    ("device_id", lambda row: row.Device.id),
    ("host_name", lambda row: row.Device.host_name),
    ("site", lambda row: row.Device.site),
    ("room", lambda row: row.Device.room),
    ("probe", lambda row: row.ProbeResult.probe),
    ("outcome", lambda row: row.ProbeResult.outcome),
    ("reason", lambda row: row.ProbeResult.reason),
    ("received_at", lambda row: row.ProbeResult.received_at),
    ("last_read_at", lambda row: row.ProbeResult.ok_at),
)


@dataclass(frozen=True, slots=True)
class UnreadableDisk:
    device_id: str
    host_name: str
    site: str
    label: str
    serial: str
    read_at: datetime | None


def register(app: Flask) -> None:
    app.register_blueprint(coverage)


def _groups() -> lists.Query:
    """By what was said; beside each, as `blind`, of how many devices anything is unseen. The rows are gathered once
    for both: to find them takes most of the page's time."""
    seen = (
        select(
            ProbeResult.probe, ProbeResult.outcome, ProbeResult.reason, ProbeResult.received_at, Device.id, Device.host_name
        )
        .join(Device, Device.id == ProbeResult.device_id)
        .where(unseen.condition(), Device.revoked_at.is_(None))
        .cte("seen")
        .prefix_with("MATERIALIZED")
    ).c  # fmt: skip
    count = func.count(seen.id).label("devices")
    return (
        select(
            seen.probe,
            seen.outcome,
            seen.reason,
            count,
            func.max(seen.received_at).label("newest_at"),
            func.min(seen.host_name).label("only_name"),
            func.min(seen.id).label("only_id"),
            select(func.count(func.distinct(seen.id))).scalar_subquery().label("blind"),
        )
        .group_by(seen.probe, seen.outcome, seen.reason)
        .order_by(count.desc(), seen.probe, seen.reason)
    )


def _patches() -> lists.Query:
    count = func.count(Device.id).label("devices")
    return (
        select(Device.patch_reason, count)
        .where(Device.patch_state == "unknown", Device.revoked_at.is_(None))
        .group_by(Device.patch_reason)
        .order_by(count.desc(), Device.patch_reason)
        .limit(50)
    )


def _old_tables() -> lists.Query:
    """The agent says beside its dates when they come from an old table (agent/probes/operating_system.py)."""
    count = func.count(ProbeResult.device_id).label("devices")
    return (
        select(ProbeResult.reason, count)
        .join(Device, Device.id == ProbeResult.device_id)
        .where(
            ProbeResult.probe == "operating_system",
            ProbeResult.reason != "",  # so says the index
            ProbeResult.reason.like("the table of support dates%"),
            Device.revoked_at.is_(None),
        )
        .group_by(ProbeResult.reason)
        .order_by(count.desc(), ProbeResult.reason)
        .limit(50)
    )


@coverage.get("/coverage")
def page() -> str:
    return render_template("coverage.html", **unseen_now(db.session(), guard.now()))


def unseen_now(session: Session, now: datetime) -> dict[str, Any]:
    """What the page shows and the API answers."""
    groups = session.execute(_groups().limit(_MOST + 1)).all()
    gone = session.scalars(
        select(Device)
        .where(
            Device.revoked_at.is_(None),
            # Each presence by its name: the index begins with it.
            (Device.presence.in_(_PRESENCES) & (Device.seen_at < now - _LONG_GONE))
            | (Device.presence.in_(_PRESENCES - {SILENT}) & Device.seen_at.is_(None)),
        )
        .order_by(Device.seen_at, Device.id)
        .limit(50)
    ).all()
    devices = session.scalar(select(func.count(Device.id)).where(Device.revoked_at.is_(None))) or 0
    return {
        "groups": groups[:_MOST],
        "more": len(groups) > _MOST,
        "disks": _unreadable_disks(session),
        "patches": session.execute(_patches()).all(),
        "old_tables": session.execute(_old_tables()).all(),
        "gone": gone,
        "devices": devices,
        "blind": groups[0].blind if groups else 0,
    }


def _unreadable_disks(session: Session) -> list[UnreadableDisk]:
    rows = session.execute(
        select(Device.id, Device.host_name, Device.site, ProbeResult.readings, ProbeResult.ok_at)
        .join(Device, Device.id == ProbeResult.device_id)
        .where(
            ProbeResult.probe == "disk_health",
            Device.unreadable_disks > 0,
            Device.revoked_at.is_(None),
        )
        .order_by(Device.host_name, Device.id)
    )
    found = []
    for device_id, host_name, site, readings, ok_at in rows:
        for row in readings:
            if len(row) > 2 and row[0] == "disk_readable_state" and row[2] == 0:
                label = str(row[3]) if len(row) > 3 and row[3] else str(row[1])
                found.append(UnreadableDisk(device_id, host_name, site or "", label, str(row[1]), ok_at))
                if len(found) >= _MOST:
                    return found
    return found


@coverage.get("/coverage.csv")
def csv() -> Response:
    """One row a device and probe."""
    rows = db.session().execute(
        select(ProbeResult, Device)
        .join(Device, Device.id == ProbeResult.device_id)
        .where(unseen.condition(), Device.revoked_at.is_(None))
        .order_by(Device.host_name, Device.id, ProbeResult.probe)
        .limit(lists.CSV_ROWS)
    )
    return lists.export("coverage", _COLUMNS, rows)
