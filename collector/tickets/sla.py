"""Clocks of a ticket: how much working time has gone, what is left, and telling somebody before it is over.

Computed from the ticket's own history each time. The policy in force at opening stays the ticket's: a new
one rewrites no past.
"""

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Text, cast, or_, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from collector.rules.rule_file import span
from collector.store.devices import Site
from collector.store.tickets import WORKING_STATES, Escalation, Ticket, TicketEvent
from collector.tickets import lifecycle
from collector.tickets.calendar import ALWAYS, Calendar, Span, calendar_of, due_at, merged, worked

RESPOND, RESOLVE = "respond", "resolve"
# From here on a promise is soon broken: where the group's lead is told. A share and no fixed time: an hour is four
# times what priority 1 has to answer, and nothing of priority 5.
CLOSE: Final = 0.75
SOON, OVER = "soon", "over"
_BATCH: Final = 200
_WORDS: Final = {50: "the owner", 75: "the group's lead", 100: "the manager"}


class PolicyError(Exception):
    """A mistake in the policy file; the text names file and key."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise of one ticket. `due_at` is None while it is paused or when it can never be due."""

    name: str
    elapsed: timedelta
    target: timedelta
    due_at: datetime | None
    stopped_at: datetime | None
    paused: bool

    @property
    def breached(self) -> bool:
        return self.elapsed > self.target

    @property
    def used(self) -> float:
        """Share of the target; may pass 1."""
        return self.elapsed / self.target


@cache
def shipped() -> dict[str, Any]:
    return load(Path(__file__).with_name("sla.toml"))


def load(path: Path) -> dict[str, Any]:
    """What a ticket keeps of the policy: seconds by priority, pauses, steps, and a version. Raises PolicyError."""
    text = path.read_text(encoding="utf-8")
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{path.name}: {error}") from None
    targets = {}
    for number in map(str, range(1, 6)):
        row = told.get("priority", {}).get(number, {})
        lengths = {name: span(str(row.get(name, ""))) for name in (RESPOND, RESOLVE)}
        for name, length in lengths.items():
            if not length:
                raise PolicyError(f"{path.name}, priority.{number}.{name}: must be a span such as 15m or 9h")
        targets[number] = {
            name: length.total_seconds() for name, length in lengths.items() if length is not None
        } | {"always": bool(row.get("always", False))}
    unknown = set(told.get("pauses", ())) - set(lifecycle.PENDING_REASONS)
    if unknown:
        raise PolicyError(f"{path.name}, pauses: {', '.join(sorted(unknown))} is no reason to be pending")
    return {
        "version": hashlib.sha256(text.encode()).hexdigest()[:12],
        "targets": targets,
        "pauses": list(told.get("pauses", ())),
        "steps": sorted(told.get("steps", ())),
    }


def calendar_for(session: Session, ticket: Ticket) -> Calendar:
    """Of the site the ticket was opened at; without hours it is always working time."""
    site = session.get(Site, ticket.site) if ticket.site else None
    return calendar_of(site.time_zone, site.hours, site.holidays) if site and site.hours else ALWAYS


def clocks(
    ticket: Ticket, events: Iterable[TicketEvent], calendar: Calendar, now: datetime
) -> tuple[Clock, ...]:
    """Both promises. `events` of this ticket, in order; empty without a policy."""
    target = ticket.sla.get("targets", {}).get(str(ticket.priority))
    if target is None:
        return ()
    hours = ALWAYS if target["always"] else calendar
    states = _states(ticket, events)
    pauses = _pauses(states, ticket.sla["pauses"], now)
    ended = ticket.resolved_at or ticket.closed_at
    touched = min((at for at in (ticket.touched_at, ended) if at is not None), default=None)
    return (
        _clock(RESPOND, hours, ticket.opened_at, touched, target[RESPOND], (), now),
        _clock(RESOLVE, hours, ticket.opened_at, ended, target[RESOLVE], pauses, now),
    )


def _clock(
    name: str, hours: Calendar, start: datetime, end: datetime | None, seconds: float, pauses: Sequence[Span], now: datetime
) -> Clock:  # fmt: skip
    target = timedelta(seconds=seconds)
    paused = end is None and bool(pauses) and pauses[-1][1] >= now
    due = None if paused else due_at(hours, start, target, pauses)
    return Clock(name, worked(hours, start, end or now, pauses), target, due, end, paused)


def _states(ticket: Ticket, events: Iterable[TicketEvent]) -> list[tuple[datetime, str, str]]:
    """(when, into which state, for which reason), in order."""
    found = [(ticket.opened_at, "new", "")]
    for event in events:
        data = event.data or {}
        if event.kind == "moved":
            found.append((event.at, str(data.get("to", "")), str(data.get("reason", ""))))
        elif event.kind == "reopened":
            found.append((event.at, "in_progress", ""))
    return sorted(found, key=lambda row: row[0])


def _pauses(
    states: Sequence[tuple[datetime, str, str]], reasons: Iterable[str], now: datetime
) -> Sequence[Span]:
    """Waiting for what the policy names, and the time between a resolution or a closing and the reopening."""
    found = []
    for n, (at, state, reason) in enumerate(states):
        until = states[n + 1][0] if n + 1 < len(states) else now
        if state in ("resolved", "closed") or (state == "pending" and reason in reasons):
            found.append((at, until))
    return merged(found)


def pressing(session: Session, now: datetime) -> dict[str, str]:
    """Ids of the tickets with work to do of which a promise is broken (OVER) or soon will be (SOON). Three statements.

    As `clocks` says, without counting each day of an old ticket: it is over when its due time lies behind.
    """
    tickets = session.execute(
        select(
            Ticket.id, Ticket.opened_at, Ticket.touched_at, Ticket.priority, cast(Ticket.sla, Text).label("policy"), Ticket.site,
            Ticket.state, Ticket.resolved_at, Ticket.closed_at,
        ).where(Ticket.state.in_(WORKING_STATES))
    ).all()  # fmt: skip
    # Thousands of them hold the same few texts: each is read once.
    read: Callable[[str | None], Any] = cache(lambda text: json.loads(text) if text else None)
    events: dict[str, list[TicketEvent]] = {}
    for event in session.execute(
        select(
            TicketEvent.ticket_id,
            TicketEvent.at,
            TicketEvent.kind,
            cast(TicketEvent.data, Text).label("text"),
        )
        .join(Ticket, (Ticket.device_id == TicketEvent.device_id) & (Ticket.id == TicketEvent.ticket_id))
        .where(
            Ticket.state.in_(WORKING_STATES),
            or_(Ticket.state != "new", Ticket.reopened > 0),  # nothing has happened to the others yet
            TicketEvent.kind.in_(("moved", "reopened")),
        )
        .order_by(TicketEvent.at)
    ):
        told = TicketEvent(at=event.at, kind=event.kind, data=read(event.text))
        events.setdefault(event.ticket_id, []).append(told)
    calendars = {
        site.name: _calendar(site) for site in session.scalars(select(Site).where(Site.hours.is_not(None)))
    }
    found = {}
    for ticket in tickets:
        calendar = calendars.get(ticket.site, ALWAYS)
        stands = _pressing(ticket, read(ticket.policy) or {}, events.get(ticket.id, ()), calendar, now)
        if stands:
            found[ticket.id] = stands
    return found


def _calendar(site: Site) -> Calendar:
    try:
        return calendar_of(site.time_zone, site.hours, site.holidays) if site.hours else ALWAYS
    except ValueError:  # written past the checks: one site's hours must not hide the others' tickets
        return ALWAYS


def _pressing(
    ticket: Any, policy: Mapping[str, Any], events: Sequence[TicketEvent], calendar: Calendar, now: datetime
) -> str:
    target = policy.get("targets", {}).get(str(ticket.priority))
    if target is None:
        return ""
    hours = ALWAYS if target["always"] else calendar
    pauses = _pauses(_states(ticket, events), policy["pauses"], now) if events else []
    promises: list[tuple[float, Sequence[Span]]] = [(target[RESOLVE], pauses)]
    if ticket.touched_at is None:
        promises.append((target[RESPOND], ()))
    worst = ""
    for seconds, without in promises:
        length = timedelta(seconds=seconds)
        if now < ticket.opened_at + length * CLOSE:  # not even by the wall's clock
            continue
        due = due_at(hours, ticket.opened_at, length, without)
        if due is not None and due < now:
            return OVER
        if due is None or (without and without[-1][1] >= now):  # it stands still
            continue
        if worked(hours, now, due) <= length * (1 - CLOSE):
            worst = SOON
    return worst


def escalate(session: Session, now: datetime) -> int:
    """Tell of each step that a working ticket's clocks have passed, once. Returns how many were told."""
    told = 0
    last = ("", "")
    calendars: dict[str, Calendar] = {}
    while True:
        tickets = session.scalars(
            select(Ticket)
            .where(Ticket.state.in_(WORKING_STATES), tuple_(Ticket.device_id, Ticket.id) > last)
            .order_by(Ticket.device_id, Ticket.id)
            .limit(_BATCH)
        ).all()
        if not tickets:
            return told
        last = (tickets[-1].device_id, tickets[-1].id)
        ids = [ticket.id for ticket in tickets]
        by_ticket: dict[str, list[TicketEvent]] = {}
        for event in session.scalars(
            select(TicketEvent)
            .where(
                TicketEvent.device_id.in_({ticket.device_id for ticket in tickets}),
                TicketEvent.ticket_id.in_(ids),
                TicketEvent.kind.in_(("moved", "reopened")),
            )
            .order_by(TicketEvent.at)
        ):
            by_ticket.setdefault(event.ticket_id, []).append(event)
        done = {
            (row.ticket_id, row.clock, row.step, row.reopened)
            for row in session.scalars(select(Escalation).where(Escalation.ticket_id.in_(ids)))
        }
        for ticket in tickets:
            calendar = calendars.get(ticket.site) or calendar_for(session, ticket)
            calendars[ticket.site] = calendar
            for clock in clocks(ticket, by_ticket.get(ticket.id, ()), calendar, now):
                told += _tell(session, ticket, clock, done, now)


def _tell(
    session: Session, ticket: Ticket, clock: Clock, done: set[tuple[str, str, int, int]], now: datetime
) -> int:
    if clock.stopped_at is not None:
        return 0
    passed = [step for step in ticket.sla["steps"] if clock.used * 100 >= step]
    fresh = [step for step in passed if (ticket.id, clock.name, step, ticket.reopened) not in done]
    told = 0
    for step in fresh:
        try:
            with session.begin_nested():
                session.add(
                    Escalation(
                        device_id=ticket.device_id, ticket_id=ticket.id, clock=clock.name, step=step,
                        reopened=ticket.reopened, at=now,
                    )
                )  # fmt: skip
        except IntegrityError:  # another collector told it
            continue
        told += 1
    if told:
        # After a long absence of ours several steps are due at once: the highest one says it all.
        step = fresh[-1]
        text = f"{step} % of the time to {clock.name} has gone: for {_WORDS.get(step, 'whoever leads the group')}"
        data: Mapping[str, object] = {"clock": clock.name, "step": step}
        lifecycle.record(
            session, ticket, who=lifecycle.TOCSIN, kind="escalated", text=text, now=now, data=dict(data)
        )
        lifecycle.outbox(session, ticket, "update", now, text)
    return told
