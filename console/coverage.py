"""What we cannot see: probes that could not read, disks without health data, devices of unknown patch state."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import ColumnElement, String, case, func, literal_column, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.store.devices import ASLEEP, ONLINE, PLACE, SHUT_DOWN, SILENT, UNKNOWN, Device
from collector.store.reports import ProbeResult
from collector.store.spares import Warranty
from console import database as db
from console import guard, lists, unseen

coverage = Blueprint("coverage", __name__)

_MOST: Final = 200
_LONG_GONE: Final = timedelta(days=14)
_PRESENCES: Final = frozenset({ONLINE, ASLEEP, SHUT_DOWN, SILENT, UNKNOWN})
_WITHOUT_AGENT: Final[lists.Columns[Warranty]] = (
    "system_serial",
    "starts_on",
    "ends_on",
    "contract",
    "imported_at",
)
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


@dataclass(frozen=True, slots=True)
class SiteSeen:
    """How much of one site we can see: numbers of devices."""

    site: str
    devices: int
    blind: int  # on which a probe could not read
    unread_disks: int  # with disks that do not tell their health
    unknown_patches: int
    gone: int  # not heard of for two weeks


def _here(site: str) -> list[ColumnElement[bool]]:
    """The devices of a site; of none: all of them."""
    return [Device.revoked_at.is_(None), *([Device.site == site] if site else [])]


def _groups(site: str) -> lists.Query:
    count = func.count(Device.id).label("devices")
    return (
        select(
            ProbeResult.probe,
            ProbeResult.outcome,
            ProbeResult.reason,
            count,
            func.max(ProbeResult.received_at).label("newest_at"),
            func.min(Device.host_name).label("only_name"),
            func.min(Device.id).label("only_id"),
        )
        .join(Device, Device.id == ProbeResult.device_id)
        .where(unseen.condition(), *_here(site))
        .group_by(ProbeResult.probe, ProbeResult.outcome, ProbeResult.reason)
        .order_by(count.desc(), ProbeResult.probe, ProbeResult.reason)
    )


def _gone(now: datetime) -> ColumnElement[bool]:
    # Each presence by its name: the index begins with it.
    return (Device.presence.in_(_PRESENCES) & (Device.seen_at < now - _LONG_GONE)) | (
        Device.presence.in_(_PRESENCES - {SILENT}) & Device.seen_at.is_(None)
    )


def _by_site(session: Session, now: datetime) -> list[SiteSeen]:
    """The one of which least can be seen first."""
    blind = select(ProbeResult.device_id).where(ProbeResult.device_id == Device.id, unseen.condition())
    rows = session.execute(
        select(
            literal_column(PLACE, String),
            func.count(),
            func.sum(case((blind.correlate(Device).exists(), 1), else_=0)),
            func.sum(case((Device.unreadable_disks > 0, 1), else_=0)),
            func.sum(case((Device.patch_state == "unknown", 1), else_=0)),
            func.sum(case((_gone(now), 1), else_=0)),
        )
        .where(Device.revoked_at.is_(None))
        .group_by(literal_column(PLACE))
    )
    found = [SiteSeen(site, *(int(number) for number in numbers)) for site, *numbers in rows]
    return sorted(found, key=lambda one: (-one.blind, one.site.casefold()))


def _without_agent(now: datetime) -> lists.Query:
    """Machines whose warranty runs and of which no device was ever enrolled, as far as serials tell. One whose warranty
    is over may be long gone."""
    # As the file of warranties is read: capitals, and no spaces.
    enrolled = select(func.upper(func.replace(Device.system_serial, " ", "")))
    return (
        select(Warranty)
        .where(Warranty.ends_on >= now.date(), Warranty.system_serial.not_in(enrolled))
        .order_by(Warranty.system_serial)
    )


def _patches(site: str) -> lists.Query:
    count = func.count(Device.id).label("devices")
    return (
        select(Device.patch_reason, count)
        .where(Device.patch_state == "unknown", *_here(site))
        .group_by(Device.patch_reason)
        .order_by(count.desc(), Device.patch_reason)
        .limit(50)
    )


def _old_tables(site: str) -> lists.Query:
    """The agent says beside its dates when they come from an old table (agent/probes/operating_system.py)."""
    count = func.count(ProbeResult.device_id).label("devices")
    return (
        select(ProbeResult.reason, count)
        .join(Device, Device.id == ProbeResult.device_id)
        .where(
            ProbeResult.probe == "operating_system",
            ProbeResult.reason != "",  # so says the index
            ProbeResult.reason.like("the table of support dates%"),
            *_here(site),
        )
        .group_by(ProbeResult.reason)
        .order_by(count.desc(), ProbeResult.reason)
        .limit(50)
    )


@coverage.get("/coverage")
def page() -> str:
    return render_template("coverage.html", **unseen_now(db.session(), guard.now(), lists.argument("site")))


def unseen_now(session: Session, now: datetime, site: str = "") -> dict[str, Any]:
    """What the page shows and the API answers, of all devices or of one site's."""
    groups = session.execute(_groups(site).limit(_MOST + 1)).all()
    gone = session.scalars(
        select(Device).where(*_here(site), _gone(now)).order_by(Device.seen_at, Device.id).limit(50)
    ).all()
    sites = _by_site(session, now)
    here = [one for one in sites if site in ("", one.site)]
    # The file of warranties knows no sites.
    missing = [] if site else session.scalars(_without_agent(now).limit(_MOST + 1)).all()
    return {
        "site": site,
        "sites": sites,
        "groups": groups[:_MOST],
        "more": len(groups) > _MOST,
        "disks": _unreadable_disks(session, site),
        "patches": session.execute(_patches(site)).all(),
        "old_tables": session.execute(_old_tables(site)).all(),
        "gone": gone,
        "devices": sum(one.devices for one in here),
        "blind": sum(one.blind for one in here),
        "without_agent": missing[:_MOST],
        "more_without_agent": len(missing) > _MOST,
    }


def _unreadable_disks(session: Session, site: str) -> list[UnreadableDisk]:
    rows = session.execute(
        select(Device.id, Device.host_name, Device.site, ProbeResult.readings, ProbeResult.ok_at)
        .join(Device, Device.id == ProbeResult.device_id)
        .where(
            ProbeResult.probe == "disk_health",
            Device.unreadable_disks > 0,
            *_here(site),
        )
        .order_by(Device.host_name, Device.id)
    )
    found = []
    for device_id, host_name, place, readings, ok_at in rows:
        for row in readings:
            if len(row) > 2 and row[0] == "disk_readable_state" and row[2] == 0:
                label = str(row[3]) if len(row) > 3 and row[3] else str(row[1])
                found.append(UnreadableDisk(device_id, host_name, place or "", label, str(row[1]), ok_at))
                if len(found) >= _MOST:
                    return found
    return found


@coverage.get("/coverage.csv")
def csv() -> Response:
    """One row a device and probe."""
    rows = db.session().execute(
        select(ProbeResult, Device)
        .join(Device, Device.id == ProbeResult.device_id)
        .where(unseen.condition(), *_here(lists.argument("site")))
        .order_by(Device.host_name, Device.id, ProbeResult.probe)
        .limit(lists.CSV_ROWS)
    )
    return lists.export("coverage", _COLUMNS, rows)


@coverage.get("/coverage/without-agent.csv")
def without_agent() -> Response:
    """One row a machine."""
    rows = db.session().scalars(_without_agent(guard.now()).limit(lists.CSV_ROWS))
    return lists.export("without-agent", _WITHOUT_AGENT, rows)
