"""Findings: what is wrong now; and what was, of one device or one rule."""

from datetime import datetime
from typing import Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import select

from collector.store.devices import Device
from collector.store.findings import CLEARED, OPEN, Finding
from console import lists
from console.api import listing
from console.api.fields import Filter, Shown
from console.api.operation import operation
from console.api.problem import Stopped

api_findings = Blueprint("api_findings", __name__, url_prefix="/api/v1/findings")

_FILTERS = ("state", "severity", "rule", "site", "device", "suppressed")
_SORTS = {
    "opened": lists.Sort(Finding.opened_at, "Open since", descending_first=True),
    "rule": lists.Sort(Finding.rule, "Rule"),
    "device": lists.Sort(Device.host_name, "Device"),
}


def register(app: Flask) -> None:
    app.register_blueprint(api_findings)


class FindingShown(Shown):
    """A rule true for a device and component."""

    id: str
    device_id: str
    device_url: str = ""
    rule: str = Field(examples=["disk_pending_sectors"])
    component: str
    label: str = Field(description="What people call the component")
    state: str = Field(description="open or cleared", examples=["open"])
    severity: str = Field(examples=["critical"])
    summary: str
    value: float | None = Field(description="At opening; null: it has none")
    since_at: datetime = Field(description="The first bad observation")
    opened_at: datetime
    cleared_at: datetime | None
    cleared_reason: str
    stale_at: datetime | None = Field(
        description="Since when nothing fresh is known of it: that is no recovery"
    )
    intermittent: bool
    suppressed: str = Field(description="Why it has no ticket; empty: it has one, or waits for it")
    ticket_id: str

    @classmethod
    def of(cls, row: Finding) -> "FindingShown":
        shown = cls.model_validate(row)
        shown.device_url = url_for("api_devices.one", device_id=row.device_id)
        return shown


class FindingsAsked(listing.ListAsked):
    state: Literal["open", "cleared", "any"] = Field(
        "open", description="cleared and any: of one device or one rule"
    )
    severity: Literal["", "critical", "warning"] = ""
    rule: Filter = ""
    site: Filter = ""
    device: Filter = Field("", description="Its id")
    suppressed: Literal["", "1", "0"] = Field("", description="1: those without a ticket for a stated reason")
    sort: str = listing.order(_SORTS, "-opened")


class FindingPage(listing.Page[FindingShown]):
    """Findings in the order asked for."""


@api_findings.get("")
@operation(noun="Findings", answer=FindingPage, asked=FindingsAsked)
def every(asked: FindingsAsked) -> FindingPage:
    """Findings, those that are open unless the past is asked for."""
    if asked.state != OPEN and not (asked.device or asked.rule):
        # A year of a whole fleet is a million rows: the indexes go by device and by rule.
        raise Stopped(422, "Past findings are asked for by device or by rule.")
    return listing.page(
        FindingPage, lambda wish: _query(asked), lambda row: FindingShown.of(row.Finding), sorts=_SORTS, default="-opened",
        filters=_FILTERS, ids=Finding.id, limit=asked.limit,
    )  # fmt: skip


def _query(asked: FindingsAsked) -> lists.Query:
    query = select(Finding).join(Device, Device.id == Finding.device_id)
    if asked.state == OPEN:
        query = query.where(Finding.state != CLEARED)
    elif asked.state == CLEARED:
        query = query.where(Finding.state == CLEARED)
    for value, column in (
        (asked.severity, Finding.severity), (asked.rule, Finding.rule), (asked.site, Device.site),
        (asked.device, Finding.device_id),
    ):  # fmt: skip
        if value:
            query = query.where(column == value)
    if asked.suppressed:
        query = query.where(Finding.suppressed != "" if asked.suppressed == "1" else Finding.suppressed == "")
    return query
