"""Sites: their time zone, when people work there, when its computers should be up, and its holidays."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.store.devices import Device, Site
from collector.tickets.calendar import calendar_of
from console import audit, forms, guard, hours, lists, sessions
from console import database as db

sites = Blueprint("sites", __name__, url_prefix="/sites")

# Offered while typing; any other name of the IANA list does as well.
ZONES: Final = (
    "America/New_York", "America/Detroit", "America/Chicago", "America/Denver", "America/Phoenix",
    "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "America/Puerto_Rico", "Europe/London",
    "Europe/Berlin", "UTC",
)  # fmt: skip


def register(app: Flask) -> None:
    app.register_blueprint(sites)


@sites.get("")
def page() -> str:
    """All of them; with ?site=NAME the one to look at and change (names may hold any character)."""
    session, name = db.session(), request.args.get("site")
    if name is not None:
        row = _found(session, name)
        return _page(row, _typed(row))
    devices = (
        select(Device.site.label("site"), func.count().label("count"))
        .where(Device.revoked_at.is_(None))
        .group_by(Device.site)
        .subquery()
    )
    rows = session.execute(
        select(Site, devices.c.count).outerjoin(devices, devices.c.site == Site.name).order_by(Site.name)
    ).all()
    return render_template(
        "sites.html", rows=rows, summary=hours.summary, today=guard.now().astimezone(sessions.config().zone).date().isoformat()
    )  # fmt: skip


def _found(session: Session, name: str) -> Site:
    row = session.get(Site, name.replace("\x00", "")[: lists.LONGEST_FILTER])
    if row is None:
        abort(404, "There is no site of this name.")
    return row


def _typed(row: Site) -> dict[str, str]:
    """What the form's fields say of it now."""
    typed = {"time_zone": row.time_zone, "holidays": "\n".join(row.holidays)}
    for day in map(str, range(7)):
        typed[f"hours_{day}"] = hours.said(row.hours.get(day, ()))
        typed[f"expected_{day}"] = hours.said(row.expected_hours.get(day, ()))
    return typed


def _page(row: Site, typed: Mapping[str, str], problem: str = "") -> str:
    return render_template("site.html", site=row, typed=typed, problem=problem, zones=ZONES)


@sites.post("")
def save() -> Response | tuple[str, int]:
    session, now = db.session(), guard.now()
    row = _found(session, forms.text("site"))
    days = [f"{kind}_{day}" for kind in ("hours", "expected") for day in range(7)]
    typed = {name: forms.line(name) for name in ("time_zone", *days)}
    typed["holidays"] = forms.text("holidays", 40_000)
    try:
        wanted = _wanted(typed)
    except forms.Mistake as problem:
        session.rollback()
        return _page(row, typed, forms.sentence(problem)), 400
    before = {name: getattr(row, name) for name in wanted}
    different = {name: value for name, value in wanted.items() if value != before[name]}
    for name, value in different.items():
        setattr(row, name, value)
    if different:
        data = {name: _audited(name, value) for name, value in different.items()}
        audit.record(
            session, who=guard.person().name, action="site changed", subject=row.name, data=data, now=now
        )
        decide.changed(session)
    session.commit()
    flash(
        "Saved. The clocks of its open tickets follow at once." if different else "Nothing was different.",
        "good",
    )
    return redirect(url_for("sites.page"))


def _wanted(typed: Mapping[str, str]) -> dict[str, Any]:
    """Raises Mistake that names list, day and value."""
    weeks = {
        kind: hours.week({str(day): typed[f"{kind}_{day}"] for day in range(7)}, name)
        for kind, name in (("hours", "People work"), ("expected", "Computers are up"))
    }
    wanted: dict[str, Any] = {
        "time_zone": typed["time_zone"] or "UTC",
        "hours": weeks["hours"],
        "expected_hours": weeks["expected"],
        "holidays": hours.holidays(typed["holidays"]),
    }
    try:
        for week in (wanted["hours"], wanted["expected_hours"]):
            calendar_of(wanted["time_zone"], week, wanted["holidays"])
    except ValueError as error:  # the collector has the last word
        raise forms.Mistake(str(error)) from None
    return wanted


def _audited(name: str, value: Any) -> object:
    """Hundreds of holidays are no line of an audit list: their number is."""
    if name == "holidays":
        return len(value)
    return value if name == "time_zone" else hours.summary(value) or "at all times"
