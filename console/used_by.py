"""Who works at a device, said on its page."""

from flask import Blueprint, Flask, flash, redirect, url_for
from werkzeug.wrappers import Response

from collector import decide
from collector import used_by as people
from console import database as db
from console import forms, guard

used_by = Blueprint("used_by", __name__, url_prefix="/devices/<id:device_id>")


def register(app: Flask) -> None:
    app.register_blueprint(used_by)


@used_by.post("/used-by")
def tell(device_id: str) -> Response:
    session = db.session()
    try:
        change = people.tell(
            session,
            device_id,
            forms.line("used_by", people.LONGEST),
            who=guard.person().name,
            now=guard.now(),
        )
    except decide.Refused as problem:
        session.rollback()
        flash(f"Nothing was changed. {forms.sentence(problem)}", "bad")
    else:
        session.commit()
        flash(f"Used by {change.after} now." if change.after else "Used by nobody in particular now.", "good")
    return redirect(url_for("device.page", device_id=device_id) + "#used-by")
