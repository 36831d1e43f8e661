"""The lock-out: kept in the database, so that it holds over several console processes.

An attempt is counted before the password is looked at: many at once cannot slip through between
the look and the count.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from collector.store.people import SignInFailure

WINDOW: Final = timedelta(minutes=15)
PER_NAME: Final = 5
PER_ADDRESS: Final = 20


def attempt(session: Session, *, name: str, address: str, now: datetime) -> str:
    """Counts an attempt and returns its id; empty: too many, do not look at the password."""
    since = now - WINDOW
    failed = func.count(SignInFailure.id)
    by_name = session.scalar(select(failed).where(SignInFailure.name == name, SignInFailure.at > since)) or 0
    by_address = (
        session.scalar(select(failed).where(SignInFailure.address == address, SignInFailure.at > since)) or 0
    )
    if by_name >= PER_NAME or by_address >= PER_ADDRESS:
        return ""
    attempt_id = uuid4().hex
    session.add(SignInFailure(id=attempt_id, name=name, address=address, at=now))
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - timedelta(days=1)))
    return attempt_id


def forget(session: Session, *, name: str, attempt_id: str) -> None:
    """After a right password: this attempt was none, and the name starts afresh."""
    session.execute(
        delete(SignInFailure).where((SignInFailure.id == attempt_id) | (SignInFailure.name == name))
    )
