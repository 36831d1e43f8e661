"""Enrolment tokens, each with the line that puts it to use."""

import re
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import enrolment as collector_enrolment
from collector.store.devices import Device, Site
from collector.store.enrolment import EnrolmentToken
from collector.store.installation import Fact
from console import audit, guard, install_lines, words
from console import database as db

enrolment = Blueprint("enrolment", __name__, url_prefix="/enrolment")

VALID: Final = {
    "1h": ("1 hour", timedelta(hours=1)),
    "1d": ("1 day", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
MOST_USES: Final = 5000
_SHOWN: Final = 200
# Pasted into a shell: nothing that a shell would act on may stand in it, wherever it came from.
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]{1,253}):\d{1,5}")


def register(app: Flask) -> None:
    app.register_blueprint(enrolment)


@enrolment.get("")
def page() -> str:
    return _page(db.session())


def _page(session: Session, **more: Any) -> str:
    now = guard.now()
    facts = {
        row.name: row.value
        for row in session.scalars(select(Fact).where(Fact.name.in_(("enrolment_address", "ca_fingerprint"))))
    }
    address = facts.get("enrolment_address", "")
    address = address if _ADDRESS.fullmatch(address) else ""
    tokens = session.scalars(
        select(EnrolmentToken).order_by(EnrolmentToken.created_at.desc(), EnrolmentToken.id).limit(_SHOWN)
    ).all()
    return render_template(
        "enrolment.html",
        tokens=tokens,
        usable=[t for t in tokens if t.revoked_at is None and t.expires_at > now and t.uses_left > 0],
        sites=session.scalars(select(Site.name).order_by(Site.name)).all(),
        groups=words.GROUPS,
        classes=words.CLASSES,
        valid=VALID,
        most=MOST_USES,
        devices=session.scalar(select(func.count(Device.id))),
        address=address,
        install_lines=install_lines.lines(address, more.get("secret", "")),
        fingerprint=facts.get("ca_fingerprint", ""),
        **more,
    )


@enrolment.post("/tokens")
def create() -> str | Response:
    """Answers with the page itself: the token's text is shown once and must not wait in a cookie for a redirect."""
    session, now, who = db.session(), guard.now(), guard.person()
    form = request.form
    uses, valid, group = form.get("uses", "").strip(), form.get("valid", ""), form.get("group", "")
    problem = ""
    if not (uses.isascii() and uses.isdecimal() and len(uses) < 6 and 1 <= int(uses) <= MOST_USES):
        problem = f"Uses must be a whole number from 1 to {MOST_USES}."
    elif valid not in VALID:
        problem = "Choose how long the token is valid."
    elif group not in words.GROUPS:
        problem = "Choose a group."
    elif form.get("device_class", "") not in words.CLASSES:
        problem = "Choose a kind of device."
    site, room = (
        _place(form.get("new_site", "")) or _place(form.get("site", "")),
        _place(form.get("room", "")),
    )
    if problem:
        flash(problem, "bad")
        return redirect(url_for("enrolment.page"))
    fingerprint = session.scalar(select(Fact.value).where(Fact.name == "ca_fingerprint")) or ""
    token, text = collector_enrolment.create_token(
        session, uses=int(uses), valid=VALID[valid][1], site=site or None, group=group, room=room,
        created_by=who.name, now=now, ca_fingerprint=fingerprint, device_class=form.get("device_class", ""),
    )  # fmt: skip
    session.commit()
    return _page(session, created=token, secret=text)


def _place(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()[:100]


@enrolment.post("/tokens/<id:token_id>/revoke")
def revoke(token_id: str) -> Response:
    session, now = db.session(), guard.now()
    collector_enrolment.revoke_token(session, token_id, now)
    audit.record(session, who=guard.person().name, action="token revoked", subject=token_id, now=now)
    session.commit()
    flash("Revoked: no further device can use that token. Devices it let in stay.", "good")
    return redirect(url_for("enrolment.page"))
