"""Where a device stands: put into a room, or out of all rooms."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, flash, redirect, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.rooms import room
from collector.store.devices import Device, Site
from collector.store.rooms import Room
from console import database as db
from console import forms, guard

place = Blueprint("place", __name__, url_prefix="/devices/<id:device_id>")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form of a device's page offers, and whether the device stands in a room of ours."""

    sites: Sequence[str]
    rooms: Sequence[str]  # of its own site
    is_room: bool


def register(app: Flask) -> None:
    app.register_blueprint(place)


def choices(session: Session, device: Device) -> Choices:
    """Two statements."""
    sites = session.scalars(select(Site.name).order_by(Site.name)).all()
    serves = (Device.device_class == "av_host") | (Device.group == "av")
    rooms = session.scalars(
        select(Device.room)
        .where(Device.site == device.site, Device.room != "", Device.revoked_at.is_(None), serves)
        .union(select(Room.name).where(Room.site == device.site))
        .order_by("room")
        .limit(500)
    ).all()
    return Choices(sites, rooms, device.room in rooms)


@place.post("/place")
def move(device_id: str) -> Response:
    session, now = db.session(), guard.now()
    site, name = forms.line("site"), forms.line("room")
    try:
        row = room.place(
            session, device_id, site, name, forms.line("group") or None, who=guard.person().name, now=now
        )
    except decide.Refused as problem:
        session.rollback()
        flash(f"Nothing was changed. {forms.sentence(problem)}", "bad")
        return redirect(url_for("device.page", device_id=device_id) + "#place")
    session.commit()
    where = f"{row.room}, {row.site}" if row.room else f"no room, {row.site}" if row.site else "no room"
    flash(f"It stands in {where} now.", "good")
    return redirect(url_for("device.page", device_id=device_id) + "#place")
