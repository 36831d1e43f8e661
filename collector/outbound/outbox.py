"""The rows of the outbox: which are due, claiming one, and what became of it.

A row is claimed by changing it, in a transaction of its own that is over before the network is asked. Whoever
dies with a claim leaves a row that is due again when the claim runs out.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from collector.outbound import news
from collector.outbound.adapter import Change, How
from collector.problem import Problem
from collector.store.installation import Lease
from collector.store.situations import Situation
from collector.store.tickets import DROPPED, FAILED, SENT, UNWANTED, WAITING, OutboxRow, Ticket

LEASE: Final = "outbox"
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
# What one change was put off for so long is no news any more: it becomes a dead letter. A receiver that is
# away as a whole makes no dead letters.
GIVEN_UP_AFTER: Final = timedelta(days=5)
UNSURE_TRIES: Final = 5  # each may have been one more copy
UNWANTED_AFTER: Final = timedelta(minutes=10)
_ROUND: Final = 50


def due(session: Session, now: datetime) -> list[str]:
    """Rows to be sent, the oldest first; of each key only the first that waits, so that none overtakes another.

    What was tried often comes last: a change on which the other side hangs up must not stand in everybody's way.
    """
    row, earlier = OutboxRow, aliased(OutboxRow)
    before = exists().where(
        earlier.key == row.key, earlier.state == WAITING,
        or_(earlier.seq < row.seq, and_(earlier.seq == row.seq, earlier.id < row.id)),
    )  # fmt: skip
    return list(
        session.scalars(
            select(row.id)
            .where(row.state == WAITING, or_(row.next_at.is_(None), row.next_at <= now), ~before)
            .order_by(row.attempts, row.created_at, row.id)
            .limit(_ROUND)
        )
    )


def claim(session: Session, row_id: str, now: datetime, span: timedelta) -> Change | None:
    """Take the row for `span`. None: somebody else has it, or had it."""
    row = session.get(OutboxRow, row_id, populate_existing=True)
    if row is None:
        return None
    claimed = session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.id == row_id, OutboxRow.state == WAITING, OutboxRow.attempts == row.attempts,
            or_(OutboxRow.next_at.is_(None), OutboxRow.next_at <= now),
        )
        .values(attempts=row.attempts + 1, next_at=now + span, error="")
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]  # fmt: skip
    return _change(row) if claimed == 1 else None


def _change(row: OutboxRow) -> Change:
    body = row.body
    return Change(
        id=row.id, key=row.key, verb=row.verb, at=row.created_at, number=int(body["number"]), title=str(body["title"]),
        state=str(body["state"]), severity=str(body["severity"]), priority=int(body["priority"]),
        text=str(body["text"]), proof=str(body.get("proof", "")), told=str(body.get("told", "")),
        attempts=row.attempts, unsure=row.unsure, kind=str(body.get("kind", news.TICKET)),
    )  # fmt: skip


def told_before(session: Session, key: str) -> bool:
    """Whether the other side has heard of this ticket."""
    return (
        session.scalar(select(OutboxRow.id).where(OutboxRow.key == key, OutboxRow.state == SENT).limit(1))
        is not None
    )


def sent(session: Session, row_id: str, remote: str, now: datetime, remark: str = "") -> None:
    """It is there, whoever has the row by now."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row_id, OutboxRow.state == WAITING)
        .values(state=SENT, sent_at=now, next_at=None, remote=remote[:255], error=remark)
        .execution_options(synchronize_session=False)
    )


def not_sent(session: Session, change: Change, how: How, text: str, now: datetime) -> str:
    """Put it off, or make it a dead letter. Returns its state. Only while the claim is still ours."""
    tried, unsure = change.attempts + 1, change.unsure + (how == "unsure")
    state = FAILED if is_final(how, unsure, change.at, now) else WAITING
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == change.id, OutboxRow.state == WAITING, OutboxRow.attempts == tried)
        .values(
            state=state,
            next_at=None if state == FAILED else now + pause(tried),
            error=text or how,
            unsure=unsure,
        )
        .execution_options(synchronize_session=False)
    )
    return state


def is_final(how: How, unsure: int, created_at: datetime, now: datetime) -> bool:
    match how:
        case "refused":
            return True
        case "away":
            return False
        case "unsure":
            return unsure >= UNSURE_TRIES
    return now - created_at > GIVEN_UP_AFTER


def pause(tried: int) -> timedelta:
    """30 s, 1 min, 2 min … 1 h."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(2 ** min(tried - 1, 10)))


def nobody_listens(session: Session, now: datetime) -> int:
    """No way out is set: what waits is marked so. Not while a collector that has one is at work on this store."""
    lease = session.get(Lease, LEASE)
    if lease is not None and lease.until_at > now:
        return 0
    return int(
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.state == WAITING, OutboxRow.created_at < now - UNWANTED_AFTER)
            .values(state=UNWANTED, next_at=None)
            .execution_options(synchronize_session=False)
        ).rowcount  # type: ignore[attr-defined]
    )


def listing(session: Session) -> list[dict[str, Any]]:
    """What waits and what failed, the oldest first."""
    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.state.in_((WAITING, FAILED)))
        .order_by(OutboxRow.created_at, OutboxRow.seq)
    )
    return [
        {
            "ticket": row.body.get("number"), "kind": row.body.get("kind", news.TICKET), "verb": row.verb, "state": row.state, "attempts": row.attempts,
            "next_at": row.next_at, "created_at": row.created_at, "error": row.error, "key": row.key, "id": row.id,
        }
        for row in rows
    ]  # fmt: skip


def retry(session: Session, name: str) -> int:
    """Dead letters of this ticket (its number or key; `all`: every one) wait again, and what was put off is due at once.

    Raises Problem.
    """
    which = [] if name == "all" else [OutboxRow.key == _key(session, name)]
    count = int(
        session.execute(
            update(OutboxRow)
            .where(
                # One that waits after an attempt and has no error is being sent right now.
                or_(OutboxRow.state == FAILED, and_(OutboxRow.state == WAITING, OutboxRow.error != "")),
                *which,
            )
            .values(state=WAITING, next_at=None, unsure=0)
            .execution_options(synchronize_session=False)
        ).rowcount  # type: ignore[attr-defined]
    )
    if not count:
        raise Problem(f"nothing of {name!r} waits or has failed")
    return count


# Not under way: one that waits after an attempt and has no error is being sent right now.
IDLE: Final = or_(
    OutboxRow.state == FAILED,
    and_(OutboxRow.state == WAITING, or_(OutboxRow.error != "", OutboxRow.attempts == 0)),
)


def retry_one(session: Session, row_id: str, attempts: int) -> None:
    """This one is due now. `attempts`: as whoever asks has seen it. Raises Problem when it is not so any more."""
    _decided(session, row_id, attempts, state=WAITING, unsure=0)


def drop(session: Session, row_id: str, attempts: int, *, why: str) -> None:
    """The other side shall not hear of this one; what comes after it of the same ticket goes on. Raises Problem."""
    if not why.strip():
        raise Problem("say why: whoever misses this change will ask")
    _decided(session, row_id, attempts, state=DROPPED, error=f"dropped: {why.strip()[:1000]}")


def _decided(session: Session, row_id: str, attempts: int, **values: object) -> None:
    claimed = session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row_id, OutboxRow.attempts == attempts, IDLE)
        .values(next_at=None, **values)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    if claimed != 1:
        raise Problem("it was sent, dropped or is being tried right now: look again")


def _key(session: Session, name: str) -> str:
    if not name.isdigit():
        return name
    ticket = session.scalar(select(Ticket).where(Ticket.number == int(name)))
    if ticket is not None:
        return f"{ticket.device_id}:{ticket.id}"
    found = session.scalar(select(Situation).where(Situation.number == int(name)))
    if found is None:
        raise Problem(f"there is no ticket {name}")
    return news.situation_key(found)
