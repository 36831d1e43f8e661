"""Labels to stick on devices: a code that a telephone reads, and the short address it leads to.

The address holds the beginning of the device's id, which is random: whoever reads a label without signing in learns
nothing from it that is not printed beside it.
"""

from typing import Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response

from collector import merging
from collector.store.devices import Device
from console import database as db
from console import devices, lists
from console.room_sheet import code

labels = Blueprint("labels", __name__)

PER_SHEET: Final = 24
SHEETS: Final = 10  # on one page
PAPERS: Final = {"letter": "Letter", "a4": "A4"}
# 48 random bits: among 20,000 devices two would share them once in a million installations.
SHORT: Final = 12
_HEX: Final = frozenset("0123456789abcdef")


def register(app: Flask) -> None:
    app.register_blueprint(labels)


def short(device_id: str) -> str:
    return device_id[:SHORT]


@labels.get("/devices/labels")
def page() -> str:
    """Of the devices that the list of the same filters shows, in its order; 24 a sheet."""
    asked = devices.wish()
    paper = request.args.get("paper", "")
    listed = lists.page(
        db.session(), devices.query(asked), asked, sorts=devices.SORTS, ids=Device.id, size=PER_SHEET * SHEETS
    )
    made = [(row.Device, _code(row.Device)) for row in listed.rows]
    return render_template(
        "labels.html",
        listed=listed,
        sheets=[made[begin : begin + PER_SHEET] for begin in range(0, len(made), PER_SHEET)],
        short=short,
        papers=PAPERS,
        paper=paper if paper in PAPERS else next(iter(PAPERS)),
    )


def _code(device: Device) -> Markup:
    return code(url_for("labels.follow", label=short(device.id), _external=True))


@labels.get("/d/<id:label>")
def follow(label: str) -> Response:
    """To the device that the machine is now. Should two ever share a label, the list shows both."""
    if len(label) < SHORT or not _HEX.issuperset(label):
        abort(404, "No device has this label.")
    # "g" sorts behind every digit of an id.
    session = db.session()
    ids = session.scalars(select(Device.id).where(Device.id >= label, Device.id < f"{label}g").limit(2)).all()
    if not ids:
        abort(404, "No device has this label.")
    if len(ids) > 1:
        return redirect(url_for("devices.page", q=label))
    labelled = session.get_one(Device, ids[0])
    now_is = merging.heir(session, labelled)
    if now_is is not labelled:
        flash(
            f"This label is of an earlier enrolment, {labelled.host_name or short(labelled.id)}. "
            "The machine was enrolled again; this is what it is now. Its label can be printed anew.",
            "unknown",
        )
    return redirect(url_for("device.page", device_id=now_is.id))
