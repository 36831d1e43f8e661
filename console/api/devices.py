"""Devices: the list as the page has it, and one with what is known of it now."""

from datetime import datetime
from typing import Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from console import database as db
from console import device_facts, devices, guard, unseen
from console.api import listing
from console.api.fields import Filter, Shown
from console.api.findings import FindingShown
from console.api.operation import operation
from console.api.problem import Stopped

api_devices = Blueprint("api_devices", __name__, url_prefix="/api/v1/devices")


def register(app: Flask) -> None:
    app.register_blueprint(api_devices)


class DeviceShown(Shown):
    """A device as lists show it. Times say how old what it tells is; null: not known."""

    id: str = Field(examples=["0c7be3a9d4f15862"])
    url: str = ""
    host_name: str = Field(examples=["tul-clerk-014"])
    site: str | None
    room: str
    group: str = Field(description="That gets its tickets", examples=["desktop"])
    device_class: str = Field(examples=["av_host"])
    presence: str = Field(description="online, asleep, shut_down, silent or unknown", examples=["online"])
    worst_severity: str = Field(description="Of its open findings; empty: none is open")
    open_findings: int
    is_partly_unseen: bool = Field(
        False, description="A probe of it could not read: then no finding is not the whole truth"
    )
    patch_state: str = Field(description="compliant, missing or unknown", examples=["unknown"])
    patch_reason: str
    os_family: str
    os_name: str
    maker: str
    model: str
    system_serial: str
    asset_tag: str
    used_by: str = Field(description="As people said; the agent tells nobody's name")
    address: str
    agent_version: str
    enrolled_at: datetime
    seen_at: datetime | None = Field(description="Its last call of any kind")
    reported_at: datetime | None = Field(description="Its last live report: the age of what is said here")
    revoked_at: datetime | None


class ReadingShown(Shown):
    """One number, as it was at the probe's last good run."""

    probe: str
    metric: str = Field(description="Its unit is its last word", examples=["disk_life_used_ratio"])
    component: str
    label: str = Field(description="What people call the component")
    value: float | None = Field(description="null: not known")
    read_at: datetime | None


class ProbeShown(Shown):
    """How the newest run of a probe ended."""

    probe: str
    outcome: str = Field(examples=["ok"])
    reason: str
    received_at: datetime
    ok_at: datetime | None = Field(description="Its last good run: the age of its readings")


class SectionRow(Shown):
    name: str = Field(examples=["disks"])
    url: str
    items: int
    changed_at: datetime
    seen_at: datetime
    is_arriving: bool = Field(description="Newer items are announced and on their way")


class DeviceDetail(DeviceShown):
    """All that is known of a device now."""

    verdict: str = Field(
        description="healthy, partly seen, warning, critical, unknown or revoked; healthy is said only of what was read lately"
    )
    smbios_uuid: str
    wired_macs: list[str]
    boot_id: str
    presence_at: datetime | None
    uptime_seconds: float | None
    clock_skew_seconds: float | None = Field(description="The device's clock minus ours")
    unreadable_disks: int
    findings: list[FindingShown] = Field(description="Those that are open, the worst first")
    probes: list[ProbeShown]
    readings: list[ReadingShown]
    sections: list[SectionRow]


class SectionShown(Shown):
    """Facts by item. The unit of a fact is the last word of its name."""

    name: str
    url: str
    changed_at: datetime
    seen_at: datetime
    is_arriving: bool
    is_readable: bool = Field(description="False: what is stored of it cannot be unpacked")
    items: dict[str, dict[str, str]]


class DevicesAsked(listing.ListAsked):
    q: Filter = Field(
        "",
        description="Part of a name, site, room, model, serial, asset tag or address; how a part's serial begins",
    )
    site: Filter = ""
    presence: Literal["", "online", "asleep", "shut_down", "silent", "unknown"] = ""
    severity: Literal["", "critical", "warning", "none"] = ""
    patch: Literal["", "compliant", "missing", "unknown"] = ""
    group: Filter = ""
    newly: Literal["", "1"] = Field("", description="1: presence changed within a day")
    probe: Filter = Field("", description="This probe could not read")
    reason: Filter = Field("", description="… for this reason, word for word")
    revoked: Literal["", "1"] = Field("", description="1: the revoked ones instead of the others")
    sort: str = listing.order(devices.SORTS, "worst")


class DevicePage(listing.Page[DeviceShown]):
    """Devices in the order asked for."""


@api_devices.get("")
@operation(noun="Devices", answer=DevicePage, asked=DevicesAsked)
def every(asked: DevicesAsked) -> DevicePage:
    """The list of devices, searched and filtered as on its page."""
    return listing.page(
        DevicePage, devices.query, _row, sorts=devices.SORTS, default="worst", filters=devices.FILTERS, ids=Device.id,
        limit=asked.limit,
    )  # fmt: skip


def _row(row: Row[tuple[Device, bool]]) -> DeviceShown:
    shown = DeviceShown.model_validate(row.Device)
    shown.url, shown.is_partly_unseen = _url(row.Device), bool(row.blind)
    return shown


def _url(row: Device) -> str:
    return url_for("api_devices.one", device_id=row.id)


def found(session: Session, device_id: str) -> Device:
    row = session.get(Device, device_id)
    if row is None:
        raise Stopped(404, "No device has this id.")
    return row


@api_devices.get("/<id:device_id>")
@operation(noun="Devices", answer=DeviceDetail, is_one=True)
def one(device_id: str) -> DeviceDetail:
    """One device: facts, open findings, how its probes ended, its newest readings, and what sections it has sent."""
    session = db.session()
    row = found(session, device_id)
    findings = device_facts.worst_first(
        session.scalars(select(Finding).where(Finding.device_id == device_id, Finding.state != CLEARED))
    )
    results = session.scalars(
        select(ProbeResult).where(ProbeResult.device_id == device_id).order_by(ProbeResult.probe)
    ).all()
    stored = session.scalars(
        select(InventorySection)
        .where(InventorySection.device_id == device_id)
        .order_by(InventorySection.section)
    )
    verdict = device_facts.verdict(row, findings, results, guard.now())
    columns = {name: getattr(row, name) for name in DeviceDetail.model_fields if hasattr(row, name)}
    return DeviceDetail(
        **columns
        | {
            "url": _url(row),
            "is_partly_unseen": any(each.outcome != "ok" and not unseen.is_absent(row, each) for each in results),
            "verdict": verdict.mark.word,
            "findings": [FindingShown.of(finding) for finding in findings],
            "probes": results,
            "readings": [
                ReadingShown(
                    probe=each.probe, metric=each.metric, component=each.component, label=each.label, value=each.last,
                    read_at=each.ok_at,
                )
                for each in device_facts.readings(results)
            ],
            "sections": [
                SectionRow(
                    name=each.section, url=_section_url(device_id, each.section), items=each.items_count,
                    changed_at=each.changed_at, seen_at=each.seen_at, is_arriving=each.hash != each.announced_hash,
                )
                for each in stored
            ],
        }
    )  # fmt: skip


def _section_url(device_id: str, name: str) -> str:
    return url_for("api_devices.section", device_id=device_id, section=name)


@api_devices.get("/<id:device_id>/sections/<name:section>")
@operation(noun="Devices", answer=SectionShown, is_one=True)
def section(device_id: str, section: str) -> SectionShown:
    """One section of a device's inventory, whole."""
    session = db.session()
    found(session, device_id)
    stored = session.get(InventorySection, (device_id, section))
    if stored is None:
        raise Stopped(404, "This device has sent no such section.")
    whole = device_facts.section(stored)
    return SectionShown(
        name=whole.name, url=_section_url(device_id, whole.name), changed_at=whole.changed_at, seen_at=whole.seen_at,
        is_arriving=whole.arriving, is_readable=whole.readable, items=dict(whole.items),
    )  # fmt: skip
