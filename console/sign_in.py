"""Signing in and out."""

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from sqlalchemy import delete
from werkzeug.wrappers import Response

from collector.store.people import SignInSession, User
from console import audit, guard, health, lockout, passwords, sessions
from console import database as db

sign_in = Blueprint("sign_in", __name__)

_WRONG = "That name and password do not go together."
_LOCKED = "Too many failed attempts. Wait 15 minutes, then try again."


def register(app: Flask) -> None:
    app.register_blueprint(sign_in)


@sign_in.get("/sign-in")
def form() -> Response | str:
    if sessions.person(guard.now()) is not None:
        return redirect(guard.safe_next(request.args.get("next", "")))
    return door(request.args.get("next", ""))


@sign_in.post("/sign-in")
def submit() -> Response | tuple[str, int]:
    now = guard.now()
    name = request.form.get("name", "").strip()[:100].replace("\x00", "")
    password = request.form.get("password", "")
    address = request.remote_addr or ""
    wanted = request.form.get("next", "")
    # No transaction is open while the password is checked: that takes long on purpose.
    with db.writing() as counting:
        attempt_id = lockout.attempt(counting, name=name, address=address, now=now)
    if not attempt_id:
        health.count_failure("locked")
        return door(wanted, name=name, problem=_LOCKED), 429
    with db.reading() as looking:
        user = looking.get(User, name)
    known = user.password_hash if user is not None and user.disabled_at is None else None
    if not passwords.right(password, known) or user is None:
        health.count_failure("wrong")
        current_app.logger.warning("failed sign-in from %s", address)
        return door(wanted, name=name, problem=_WRONG), 401
    token = _begin(user, password, address, attempt_id)
    session.clear()  # a new CSRF token too
    response = redirect(guard.safe_next(wanted))
    sessions.give(response, token)
    return response


def _begin(user: User, password: str, address: str, attempt_id: str) -> str:
    now = guard.now()
    with db.writing() as write:
        lockout.forget(write, name=user.name, attempt_id=attempt_id)
        current = write.get(User, user.name)
        if current is not None and passwords.is_dated(current.password_hash):
            current.password_hash = passwords.hashed(password, name=user.name)
        audit.record(write, who=user.name, action="signed in", subject=address, now=now)
        return sessions.begin_anew(write, user=user.name, address=address, now=now)


@sign_in.post("/sign-out")
def sign_out() -> Response:
    who = guard.person()
    write = db.session()
    write.execute(delete(SignInSession).where(SignInSession.token_hash == who.token_hash))
    audit.record(write, who=who.name, action="signed out", now=guard.now())
    came_from_there = write.get_one(User, who.name).subject is not None
    write.commit()
    session.clear()
    response = redirect(url_for("sign_in.form", left=1) if came_from_there else url_for("sign_in.form"))
    sessions.take_back(response)
    return response


def door(wanted: str, *, name: str = "", problem: str = "") -> str:
    """The page to sign in on."""
    with db.reading() as looking:
        nobody_yet = looking.query(User.name).first() is None
    return render_template(
        "sign_in.html", next=wanted, name=name, problem=problem, nobody_yet=nobody_yet,
        provider=sessions.config().provider_title, left="left" in request.args,
    )  # fmt: skip
