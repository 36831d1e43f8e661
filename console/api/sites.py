"""Sites: their time zone, when people work there, when its computers should be up, and its holidays."""

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import Row, func, select

from collector.store.devices import Device, Site
from console import database as db
from console import lists
from console.api import listing
from console.api.fields import Shown
from console.api.operation import operation
from console.api.problem import Stopped

api_sites = Blueprint("api_sites", __name__, url_prefix="/api/v1/sites")

_SORTS = {"name": lists.Sort(Site.name, "Name")}
_WEEK = 'Weekday ("0" is Monday) to spans of its local time: {"0": [["08:00", "17:00"]]}; empty: at all times'


def register(app: Flask) -> None:
    app.register_blueprint(api_sites)


class SiteShown(Shown):
    name: str = Field(examples=["Tulsa County Courthouse"])
    url: str = ""
    time_zone: str = Field(examples=["America/Chicago"])
    hours: dict[str, list[list[str]]] = Field(description=f"When people work. {_WEEK}")
    expected_hours: dict[str, list[list[str]]] = Field(description=f"When desktops are up. {_WEEK}")
    holidays: list[str] = Field(examples=[["2026-12-25"]])
    devices: int = Field(0, description="Those that are not revoked")


class SitesAsked(listing.ListAsked):
    sort: str = listing.order(_SORTS, "name")


class SitePage(listing.Page[SiteShown]):
    """Sites by name."""


def _query(_wish: lists.Wish | None = None) -> lists.Query:
    devices = (
        select(Device.site.label("site"), func.count().label("count"))
        .where(Device.revoked_at.is_(None))
        .group_by(Device.site)
        .subquery()
    )
    return select(Site, devices.c.count.label("devices")).outerjoin(devices, devices.c.site == Site.name)


@api_sites.get("")
@operation(noun="Sites", answer=SitePage, asked=SitesAsked)
def every(asked: SitesAsked) -> SitePage:
    """All sites by name."""
    return listing.page(
        SitePage, _query, _row, sorts=_SORTS, default="name", filters=(), ids=Site.name, limit=asked.limit
    )


def _row(row: Row[tuple[Site, int | None]]) -> SiteShown:
    shown = SiteShown.model_validate(row.Site)
    shown.url, shown.devices = url_for("api_sites.one", site=row.Site.name), row.devices or 0
    return shown


@api_sites.get("/<place:site>")
@operation(noun="Sites", answer=SiteShown, is_one=True)
def one(site: str) -> SiteShown:
    """One site."""
    row = db.session().execute(_query().where(Site.name == site)).first()
    if row is None:
        raise Stopped(404, "There is no site of this name.")
    return _row(row)
