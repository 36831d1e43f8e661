"""Users: adding, roles, passwords, disabling. The first administrator is made by command only."""

import re
from datetime import datetime
from typing import Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.roles import ROLES
from collector.store.people import SignInSession, User
from console import audit, guard, passwords, sessions
from console import database as db

people = Blueprint("people", __name__, url_prefix="/people")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")
# Names that pages use for what no person did.
_TAKEN: Final = ("tocsin", "enrolment", "none", "me", "any")
_LAST: Final = "This is the last administrator, or the last one with a password; make another one first."


class CannotAdd(ValueError):
    """Why not, in words."""


def register(app: Flask) -> None:
    app.register_blueprint(people)


def is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name.casefold() not in _TAKEN


def add_user(session: Session, *, name: str, role: str, password: str, now: datetime) -> User:
    """Raises CannotAdd and WeakPassword."""
    if not is_name(name):
        raise CannotAdd(
            "A name has letters, digits and . _ - @, begins with a letter or digit, and is not reserved."
        )
    if role not in ROLES:
        raise CannotAdd(f"A role is one of {', '.join(ROLES)}.")
    if session.scalar(select(User.name).where(func.lower(User.name) == name.lower())) is not None:
        raise CannotAdd(f"There is already a user {name}.")
    user = User(name=name, role=role, password_hash=passwords.hashed(password, name=name), created_at=now)
    session.add(user)
    return user


def disable_user(session: Session, user: User, now: datetime) -> None:
    """No further sign-in, and every browser of theirs is signed out."""
    user.disabled_at = now
    sessions.end_all(session, user.name)


def works_here(session: Session, name: str) -> bool:
    """A ticket may be given to them."""
    user = session.get(User, name)
    return user is not None and user.disabled_at is None and user.role != "viewer"


def is_last_admin(session: Session, user: User) -> bool:
    """Or the last one with a password: when the identity provider is away, somebody must still come in."""
    others = select(func.count(User.name)).where(
        User.role == "admin", User.disabled_at.is_(None), User.name != user.name
    )
    if user.password_hash:
        others = others.where(User.password_hash != "")
    return user.role == "admin" and user.disabled_at is None and not session.scalar(others)


@people.get("")
def page() -> str:
    session, now = db.session(), guard.now()
    browsers = (
        select(
            SignInSession.user.label("name"),
            func.count().label("count"),
            func.max(SignInSession.seen_at).label("seen_at"),
        )
        .where(SignInSession.expires_at > now)
        .group_by(SignInSession.user)
        .subquery()
    )
    rows = session.execute(
        select(User, browsers.c.count, browsers.c.seen_at)
        .outerjoin(browsers, browsers.c.name == User.name)
        .order_by(User.disabled_at.is_not(None), User.name)
    ).all()
    return render_template(
        "people.html", rows=rows, shortest=passwords.SHORTEST, provider=sessions.config().provider_title
    )


@people.post("")
def add() -> Response:
    session, now, form = db.session(), guard.now(), request.form
    try:
        user = add_user(
            session,
            name=form.get("name", "").strip(),
            role=form.get("role", ""),
            password=form.get("password", ""),
            now=now,
        )
    except ValueError as problem:
        flash(str(problem), "bad")
        return redirect(url_for("people.page"))
    _record(session, "user added", user)
    flash(f"{user.name} can sign in now. Let them change the password under their name.", "good")
    return _done(session)


def _found(session: Session, name: str) -> User:
    user = session.get(User, name)
    if user is None:
        abort(404, "There is no such user.")
    return user


def _record(session: Session, action: str, user: User) -> None:
    audit.record(
        session,
        who=guard.person().name,
        action=action,
        subject=user.name,
        data={"role": user.role},
        now=guard.now(),
    )


def _done(session: Session) -> Response:
    session.commit()
    return redirect(url_for("people.page"))


@people.post("/<name:name>/role")
def change_role(name: str) -> Response:
    session = db.session()
    user, role = _found(session, name), request.form.get("role", "")
    if role not in ROLES:
        abort(400, "There is no such role.")
    if user.subject is not None:
        abort(409, "This person's role comes from the identity provider, anew at each sign-in.")
    if role != "admin" and is_last_admin(session, user):
        abort(409, _LAST)
    user.role = role
    sessions.end_all(session, user.name, but=guard.person().token_hash)
    _record(session, "role changed", user)
    flash(f"{user.name} is {role} now.", "good")
    return _done(session)


@people.post("/<name:name>/password")
def set_password(name: str) -> Response:
    session = db.session()
    user = _found(session, name)
    if user.subject is not None:
        abort(409, "This person signs in by the identity provider and has no password here.")
    try:
        user.password_hash = passwords.hashed(request.form.get("password", ""), name=user.name)
    except passwords.WeakPassword as problem:
        session.rollback()
        flash(str(problem), "bad")
        return redirect(url_for("people.page"))
    sessions.end_all(session, user.name, but=guard.person().token_hash)
    _record(session, "password set", user)
    flash(f"{user.name} has a new password and was signed out everywhere.", "good")
    return _done(session)


@people.post("/<name:name>/disable")
def disable(name: str) -> Response:
    session = db.session()
    user = _found(session, name)
    if is_last_admin(session, user):
        abort(409, _LAST)
    disable_user(session, user, guard.now())
    _record(session, "user disabled", user)
    flash(f"{user.name} cannot sign in any more.", "good")
    return _done(session)


@people.post("/<name:name>/enable")
def enable(name: str) -> Response:
    session = db.session()
    user = _found(session, name)
    user.disabled_at = None
    _record(session, "user enabled", user)
    flash(f"{user.name} can sign in again.", "good")
    return _done(session)
