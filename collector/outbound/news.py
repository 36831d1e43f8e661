"""What the outside hears of beside tickets: situations, and each morning's rooms. Rows of the same outbox, written in
the transaction of what they tell; the sender makes no difference between them and tickets."""

import uuid
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from collector.store.situations import Situation
from collector.store.tickets import WAITING, OutboxRow

TICKET, SITUATION, ROOMS = "ticket", "situation", "rooms"


def of_situation(session: Session, found: Situation, verb: str, now: datetime, told: str = "") -> None:
    """It was opened (`create`) or is over (`resolve`); `told`: what happened."""
    key = situation_key(found)
    last = select(func.coalesce(func.max(OutboxRow.seq), 0)).where(OutboxRow.key == key)
    body = _body(
        SITUATION, number=found.number, title=found.title, state=found.state, text=found.body, told=told
    )
    session.add(
        OutboxRow(
            id=uuid.uuid4().hex, key=key, seq=last.scalar_subquery() + 1, verb=verb, created_at=now, body=body
        )
    )  # fmt: skip


def situation_key(found: Situation) -> str:
    return f"{SITUATION}:{found.id}"


def of_rooms(
    session: Session, site: str, morning_at: datetime, *, title: str, text: str, now: datetime
) -> bool:
    """The rooms of a site on a morning. False: they were told already; the row's name decides, whoever writes it."""
    row_id = sha256(f"{ROOMS}\n{site}\n{morning_at.isoformat()}".encode()).hexdigest()[:32]
    # Both dialects' inserts have the same two methods and no common type.
    insert: Any = (
        postgresql.insert(OutboxRow)
        if session.get_bind().dialect.name == "postgresql"
        else sqlite.insert(OutboxRow)
    )
    statement = (
        insert.values(
            id=row_id, key=f"{ROOMS}:{row_id}", seq=1, verb="create", created_at=now, state=WAITING, attempts=0, unsure=0,
            error="", remote="", body=_body(ROOMS, title=title, text=text),
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(OutboxRow.id)
    )  # fmt: skip
    return session.execute(statement).first() is not None


def _body(
    kind: str, *, title: str, text: str, number: int = 0, state: str = "", told: str = ""
) -> dict[str, Any]:
    return {
        "kind": kind, "number": number, "title": title, "state": state, "severity": "", "priority": 0, "text": text,
        "proof": "", "told": told,
    }  # fmt: skip
