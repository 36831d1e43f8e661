"""Coverage: what we cannot see."""

from datetime import date, datetime
from typing import Any

from flask import Blueprint, Flask
from pydantic import Field

from console import coverage, guard
from console import database as db
from console.api.fields import Asked, Filter, Shown
from console.api.operation import operation

api_coverage = Blueprint("api_coverage", __name__, url_prefix="/api/v1/coverage")


def register(app: Flask) -> None:
    app.register_blueprint(api_coverage)


class UnreadProbe(Shown):
    """Devices on which one probe could not read, for one reason."""

    probe: str
    outcome: str
    reason: str
    devices: int
    newest_at: datetime | None


class UnreadDisk(Shown):
    device_id: str
    host_name: str
    site: str
    label: str
    serial: str
    read_at: datetime | None = Field(description="When its device told of its disks last")


class UnknownPatches(Shown):
    patch_reason: str
    devices: int


class Unheard(Shown):
    id: str
    host_name: str
    site: str | None
    room: str
    seen_at: datetime | None = Field(description="null: it never called after it was enrolled")


class SiteSeen(Shown):
    """How much of one site can be seen: numbers of devices."""

    site: str = Field(description="Empty: of devices at no site")
    devices: int
    blind: int = Field(description="On which a probe could not read")
    unread_disks: int = Field(description="With disks that do not tell their health")
    unknown_patches: int
    gone: int = Field(description="Not heard of for two weeks")


class WithoutAgent(Shown):
    system_serial: str
    contract: str
    ends_on: date = Field(description="The last day of its warranty")


class CoverageAsked(Asked):
    site: Filter = Field("", description="Of this site alone")


class CoverageShown(Shown):
    """What no finding can be trusted about."""

    sites: list[SiteSeen] = Field(description="All of them, that of which least can be seen first")
    without_agent: list[WithoutAgent] = Field(
        description="In the list of warranties and never enrolled; at most 200, and none where a site is asked for"
    )
    devices: int = Field(description="That are not revoked")
    devices_with_an_unread_probe: int
    probes: list[UnreadProbe] = Field(description="By number of devices; at most 200")
    more_probes: bool = Field(description="There are more than those")
    disks: list[UnreadDisk] = Field(description="That are there and do not tell their health; at most 200")
    patches: list[UnknownPatches] = Field(description="Devices of unknown patch state, by reason")
    unheard: list[Unheard] = Field(description="Devices not heard of for two weeks; at most 50")


@api_coverage.get("")
@operation(noun="Coverage", answer=CoverageShown, asked=CoverageAsked, is_one=True)
def page(asked: CoverageAsked) -> CoverageShown:
    """What Tocsin cannot see, over all devices or those of one site."""
    seen: dict[str, Any] = coverage.unseen_now(db.session(), guard.now(), asked.site)
    return CoverageShown(
        sites=[SiteSeen.model_validate(row) for row in seen["sites"]],
        without_agent=[WithoutAgent.model_validate(row) for row in seen["without_agent"]],
        devices=seen["devices"], devices_with_an_unread_probe=seen["blind"], more_probes=seen["more"],
        probes=[UnreadProbe.model_validate(row) for row in seen["groups"]],
        disks=[UnreadDisk.model_validate(row) for row in seen["disks"]],
        patches=[UnknownPatches.model_validate(row) for row in seen["patches"]],
        unheard=[Unheard.model_validate(row) for row in seen["gone"]],
    )  # fmt: skip
