"""The list of devices."""

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import case, func, literal, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import part_serials
from collector.store import UTCDateTime
from collector.store.devices import Device, Site
from collector.store.inventory import PartSerial
from collector.store.reports import ProbeResult
from console import database as db
from console import format, guard, lists, today, unseen

devices = Blueprint("devices", __name__)

FILTERS: Final = (
    "q",
    "site",
    "presence",
    "severity",
    "patch",
    "group",
    "newly",
    "probe",
    "reason",
    "revoked",
)
_NEVER: Final = literal(datetime(1970, 1, 1, tzinfo=UTC), UTCDateTime())
_WORST: Final = case(
    (Device.worst_severity == "critical", 0), (Device.worst_severity == "warning", 1), else_=2
)

SORTS: Final = {
    "worst": lists.Sort(_WORST, "Finding"),
    "name": lists.Sort(func.lower(Device.host_name, type_=Device.host_name.type), "Device"),
    "site": lists.Sort(func.coalesce(Device.site, ""), "Site, room"),
    "presence": lists.Sort(Device.presence, "Presence"),
    "patch": lists.Sort(Device.patch_state, "Patches"),
    "model": lists.Sort(Device.model, "Model"),
    "age": lists.Sort(
        func.coalesce(Device.reported_at, _NEVER, type_=UTCDateTime()), "Data", descending_first=True
    ),
}

# At least one probe of it could not read: then "no finding" is not the whole truth.
_UNSEEN: Final = (
    select(ProbeResult.device_id)
    .where(ProbeResult.device_id == Device.id, unseen.condition())
    .correlate(Device)
)


def register(app: Flask) -> None:
    app.register_blueprint(devices)


def query(asked: lists.Wish) -> lists.Query:
    wanted = asked.filters
    query = select(Device, _UNSEEN.exists().label("blind"))
    query = query.where(Device.revoked_at.is_not(None) if wanted["revoked"] else Device.revoked_at.is_(None))
    if wanted["q"]:
        said = lists.contains(
            wanted["q"], Device.host_name, Device.system_serial, Device.asset_tag, Device.room, Device.site,
            Device.maker, Device.model, Device.address, Device.id,
        )  # fmt: skip
        part = part_serials.begins_with(wanted["q"])
        query = query.where(
            said if part is None else or_(said, Device.id.in_(select(PartSerial.device_id).where(part)))
        )
    for name, column in (
        ("site", Device.site),
        ("presence", Device.presence),
        ("patch", Device.patch_state),
        ("group", Device.group),
    ):
        if wanted[name]:
            query = query.where(column == wanted[name])
    if wanted["severity"]:
        query = query.where(Device.worst_severity == wanted["severity"].replace("none", ""))
    if wanted["newly"]:
        query = query.where(Device.presence_at > guard.now() - today.NEWLY)
    if wanted["probe"]:
        unread = _UNSEEN.where(ProbeResult.probe == wanted["probe"])
        query = query.where(
            (unread.where(ProbeResult.reason == wanted["reason"]) if wanted["reason"] else unread).exists()
        )
    return query


def wish() -> lists.Wish:
    return lists.wish(SORTS, default="worst", filters=FILTERS)


@devices.get("/devices")
def page() -> str:
    session, asked = db.session(), wish()
    listed = lists.page(session, query(asked), asked, sorts=SORTS, ids=Device.id)
    sites = session.scalars(select(Site.name).order_by(Site.name)).all()
    any_at_all = listed.total > 0 or session.scalar(select(Device.id).limit(1)) is not None
    return render_template(
        "devices.html", listed=listed, sorts=SORTS, path="/devices", sites=sites, any_at_all=any_at_all,
        parts_found=_parts_found(session, asked.filters["q"], [row.Device.id for row in listed.rows]),
    )  # fmt: skip


def _parts_found(session: Session, text: str, ids: list[str]) -> dict[str, list[str]]:
    """Why a device is in the list although nothing in its row says so: "disk S5Y2NF0R", by device."""
    part = part_serials.begins_with(text)
    if part is None:
        return {}
    found: dict[str, list[str]] = {}
    for row in session.scalars(
        select(PartSerial)
        .where(part, PartSerial.device_id.in_(ids))
        .order_by(PartSerial.device_id, PartSerial.section, PartSerial.serial)
    ):
        found.setdefault(row.device_id, []).append(
            f"{part_serials.PARTS.get(row.section, row.section)} {row.serial}"
        )
    return found


@devices.get("/devices.csv")
def csv() -> Response:
    asked = wish()
    rows = db.session().scalars(lists.everything(query(asked), asked, sorts=SORTS, ids=Device.id))
    names = (
        "id", "host_name", "site", "room", "group", "device_class", "presence", "worst_severity", "open_findings",
        "patch_state", "patch_reason", "os_name", "maker", "model", "system_serial", "asset_tag", "address",
        "agent_version",
    )  # fmt: skip
    cells: lists.Cells[Device] = lists.Cells(
        [(name, lambda row, name=name: getattr(row, name)) for name in names]
        + [
            (name, lambda row, name=name: format.iso(getattr(row, name)))
            for name in ("enrolled_at", "seen_at", "reported_at")
        ]
    )
    return lists.csv_response("tocsin-devices.csv", cells, rows)
