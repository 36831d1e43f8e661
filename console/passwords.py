"""Passwords: argon2id. Looking at an unknown name costs what looking at a known one does."""

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 1000  # what is hashed is bounded, or a long text is a cheap attack

_HASHER: Final = PasswordHasher()


class WeakPassword(ValueError):
    """Why not, in words."""


def hashed(password: str, *, name: str) -> str:
    """Raises WeakPassword."""
    if len(password) < SHORTEST:
        raise WeakPassword(f"A password needs at least {SHORTEST} characters; a sentence is a good one.")
    if len(password) > LONGEST:
        raise WeakPassword(f"A password has at most {LONGEST} characters.")
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        raise WeakPassword("That password is too easy to guess.")
    return _HASHER.hash(password)


def right(password: str, password_hash: str | None) -> bool:
    """False for an unknown name (None) and for who has no password (empty), after the same work."""
    try:
        _HASHER.verify(password_hash or _nobody(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)


def is_dated(password_hash: str) -> bool:
    """Made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
