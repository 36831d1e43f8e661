"""One's own account: password, and where one is signed in."""

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import delete, select
from werkzeug.wrappers import Response

from collector.store.people import SignInSession, User
from console import audit, guard, passwords, sessions
from console import database as db

account = Blueprint("account", __name__)


def register(app: Flask) -> None:
    app.register_blueprint(account)


@account.get("/account")
def page() -> str:
    who = guard.person()
    rows = db.session().scalars(
        select(SignInSession)
        .where(SignInSession.user == who.name, SignInSession.expires_at > guard.now())
        .order_by(SignInSession.seen_at.desc())
    )
    provider = ""
    if db.session().get_one(User, who.name).subject is not None:
        provider = sessions.config().provider_title or "an identity provider"
    return render_template(
        "account.html", sessions=rows.all(), who=who, shortest=passwords.SHORTEST, provider=provider
    )


@account.post("/account/password")
def change_password() -> Response:
    who, now = guard.person(), guard.now()
    write = db.session()
    user = write.get_one(User, who.name)
    if user.subject is not None:
        abort(409, "You sign in by the identity provider: there is no password here.")
    old_hash = user.password_hash
    write.rollback()  # the check below takes long on purpose: no lock is held meanwhile
    if not passwords.right(request.form.get("current", ""), old_hash):
        flash("The current password is not right. Nothing was changed.", "bad")
        return redirect(url_for("account.page"))
    try:
        new_hash = passwords.hashed(request.form.get("new", ""), name=who.name)
    except passwords.WeakPassword as problem:
        flash(str(problem), "bad")
        return redirect(url_for("account.page"))
    user = write.get_one(User, who.name)
    user.password_hash = new_hash
    sessions.end_all(write, who.name, but=who.token_hash)
    audit.record(write, who=who.name, action="changed own password", now=now)
    write.commit()
    flash("Password changed. Other browsers were signed out.", "good")
    return redirect(url_for("account.page"))


@account.post("/account/sessions/<id:token_hash>/end")
def end_session(token_hash: str) -> Response:
    who = guard.person()
    write = db.session()
    write.execute(
        delete(SignInSession).where(SignInSession.token_hash == token_hash, SignInSession.user == who.name)
    )
    audit.record(write, who=who.name, action="ended a sign-in session", now=guard.now())
    write.commit()
    flash("That browser is signed out.", "good")
    return redirect(url_for("account.page"))
