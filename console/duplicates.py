"""Devices that may be one machine twice: what speaks for it, what against, and an administrator's decision.

Enrolment marks a newcomer that resembles a known device and never takes over a device that is heard. Nothing is
merged here: history stays with the device it was told by. The old one can only be retired.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, select, update
from sqlalchemy.orm import aliased
from werkzeug.wrappers import Response

from collector import enrolment
from collector.store.devices import Device
from console import audit, forms, guard
from console import database as db

duplicates = Blueprint("duplicates", __name__, url_prefix="/duplicates")

SAME, TWO = "same", "two"
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


@dataclass(frozen=True, slots=True)
class Pair:
    newer: Device  # the one that bears the mark
    older: Device
    same: list[tuple[str, str]]  # fact, value
    differs: list[tuple[str, str, str]]  # fact, of the newer, of the older; "" is not known
    both_heard: bool


def register(app: Flask) -> None:
    app.register_blueprint(duplicates)


@duplicates.get("")
def page() -> str:
    session, now = db.session(), guard.now()
    older = aliased(Device)
    pairs = (
        select(Device, older)
        .join(older, older.id == Device.possible_duplicate_of)
        .where(Device.possible_duplicate_of != "", Device.revoked_at.is_(None))
    )
    total = session.scalar(select(func.count()).select_from(pairs.with_only_columns(Device.id).subquery()))
    rows = session.execute(pairs.order_by(Device.enrolled_at.desc(), Device.id).limit(_SHOWN)).all()
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
            )
        )
    return render_template("duplicates.html", pairs=shown, total=total or 0)


@duplicates.post("")
def decide() -> Response:
    session, now, who = db.session(), guard.now(), guard.person().name
    decision = forms.text("decision", 10)
    newer, older = (session.get(Device, forms.text(name, 64)) for name in ("device", "other"))
    if newer is None or older is None:
        abort(404, "No device has this id.")
    if decision not in (SAME, TWO):
        abort(400, "Choose whether they are the same machine.")
    # Claimed by changing: of two administrators who press at the same time one decides.
    marked = session.execute(
        update(Device)
        .where(Device.id == newer.id, Device.possible_duplicate_of == older.id)
        .values(possible_duplicate_of="")
    ).rowcount  # type: ignore[attr-defined]
    if marked != 1:
        abort(409, "This pair has been decided on in the meantime.")
    audit.record(
        session, who=who, subject=newer.id, data={"other": older.id}, now=now,
        action="same machine: old one retired" if decision == SAME else "not the same machine",
    )  # fmt: skip
    if decision == SAME and older.revoked_at is None:
        enrolment.revoke_device(session, older.id, who=who, now=now)
    session.commit()
    flash(
        "Retired: the old one's next call is refused. Its tickets and its history stay as they are."
        if decision == SAME
        else "They are two machines from now on.",
        "good",
    )
    return redirect(url_for("duplicates.page"))
