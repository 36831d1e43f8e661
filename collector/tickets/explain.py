"""Why a ticket is there, and why another is not: rule, version, each clause with value, limit and time."""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from collector.decisions import Decisions
from collector.rules.evaluate import DeviceContext
from collector.rules.evaluate import why_not as rule_why_not
from collector.rules.rule import Rules
from collector.rules.state import DeviceState as RuleState
from collector.store.devices import SILENT, Device, DeviceState
from collector.store.findings import CLEARED, Finding, Transition
from collector.store.installation import Fact
from collector.store.reports import ProbeResult
from collector.store.tickets import Evidence, Ticket
from collector.tickets import in_force
from collector.tickets.lifecycle import NotFound


def explain(session: Session, rules: Rules, device_id: str, ticket_id: str) -> list[dict[str, Any]]:
    """One entry a finding of the ticket: what was seen, against which limit, for how long, and what it means."""
    ticket = session.get(Ticket, (device_id, ticket_id))
    if ticket is None:
        raise NotFound(ticket_id)
    findings = session.scalars(
        select(Finding)
        .where(Finding.device_id == device_id, Finding.ticket_id == ticket_id)
        .order_by(Finding.opened_at)
    )
    return [_finding(session, rules, finding) for finding in findings]


def _finding(session: Session, rules: Rules, finding: Finding) -> dict[str, Any]:
    rule = rules.by_name.get(finding.rule)
    transitions = session.scalars(
        select(Transition)
        .where(Transition.device_id == finding.device_id, Transition.finding_id == finding.id)
        .order_by(Transition.at)
    ).all()
    return {
        "finding": finding.id,
        "rule": finding.rule,
        "rule_version": finding.rule_hash,
        "rule_changed_since": rule is None or rule.hash != finding.rule_hash,
        "component": finding.component,
        "summary": finding.summary,
        "severity": finding.severity,
        "state": finding.state,
        "since_at": finding.since_at,
        "opened_at": finding.opened_at,
        "held_for_seconds": (finding.opened_at - finding.since_at).total_seconds(),
        "cleared_at": finding.cleared_at,
        "stale_at": finding.stale_at,
        "intermittent": finding.intermittent,
        "suppressed": finding.suppressed,
        "waited": _waited(session, finding),
        "label": finding.label or finding.component,
        "meaning": finding.texts.get("meaning", ""),
        "advice": finding.texts.get("advice", ""),
        "bring": finding.texts.get("bring", ""),
        "clauses": next((t.clauses for t in transitions if t.new == "open" and t.old != "open"), []),
        "history": [
            {"at": t.at, "from": t.old, "to": t.new, "reason": t.reason, "clauses": t.clauses}
            for t in transitions
        ],
    }


def _waited(session: Session, finding: Finding) -> list[str]:
    """What held it back before it came to its ticket."""
    rows = session.scalars(
        select(Evidence)
        .where(
            Evidence.device_id == finding.device_id, Evidence.finding_id == finding.id, Evidence.moment == "opening",
        )
        .order_by(Evidence.at)
    )  # fmt: skip
    texts = (str(clause.get("text", "")) for row in rows for clause in row.body.get("clauses", ()))
    return [text for text in texts if text.startswith("held back until ")]


def circumstances(session: Session, rules: Rules, ticket: Ticket, now: datetime) -> dict[str, Any]:
    """What bears on the ticket as a whole: who set its priority, its clocks, its proof, decisions in force."""
    device = session.get_one(Device, ticket.device_id)
    names = session.scalars(
        select(Finding.rule).where(Finding.device_id == device.id, Finding.ticket_id == ticket.id).distinct()
    ).all()
    return {
        "priority": ticket.priority,
        "priority_by": ticket.priority_by,
        "priority_why": ticket.priority_why,
        "outcome": ticket.outcome,
        "part_used": ticket.part_used,
        "proof": ticket.proof,
        "proposal": ticket.proposal,
        "clocks": in_force.clocks(session, ticket, now),
        "in_force": in_force.decided(session, rules, device, names, now),
    }


def find_device(session: Session, text: str) -> Device:
    """By id, the start of an id, or host name. Raises NotFound, also when several would fit."""
    found = session.scalars(
        select(Device)
        .where(or_(Device.id.startswith(text, autoescape=True), Device.host_name == text))
        .limit(2)
    ).all()
    if len(found) != 1:
        raise NotFound(f"{'no' if not found else 'more than one'} device answers to {text!r}")
    return found[0]


def find_ticket(session: Session, text: str) -> Ticket:
    """By number or id. Raises NotFound."""
    where = Ticket.number == int(text) if text.isdigit() and len(text) < 10 else Ticket.id == text
    ticket = session.scalar(select(Ticket).where(where))
    if ticket is None:
        raise NotFound(f"there is no ticket {text}")
    return ticket


def why_not(session: Session, rules: Rules, device: Device, rule_name: str, now: datetime) -> list[str]:
    """Why this rule has no ticket on this device, a sentence a component."""
    if rule_name not in rules.by_name:
        raise NotFound(f"there is no rule {rule_name!r}; the rules are {', '.join(sorted(rules.by_name))}")
    decisions = Decisions(rules)
    decisions.refresh(session, now)
    row = session.get(DeviceState, device.id)
    state = RuleState.from_bytes(row.body) if row is not None else RuleState()
    silent = device.presence == SILENT
    frozen = session.get(Fact, "silence_frozen_until")
    context = DeviceContext(
        device_class=device.device_class, seen_at=device.seen_at, expected=silent,
        expected_from=decisions.expected_from(device, now) if silent else None,
        frozen_until=datetime.fromisoformat(frozen.value) if frozen is not None else None,
        accepted=decisions.accepted(device.id), baseline=decisions.rooms.baseline(device.id),
        during=decisions.rooms.during(device),
        turns=decisions.rooms.turns(device),
    )  # fmt: skip
    sentences: list[str] = []
    findings = session.scalars(
        select(Finding).where(
            Finding.device_id == device.id, Finding.rule == rule_name, Finding.state != CLEARED
        )
    )
    for finding in findings:
        ticket = session.get(Ticket, (device.id, finding.ticket_id)) if finding.ticket_id else None
        where = f" on {finding.component}" if finding.component else ""
        if ticket is not None:
            sentences.append(
                f"There is one: the finding{where} is open and on ticket {ticket.number} ({ticket.state})."
            )
        elif finding.suppressed:
            why = in_force.held_back(session, decisions, device, finding, now)
            sentences.append(f"The finding{where} is open; no ticket because {why}.")
        else:
            sentences.append(f"The finding{where} is open; this rule opens no tickets.")
    if device.revoked_at is not None:
        sentences.append("The device was revoked; nothing of it is judged any more.")
    if not sentences:
        here = decisions.rules_for(device, now)
        sentences = rule_why_not(here, state, rule_name, context, now, _newest(session, device.id))
    return sentences + [told["text"] for told in in_force.decided(session, rules, device, [rule_name], now)]


def _newest(session: Session, device_id: str) -> dict[tuple[str, str], float]:
    """The newest reading of everything whose probe's last run was ok."""
    rows = session.scalars(
        select(ProbeResult).where(ProbeResult.device_id == device_id, ProbeResult.outcome == "ok")
    )
    return {(str(r[0]), str(r[1])): float(str(r[2])) for row in rows for r in row.readings}
