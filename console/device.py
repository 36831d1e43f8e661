"""One device: is it healthy, what is wrong and since when; pictures, parts, patches, history; Refresh now."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import enrolment, merging
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.installation import Counter, RefreshRequest
from collector.store.inventory import InventoryChange, InventorySection
from collector.store.reports import GapSeen, ProbeResult
from collector.store.tickets import Ticket
from console import accepted, audit, device_facts, device_history, guard, lists, maintenance, place, unseen
from console import database as db

device = Blueprint("device", __name__, url_prefix="/devices/<id:device_id>")

_PAST: Final = timedelta(days=30)
_SHORT_SECTION: Final = 12  # items of a section shown on the device's own page
_REFRESH_COUNTS: Final = timedelta(minutes=2)  # an unanswered request younger than this is not asked twice


def register(app: Flask) -> None:
    app.register_blueprint(device)


def found(session: Session, device_id: str) -> Device:
    row = session.get(Device, device_id)
    if row is None:
        abort(404, "No device has this id.")
    return row


@device.get("")
def page(device_id: str) -> str:
    session, now = db.session(), guard.now()
    row = found(session, device_id)
    findings = session.scalars(
        select(Finding)
        .where(
            Finding.device_id == device_id,
            (Finding.state != CLEARED) | (Finding.cleared_at > now - _PAST),
        )
        .order_by(Finding.opened_at.desc())
        .limit(200)
    ).all()
    results = session.scalars(
        select(ProbeResult).where(ProbeResult.device_id == device_id).order_by(ProbeResult.probe)
    ).all()
    sections = session.scalars(select(InventorySection).where(InventorySection.device_id == device_id)).all()
    tickets = session.scalars(
        select(Ticket).where(Ticket.device_id == device_id).order_by(Ticket.opened_at.desc()).limit(20)
    ).all()
    changes = session.scalars(
        select(InventoryChange)
        .where(InventoryChange.device_id == device_id)
        .order_by(InventoryChange.at.desc(), InventoryChange.id)
        .limit(20)
    ).all()
    gaps = session.scalars(
        select(GapSeen).where(GapSeen.device_id == device_id).order_by(GapSeen.received_at.desc()).limit(5)
    ).all()
    open_findings = device_facts.worst_first(f for f in findings if f.state != CLEARED)
    readings = device_facts.readings(results)
    charts = device_history.charts(
        session,
        row,
        readings,
        span="24h",
        first=device_facts.metrics_of(open_findings),
        now=now,
        most=6,
    )
    return render_template(
        "device.html",
        device=row,
        verdict=device_facts.verdict(row, open_findings, results, now),
        findings=open_findings,
        cleared=[f for f in findings if f.state == CLEARED],
        results=sorted(results, key=lambda r: (r.outcome == "ok" or unseen.is_absent(row, r), r.probe)),
        readings=readings,
        labels=device_facts.labels(results),
        absent=unseen.is_absent,
        sections=device_facts.sections(sections, _SHORT_SECTION),
        tickets=tickets,
        changes=changes,
        gaps=gaps,
        charts=charts.pictures,
        charts_total=len(charts.pictures) + charts.left_out,
        refresh=_latest_refresh(session, device_id),
        accepted=accepted.of_device(session, device_id),
        planned=maintenance.on_device(session, row, now),
        places=place.choices(session, row),
        now_is=merging.heir(session, row),
        earlier=_earlier(session, row),
    )


def _earlier(session: Session, row: Device) -> list[tuple[Device, int]]:
    """The enrolments that live on as this one, with how many tickets each has."""
    found = merging.earlier(session, row.id)
    if not found:
        return []
    counts = {
        row[0]: int(row[1])
        for row in session.execute(
            select(Ticket.device_id, func.count())
            .where(Ticket.device_id.in_([one.id for one in found]))
            .group_by(Ticket.device_id)
        )
    }
    return [(one, counts.get(one.id, 0)) for one in found]


@device.get("/pictures")
def pictures(device_id: str) -> str:
    session = db.session()
    row = found(session, device_id)
    span = request.args.get("span", "24h")
    if span not in device_history.SPANS:
        span = "24h"
    results = session.scalars(select(ProbeResult).where(ProbeResult.device_id == device_id)).all()
    charts = device_history.charts(
        session, row, device_facts.readings(results), span=span, first=(), now=guard.now()
    )
    return render_template(
        "pictures.html", device=row, charts=charts, span=span, spans=list(device_history.SPANS)
    )


@device.get("/inventory/<name:section>")
def section(device_id: str, section: str) -> str:
    session = db.session()
    row = found(session, device_id)
    stored = session.get(InventorySection, (device_id, section))
    if stored is None:
        abort(404, "This device has sent no such section.")
    query = lists.argument("q")
    shown = device_facts.section(stored, query=query)
    return render_template("section.html", device=row, section=shown, q=query)


@device.get("/inventory/<name:section>.csv")
def section_csv(device_id: str, section: str) -> Response:
    stored = db.session().get(InventorySection, (device_id, section))
    if stored is None:
        abort(404, "This device has sent no such section.")
    whole = device_facts.section(stored)
    columns = [("key", lambda item: item[0])] + [
        (name, lambda item, name=name: item[1].get(name, "")) for name in whole.columns
    ]
    cells: lists.Cells[tuple[str, dict[str, str]]] = lists.Cells(columns)
    return lists.csv_response(f"tocsin-{device_id}-{section}.csv", cells, whole.items)


def _latest_refresh(session: Session, device_id: str) -> RefreshRequest | None:
    return session.scalar(
        select(RefreshRequest)
        .where(RefreshRequest.device_id == device_id)
        .order_by(RefreshRequest.asked_at.desc(), RefreshRequest.id)
        .limit(1)
    )


@device.post("/refresh")
def refresh(device_id: str) -> Response:
    """Asks for new data of everything. A second press while the first waits asks nothing new."""
    session, now, who = db.session(), guard.now(), guard.person()
    row = found(session, device_id)
    if row.revoked_at is not None:
        abort(409, "This device was revoked; it cannot be asked any more.")
    latest = _latest_refresh(session, device_id)
    if latest is None or latest.answered_at is not None or now - latest.asked_at > _REFRESH_COUNTS:
        number = session.scalar(
            update(Counter)
            .where(Counter.name == "refresh")
            .values(value=Counter.value + 1)
            .returning(Counter.value)
        )
        if number is None:
            number = 1
            session.add(Counter(name="refresh", value=number))
        session.add(
            RefreshRequest(
                id=uuid4().hex, device_id=device_id, number=number, asked_by=who.name, asked_at=now
            )
        )
        audit.record(session, who=who.name, action="refresh asked", subject=device_id, now=now)
    session.commit()
    return redirect(url_for("device.page", device_id=device_id) + "#refresh")


@device.get("/refresh/<id:request_id>")
def refresh_progress(device_id: str, request_id: str) -> str:
    """The piece of the device page that console.js asks for each second."""
    session = db.session()
    row = found(session, device_id)
    asked = session.get(RefreshRequest, request_id)
    if asked is None or asked.device_id != device_id:
        abort(404, "There is no such request.")
    return render_template("refresh.html", device=row, refresh=asked)


@device.post("/revoke")
def revoke(device_id: str) -> Response:
    session = db.session()
    row = found(session, device_id)
    if request.form.get("name", "").strip() != row.host_name and row.host_name:
        flash("The name did not match. The device was not revoked.", "bad")
        return redirect(url_for("device.page", device_id=device_id))
    enrolment.revoke_device(session, device_id, who=guard.person().name, now=guard.now())
    session.commit()
    flash("Revoked. Its next call is refused; to come back it must be enrolled again.", "good")
    return redirect(url_for("device.page", device_id=device_id))
