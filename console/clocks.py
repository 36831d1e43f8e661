"""The two clocks of a ticket in plain words: how much of the time is gone, when it is over, why it stands still."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import sla
from collector.tickets.calendar import ALWAYS, Calendar
from console import format, sessions, words

logger = logging.getLogger(__name__)

_AHEAD: Final = timedelta(days=14)  # how far the next working hour is looked for


@dataclass(frozen=True, slots=True)
class Shown:
    name: str
    mark: words.Mark
    said: str  # `45 min of 2 h`
    width: float  # of the bar, 0 to 100
    due: Markup  # empty: it has stopped, or stands still
    is_over: bool
    note: str  # why it stands still


def shown(session: Session, ticket: Ticket, events: Sequence[TicketEvent], now: datetime) -> list[Shown]:
    """Empty for a ticket that was opened without a policy."""
    calendar = calendar_of(session, ticket)
    target = ticket.sla.get("targets", {}).get(str(ticket.priority), {})
    hours = ALWAYS if target.get("always") else calendar
    zone: tzinfo = sessions.config().zone if calendar is ALWAYS else calendar.zone
    return [_shown(ticket, clock, hours, zone, now) for clock in sla.clocks(ticket, events, calendar, now)]


def calendar_of(session: Session, ticket: Ticket) -> Calendar:
    """Of the ticket's site."""
    try:
        return sla.calendar_for(session, ticket)
    except ValueError as error:  # written past the checks of the sites page
        logger.error("site %s: %s", ticket.site, error)
        return ALWAYS


def _shown(ticket: Ticket, clock: sla.Clock, hours: Calendar, zone: tzinfo, now: datetime) -> Shown:
    elapsed, target = clock.elapsed.total_seconds(), clock.target.total_seconds()
    said = f"{_working(elapsed)} of {_working(target)}"
    if clock.breached:
        said += f", {_working(elapsed - target)} too long"
    state, note, due = "running", "", Markup("")
    if clock.stopped_at is not None:
        state = "missed" if clock.breached else "kept"
    elif clock.paused:
        reason = words.PENDING_REASONS.get(ticket.pending_reason, ticket.pending_reason)
        state, note = "paused", f"waiting for {reason}: that is not counted" if reason else "not counted now"
    else:
        state = "over" if clock.breached else "close" if clock.used >= sla.CLOSE else "running"
        if clock.due_at is not None:
            text = f"{format.day(clock.due_at, zone)} {clock.due_at.astimezone(zone):%Z}"
            due = format.time_tag(clock.due_at, text, zone)
        if state != "over" and not hours.open_at(now):
            opens = next((begins for begins, _ in hours.spans(now, now + _AHEAD)), None)
            when = f" until {format.day(opens, zone)}" if opens is not None else ""
            note = f"outside the site's working hours it stands still{when}"
            state = "closed" if state == "running" else state
    width = min(max(clock.used, 0.0), 1.0) * 100
    return Shown(
        words.CLOCKS.get(clock.name, clock.name), words.CLOCK[state], said, width, due, state == "over", note
    )


def _working(seconds: float) -> str:
    """In hours: a day of work is not a day of the calendar. Nobody promised seconds."""
    hours, minutes = int(seconds // 3600), int(seconds % 3600 // 60)
    if hours >= 10 or not minutes:
        return f"{hours:,} h" if hours else "0 min"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
