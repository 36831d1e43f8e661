"""What belongs in a room beside what is there now; accepting it, with who and why."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.rooms import baseline, item
from collector.rooms.baseline import CHANGED, MISSING, NEW, NOT_KNOWN, SAME, Key, Row
from collector.rooms.look import probe_of
from collector.store.people import AuditEntry
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart
from console import database as db
from console import forms, guard, room_facts, words

room_baseline = Blueprint("room_baseline", __name__, url_prefix="/rooms/<place:site>/<place:name>/baseline")

# What needs a decision first.
_ORDER: Final = (MISSING, CHANGED, NEW, NOT_KNOWN, SAME)
_MOST_PAST: Final = 20
_MOST_LABELS: Final = 8


@dataclass(frozen=True, slots=True)
class Line:
    row: Row
    id: str  # of the row as it was seen: another content has another one
    what: str
    mark: words.Mark
    said: str
    changes: Sequence[tuple[str, str, str]]  # fact, accepted, now
    at: datetime | None

    @property
    def key(self) -> Key:
        return self.row.device_id, self.row.section, self.row.key

    @property
    def can_be_chosen(self) -> bool:
        """Of what nobody knows now only what was accepted can be taken off the list."""
        return bool(self.row.section) and (self.row.what != NOT_KNOWN or self.row.accepted is not None)


@dataclass(slots=True)
class Event:
    """Somebody accepted."""

    at: datetime
    who: str
    why: str = ""
    accepted: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def shown(self, labels: Sequence[str]) -> str:
        more = len(labels) - _MOST_LABELS
        return ", ".join(labels[:_MOST_LABELS]) + (f" and {more} more" if more > 0 else "")


def register(app: Flask) -> None:
    app.register_blueprint(room_baseline)


@room_baseline.get("")
def page(site: str, name: str) -> str:
    return _page(db.session(), site, name)


def _page(
    session: Session, site: str, name: str, problem: str = "", why: str = "", chosen: Sequence[str] = ()
) -> str:
    now = guard.now()
    found = room_facts.found(session, site, name)
    lines = _lines(session, site, name, now)
    return render_template(
        "room_baseline.html",
        room=found,
        zone=item.clock(found.time_zone, now).zone,
        at={"site": site, "name": name},
        lines=lines,
        counts={what: sum(line.row.what == what for line in lines) for what in _ORDER},
        several=len({line.row.device_id for line in lines}) > 1,
        accepted=any(line.row.accepted is not None for line in lines),
        doubts=list(dict.fromkeys(line.row.reason for line in lines if line.row.what == NOT_KNOWN)),
        past=_past(session, [device.id for device in found.devices]),
        problem=problem,
        why=why,
        chosen=set(chosen),
    )


def _lines(session: Session, site: str, name: str, now: datetime) -> list[Line]:
    rows = baseline.difference(session, site, name, now)
    probes = {probe_of(row.section) for row in rows if row.section}
    told = {
        (device_id, probe): at
        for device_id, probe, at in session.execute(
            select(ProbeResult.device_id, ProbeResult.probe, ProbeResult.ok_at).where(
                ProbeResult.device_id.in_({row.device_id for row in rows}), ProbeResult.probe.in_(probes)
            )
        )
    }
    lines = [
        Line(
            row=row, id=_id(row), what=words.PARTS.get(row.section, words.plain(row.section)),
            mark=words.DIFFERENCE[row.what], said=room_facts.said(row.section, row.facts_now or row.facts_before),
            changes=[(words.plain(n), room_facts.fact(n, a), room_facts.fact(n, b)) for n, (a, b) in row.changed.items()],
            at=told.get((row.device_id, probe_of(row.section))) if row.section else None,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(lines, key=lambda line: _ORDER.index(line.row.what))


def _id(row: Row) -> str:
    seen = [
        row.device_id,
        row.section,
        row.key,
        row.what,
        sorted(row.facts_now.items()),
        row.accepted and row.accepted.id,
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:20]


@room_baseline.post("")
def accept(site: str, name: str) -> Response | tuple[str, int]:
    """The whole of it, or the chosen rows; or these are no longer expected. What another person, or the room, has
    changed since the page was made is not accepted unseen."""
    session, now = db.session(), guard.now()
    room_facts.found(session, site, name)
    do, why = forms.text("do", 16), forms.text("why", 1000)
    ids, shown = request.form.getlist("row"), request.form.getlist("shown")
    mandatory = set(request.form.getlist("mandatory"))
    lines = {line.id: line for line in _lines(session, site, name, now)}
    try:
        chosen = _chosen(lines, do, ids, shown)
        told = _done(session, site, name, do, chosen, mandatory, why=why, now=now)
    except (forms.Mistake, decide.Refused) as problem:
        session.rollback()
        return _page(session, site, name, forms.sentence(problem), why, ids), 400
    session.commit()
    flash(told, "good")
    return redirect(url_for("room_baseline.page", site=site, name=name))


def _chosen(lines: dict[str, Line], do: str, ids: Sequence[str], shown: Sequence[str]) -> list[Line]:
    """Raises Mistake."""
    if do not in ("all", "chosen", "end"):
        raise forms.Mistake("press one of the buttons")
    if set(shown if do == "all" else ids) - lines.keys() or (do == "all" and lines.keys() - set(shown)):
        raise forms.Mistake("the room has changed since this page was made; look at the rows again")
    if do == "all":
        # What is not known stays as it was accepted; the page says which and why.
        found = [line for line in lines.values() if line.row.what != NOT_KNOWN]
        if not found:
            raise forms.Mistake("nothing fresh is known of this room, so there is nothing to accept")
        return found
    if not ids:
        raise forms.Mistake("tick the rows first")
    return [lines[id] for id in dict.fromkeys(ids)]


def _done(
    session: Session, site: str, name: str, do: str, chosen: Sequence[Line], mandatory: set[str], *, why: str, now: datetime
) -> str:  # fmt: skip
    """Raises Refused."""
    who = guard.person().name
    if do == "end":
        for line in chosen:
            device_id, section, key = line.key
            baseline.expect_no_more(session, device_id, section, key, who=who, why=why, now=now)
        return f"{words.plural(len(chosen), 'part')} no longer expected."
    optional = [line.key for line in chosen if line.id not in mandatory]
    done = baseline.accept(
        session, site, name, why=why, who=who, now=now, only=[line.key for line in chosen], optional=optional
    )
    for line in chosen:
        # `accept` keeps what was optional so; a tick says otherwise.
        if line.id in mandatory and not line.row.mandatory and line.row.what != MISSING:
            session.flush()
            baseline.set_mandatory(session, *line.key, True, who=who, why=why, now=now)
    return f"Accepted: {done.added} added, {done.changed} changed, {done.ended} no longer expected, {done.same} as before."


def _past(session: Session, devices: Sequence[str]) -> list[Event]:
    """Who accepted what, the newest first; of the devices that stand here now."""
    rows = session.scalars(
        select(BaselinePart)
        .where(BaselinePart.device_id.in_(devices))
        .order_by(BaselinePart.created_at.desc(), BaselinePart.section, BaselinePart.label)
        .limit(2000)
    ).all()
    events: dict[tuple[datetime, str], Event] = {}
    for row in rows:
        if row.created_at == row.ended_at:
            continue  # accepted and in the same breath made optional, or the other way round
        event = events.setdefault((row.created_at, row.who), Event(row.created_at, row.who, row.why))
        event.accepted.append(row.label or row.key)
    begun = {(row.device_id, row.section, row.key, row.created_at) for row in rows}
    for row in rows:
        if row.ended_at is None or (row.device_id, row.section, row.key, row.ended_at) in begun:
            continue
        event = events.setdefault((row.ended_at, row.ended_by), Event(row.ended_at, row.ended_by))
        event.gone.append(row.label or row.key)
    newest = sorted(events.values(), key=lambda event: event.at, reverse=True)[:_MOST_PAST]
    unsaid = {event.at: event for event in newest if not event.why}
    for entry in session.scalars(select(AuditEntry).where(AuditEntry.at.in_(unsaid))):
        event = unsaid[entry.at]
        if entry.who == event.who and entry.data:
            event.why = str(entry.data.get("why", ""))
    return newest
