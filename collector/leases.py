"""Singletons by lease: of several collectors on one store, one does a named job at a time."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from collector.store.installation import Lease


def hold(session: Session, name: str, holder: str, now: datetime, span: timedelta) -> bool:
    """Take or keep the lease. False: somebody else has it."""
    claimed = session.execute(
        update(Lease)
        .where(Lease.name == name, or_(Lease.holder == holder, Lease.until_at < now))
        .values(holder=holder, until_at=now + span)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    if claimed == 1:
        return True
    if session.get(Lease, name) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(Lease(name=name, holder=holder, until_at=now + span))
    except IntegrityError:  # another collector started in the same moment
        return False
    return True


def leave(session: Session, name: str, holder: str, now: datetime) -> None:
    """Give it up before its time, so that another one need not wait."""
    session.execute(
        update(Lease)
        .where(Lease.name == name, Lease.holder == holder)
        .values(until_at=now - timedelta(seconds=1))
        .execution_options(synchronize_session=False)
    )
