"""Programs that sign in with an API key: who made it, and what it may do now.

A key is never stronger than the person who made it is at this moment: the lower of the two roles counts, and the keys
of somebody who is disabled are dead. Only the sha256 of a key is kept; it has 256 random bits, so nothing is gained by
guessing, and a wrong one costs one look into an index.
"""

import re
import secrets
from datetime import datetime
from typing import Final

from flask import current_app, request
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from collector.roles import ROLES
from collector.store.people import ApiKey, User
from console import database as db
from console.sessions import SEEN_STEP, Person, digest

PREFIX: Final = "tocsin_"  # so that scanners for leaked secrets can know it
_SHAPE: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{20,100}}", re.ASCII)


class Refused(Exception):
    """No key that counts came with the request; the text says why, and nothing about keys of others."""


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def lower(one: str, other: str) -> str:
    """Of two roles that which may do less. A name that is no role may do nothing."""
    if one not in ROLES or other not in ROLES:
        return ""
    return min(one, other, key=ROLES.index)


def person(now: datetime) -> Person:
    """Who sent this request, by its Authorization header alone. Raises Refused."""
    kind, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    if kind.casefold() != "bearer" or not secret:
        raise Refused("Send an API key: Authorization: Bearer tocsin_…")
    secret = secret.strip()
    if not _SHAPE.fullmatch(secret):
        raise Refused("That is no API key: one begins with tocsin_.")
    # A look of its own: a request that changes something would take the write lock before it is known.
    with db.reading() as short:
        found = short.execute(
            select(ApiKey, User.role, User.disabled_at)
            .join(User, User.name == ApiKey.user)
            .where(ApiKey.token_hash == digest(secret))
        ).first()
    if found is None:
        raise Refused("This API key is not known.")
    key, role, disabled_at = found
    if key.revoked_at is not None:
        raise Refused("This API key was revoked.")
    if key.expires_at <= now:
        raise Refused("This API key has expired: make another one.")
    if disabled_at is not None:
        raise Refused("Who made this API key cannot sign in any more.")
    if key.seen_at is None or key.seen_at < now - SEEN_STEP:
        _seen(key.id, now)
    return Person(name=key.user, role=lower(key.role, role), token_hash=key.token_hash, key_title=key.title)


def _seen(key_id: str, now: datetime) -> None:
    try:
        with db.writing() as short:
            short.execute(update(ApiKey).where(ApiKey.id == key_id).values(seen_at=now))
    except OperationalError:
        # A full disk or a busy writer must not take the answers away; the next call tries again.
        current_app.logger.warning("the time of an API key's last use could not be written")
