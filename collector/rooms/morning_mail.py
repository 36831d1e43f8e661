"""The morning's text of each site, written to the outbox when its last check of the morning has ended."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.outbound import news
from collector.rooms import morning, room
from collector.store.rooms import MORNING, ReadinessCheck

# As long as a morning's check is made up for (checks.MADE_UP_UNTIL). One that a long absence of ours left open tells
# nothing of this morning.
_FRESH: Final = timedelta(hours=5)


def tell(session: Session, now: datetime) -> list[str]:
    """Sites whose rooms are told now, each once a morning. To be called with the `now` at which checks were ended:
    one statement when none of them was a morning's."""
    just_ended = select(ReadinessCheck.site, ReadinessCheck.for_at).where(
        ReadinessCheck.ended_at == now,
        ReadinessCheck.trigger == MORNING,
        ReadinessCheck.for_at > now - _FRESH,
    )
    found = {(row.site, row.for_at) for row in session.execute(just_ended)}
    if not found:
        return []
    waiting = select(ReadinessCheck.site, ReadinessCheck.for_at).where(
        ReadinessCheck.ended_at.is_(None), ReadinessCheck.trigger == MORNING
    )
    found -= {(row.site, row.for_at) for row in session.execute(waiting)}
    if not found:
        return []
    rooms, told = room.rooms(session), []
    for site, morning_at in sorted(found):
        subject, text = morning.mail(morning.lines(session, rooms, now, site), now, site)
        if news.of_rooms(session, site, morning_at, title=subject, text=text, now=now):
            told.append(site)
    return told
