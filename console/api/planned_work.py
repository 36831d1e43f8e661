"""Planned work: findings are recorded during it, and only what is still bad at its end gets a ticket."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Flask, url_for
from pydantic import Field
from sqlalchemy import Row, or_, select

from collector import decide
from collector.decisions import current
from collector.store.devices import Site
from collector.store.situations import Maintenance
from console import database as db
from console import guard, lists, rule_words, sessions
from console.api import etag, listing
from console.api.fields import Body, Filter, Id, Line, Moment, Said, Shown
from console.api.operation import operation, refusing
from console.api.problem import Stopped

api_planned_work = Blueprint("api_planned_work", __name__, url_prefix="/api/v1/planned-work")

_SORTS = {"starts": lists.Sort(Maintenance.starts_at, "From", descending_first=True)}


def register(app: Flask) -> None:
    app.register_blueprint(api_planned_work)


class WorkShown(Shown):
    id: str
    url: str = ""
    site: str = Field(description="Each empty one of site, room, device_id, rule: any")
    room: str
    device_id: str
    rule: str
    starts_at: datetime
    ends_at: datetime
    weekly: bool = Field(description="Again each week at the same local time")
    time_zone: str = Field(examples=["America/Chicago"])
    until_at: datetime | None = Field(description="Of weekly work: the last")
    begins_at: datetime | None = Field(None, description="Of the one that is under way or comes next")
    why: str
    who: str
    created_at: datetime
    ended_at: datetime | None = Field(description="Called off")


class NewWork(Body):
    site: Line = Field(
        "",
        description="Each empty one of site, room, device_id, rule: any",
        examples=["Tulsa County Courthouse"],
    )
    room: Line = ""
    device_id: Id | Literal[""] = ""
    rule: Line = ""
    starts_at: Moment
    ends_at: Moment
    weekly: bool = False
    time_zone: Line = Field(
        "", description="Of weekly work: whose wall clock it keeps to; empty: the site's, else the console's"
    )
    until_at: Moment | None = Field(None, description="Of weekly work: the last; null: no end")
    why: Said = Field(examples=["New switches in the basement."])


class WorkAsked(listing.ListAsked):
    site: Filter = ""
    device: Filter = Field("", description="Its id")
    state: Literal["alive", "any"] = Field(
        "alive", description="alive: under way or to come, and not called off"
    )
    sort: str = listing.order(_SORTS, "-starts")


class WorkPage(listing.Page[WorkShown]):
    """Planned work in the order asked for."""


@api_planned_work.get("")
@operation(noun="Planned work", answer=WorkPage, asked=WorkAsked)
def every(asked: WorkAsked) -> WorkPage:
    """Planned work that is under way or to come."""

    def query(_wish: lists.Wish) -> lists.Query:
        query = select(Maintenance)
        if asked.site:
            query = query.where(Maintenance.site == asked.site)
        if asked.device:
            query = query.where(Maintenance.device_id == asked.device)
        if asked.state == "any":
            return query
        last = or_(Maintenance.until_at.is_(None), Maintenance.until_at > guard.now())
        goes_on = or_(Maintenance.ends_at > guard.now(), Maintenance.weekly & last)
        return query.where(Maintenance.ended_at.is_(None), goes_on)

    return listing.page(
        WorkPage, query, _row, sorts=_SORTS, default="-starts", filters=("site", "device", "state"), ids=Maintenance.id,
        limit=asked.limit,
    )  # fmt: skip


def _row(row: Row[tuple[Maintenance]]) -> WorkShown:
    return _shown(row.Maintenance)


def _shown(row: Maintenance) -> WorkShown:
    shown = WorkShown.model_validate(row)
    shown.url = url_for("api_planned_work.one", work_id=row.id)
    shown.begins_at = current(row, guard.now())[0]
    return shown


@api_planned_work.get("/<id:work_id>")
@operation(noun="Planned work", answer=WorkShown, is_one=True)
def one(work_id: str) -> WorkShown:
    """One piece of planned work, also when it is over."""
    return _shown(_found(work_id))


def _found(work_id: str, *, held: bool = False) -> Maintenance:
    """`held`: nobody else changes it until this transaction ends."""
    row = db.session().get(Maintenance, work_id, with_for_update=held or None, populate_existing=held)
    if row is None:
        raise Stopped(404, "No planned work has this id.")
    return row


@api_planned_work.post("")
@operation(noun="Planned work", answer=WorkShown, body=NewWork, status=201, once=True)
def plan(body: NewWork) -> WorkShown:
    """Plan work on a site, a room, a device, for a rule, or on everything."""
    session = db.session()
    if body.rule and rule_words.of(body.rule) is None:
        raise Stopped(422, f"There is no rule {body.rule!r}.")
    if body.until_at is not None and not body.weekly:
        raise Stopped(422, "until_at belongs to weekly work; other work ends at ends_at.")
    site = session.get(Site, body.site) if body.site else None
    zone = body.time_zone or (site.time_zone if site else sessions.config().time_zone)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Stopped(422, f"There is no time zone {zone!r}.") from None
    with refusing(422):
        row = decide.plan(
            session, starts_at=body.starts_at, ends_at=body.ends_at, why=body.why.strip(), who=guard.person().signs,
            now=guard.now(), site=body.site, room=body.room, device_id=body.device_id, rule=body.rule, weekly=body.weekly,
            time_zone=zone, until_at=body.until_at,
        )  # fmt: skip
    session.flush()
    session.refresh(row)  # times as they are stored: in UTC
    return _shown(row)


@api_planned_work.post("/<id:work_id>/call-off")
@operation(noun="Planned work", answer=WorkShown, is_one=True, changes=True)
def call_off(work_id: str) -> WorkShown:
    """Call it off: what is bad now gets its ticket."""
    row = _found(work_id, held=True)
    etag.match(_shown(row))
    with refusing(409):
        decide.call_off(db.session(), work_id, who=guard.person().signs, now=guard.now())
    return _shown(row)
