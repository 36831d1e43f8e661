"""Rooms: is each ready, why not, what to bring; and asking its hosts for fresh data."""

import base64
import json
from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field

from collector.rooms import checks, known
from collector.rooms.item import Item
from collector.store.rooms import ReadinessCheck
from console import database as db
from console import guard, lists, room_facts, rooms
from console.api import listing
from console.api.fields import Filter, Shown
from console.api.operation import operation, refusing
from console.api.problem import Stopped

api_rooms = Blueprint("api_rooms", __name__, url_prefix="/api/v1/rooms")


def register(app: Flask) -> None:
    app.register_blueprint(api_rooms)


class BookingShown(Shown):
    starts_at: datetime
    ends_at: datetime


class RoomShown(Shown):
    """A room on the board."""

    site: str
    name: str
    url: str = Field(description="Names may hold any letter: take this address as it is")
    readiness: str = Field(
        description="ready, degraded, not_ready or unknown; what was not checked is never ready",
        examples=["not_ready"],
    )
    reason: str
    since: datetime | None = Field(description="null: not known")
    bring: list[str]
    booking: BookingShown | None = Field(description="Under way, else the next one within 14 days")
    not_ready_before_booking: bool
    hosts: int
    data_at: datetime | None = Field(
        description="Of that host which told least lately; null: one has never told anything"
    )


class ItemShown(Shown):
    """One thing that was looked at."""

    name: str = Field(examples=["projectors"])
    part: str
    result: str = Field(description="pass, warn, fail or not_checked", examples=["fail"])
    reason: str
    mandatory: bool
    bring: list[str]
    since: datetime | None


class RoomDetail(RoomShown):
    items: list[ItemShown]
    devices: list[str] = Field(description="Addresses of the hosts by which it is judged")
    note: str


class CheckShown(Shown):
    """One look at a room: asked for, then ended with a verdict."""

    id: str
    url: str = ""
    site: str
    room: str
    trigger: str = Field(examples=["asked"])
    who: str
    asked_at: datetime
    ended_at: datetime | None = Field(description="null: its hosts have not answered yet")
    verdict: str = Field(description="Empty until it has ended")
    reason: str
    bring: list[str]


class RoomsAsked(listing.ListAsked):
    q: Filter = Field("", description="Part of a site's or room's name")
    site: Filter = ""
    verdict: Literal["", "ready", "degraded", "not_ready", "unknown"] = ""
    risk: Literal["", "1"] = Field("", description="1: not ready, and booked")


class RoomPage(listing.Page[RoomShown]):
    """Rooms by site and name."""


@api_rooms.get("")
@operation(noun="Rooms", answer=RoomPage, asked=RoomsAsked)
def every(asked: RoomsAsked) -> RoomPage:
    """All rooms by site and name, each with its verdict."""
    wish = lists.wish(rooms.SORTS, default="room", filters=rooms.FILTERS)
    lines = rooms.wanted(rooms.board(db.session(), guard.now()), wish)
    places = sorted(lines, key=lambda line: (line.room.site, line.room.name))
    if asked.after:
        last = _place(asked.after)
        places = [line for line in places if (line.room.site, line.room.name) > last]
    some = places[: asked.limit]
    cursor = _cursor(some[-1]) if len(places) > len(some) else ""
    return RoomPage(
        items=[RoomShown(**_columns(line)) for line in some], total=len(lines), next=listing.following(cursor)
    )


def _cursor(line: rooms.Line) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps([line.room.site, line.room.name]).encode()).decode().rstrip("=")
    )


def _place(cursor: str) -> tuple[str, str]:
    try:
        site, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise listing.bad_cursor() from None
    if not (isinstance(site, str) and isinstance(name, str)):
        raise listing.bad_cursor()
    return site, name


def _columns(line: rooms.Line) -> dict[str, Any]:
    verdict, booking = line.verdict, line.booking
    return {
        "site": line.room.site, "name": line.room.name, "url": _url(line.room.site, line.room.name),
        "readiness": verdict.verdict, "reason": verdict.reason, "since": verdict.since, "bring": list(verdict.bring),
        "booking": BookingShown(starts_at=booking[0], ends_at=booking[1]) if booking else None,
        "not_ready_before_booking": line.is_at_risk, "hosts": line.hosts, "data_at": line.data_at,
    }  # fmt: skip


def _url(site: str, name: str) -> str:
    return url_for("api_rooms.one", site=site, name=name)


@api_rooms.get("/<place:site>/<place:name>")
@operation(noun="Rooms", answer=RoomDetail, is_one=True)
def one(site: str, name: str) -> RoomDetail:
    """One room: its verdict with everything that was looked at."""
    session, now = db.session(), guard.now()
    row = room_facts.found(session, site, name)
    room = known.read(session, [row], now)[site, name]
    line = rooms.line_of(room, now)
    return RoomDetail(
        **_columns(line)
        | {
            "items": [_item(each) for each in line.verdict.items],
            "devices": [url_for("api_devices.one", device_id=host.device.id) for host in room.devices],
            "note": row.note,
        }
    )


def _item(item: Item) -> ItemShown:
    return ItemShown(
        name=item.name, part=item.part, result=item.result, reason=item.reason, mandatory=item.mandatory,
        bring=list(item.bring), since=item.since,
    )  # fmt: skip


@api_rooms.post("/<place:site>/<place:name>/checks")
@operation(noun="Rooms", answer=CheckShown, status=201, once=True)
def ask(site: str, name: str) -> CheckShown:
    """Ask the room's hosts for fresh data. While one check waits, asking again answers the same one."""
    session = db.session()
    with refusing(404):
        row = checks.ask(session, site, name, who=guard.person().signs, now=guard.now())
    return _check(row)


@api_rooms.get("/<place:site>/<place:name>/checks/<id:check_id>")
@operation(noun="Rooms", answer=CheckShown, is_one=True)
def check(site: str, name: str, check_id: str) -> CheckShown:
    """How a check went; until it has ended, ask again."""
    row = db.session().get(ReadinessCheck, check_id)
    if row is None or (row.site, row.room) != (site, name):
        raise Stopped(404, "There is no such check.")
    return _check(row)


def _check(row: ReadinessCheck) -> CheckShown:
    shown = CheckShown.model_validate(row)
    shown.url = url_for("api_rooms.check", site=row.site, name=row.room, check_id=row.id)
    return shown
