"""Planned work: what is bad during it is recorded, and only what is still bad at its end becomes a ticket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.decisions import current, under_way, window_fits
from collector.store.devices import Device, Site
from collector.store.situations import Maintenance
from collector.tickets.explain import find_device
from collector.tickets.lifecycle import NotFound
from console import database as db
from console import forms, guard, lists, rule_words, sessions

maintenance = Blueprint("maintenance", __name__, url_prefix="/planned-work")

_PAST: Final = timedelta(days=90)
_MOST: Final = 300
_FIELDS: Final = ("site", "room", "device", "rule", "starts", "ends", "zone", "weekly", "until", "why")


@dataclass(frozen=True, slots=True)
class Shown:
    row: Maintenance
    begins: datetime  # of the occurrence that is under way or comes next
    ends: datetime
    zone: ZoneInfo
    device: Device | None


def register(app: Flask) -> None:
    app.register_blueprint(maintenance)


def on_device(session: Session, device: Device, now: datetime) -> list[Shown]:
    """Under way on this device now, for any rule."""
    rows = session.scalars(
        select(Maintenance).where(
            Maintenance.ended_at.is_(None), Maintenance.starts_at <= now,
            or_(Maintenance.weekly, Maintenance.ends_at > now),
            Maintenance.site.in_(("", device.site or "")), Maintenance.room.in_(("", device.room)),
            Maintenance.device_id.in_(("", device.id)),
        )
    )  # fmt: skip
    return [
        _shown(row, {}, now) for row in rows if window_fits(row, device, row.rule) and under_way(row, now)
    ]


def _shown(row: Maintenance, devices: Mapping[str, Device], now: datetime) -> Shown:
    begins, ends = current(row, now)
    return Shown(row, begins, ends, ZoneInfo(row.time_zone), devices.get(row.device_id))


@maintenance.get("")
def page() -> str:
    asked = {name: lists.argument(name) for name in ("site", "room", "device", "rule")}
    return _page(db.session(), asked)


def _page(session: Session, typed: Mapping[str, str], problem: str = "") -> str:
    now = guard.now()
    sites = session.scalars(select(Site).order_by(Site.name)).all()
    shown = listed(session, now)
    alive = [one for one in shown if one.row.ended_at is None and one.ends > now]
    gone = [one for one in shown if one not in alive]
    zones = sorted({site.time_zone for site in sites} | {sessions.config().time_zone, "UTC"})
    return render_template(
        "planned_work.html",
        now_on=sorted((one for one in alive if one.begins <= now), key=lambda one: one.ends),
        coming=sorted((one for one in alive if one.begins > now), key=lambda one: one.begins),
        past=gone[:50],
        sites=[site.name for site in sites],
        zones=zones,
        rules=sorted(rule.name for rule in rule_words.all_rules()),
        typed=typed,
        problem=problem,
    )


def listed(session: Session, now: datetime) -> list[Shown]:
    """Of the last three months and to come, the latest first."""
    rows = session.execute(
        select(Maintenance, Device)
        .outerjoin(Device, Device.id == Maintenance.device_id)
        .where(or_(Maintenance.ends_at > now - _PAST, Maintenance.weekly))
        .order_by(Maintenance.starts_at.desc(), Maintenance.id)
        .limit(_MOST)
    ).all()
    return [_shown(row, {device.id: device} if device else {}, now) for row, device in rows]


@maintenance.post("")
def plan() -> Response | tuple[str, int]:
    session = db.session()
    try:
        decide.plan(session, who=guard.person().name, now=guard.now(), **_planned(session))
    except (forms.Mistake, decide.Refused) as problem:
        session.rollback()
        typed = {name: forms.text(name) for name in _FIELDS}
        return _page(session, typed, forms.sentence(problem)), 400
    session.commit()
    flash(
        "Planned. During it findings are recorded; at its end only what is still bad gets a ticket.", "good"
    )
    return redirect(url_for("maintenance.page"))


def _planned(session: Session) -> dict[str, Any]:
    """The form's fields as `decide.plan` takes them. Raises Mistake."""
    site, rule, told = forms.line("site"), forms.line("rule"), forms.line("zone")
    if rule and rule_words.of(rule) is None:
        raise forms.Mistake(f"there is no rule {rule!r}")
    place = session.get(Site, site) if site else None
    name = told or (place.time_zone if place else sessions.config().time_zone)
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise forms.Mistake(f"there is no time zone {name!r}") from None
    weekly = request.form.get("weekly") == "1"
    return {
        "site": site,
        "room": forms.line("room"),
        "device_id": device_id(session, forms.line("device", 255)),
        "rule": rule,
        "starts_at": forms.moment("starts", "From", zone),
        "ends_at": forms.moment("ends", "To", zone),
        "weekly": weekly,
        "time_zone": name,
        "until_at": forms.end_of_day("until", "Until", zone) if weekly else None,
        "why": forms.text("why"),
    }


def device_id(session: Session, told: str) -> str:
    """By name or id; empty: no device. Raises Mistake."""
    if not told:
        return ""
    try:
        return find_device(session, told).id
    except NotFound as problem:
        raise forms.Mistake(str(problem)) from None


@maintenance.post("/<id:maintenance_id>/call-off")
def call_off(maintenance_id: str) -> Response:
    session = db.session()
    try:
        decide.call_off(session, maintenance_id, who=guard.person().name, now=guard.now())
    except decide.Refused as problem:
        session.rollback()
        flash(forms.sentence(problem), "bad")
        return redirect(url_for("maintenance.page"))
    session.commit()
    flash("Called off. What is bad now gets its ticket.", "good")
    return redirect(url_for("maintenance.page"))
