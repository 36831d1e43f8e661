"""One ticket: findings, evidence, why it opened, what happened; and the legal moves, no others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.people import User
from collector.store.reports import ProbeResult
from collector.store.tickets import Evidence, Ticket, TicketEvent
from collector.tickets import lifecycle
from collector.tickets.explain import explain
from console import (
    accepted,
    audit,
    brief_bring,
    brief_known,
    clocks,
    device_facts,
    forms,
    guard,
    people,
    pictures,
    rule_words,
    sessions,
    words,
)
from console import database as db

ticket = Blueprint("ticket", __name__, url_prefix="/tickets/<int(max=2147483647):number>")

_PRIORITIES: Final = ("1", "2", "3", "4", "5")
_COMPUTED: Final = "computed"


@dataclass(frozen=True, slots=True)
class Series:
    metric: str
    picture: Markup
    limits: tuple[pictures.Limit, ...]


@dataclass(frozen=True, slots=True)
class Frozen:
    """Evidence as a page shows it."""

    row: Evidence
    clauses: list[dict[str, Any]]
    series: list[Series]
    facts: dict[str, str]


def register(app: Flask) -> None:
    app.register_blueprint(ticket)


def _found(session: Session, number: int) -> Ticket:
    row = session.scalar(select(Ticket).where(Ticket.number == number).order_by(Ticket.opened_at).limit(1))
    if row is None:
        abort(404, "No ticket has this number.")
    return row


def _shown(number: int) -> dict[str, Any]:
    session, now = db.session(), guard.now()
    row = _found(session, number)
    mine = {"device_id": row.device_id, "ticket_id": row.id}
    findings = session.scalars(select(Finding).filter_by(**mine)).all()
    events = session.scalars(
        select(TicketEvent).filter_by(**mine).order_by(TicketEvent.at, TicketEvent.id)
    ).all()
    evidence = session.scalars(select(Evidence).filter_by(**mine).order_by(Evidence.at)).all()
    results = session.scalars(select(ProbeResult).where(ProbeResult.device_id == row.device_id)).all()
    workers = session.scalars(
        select(User.name).where(User.disabled_at.is_(None), User.role != "viewer").order_by(User.name)
    ).all()
    before = session.get(Ticket, (row.device_id, row.recurrence_of)) if row.recurrence_of else None
    explanation = {
        entry["finding"]: entry for entry in explain(session, rule_words.all_rules(), row.device_id, row.id)
    }
    labels = device_facts.labels(results)
    known = (
        brief_known.read(session, Device.id == row.device_id)
        if any(f.texts.get("bring") for f in findings)
        else []
    )
    open_ones = device_facts.worst_first(f for f in findings if f.state != "cleared")
    return {
        "ticket": row,
        "device": session.get_one(Device, row.device_id),
        "findings": open_ones + [f for f in findings if f.state == "cleared"],
        "texts": {f.id: f.texts for f in findings},
        "supplies": brief_bring.of_findings(known[0], now) if known else {},
        "labels": labels,
        "current": {(r.metric, r.component): r for r in device_facts.readings(results)},
        "events": events,
        "evidence": {
            finding.id: [_frozen(row) for row in evidence if row.finding_id == finding.id]
            for finding in findings
        },
        "explanation": explanation,
        "recurrence": before,
        "legal": lifecycle.LEGAL.get(row.state, ()),
        "people": workers,
        "clocks": clocks.shown(session, row, events, now),
        "accepted": accepted.of_device(session, row.device_id),
        "tomorrow": (now + timedelta(days=1)).date().isoformat(),
    }


@ticket.get("")
def page(number: int) -> str:
    return render_template("ticket.html", **_shown(number))


@ticket.get("/evidence.html")
def evidence(number: int) -> Response:
    """The ticket as one file that needs nothing else: for a mail, a claim, a drawer."""
    style = (Path(current_app.static_folder or "") / "console.css").read_text(encoding="utf-8")
    body = render_template("evidence.html", style=Markup(style), **_shown(number))  # noqa: S704 - our own file
    return Response(
        body,
        mimetype="text/html",
        headers={"Content-Disposition": f'attachment; filename="ticket-{number}-evidence.html"'},
    )


def _frozen(row: Evidence) -> Frozen:
    body = row.body if isinstance(row.body, dict) else {}
    clauses = [clause for clause in body.get("clauses", []) if isinstance(clause, dict)]
    return Frozen(
        row=row,
        clauses=clauses,
        series=[
            _series(metric, points, clauses)
            for metric, points in sorted(body.get("series", {}).items())
            if points
        ],
        facts={str(name): str(text) for name, text in body.get("facts", {}).items()},
    )


def _series(metric: str, raw: list[list[Any]], clauses: list[dict[str, Any]]) -> Series:
    points = [
        pictures.Point(datetime.fromisoformat(str(at)), float(number))
        for at, number, *_ in raw
        if isinstance(number, int | float)
    ]
    since, until = points[0].at, max(points[-1].at, points[0].at + timedelta(minutes=5))
    limits = tuple(
        pictures.Limit(float(clause["limit"]), "limit of the rule at that time", "limit of the rule")
        for clause in clauses
        if clause.get("metric") == metric and isinstance(clause.get("limit"), int | float)
    ) or rule_words.limits(metric)
    picture = pictures.line(
        metric,
        points,
        since=since,
        until=until,
        zone=sessions.config().zone,
        limits=limits,
        title=words.metric(metric),
    )
    return Series(metric, picture, limits)


def _changed(
    number: int, action: str, change: Callable[[Session, Ticket], object]
) -> Response | tuple[str, int]:
    """Make the change and go back to the page, or say in words why not and what is possible."""
    session = db.session()
    row = _found(session, number)
    try:
        change(session, row)
    except lifecycle.IllegalMove as problem:
        session.rollback()
        return _refused(number, forms.sentence(problem), problem.legal)
    except lifecycle.StaleVersion:
        session.rollback()
        return _refused(
            number, "Somebody changed this ticket after you opened the page. Nothing was overwritten."
        )
    audit.record(session, who=guard.person().name, action=action, subject=f"ticket {number}", now=guard.now())
    session.commit()
    return redirect(url_for("ticket.page", number=number))


def _refused(number: int, detail: str, legal: tuple[str, ...] = ()) -> tuple[str, int]:
    body = render_template(
        "error.html",
        status=409,
        title="The ticket was not changed",
        advice="Look at the ticket as it is now, and decide again.",
        detail=detail,
        legal=[words.STATE[state].word for state in legal if state in words.STATE],
        back=url_for("ticket.page", number=number),
        back_words=f"Ticket {number}",
    )
    return body, 409


def _version() -> int:
    text = request.form.get("version", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        abort(400, "The form did not say which version of the ticket it was made from.")
    return int(text)


@ticket.post("/acknowledge")
def acknowledge(number: int) -> Response | tuple[str, int]:
    who = guard.person().name

    def change(session: Session, row: Ticket) -> object:
        return lifecycle.move(
            session,
            row.device_id,
            row.id,
            to="in_progress",
            who=who,
            assignee=who,
            version=_version(),
            now=guard.now(),
        )

    return _changed(number, "ticket acknowledged", change)


@ticket.post("/move")
def move(number: int) -> Response | tuple[str, int]:
    to = forms.text("to")
    if to == "cancelled":
        abort(403, "Cancelling is for a lead.")

    def change(session: Session, row: Ticket) -> object:
        assignee = forms.text("assignee")
        if to == "assigned" and not people.works_here(session, assignee):
            raise lifecycle.IllegalMove("a ticket is assigned to somebody who works here", ())
        return lifecycle.move(
            session, row.device_id, row.id, to=to, who=guard.person().name, version=_version(), now=guard.now(),
            note=forms.text("note"), reason=forms.text("reason") if to == "pending" else "", follow_up_at=_follow_up(),
            outcome=forms.text("outcome"), assignee=assignee if to == "assigned" else "",
            part_used=forms.line("part_used") if to in ("resolved", "closed") else "",
        )  # fmt: skip

    return _changed(number, f"ticket moved to {to}", change)


def _follow_up() -> datetime | None:
    text = forms.text("follow_up")
    if not text:
        return None
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        abort(400, "The day to follow up is not a date.")
    return datetime.combine(day, time(8, 0), tzinfo=sessions.config().zone)


@ticket.post("/cancel")
def cancel(number: int) -> Response | tuple[str, int]:
    def change(session: Session, row: Ticket) -> object:
        return lifecycle.move(
            session, row.device_id, row.id, to="cancelled", who=guard.person().name, version=_version(),
            now=guard.now(), reason=forms.text("reason"), note=forms.text("note"),
        )  # fmt: skip

    return _changed(number, "ticket cancelled", change)


@ticket.post("/priority")
def priority(number: int) -> Response | tuple[str, int]:
    """Another one than the machine's own, or its own again; who and why stay with the ticket."""
    told, why = forms.text("priority"), forms.text("why")
    if told not in (*_PRIORITIES, _COMPUTED):
        abort(400, "A priority is a number from 1 to 5.")
    if not why:
        flash("The priority stayed as it was: say why it should be another.", "bad")
        return redirect(url_for("ticket.page", number=number))

    def change(session: Session, row: Ticket) -> object:
        return lifecycle.set_priority(
            session, row.device_id, row.id, priority=None if told == _COMPUTED else int(told), why=why,
            who=guard.person().name, version=_version(), now=guard.now(),
        )  # fmt: skip

    return _changed(number, "ticket priority set", change)


@ticket.post("/note")
def note(number: int) -> Response | tuple[str, int]:
    text = forms.text("text")
    if not text:
        flash("An empty note was not saved.", "bad")
        return redirect(url_for("ticket.page", number=number))

    def change(session: Session, row: Ticket) -> object:
        lifecycle.note(session, row.device_id, row.id, who=guard.person().name, text=text, now=guard.now())
        return None

    return _changed(number, "note written", change)
