"""Values a person accepted as they are: Tocsin is silent about them until they get worse."""

from collections.abc import Sequence

from flask import Blueprint, Flask, flash, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.store.overrides import Acceptance
from console import database as db
from console import forms, guard

accepted = Blueprint("accepted", __name__, url_prefix="/devices/<id:device_id>")


def register(app: Flask) -> None:
    app.register_blueprint(accepted)


def of_device(session: Session, device_id: str) -> Sequence[Acceptance]:
    """Those in force."""
    return session.scalars(
        select(Acceptance)
        .where(Acceptance.device_id == device_id, Acceptance.ended_at.is_(None))
        .order_by(Acceptance.created_at.desc(), Acceptance.id)
    ).all()


@accepted.post("/findings/<id:finding_id>/accept")
def accept(device_id: str, finding_id: str) -> Response:
    session = db.session()
    try:
        decide.accept(
            session, device_id=device_id, finding_id=finding_id, why=forms.text("why"), who=guard.person().name,
            now=guard.now(),
        )  # fmt: skip
    except decide.Refused as problem:
        session.rollback()
        flash(f"Nothing was accepted. {forms.sentence(problem)}", "bad")
        return _back(device_id)
    session.commit()
    flash("Accepted as it is. Tocsin says nothing more of it until it gets worse.", "good")
    return _back(device_id)


@accepted.post("/accepted/<id:acceptance_id>/end")
def end(device_id: str, acceptance_id: str) -> Response:
    session = db.session()
    try:
        decide.end_acceptance(session, device_id, acceptance_id, who=guard.person().name, now=guard.now())
    except decide.Refused as problem:
        session.rollback()
        flash(forms.sentence(problem), "bad")
        return _back(device_id)
    session.commit()
    flash("No longer accepted: from the next report on the rule judges it as it judges others.", "good")
    return _back(device_id)


def _back(device_id: str) -> Response:
    """To the page the button was on: the ticket's or the device's."""
    return redirect(guard.safe_next(request.form.get("back") or f"/devices/{device_id}"))
