"""Opening, joining, reopening and resolving: what a finding's transition does to tickets.

One working ticket per device and group; a new finding joins it. The machine resolves only what no person
touched; on touched ones it proposes.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rules.evaluate import Transition
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.tickets import Ticket
from collector.tickets import evidence, lifecycle, sla
from collector.tickets.lifecycle import TOCSIN
from collector.tickets.numbers import next_number

Clause = dict[str, Any]  # one condition in words, with its numbers: collector/rules/transition.py

REOPEN_WITHIN: Final = timedelta(days=7)
_WORSE = {"": 0, "warning": 1, "critical": 2}


def on_open(
    session: Session, device: Device, finding: Finding, clauses: Iterable[Clause], now: datetime
) -> Ticket:
    """The ticket that the opened finding now belongs to."""
    ticket = lifecycle.working(session, device.id, device.group)
    if ticket is None:
        ticket = _reopened(session, device, finding, now) or _new(session, device, finding, now)
    else:
        lifecycle.record(session, ticket, who=TOCSIN, kind="joined", text=finding.summary, now=now)
        lifecycle.outbox(session, ticket, "update", now)
    finding.ticket_id = ticket.id
    session.flush()
    evidence.freeze(session, ticket, finding, "opening", list(clauses), now)
    _retitle(session, device, ticket, now)
    return ticket


def on_clear(
    session: Session, device: Device, finding: Finding, transition: Transition, now: datetime
) -> None:
    """Evidence of the repair; the ticket resolves when this was its last open finding."""
    ticket = session.get(Ticket, (device.id, finding.ticket_id)) if finding.ticket_id else None
    if ticket is None:
        return
    evidence.freeze(session, ticket, finding, "resolution", list(transition.clauses), now)
    lifecycle.record(
        session,
        ticket,
        who=TOCSIN,
        kind="cleared",
        text=f"{finding.summary}: {cleared_words(transition)}",
        now=now,
    )
    still_open = session.scalar(
        select(Finding.id)
        .where(Finding.device_id == device.id, Finding.ticket_id == ticket.id, Finding.state != CLEARED)
        .limit(1)
    )
    if ticket.state not in ("new", "assigned", "in_progress", "pending"):
        return
    if still_open is not None:
        _retitle(session, device, ticket, now)
        return
    if ticket.touched_at is None:
        lifecycle.move(
            session, device.id, ticket.id, to="resolved", who=TOCSIN, version=ticket.version, now=now,
            note="all its findings cleared; evidence attached",
        )  # fmt: skip
    else:
        text = f"cleared at {now:%Y-%m-%d %H:%M} UTC, evidence attached"
        lifecycle.change(session, ticket, now, proposal=text)
        lifecycle.record(
            session, ticket, who=TOCSIN, kind="note", text=f"{text}: it can be resolved", now=now
        )


def cleared_words(transition: Transition) -> str:
    """Why a finding cleared, as a person would say it."""
    return str(transition.clauses[0]["text"]) if transition.clauses else transition.reason


def _new(session: Session, device: Device, finding: Finding, now: datetime) -> Ticket:
    before = _last_with(session, device, finding)
    ticket = Ticket(
        device_id=device.id, id=uuid.uuid4().hex, number=next_number(session), site=device.site or "", sla=sla.shipped(), group=device.group, state="new",
        severity=finding.severity, priority=priority(finding.severity, device.device_class),
        title=finding.summary, opened_at=now, recurrence_of=before.id if before else "", version=1,
    )  # fmt: skip
    session.add(ticket)
    session.flush()
    lifecycle.record(session, ticket, who=TOCSIN, kind="opened", text=finding.summary, now=now)
    lifecycle.outbox(session, ticket, "create", now)
    return ticket


def _reopened(session: Session, device: Device, finding: Finding, now: datetime) -> Ticket | None:
    """The resolved ticket of the same fault, if it was resolved within the last week: its clock goes on."""
    ticket = _last_with(session, device, finding)
    if ticket is None or ticket.state != "resolved" or ticket.resolved_at is None:
        return None
    if now - ticket.resolved_at > REOPEN_WITHIN:
        return None
    lifecycle.change(
        session, ticket, now, state="in_progress" if ticket.assignee else "new", resolved_at=None, resolved_by="",
        reopened=ticket.reopened + 1, proposal="",
    )  # fmt: skip
    lifecycle.record(session, ticket, who=TOCSIN, kind="reopened", text=finding.summary, now=now)
    lifecycle.outbox(session, ticket, "reopen", now)
    return ticket


def still_failing(session: Session, ticket: Ticket, finding: Finding, now: datetime) -> None:
    """A person called it done, and fresh reports say it is not. Another working ticket takes it over."""
    other = lifecycle.working(session, ticket.device_id, ticket.group)
    if other is not None:
        finding.ticket_id = other.id
        lifecycle.record(
            session, other, who=TOCSIN, kind="joined", text=f"{finding.summary}: still so", now=now
        )
        return
    lifecycle.change(
        session, ticket, now, state="in_progress" if ticket.assignee else "new", resolved_at=None, resolved_by="",
        reopened=ticket.reopened + 1, proposal="",
    )  # fmt: skip
    text = f"{finding.summary}: still so in the reports since it was resolved"
    lifecycle.record(session, ticket, who=TOCSIN, kind="reopened", text=text, now=now)
    lifecycle.outbox(session, ticket, "reopen", now)


def _last_with(session: Session, device: Device, finding: Finding) -> Ticket | None:
    """The newest ticket of this device and group that held a finding of the same rule and component."""
    return session.scalar(
        select(Ticket)
        .join(Finding, (Finding.device_id == Ticket.device_id) & (Finding.ticket_id == Ticket.id))
        .where(
            Ticket.device_id == device.id,
            Ticket.group == device.group,
            Finding.rule == finding.rule,
            Finding.component == finding.component,
            Finding.id != finding.id,
        )
        .order_by(Ticket.opened_at.desc())
        .limit(1)
    )


def _retitle(session: Session, device: Device, ticket: Ticket, now: datetime) -> None:
    """Severity, priority and title follow the worst open finding."""
    findings = sorted(
        session.scalars(
            select(Finding).where(
                Finding.device_id == device.id, Finding.ticket_id == ticket.id, Finding.state != CLEARED
            )
        ),
        key=lambda finding: (-_WORSE[finding.severity], finding.opened_at),
    )
    if not findings:
        return
    worst = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    values = {
        "title": worst.summary + more,
        "severity": worst.severity,
        "priority": priority(worst.severity, device.device_class),
    }
    if any(getattr(ticket, name) != value for name, value in values.items()):
        lifecycle.change(session, ticket, now, **values)


def priority(severity: str, device_class: str) -> int:
    """Impact × urgency, 1–5. A room's machine concerns everybody in the room, a desk's one person."""
    impact = 2 if device_class in ("av_host", "server") else 3
    urgency = 1 if severity == "critical" else 2
    return min(5, impact + urgency - 1)
