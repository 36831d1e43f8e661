"""The legal moves of a ticket, and making them.

A move claims the ticket by its version: two people on two stale pages cannot both win. Every move is a row.
"""

import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from collector import decide
from collector.problem import Problem
from collector.rules.rule import ROOM
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.tickets import OPEN_STATES, OutboxRow, Ticket, TicketEvent
from collector.tickets.priority import computed

TOCSIN: Final = "tocsin"  # who, where the machine itself acts

LEGAL: Final[dict[str, tuple[str, ...]]] = {
    "new": ("assigned", "in_progress", "resolved", "cancelled"),
    "assigned": ("in_progress", "pending", "resolved", "cancelled"),
    "in_progress": ("pending", "resolved"),
    "pending": ("in_progress", "resolved"),
    "resolved": ("in_progress", "closed"),
    "closed": (),
    "cancelled": (),
}
PENDING_REASONS: Final = ("user", "vendor", "parts", "change", "problem", "site_access")
CANCEL_REASONS: Final = ("duplicate", "noise", "test")
OUTCOMES: Final = ("real", "false", "known", "nothing_found")
# Outcomes that say: this is so, and nothing will be done about it.
ACCEPTING: Final = ("false", "known")
_PART_LIMIT: Final = 100
# What a ticket that goes on has no longer: it was not done after all.
REOPENING: Final[dict[str, object]] = {
    "resolved_at": None, "resolved_by": "", "closed_at": None, "outcome": "", "proposal": "", "proof": "",
}  # fmt: skip


_COMPUTED: Final[dict[str, object]] = {"priority_by": "", "priority_why": ""}


class NotFound(Problem):
    """No such ticket."""


class IllegalMove(Exception):
    """A move the lifecycle does not allow, or one that lacks what it needs. `legal`: what is allowed."""

    def __init__(self, text: str, legal: tuple[str, ...]) -> None:
        super().__init__(text)
        self.legal = legal


class StaleVersion(Exception):
    """Somebody changed the ticket since the page was made."""


def move(
    session: Session, device_id: str, ticket_id: str, *, to: str, who: str, version: int, now: datetime,
    note: str = "", reason: str = "", follow_up_at: datetime | None = None, outcome: str = "", assignee: str = "",
    part_used: str = "",
) -> Ticket:  # fmt: skip
    """Move a ticket. Raises NotFound, IllegalMove, StaleVersion; nothing is changed then.

    `part_used` belongs to a resolution or a closing: what it took, for the spares and for the weekly figures.
    """
    ticket = session.get(Ticket, (device_id, ticket_id))
    if ticket is None:
        raise NotFound(ticket_id)
    former, legal = ticket.state, LEGAL[ticket.state]
    if to not in legal:
        allowed = ", ".join(legal) or "nothing: it is final"
        raise IllegalMove(
            f"a ticket that is {ticket.state} cannot become {to}; it can become {allowed}", legal
        )
    values = _needs(to, legal, reason, follow_up_at, outcome, assignee, who)
    if part_used:
        if to not in ("resolved", "closed"):
            raise IllegalMove("a part is used up by resolving or closing", legal)
        values["part_used"] = part_used[:_PART_LIMIT]
    values |= _stamps(ticket, to, who, now)
    _claim(session, ticket, version, values | {"state": to})
    told = (f"{ticket.state} → {to}", reason and f"({reason})", outcome and f"outcome: {outcome}",
            part_used and f"part used: {part_used}", note)  # fmt: skip
    text = " ".join(part for part in told if part)
    record(
        session,
        ticket,
        who=who,
        kind="moved",
        text=text,
        now=now,
        data={"from": former, "to": to, "reason": reason, "outcome": outcome},
    )
    verb = {"resolved": "resolve", "in_progress": "reopen" if ticket.state == "resolved" else "update"}.get(
        to, "update"
    )
    if to == "closed" and outcome in ACCEPTING and who != TOCSIN:
        _accept(
            session,
            ticket,
            f"ticket {ticket.number} closed as {outcome}" + (f": {note}" if note else ""),
            who,
            now,
        )
    session.flush()
    session.refresh(ticket)
    outbox(session, ticket, verb, now, text)
    return ticket


def _accept(session: Session, ticket: Ticket, why: str, who: str, now: datetime) -> None:
    """Who closes what is still so as known or false accepts it as it is: silent until it gets worse.

    What only lasts, an age or a silence, is quiet for some days instead.
    """
    quiet: set[str] = set()
    for finding in session.scalars(
        select(Finding).where(
            Finding.device_id == ticket.device_id, Finding.ticket_id == ticket.id, Finding.state != CLEARED,
            Finding.kind.not_in(ROOM),  # the room's baseline is where those are accepted
        )
    ):  # fmt: skip
        if finding.kind not in decide.LASTING:
            if finding.value is not None:
                decide.accept(
                    session, device_id=ticket.device_id, finding_id=finding.id, why=why, who=who, now=now
                )
        elif finding.rule not in quiet:
            quiet.add(finding.rule)
            until = decide.keep_quiet(session, finding, why=why, who=who, now=now).ends_at
            text = f"{finding.summary}: known; if it is still so on {until:%Y-%m-%d} there is a ticket again"
            record(session, ticket, who=who, kind="note", text=text, now=now)


def _needs(
    to: str,
    legal: tuple[str, ...],
    reason: str,
    follow_up_at: datetime | None,
    outcome: str,
    assignee: str,
    who: str,
) -> dict[str, object]:
    if to == "pending":
        if reason not in PENDING_REASONS or follow_up_at is None:
            raise IllegalMove(
                f"pending needs a reason ({', '.join(PENDING_REASONS)}) and a day to follow up", legal
            )
        return {"pending_reason": reason, "follow_up_at": follow_up_at}
    if to == "cancelled" and reason not in CANCEL_REASONS:
        raise IllegalMove(f"cancelling needs a reason: {', '.join(CANCEL_REASONS)}", legal)
    if to == "assigned" and not assignee:
        raise IllegalMove("assigning needs somebody to assign it to", legal)
    if outcome and outcome not in OUTCOMES:
        raise IllegalMove(f"an outcome is one of {', '.join(OUTCOMES)}", legal)
    if to == "closed" and who != TOCSIN and not outcome:
        raise IllegalMove(f"closing needs the outcome: {', '.join(OUTCOMES)}", legal)
    values: dict[str, object] = {"pending_reason": "", "follow_up_at": None}
    if outcome:
        values["outcome"] = outcome
    if assignee:
        values["assignee"] = assignee
    return values


def _stamps(ticket: Ticket, to: str, who: str, now: datetime) -> dict[str, object]:
    values: dict[str, object] = {}
    if who != TOCSIN:
        values["touched_at"] = ticket.touched_at or now
    if to == "resolved":
        values |= {
            "resolved_at": now,
            "first_resolved_at": ticket.first_resolved_at or now,
            "resolved_by": who,
        }
    elif to in ("closed", "cancelled"):
        values["closed_at"] = now
    elif ticket.state == "resolved":
        values |= REOPENING | {"reopened": ticket.reopened + 1}
    return values


def _claim(session: Session, ticket: Ticket, version: int, values: dict[str, object]) -> None:
    # Somebody else, or the machine itself, may have moved it since the page was read.
    changed = session.execute(
        update(Ticket)
        .where(Ticket.device_id == ticket.device_id, Ticket.id == ticket.id, Ticket.version == version)
        .values(version=version + 1, **values)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    if changed != 1:
        raise StaleVersion(f"ticket {ticket.number} was changed in the meantime")


def change(session: Session, ticket: Ticket, now: datetime, **values: object) -> None:
    """The machine's own change: claims the version it has just read."""
    _claim(session, ticket, ticket.version, values)
    session.flush()
    session.refresh(ticket)


def note(
    session: Session, device_id: str, ticket_id: str, *, who: str, text: str, now: datetime
) -> TicketEvent:
    """A person's remark. It counts as touching the ticket."""
    ticket = session.get(Ticket, (device_id, ticket_id))
    if ticket is None:
        raise NotFound(ticket_id)
    if ticket.touched_at is None:
        change(session, ticket, now, touched_at=now)
    written = record(session, ticket, who=who, kind="note", text=text, now=now)
    outbox(session, ticket, "update", now, text)
    return written


def set_priority(
    session: Session, device_id: str, ticket_id: str, *, priority: int | None, why: str, who: str, version: int,
    now: datetime,
) -> Ticket:  # fmt: skip
    """A person's own word on how soon; None gives it back to the machine. Raises NotFound, IllegalMove, StaleVersion."""
    ticket = session.get(Ticket, (device_id, ticket_id))
    if ticket is None:
        raise NotFound(ticket_id)
    if ticket.state not in OPEN_STATES:
        raise IllegalMove(f"a ticket that is {ticket.state} has no turn any more", LEGAL[ticket.state])
    if priority is not None and priority not in range(1, 6):
        raise IllegalMove("a priority is a number from 1 to 5", ())
    if not why.strip():
        raise IllegalMove("say why: whoever meets this priority will ask", ())
    device = session.get_one(Device, device_id)
    becomes = priority if priority is not None else computed(ticket.severity, device.device_class)
    former = ticket.priority
    values: dict[str, object] = {"priority": becomes, "touched_at": ticket.touched_at or now}
    values |= {"priority_by": who, "priority_why": why} if priority is not None else _COMPUTED
    _claim(session, ticket, version, values)
    text = (
        f"priority {former} → {becomes}" + ("" if priority is not None else ", computed again") + f": {why}"
    )
    data: dict[str, object] = {"from": former, "to": becomes, "why": why}
    record(session, ticket, who=who, kind="priority", text=text, now=now, data=data)
    outbox(session, ticket, "update", now, text)
    session.flush()
    session.refresh(ticket)
    return ticket


def record(
    session: Session, ticket: Ticket, *, who: str, kind: str, text: str, now: datetime,
    data: dict[str, object] | None = None,
) -> TicketEvent:  # fmt: skip
    """One line of the ticket's history."""
    written = TicketEvent(
        device_id=ticket.device_id, id=uuid.uuid4().hex, ticket_id=ticket.id, at=now, who=who, kind=kind,
        text=text, data=data,
    )  # fmt: skip
    session.add(written)
    return written


def outbox(session: Session, ticket: Ticket, verb: str, now: datetime, told: str = "") -> None:
    """What the outside shall hear of this change, in the same transaction as the change. `told`: what happened."""
    key = f"{ticket.device_id}:{ticket.id}"
    last = select(func.coalesce(func.max(OutboxRow.seq), 0)).where(OutboxRow.key == key)
    session.add(
        OutboxRow(
            id=uuid.uuid4().hex, key=key, seq=last.scalar_subquery() + 1, verb=verb, created_at=now,
            body={"number": ticket.number, "title": ticket.title, "state": ticket.state, "severity": ticket.severity,
                  "priority": ticket.priority, "text": ticket.body, "proof": ticket.proof, "told": told},
        )
    )  # fmt: skip


def working(session: Session, device_id: str, group: str) -> Ticket | None:
    """The one ticket of a device and group on which work is not done."""
    return session.scalar(
        select(Ticket).where(
            Ticket.device_id == device_id,
            Ticket.group == group,
            Ticket.state.in_(("new", "assigned", "in_progress", "pending")),
        )
    )
