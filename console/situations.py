"""One event behind many findings: a site that fell silent, a storm of tickets. Who looks after it, what is back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.store.devices import SILENT, Device
from collector.store.findings import CLEARED, Finding
from collector.store.situations import STORM, Situation
from console import audit, guard
from console import database as db

situations = Blueprint("situations", __name__, url_prefix="/situations")

_PAST: Final = timedelta(days=400)
_MOST_PAST: Final = 100
_MOST_DEVICES: Final = 300


@dataclass(frozen=True, slots=True)
class Shown:
    row: Situation
    devices: int  # that it is about; of a storm: findings that wait
    ended: str

    @property
    def is_storm(self) -> bool:
        return self.row.kind == STORM


def register(app: Flask) -> None:
    app.register_blueprint(situations)


def open_ones(session: Session) -> list[Shown]:
    """Two statements, however many there are."""
    rows = session.scalars(
        select(Situation).where(Situation.state == "open").order_by(Situation.opened_at.desc(), Situation.id)
    ).all()
    waiting = session.execute(
        select(Device.site, Finding.rule, func.count())
        .join(Device, Device.id == Finding.device_id)
        .where(Finding.suppressed == STORM, Finding.state != CLEARED)
        .group_by(Device.site, Finding.rule)
    ).all()
    held: Counter[str] = Counter()
    for site, rule, count in waiting:
        held[f"site {site}"] += count
        held[f"rule {rule}"] += count
    return [_shown(row, held) for row in rows]


def _shown(row: Situation, held: Counter[str]) -> Shown:
    count = held[row.scope] if row.kind == STORM else len(_ids(row))
    return Shown(row, count, str(row.data.get("ended", "")))


def _ids(row: Situation) -> list[str]:
    listed = row.data.get("devices", ())
    return [str(id) for id in listed] if isinstance(listed, list) else []


@situations.get("")
def page() -> str:
    session = db.session()
    return render_template(
        "situations.html", situations=open_ones(session), past=past_ones(session, guard.now())
    )


def past_ones(session: Session, now: datetime) -> list[Shown]:
    rows = session.scalars(
        select(Situation)
        .where(Situation.state != "open", Situation.opened_at > now - _PAST)
        .order_by(Situation.opened_at.desc(), Situation.id)
        .limit(_MOST_PAST)
    ).all()
    nothing: Counter[str] = Counter()
    return [_shown(row, nothing) for row in rows]


@situations.get("/<int(max=2147483647):number>")
def one(number: int) -> str:
    session = db.session()
    row = _found(session, number)
    if row.kind == STORM:
        waiting = _waiting(session, row)
        return render_template("situation.html", situation=row, waiting=waiting, most=_MOST_DEVICES)
    ids = _ids(row)
    silent = (
        session.scalar(select(func.count(Device.id)).where(Device.id.in_(ids), Device.presence == SILENT))
        or 0
    )
    devices = session.scalars(
        select(Device)
        .where(Device.id.in_(ids))
        .order_by(Device.presence != SILENT, Device.site, Device.room, Device.host_name, Device.id)
        .limit(_MOST_DEVICES)
    ).all()
    return render_template(
        "situation.html", situation=row, devices=devices, silent=silent, count=len(ids), most=_MOST_DEVICES
    )


def _found(session: Session, number: int) -> Situation:
    row = session.scalar(select(Situation).where(Situation.number == number).limit(1))
    if row is None:
        abort(404, "No situation has this number.")
    return row


def _waiting(session: Session, row: Situation) -> Sequence[tuple[Finding, Device]]:
    """The findings that this storm keeps from a ticket."""
    kind, _, name = row.scope.partition(" ")
    query = (
        select(Finding, Device)
        .join(Device, Device.id == Finding.device_id)
        .where(Finding.suppressed == STORM, Finding.state != CLEARED)
    )
    query = query.where(Device.site == name if kind == "site" else Finding.rule == name)
    found = session.execute(query.order_by(Finding.severity, Finding.opened_at).limit(_MOST_DEVICES)).all()
    return [(finding, device) for finding, device in found]


@situations.post("/<int(max=2147483647):number>/look-after")
def look_after(number: int) -> Response:
    """Says to the others that somebody is on it. The last one who says so has it."""
    session, now, who = db.session(), guard.now(), guard.person().name
    row = _found(session, number)
    taken = session.execute(
        update(Situation).where(Situation.id == row.id, Situation.state == "open").values(seen_by=who)
    ).rowcount  # type: ignore[attr-defined]
    if taken != 1:
        session.rollback()
        abort(409, "This situation is over: nobody needs to look after it any more.")
    audit.record(session, who=who, action="situation taken", subject=f"situation {number}", now=now)
    session.commit()
    flash("You look after it. The others can see that.", "good")
    return redirect(url_for("situations.one", number=number))
