"""The list of devices."""

from typing import Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import Integer, Select, String, func, literal_column, or_, select
from sqlalchemy.orm import Session, aliased
from werkzeug.wrappers import Response

from collector import merging, part_serials
from collector.store import UTCDateTime
from collector.store.devices import PLACE, REPORTED, WORST, Device, Site
from collector.store.inventory import PartSerial
from collector.store.reports import ProbeResult
from console import database as db
from console import guard, lists, today, unseen

devices = Blueprint("devices", __name__)

FILTERS: Final = (
    "q",
    "site",
    "presence",
    "severity",
    "patch",
    "group",
    "newly",
    "blind",
    "probe",
    "reason",
    "revoked",
)
# As the indexes say them (collector/store/devices.py): another expression for the same order is served by none.
_RANKS: Final = {"critical": 0, "warning": 1, "none": 2}
_WORST: Final = literal_column(WORST, Integer)

SORTS: Final = {
    "worst": lists.Sort(_WORST, "Finding"),
    "name": lists.Sort(func.lower(Device.host_name, type_=Device.host_name.type), "Device"),
    "site": lists.Sort(literal_column(PLACE, String), "Site, room"),
    "presence": lists.Sort(Device.presence, "Presence"),
    "patch": lists.Sort(Device.patch_state, "Patches"),
    "model": lists.Sort(Device.model, "Model"),
    "age": lists.Sort(literal_column(REPORTED, UTCDateTime()), "Data", descending_first=True),
}

_COLUMNS: Final = (
    "id", "host_name", "site", "room", "group", "device_class", "presence", "worst_severity", "open_findings",
    "patch_state", "patch_reason", "os_name", "maker", "model", "system_serial", "asset_tag", "used_by", "address",
    "agent_version", "enrolled_at", "seen_at", "reported_at",
)  # fmt: skip

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
            Device.maker, Device.model, Device.address, Device.id, Device.used_by,
        ) | Device.id.in_(_heirs(wanted["q"], aliased(Device)))  # fmt: skip
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
        query = query.where(_WORST.in_((_RANKS.get(wanted["severity"], -1),)))
    if wanted["newly"]:
        query = query.where(Device.presence_at > guard.now() - today.NEWLY)
    if wanted.get("blind"):
        query = query.where(_UNSEEN.exists())
    if wanted["probe"]:
        unread = _UNSEEN.where(ProbeResult.probe == wanted["probe"])
        query = query.where(
            (unread.where(ProbeResult.reason == wanted["reason"]) if wanted["reason"] else unread).exists()
        )
    return query


def _heirs(text: str, old: type[Device]) -> Select[tuple[str]]:
    """Devices that were enrolled before under such a name or id, or with such a serial or tag. `old`: an alias."""
    said = lists.contains(text, old.host_name, old.system_serial, old.asset_tag, old.id)
    return merging.heirs_of(said, old)


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
    if not text:
        return {}
    found: dict[str, list[str]] = {}
    old = aliased(Device)
    before = _heirs(text, old).add_columns(old.host_name, old.id).order_by(old.enrolled_at.desc()).limit(200)
    for row in session.execute(before):
        if row[0] in ids:
            found.setdefault(row[0], []).append(f"earlier {row[1] or row[2][:12]}")
    part = part_serials.begins_with(text)
    if part is None:
        return found
    for one in session.scalars(
        select(PartSerial)
        .where(part, PartSerial.device_id.in_(ids))
        .order_by(PartSerial.device_id, PartSerial.section, PartSerial.serial)
    ):
        found.setdefault(one.device_id, []).append(
            f"{part_serials.PARTS.get(one.section, one.section)} {one.serial}"
        )
    return found


@devices.get("/devices.csv")
def csv() -> Response:
    asked = wish()
    rows = db.session().scalars(lists.everything(query(asked), asked, sorts=SORTS, ids=Device.id))
    return lists.export("devices", _COLUMNS, rows)
