"""Devices that may be one machine twice: what speaks for it, what against, and an administrator's decision.

Enrolment marks a newcomer that resembles a known device and never takes over a device that is heard. If they are the
same machine, what people decided goes on with the new one (collector/merging.py); history stays with the device it
was told by, and the old one leads to the new one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased
from werkzeug.wrappers import Response

from collector import merging
from collector.decide import Refused
from collector.store.devices import Device
from collector.tickets.lifecycle import StaleVersion
from console import audit, forms, guard, lists, words
from console import database as db

duplicates = Blueprint("duplicates", __name__, url_prefix="/duplicates")

SAME, TWO = "same", "two"
_DECIDED: Final = "This pair has been decided on in the meantime."
_SHOWN: Final = 100
_HEARD: Final = timedelta(minutes=10)  # both of them within it: hardly one machine

_FACTS: Final[tuple[tuple[str, Callable[[Device], str]], ...]] = (
    ("System serial", lambda row: row.system_serial),
    ("System UUID", lambda row: row.smbios_uuid),
    ("Asset tag", lambda row: row.asset_tag),
    ("Wired MAC", lambda row: ", ".join(sorted(row.wired_macs or ()))),
    ("Name", lambda row: row.host_name),
    ("Maker", lambda row: row.maker),
    ("Model", lambda row: row.model),
    ("Site", lambda row: row.site or ""),
    ("Room", lambda row: row.room),
    ("Address", lambda row: row.address),
)

_PLACE: Final = {"site": "site", "room": "room", "group": "group", "device_class": "class"}
_COLUMNS: Final[lists.Columns[Any]] = (
    ("new_id", lambda row: row[0].id),
    ("new_name", lambda row: row[0].host_name),
    ("new_enrolled_at", lambda row: row[0].enrolled_at),
    ("new_seen_at", lambda row: row[0].seen_at),
    ("old_id", lambda row: row[1].id),
    ("old_name", lambda row: row[1].host_name),
    ("old_enrolled_at", lambda row: row[1].enrolled_at),
    ("old_seen_at", lambda row: row[1].seen_at),
    (
        "same",
        lambda row: ", ".join(name for name, get in _FACTS if get(row[0]) and get(row[0]) == get(row[1])),
    ),
)


@dataclass(frozen=True, slots=True)
class Pair:
    newer: Device  # the one that bears the mark
    older: Device
    same: list[tuple[str, str]]  # fact, value
    differs: list[tuple[str, str, str]]  # fact, of the newer, of the older; "" is not known
    both_heard: bool
    luggage: merging.Luggage


def register(app: Flask) -> None:
    app.register_blueprint(duplicates)
    app.add_url_rule("/duplicates.csv", "duplicates.csv", csv)


@duplicates.get("")
def page() -> str:
    session, now = db.session(), guard.now()
    pairs = _pairs()
    total = session.scalar(select(func.count()).select_from(pairs.with_only_columns(Device.id).subquery()))
    rows = [(newer, other) for newer, other in session.execute(pairs.limit(_SHOWN))]
    luggage = merging.look(session, [(other, newer) for newer, other in rows], now)
    shown = []
    for newer, other in rows:
        facts = [(name, get(newer), get(other)) for name, get in _FACTS]
        shown.append(
            Pair(
                newer=newer,
                older=other,
                same=[(name, one) for name, one, two in facts if one and one == two],
                differs=[(name, one, two) for name, one, two in facts if one != two],
                both_heard=all(
                    row.seen_at is not None and now - row.seen_at < _HEARD for row in (newer, other)
                ),
                luggage=luggage[other.id, newer.id],
            )
        )
    return render_template(
        "duplicates.html",
        pairs=shown,
        total=total or 0,
        carried=carried,
        ended=ended,
        merged=_merged(session),
    )


def _pairs() -> lists.Query:
    older = aliased(Device)
    return (
        select(Device, older)
        .join(older, older.id == Device.possible_duplicate_of)
        .where(Device.possible_duplicate_of != "", Device.revoked_at.is_(None))
        .order_by(Device.enrolled_at.desc(), Device.id)
    )


def _merged(session: Session) -> list[tuple[Device, Device]]:
    """(earlier enrolment, the one it lives on as), the latest first: to take a mistake back."""
    after = aliased(Device)
    rows = session.execute(
        select(Device, after)
        .join(after, after.id == Device.lives_on_as)
        .where(Device.lives_on_as > "")
        .order_by(Device.revoked_at.desc(), Device.id)
        .limit(_SHOWN)
    )
    return [(earlier, later) for earlier, later in rows]


def carried(luggage: merging.Luggage) -> list[str]:
    """What would go along, in numbers."""
    counted = (
        (luggage.overrides, "override", ""),
        (luggage.accepted, "accepted value", ""),
        (luggage.planned, "planned work", "planned works"),
        (luggage.parts, "accepted part of the room", "accepted parts of the room"),
    )
    said = [words.plural(len(rows), one, many) for rows, one, many in counted if rows]
    return said + [f"its {_PLACE[column]}, {text}" for column, text in luggage.place.items()]


def ended(luggage: merging.Luggage) -> list[str]:
    """What would end."""
    counted = (
        (luggage.tickets, "ticket is cancelled as a duplicate", "tickets are cancelled as duplicates"),
        (luggage.findings, "open finding ends", "open findings end"),
    )
    return [words.plural(len(rows), one, many) for rows, one, many in counted if rows]


def csv() -> Response:
    return lists.export("duplicates", _COLUMNS, db.session().execute(_pairs().limit(lists.CSV_ROWS)))


@duplicates.post("")
def decide() -> Response:
    session, now, who = db.session(), guard.now(), guard.person().name
    decision = forms.text("decision", 10)
    newer, older = (session.get(Device, forms.text(name, 64)) for name in ("device", "other"))
    if newer is None or older is None:
        abort(404, "No device has this id.")
    if decision not in (SAME, TWO):
        abort(400, "Choose whether they are the same machine.")
    if decision == SAME:
        return _merge(session, newer, older)
    # Claimed by changing: of two administrators who press at the same time one decides.
    marked = session.execute(
        update(Device)
        .where(Device.id == newer.id, Device.possible_duplicate_of == older.id)
        .values(possible_duplicate_of="")
    ).rowcount  # type: ignore[attr-defined]
    if marked != 1:
        abort(409, _DECIDED)
    audit.record(
        session, who=who, subject=newer.id, data={"other": older.id}, now=now, action="not the same machine"
    )
    session.commit()
    flash("They are two machines from now on.", "good")
    return redirect(url_for("duplicates.page"))


def _merge(session: Session, newer: Device, older: Device) -> Response:
    name = newer.host_name or newer.id[:12]
    if newer.possible_duplicate_of != older.id:
        abort(409, _DECIDED)
    try:
        luggage = merging.merge(session, older.id, newer.id, who=guard.person().name, now=guard.now())
    except (Refused, StaleVersion) as problem:
        session.rollback()
        abort(409, forms.sentence(problem))
    session.commit()
    went = carried(luggage)
    flash(
        f"Merged: the machine is {name} from now on. "
        + (f"Carried: {', '.join(went)}. " if went else "Nothing was there to be carried. ")
        + "The old one's next call is refused, and what it told stays with it.",
        "good",
    )
    return redirect(url_for("duplicates.page"))


@duplicates.post("/undo")
def undo() -> Response:
    """A merge was a mistake. What was carried stays, and the page says so."""
    session = db.session()
    older = session.get(Device, forms.text("device", 64))
    if older is None:
        abort(404, "No device has this id.")
    try:
        merging.undo(session, older.id, forms.text("other", 64), who=guard.person().name, now=guard.now())
    except Refused as problem:
        session.rollback()
        abort(409, forms.sentence(problem))
    session.commit()
    flash(
        "They are two devices again. What was carried stays with the new one: end there what does not belong to it. "
        "The old one is still revoked, and its cancelled tickets stay so.",
        "good",
    )
    return redirect(url_for("device.page", device_id=older.id))
