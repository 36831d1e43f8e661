"""Bookings out of a calendar file that somebody hands in: what the command line reads, for who has no command line."""

from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from collector.problem import Problem
from collector.rooms import bookings as booking
from collector.store.devices import Site
from console import database as db
from console import forms, guard

bookings = Blueprint("bookings", __name__, url_prefix="/rooms")

BYTES: Final = 5_000_000  # a court's year is a few hundred kB
_TOLD: Final = 3  # entries that could not be taken, named one by one


def register(app: Flask) -> None:
    app.register_blueprint(bookings)


@bookings.url_value_preprocessor
def _may_be_large(_endpoint: str | None, _values: object) -> None:
    """Before anything reads the form, the check of its token included."""
    request.max_content_length = BYTES


@bookings.post("/bookings")
def take() -> Response:
    """A second reading of the same calendar changes what changed and cancels what has vanished."""
    session, now = db.session(), guard.now()
    try:
        site = session.get(Site, forms.line("site"))
        if site is None:
            raise forms.Mistake("choose the site whose rooms the calendar is about")
        file = request.files.get("file")
        if file is None or not file.filename:
            raise forms.Mistake("choose a calendar file (.ics)")
        entries, unread = booking.read(file.read(), ZoneInfo(site.time_zone), now)
        told = booking.take(
            session, entries, calendar=forms.line("calendar") or "bookings", site=site.name, room=forms.line("room") or None,
            who=guard.person().name, now=now, whole=not unread,
        )  # fmt: skip
    except Problem as problem:
        session.rollback()
        flash(f"Nothing was booked. {forms.sentence(problem)}", "bad")
        return redirect(url_for("rooms.page"))
    session.commit()
    flash(
        f"{told.added} booked, {told.changed} moved, {told.ended} cancelled, {told.unchanged} as before.",
        "good",
    )
    lost = unread + told.skipped
    if lost:
        more = f" And {len(lost) - _TOLD} more." if len(lost) > _TOLD else ""
        flash("Not taken: " + "; ".join(lost[:_TOLD]) + f".{more}", "bad")
    return redirect(url_for("rooms.page"))
