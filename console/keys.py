"""API keys: programs' way in, in the name of whoever made them and never stronger. The secret is shown once.

A viewer may make one too: it reads what its maker may read and export anyway, and a wall display or a monthly sheet
needs no technician's key.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, literal, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.roles import ROLES
from collector.store import UTCDateTime
from collector.store.people import ApiKey, User
from console import access, audit, bearer, format, forms, guard, lists, sessions
from console import database as db

keys = Blueprint("keys", __name__)

USUAL: Final = timedelta(days=90)
LONGEST: Final = timedelta(days=366)
MOST: Final = 50  # in force at a time, of one person
_LONGEST_TITLE: Final = 60
FILTERS: Final = ("q", "state", "maker")
_NEVER: Final = literal(datetime(1970, 1, 1, tzinfo=UTC), UTCDateTime())
SORTS: Final = {
    "title": lists.Sort(func.lower(ApiKey.title, type_=ApiKey.title.type), "What it is for"),
    "maker": lists.Sort(ApiKey.user, "Made by"),
    "role": lists.Sort(ApiKey.role, "Role"),
    "ends": lists.Sort(ApiKey.expires_at, "Ends"),
    "used": lists.Sort(func.coalesce(ApiKey.seen_at, _NEVER, type_=UTCDateTime()), "Last used", descending_first=True),
}  # fmt: skip


def register(app: Flask) -> None:
    app.register_blueprint(keys)


def may_have(role: str) -> Sequence[str]:
    """The roles that a key of somebody in this role may have."""
    return ROLES[: ROLES.index(role) + 1]


def state(row: ApiKey, maker: User, now: datetime) -> str:
    """`in force`, or why it is not."""
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at <= now:
        return "ended"
    return "in force" if maker.disabled_at is None else "maker disabled"


def _wish() -> lists.Wish:
    return lists.wish(SORTS, default="ends", filters=FILTERS)


def _query(asked: lists.Wish) -> lists.Query:
    wanted, who, now = asked.filters, guard.person(), guard.now()
    query = select(ApiKey, User).join(User, User.name == ApiKey.user)
    if not access.allows(who.role, "people.page"):
        query = query.where(ApiKey.user == who.name)
    in_force = ApiKey.revoked_at.is_(None) & (ApiKey.expires_at > now)
    if wanted["state"] == "":
        query = query.where(in_force)
    elif wanted["state"] == "ended":
        query = query.where(~in_force)
    if wanted["maker"]:
        query = query.where(ApiKey.user == (who.name if wanted["maker"] == "me" else wanted["maker"]))
    if wanted["q"]:
        query = query.where(lists.contains(wanted["q"], ApiKey.title, ApiKey.user))
    return query


@keys.get("/keys")
def page() -> str:
    return _page(db.session())


def _page(session: Session, **more: Any) -> str:
    asked, who = _wish(), guard.person()
    day = guard.now().astimezone(sessions.config().zone).date()
    return render_template(
        "keys.html",
        listed=lists.page(session, _query(asked), asked, sorts=SORTS, ids=ApiKey.id),
        sorts=SORTS,
        path="/keys",
        state=state,
        lower=bearer.lower,
        choices=may_have(who.role),
        sees_all=access.allows(who.role, "people.page"),
        usual=day + USUAL,
        first=day,
        last=day + LONGEST - timedelta(days=1),
        longest=_LONGEST_TITLE,
        **{"typed": {}, "made": None, "secret": "", "problem": ""} | more,
    )


@keys.post("/keys")
def make() -> str | tuple[str, int]:
    """Answers with the page itself: the secret is shown once and must not wait in a cookie for a redirect."""
    session, now, who = db.session(), guard.now(), guard.person()
    typed = {name: forms.line(name) for name in ("title", "role", "until")}
    typed["title"] = typed["title"][:_LONGEST_TITLE]
    try:
        ends_at = _checked(session, typed, who, now)
    except forms.Mistake as problem:
        session.rollback()
        return _page(session, typed=typed, problem=forms.sentence(problem)), 400
    secret = bearer.new_secret()
    row = ApiKey(
        id=uuid4().hex, token_hash=sessions.digest(secret), title=typed["title"], user=who.name, role=typed["role"],
        created_at=now, expires_at=ends_at,
    )  # fmt: skip
    session.add(row)
    data = {"role": row.role, "ends": format.iso(ends_at)}
    audit.record(session, who=who.name, action="API key made", subject=row.title, data=data, now=now)
    session.commit()
    return _page(session, made=row, secret=secret)


def _checked(session: Session, typed: dict[str, str], who: sessions.Person, now: datetime) -> datetime:
    """When it ends. Raises Mistake."""
    if not typed["title"]:
        raise forms.Mistake("say what the key is for: whoever finds it in a year will ask")
    if typed["role"] not in may_have(who.role):
        raise forms.Mistake(f"choose a role that is yours or lower: {', '.join(may_have(who.role))}")
    ends_at = forms.end_of_day("until", "Until", sessions.config().zone)
    if ends_at is None:
        ends_at = now + USUAL
    if not now < ends_at <= now + LONGEST + timedelta(days=1):
        raise forms.Mistake("Until: a day from today on, at most a year away")
    in_force = session.scalar(
        select(func.count(ApiKey.id)).where(
            ApiKey.user == who.name, ApiKey.revoked_at.is_(None), ApiKey.expires_at > now
        )
    )
    if (in_force or 0) >= MOST:
        raise forms.Mistake(f"you have {MOST} keys in force: revoke those that nobody uses")
    return ends_at


@keys.post("/keys/<id:key_id>/revoke")
def revoke(key_id: str) -> Response:
    """One's own; an administrator those of everybody."""
    session, now, who = db.session(), guard.now(), guard.person()
    row = session.get(ApiKey, key_id)
    if row is None or not (row.user == who.name or access.allows(who.role, "people.page")):
        abort(404, "You have no such key.")
    taken = session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=who.name)
    ).rowcount  # type: ignore[attr-defined]
    if taken != 1:
        session.rollback()
        abort(409, "This key was revoked already.")
    audit.record(
        session,
        who=who.name,
        action="API key revoked",
        subject=row.title,
        data={"made by": row.user},
        now=now,
    )
    session.commit()
    flash("Revoked: its next call is refused.", "good")
    return redirect(url_for("keys.page"))


@keys.get("/keys.csv")
def csv() -> Response:
    asked, now = _wish(), guard.now()
    rows = db.session().execute(lists.everything(_query(asked), asked, sorts=SORTS, ids=ApiKey.id))
    cells: lists.Cells[Any] = lists.Cells(
        [
            ("title", lambda row: row.ApiKey.title),
            ("made_by", lambda row: row.ApiKey.user),
            ("role", lambda row: row.ApiKey.role),
            ("role_now", lambda row: bearer.lower(row.ApiKey.role, row.User.role)),
            ("state", lambda row: state(row.ApiKey, row.User, now)),
            ("created_at", lambda row: format.iso(row.ApiKey.created_at)),
            ("expires_at", lambda row: format.iso(row.ApiKey.expires_at)),
            ("seen_at", lambda row: format.iso(row.ApiKey.seen_at)),
            ("revoked_at", lambda row: format.iso(row.ApiKey.revoked_at)),
            ("revoked_by", lambda row: row.ApiKey.revoked_by),
        ]
    )
    return lists.csv_response("tocsin-api-keys.csv", cells, rows)
