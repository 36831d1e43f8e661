"""One room: is it ready, why not, what to bring; its parts, its bookings, and a look at it now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.rooms import asking, checks
from collector.rooms import room as rooming
from collector.rooms.room import RoomRow
from collector.spares import shelf
from collector.store.devices import Site
from collector.store.rooms import ReadinessCheck, Room
from console import brief_bring, forms, guard, hours, room_facts, room_history
from console import database as db
from console.brief_known import Spares

room = Blueprint("room", __name__, url_prefix="/rooms/<place:site>/<place:name>")

_LONGEST_NOTE: Final = 4000


def register(app: Flask) -> None:
    app.register_blueprint(room)


@room.get("")
def page(site: str, name: str) -> str:
    return _page(db.session(), site, name)


def _page(
    session: Session, site: str, name: str, typed: Mapping[str, str] | None = None, problem: str = ""
) -> str:
    now = guard.now()
    shown = room_facts.shown(session, site, name, now)
    own = session.get(Room, (site, name))
    spares = Spares(shelf.read(session)) if shown.verdict.bring else Spares()
    things = brief_bring.of_rooms([], [(name, shown.verdict.bring)], spares=spares, site=site, now=now)
    return render_template(
        "room.html",
        shown=shown,
        supplies=[thing for thing in things if thing.said],
        room=shown.room,
        at={"site": site, "name": name},
        history=room_history.of_room(session, site, name, now, shown.zone),
        check=_latest(session, site, name),
        answers=_answers(session, shown.room),
        own_hours=hours.summary(own.hours) if own else "",
        site_hours=hours.summary(session.get_one(Site, site).hours),
        typed=typed or _typed(own),
        problem=problem,
    )


def _typed(own: Room | None) -> dict[str, str]:
    """What the form's fields say of it now."""
    week = own.hours if own else {}
    typed = {f"hours_{day}": hours.said(week.get(str(day), ())) for day in range(7)}
    return typed | {"note": own.note if own else ""}


def _latest(session: Session, site: str, name: str) -> ReadinessCheck | None:
    """That somebody or the clock asked for last."""
    return session.scalar(
        select(ReadinessCheck)
        .where(ReadinessCheck.site == site, ReadinessCheck.room == name)
        .order_by(ReadinessCheck.asked_at.desc(), ReadinessCheck.id)
        .limit(1)
    )


@room.post("/check")
def check(site: str, name: str) -> Response:
    """Asks the room's hosts for fresh data. A second press while the first waits asks nothing new."""
    session, now = db.session(), guard.now()
    room_facts.found(session, site, name)
    checks.ask(session, site, name, who=guard.person().name, now=now)
    session.commit()
    return redirect(url_for("room.page", site=site, name=name) + "#check")


@room.get("/check/<id:check_id>")
def check_progress(site: str, name: str, check_id: str) -> str:
    """The piece of the room's page that console.js asks for each second."""
    session = db.session()
    asked = session.get(ReadinessCheck, check_id)
    if asked is None or (asked.site, asked.room) != (site, name):
        abort(404, "There is no such check.")
    row = room_facts.found(session, site, name)
    return render_template("room_check.html", check=asked, room=row, answers=_answers(session, row))


def _answers(session: Session, row: RoomRow) -> dict[str, datetime | None]:
    """Of each device that can be asked: since when all that it tells is fresh."""
    hosts = asking.hosts(session, row.devices)
    return dict.fromkeys(hosts) | asking.answered(session, hosts)


@room.post("")
def keep(site: str, name: str) -> Response | tuple[str, int]:
    """Its hours and its note."""
    session = db.session()
    room_facts.found(session, site, name)
    typed = {f"hours_{day}": forms.line(f"hours_{day}") for day in range(7)}
    typed["note"] = forms.text("note", _LONGEST_NOTE)
    try:
        week = hours.week({str(day): typed[f"hours_{day}"] for day in range(7)}, "Room in use")
        rooming.keep(
            session, site, name, hours=week, note=typed["note"], who=guard.person().name, now=guard.now()
        )
    except (forms.Mistake, decide.Refused) as problem:
        session.rollback()
        return _page(session, site, name, typed, forms.sentence(problem)), 400
    session.commit()
    flash("Saved.", "good")
    return redirect(url_for("room.page", site=site, name=name))
