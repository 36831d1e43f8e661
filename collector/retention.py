"""What is kept how long, and the removing of the rest, in small bites that nobody waits for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, delete, select, tuple_
from sqlalchemy.orm import Session

from collector.store.devices import StateCheckpoint
from collector.store.installation import RefreshRequest
from collector.store.inventory import InventoryPart
from collector.store.people import AuditEntry, Creation, SignInFailure, SignInSession
from collector.store.reports import StoredReport
from collector.store.rooms import Booking, ReadinessCheck
from collector.store.tickets import OutboxRow

_BITE: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    model: Any
    column: str  # the time that decides
    keep: timedelta
    why: str


def table(report_days: int) -> tuple[Kept, ...]:
    """One row a table whose rows end. Findings, tickets, evidence and baselines are kept for ever."""
    return (
        Kept(
            model=StoredReport,
            column="received_at",
            keep=timedelta(days=report_days),
            why="pictures and replay",
        ),
        Kept(
            model=StateCheckpoint,
            column="at",
            keep=timedelta(days=report_days + 1),  # the one before the oldest report
            why="replay begins there",
        ),
        Kept(
            model=InventoryPart,
            column="received_at",
            keep=timedelta(days=2),
            why="sections that never completed",
        ),
        Kept(model=RefreshRequest, column="asked_at", keep=timedelta(days=7), why="shown with the device"),
        Kept(model=SignInFailure, column="at", keep=timedelta(days=7), why="lock-out looks back minutes"),
        Kept(
            model=Creation,
            column="created_at",
            keep=timedelta(hours=48),
            why="a creation that is sent again is answered again",
        ),
        Kept(model=SignInSession, column="expires_at", keep=timedelta(days=0), why="ended sessions"),
        # Also what could not be told: after so long it is no news any more.
        Kept(model=OutboxRow, column="created_at", keep=timedelta(days=90), why="what was told outside"),
        Kept(model=Booking, column="ends_at", keep=timedelta(days=400), why="use of a room, by year"),
        Kept(model=ReadinessCheck, column="asked_at", keep=timedelta(days=730), why="pass rate of a room"),
        Kept(model=AuditEntry, column="at", keep=timedelta(days=730), why="who did what"),
    )


def prune(engine: Engine, now: datetime, report_days: int) -> dict[str, int]:
    """Remove what is past its time. Returns rows removed by table; each bite is its own transaction."""
    removed: dict[str, int] = {}
    for row in table(report_days):
        total = 0
        while True:
            with Session(engine) as session, session.begin():
                count = _bite(session, row, now)
            total += count
            if count < _BITE:
                break
        removed[row.model.__tablename__] = total
    return removed


def _bite(session: Session, row: Kept, now: datetime) -> int:
    keys = list(row.model.__table__.primary_key.columns)
    old = select(*keys).where(row.model.__table__.c[row.column] < now - row.keep).limit(_BITE).subquery()
    statement = delete(row.model).where(tuple_(*keys).in_(select(*old.columns)))
    return int(session.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]
