"""Signed-in browsers. The cookie holds a random token, the database its sha256; deleting the row signs out."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, cast

from flask import current_app, g, request
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector.store.people import SignInSession, User
from console.config import Config
from console.database import session as database_session
from console.database import writing

# Writing the time of each click would make every reader a writer; idle time is exact to this.
SEEN_STEP: Final = timedelta(minutes=5)
_LONGEST_WHO: Final = 100  # of the columns that say who
_SHORTEST_TITLE: Final = 4  # fewer letters of a key's title say nothing


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, for this request."""

    name: str
    role: str
    token_hash: str
    key_title: str = ""  # of the API key that a program came with; empty: a browser

    @property
    def signs(self) -> str:
        """As history and the audit list write it: `ada`, and of a program `ada (weekly figures)`."""
        room = _LONGEST_WHO - len(self.name) - len(" ()")
        if not self.key_title or room < _SHORTEST_TITLE:
            return self.name
        return f"{self.name} ({self.key_title[:room]})"


def config() -> Config:
    return cast(Config, current_app.extensions["config"])


def cookie_name() -> str:
    # __Host- makes browsers refuse the cookie from a neighbouring host or a plain connection.
    return "__Host-tocsin" if is_secure() else "tocsin"


def is_secure() -> bool:
    return config().https or request.is_secure


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def begin(session: Session, *, user: str, address: str, now: datetime) -> str:
    """A new token, always: what the browser brought before sign-in is never promoted."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            token_hash=digest(token),
            user=user,
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(hours=config().session_hours),
            address=address,
        )
    )
    session.execute(delete(SignInSession).where(SignInSession.expires_at < now))
    return token


def begin_anew(session: Session, *, user: str, address: str, now: datetime) -> str:
    """The token of a new session; the one this browser had, whoever's it was, is over."""
    old = request.cookies.get(cookie_name())
    if old:
        session.execute(delete(SignInSession).where(SignInSession.token_hash == digest(old)))
    return begin(session, user=user, address=address, now=now)


def give(response: Response, token: str) -> None:
    response.set_cookie(
        cookie_name(),
        token,
        max_age=config().session_hours * 3600,
        httponly=True,
        samesite="Lax",
        secure=is_secure(),
        path="/",
    )


def take_back(response: Response) -> None:
    response.delete_cookie(cookie_name(), path="/", httponly=True, samesite="Lax", secure=is_secure())


def end_all(session: Session, user: str, *, but: str = "") -> None:
    session.execute(delete(SignInSession).where(SignInSession.user == user, SignInSession.token_hash != but))


def person(now: datetime) -> Person | None:
    """Who sent this request; None: nobody we know, or too long ago, or not allowed any more."""
    if "person" not in g:
        g.person = _find(now)
    return cast(Person | None, g.person)


def _find(now: datetime) -> Person | None:
    token = request.cookies.get(cookie_name(), "")
    if not token:
        return None
    row = (
        database_session()
        .execute(
            select(SignInSession.token_hash, SignInSession.seen_at, User.name, User.role)
            .join(User, User.name == SignInSession.user)
            .where(
                SignInSession.token_hash == digest(token),
                SignInSession.expires_at > now,
                SignInSession.seen_at > now - timedelta(hours=config().idle_hours),
                User.disabled_at.is_(None),
            )
        )
        .first()
    )
    if row is None:
        return None
    if row.seen_at < now - SEEN_STEP and request.method == "GET":
        _seen(row.token_hash, now)
    return Person(name=row.name, role=row.role, token_hash=row.token_hash)


def _seen(token_hash: str, now: datetime) -> None:
    try:
        with writing() as short:
            short.execute(
                update(SignInSession).where(SignInSession.token_hash == token_hash).values(seen_at=now)
            )
    except OperationalError:
        # A full disk or a busy writer must not take the pages away; the next click tries again.
        current_app.logger.warning("the time of a sign-in session's last use could not be written")
