"""Opening, joining, reopening and resolving: what a finding's transition does to tickets.

One working ticket per device and group; a new finding joins it. The machine resolves only what no person
touched; on touched ones it proposes.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rules.evaluate import Transition
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.tickets import WORKING_STATES, Ticket
from collector.tickets import body, evidence, lifecycle, repair, sla
from collector.tickets.lifecycle import REOPENING, TOCSIN
from collector.tickets.numbers import next_number
from collector.tickets.priority import computed

Clause = dict[str, Any]  # one condition in words, with its numbers: collector/rules/transition.py

REOPEN_WITHIN: Final = timedelta(days=7)
_WORSE = {"": 0, "warning": 1, "critical": 2}


def on_open(
    session: Session, device: Device, finding: Finding, clauses: Iterable[Clause], now: datetime
) -> Ticket:
    """The ticket that the opened finding now belongs to."""
    ticket, verb = lifecycle.working(session, device.id, device.group), "update"
    if ticket is None:
        ticket, verb = _reopened(session, device, finding, now), "reopen"
    if ticket is None:
        ticket, verb = _new(session, device, finding, now), "create"
    elif verb == "update":
        if ticket.proof or ticket.proposal:  # of what it was before: it is not done any more
            lifecycle.change(session, ticket, now, proof="", proposal="")
        lifecycle.record(session, ticket, who=TOCSIN, kind="joined", text=finding.summary, now=now)
    finding.ticket_id = ticket.id
    session.flush()
    evidence.freeze(session, ticket, finding, "opening", list(clauses), now)
    _retitle(session, device, ticket, now)
    lifecycle.outbox(session, ticket, verb, now, finding.summary)  # with the text
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
    if still_open is None:
        repair.replaced(session, ticket, finding, transition, now)
    if ticket.state not in WORKING_STATES:
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


def on_weight(
    session: Session, device: Device, finding: Finding, transition: Transition, now: datetime
) -> None:
    """A booking came near, or is over: the ticket's severity and priority follow."""
    ticket = session.get(Ticket, (device.id, finding.ticket_id)) if finding.ticket_id else None
    if ticket is None or ticket.state not in WORKING_STATES:
        return
    text = f"{finding.summary}: {cleared_words(transition)}"
    lifecycle.record(session, ticket, who=TOCSIN, kind="note", text=text, now=now)
    before = ticket.severity
    _retitle(session, device, ticket, now)
    if ticket.severity != before:
        lifecycle.outbox(session, ticket, "update", now, text)


def cleared_words(transition: Transition) -> str:
    """Why a finding changed, as a person would say it."""
    return str(transition.clauses[0]["text"]) if transition.clauses else transition.reason


def _new(
    session: Session, device: Device, finding: Finding, now: datetime, before: Ticket | None = None
) -> Ticket:
    before = before or _last_with(session, device, finding)
    ticket = Ticket(
        device_id=device.id, id=uuid.uuid4().hex, number=next_number(session), site=device.site or "", sla=sla.shipped(), group=device.group, state="new",
        severity=finding.severity, priority=computed(finding.severity, device.device_class), title=finding.summary,
        opened_at=now, recurrence_of=before.id if before else "", version=1,
    )  # fmt: skip
    session.add(ticket)
    session.flush()
    lifecycle.record(session, ticket, who=TOCSIN, kind="opened", text=finding.summary, now=now)
    return ticket


def _reopened(session: Session, device: Device, finding: Finding, now: datetime) -> Ticket | None:
    """The resolved ticket of the same fault, if it was resolved within the last week: its clock goes on."""
    ticket = _last_with(session, device, finding)
    if ticket is None or ticket.state != "resolved" or ticket.resolved_at is None:
        return None
    if now - ticket.resolved_at > REOPEN_WITHIN:
        return None
    _back_to_work(session, ticket, finding.summary, now)
    return ticket


def _back_to_work(session: Session, ticket: Ticket, text: str, now: datetime) -> None:
    lifecycle.change(
        session, ticket, now,
        **(REOPENING | {"state": "in_progress" if ticket.assignee else "new", "reopened": ticket.reopened + 1}),
    )  # fmt: skip
    lifecycle.record(session, ticket, who=TOCSIN, kind="reopened", text=text, now=now)


def still_failing(
    session: Session, ticket: Ticket, found: Sequence[tuple[Finding, Sequence[Clause]]], now: datetime
) -> Ticket:
    """A person called it done, and fresh reports say it is not: back to work, with the evidence.

    Another working ticket takes the findings over. What was done for longer than a week begins a new one.
    Returns the ticket they are on now.
    """
    device = session.get_one(Device, ticket.device_id)
    done_at = ticket.closed_at or ticket.resolved_at or now
    words = "; ".join(
        f"{finding.summary}: {', '.join(str(clause['text']) for clause in clauses)}"
        for finding, clauses in found
    )
    target, verb = lifecycle.working(session, ticket.device_id, ticket.group), "update"
    if target is not None:
        lifecycle.record(session, target, who=TOCSIN, kind="joined", text=words, now=now)
    elif now - done_at > REOPEN_WITHIN:
        target, verb = _new(session, device, found[0][0], now, before=ticket), "create"
    else:
        target, verb = ticket, "reopen"
        outcome = f" with the outcome {ticket.outcome}" if ticket.outcome else ""
        _back_to_work(session, ticket, f"{words} (it was {ticket.state}{outcome})", now)
    for finding, clauses in found:
        finding.ticket_id = target.id
        session.flush()
        evidence.freeze(session, target, finding, "still so", list(clauses), now)
    _retitle(session, device, target, now)
    lifecycle.outbox(session, target, verb, now, words)
    return target


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
    """Severity, priority, title and text follow the open findings, the worst first."""
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
    values: dict[str, object] = {
        "title": worst.summary + more,
        "severity": worst.severity,
        "body": body.text(session, device, findings),
    }
    if not ticket.priority_by:  # a person's word on it stands
        values["priority"] = computed(worst.severity, device.device_class)
    if any(getattr(ticket, name) != value for name, value in values.items()):
        lifecycle.change(session, ticket, now, **values)
