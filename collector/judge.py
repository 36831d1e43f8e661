"""Giving a report, or only the passing of time, to the rules, and writing what follows from it."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.changes import Changes
from collector.decisions import Decisions
from collector.memory import DeviceMemory, Memory, OpenFinding
from collector.rules import runbook
from collector.rules.evaluate import DeviceContext, Transition, evaluate
from collector.rules.rule import Rules
from collector.rules.transition import EASED, URGENT, texts
from collector.store.devices import SILENT, StateCheckpoint
from collector.store.findings import CLEARED, OPEN, Finding
from collector.store.findings import Transition as TransitionRow
from collector.tickets import neighbours, opening, suppression
from collector.tickets.suppression import Brake
from protos.report_pb2 import Report

_WORSE = {"": 0, "warning": 1, "critical": 2}


@dataclass(slots=True)
class Bench:
    """What every judgement needs: the rules, and until when silence is not held against devices."""

    rules: Rules
    silence_frozen_until: datetime | None = None
    brake: Brake = field(default_factory=Brake)
    runbook_url: str = ""  # of the house, for rules that name no address
    decisions: Decisions = field(init=False)

    def __post_init__(self) -> None:
        self.decisions = Decisions(self.rules)


def judge(
    session: Session,
    changes: Changes,
    memory: DeviceMemory,
    bench: Bench,
    report: Report | None,
    now: datetime,
) -> list[Transition]:
    """Evaluate, then write findings, tickets and the new state. Returns the transitions."""
    device = memory.device
    if not bench.decisions.loaded:  # the first report may come before the first sweep
        bench.decisions.refresh(session, now)
    if report is not None:
        _checkpoint(session, memory, now)
    rules = bench.decisions.rules_for(device, now)
    silent = device.presence == SILENT
    context = DeviceContext(
        device_class=device.device_class,
        seen_at=memory.seen_at,
        expected=silent,
        expected_from=bench.decisions.expected_from(device, now) if silent else None,
        frozen_until=bench.silence_frozen_until,
        lives_on=device.lives_on_as != "",
        accepted=bench.decisions.accepted(device.id),
        baseline=bench.decisions.rooms.baseline(device.id),
        during=bench.decisions.rooms.during(device),
        turns=bench.decisions.rooms.turns(device),
    )
    state, transitions = evaluate(rules, memory.state, report, now, context)
    if state is not memory.state:
        memory.state = state
        changes.states[device.id] = {"device_id": device.id, "body": state.to_bytes(), "due_at": state.due_at}
    if transitions:
        changes.flush(session.connection())  # evidence reads the report that is just being stored
        for transition in transitions:
            _apply(session, memory, bench, rules, transition, now)
        session.flush()
        _summarise(changes, memory)
    return transitions


def _checkpoint(session: Session, memory: DeviceMemory, now: datetime) -> None:
    """Once a day, what is remembered before the day's first report: replay may begin there."""
    if memory.checkpoint == now.date():
        return
    if memory.checkpoint is None:
        newest = session.scalar(
            select(func.max(StateCheckpoint.at)).where(StateCheckpoint.device_id == memory.device.id)
        )
        memory.checkpoint = newest.date() if newest is not None else None
        if memory.checkpoint == now.date():
            return
    memory.checkpoint = now.date()
    session.add(StateCheckpoint(device_id=memory.device.id, at=now, body=memory.state.to_bytes()))


def _apply(
    session: Session,
    memory: DeviceMemory,
    bench: Bench,
    rules: Rules,
    transition: Transition,
    now: datetime,
) -> None:
    key = (transition.rule, transition.component)
    known = memory.findings.get(key)
    device = memory.device
    if transition.new == OPEN and known is None:
        finding = _open(session, memory, rules, transition, bench.runbook_url)
        finding.suppressed = suppression.reason(session, bench.decisions, bench.brake, device, finding, now)
        if not finding.suppressed:
            memory.findings[key].ticket_id = opening.on_open(
                session, device, finding, transition.clauses, now
            ).id
        elif finding.suppressed == suppression.ROOM_TICKET:
            neighbours.tell(session, device, finding, now)
    elif known is not None:
        finding_row = session.get(Finding, (device.id, known.id))
        if finding_row is None:
            raise LookupError(f"finding {known.id} of device {device.id} is remembered and not stored")
        finding = finding_row
        _change(finding, transition)
        session.flush()
        if transition.new == CLEARED:
            del memory.findings[key]
            opening.on_clear(session, device, finding, transition, now)
        elif transition.reason in (URGENT, EASED):
            known.severity = transition.severity
            opening.on_weight(session, device, finding, transition, now)
    else:
        return
    session.add(
        TransitionRow(
            device_id=device.id, id=uuid.uuid4().hex, finding_id=finding.id, rule=transition.rule,
            component=transition.component, old=transition.old, new=transition.new, at=transition.at,
            reason=transition.reason, clauses=list(transition.clauses),
        )
    )  # fmt: skip


def _open(
    session: Session, memory: DeviceMemory, rules: Rules, transition: Transition, runbook_url: str
) -> Finding:
    rule = rules.of(transition.rule, transition.component)
    said = texts(rule, transition)
    finding = Finding(
        device_id=memory.device.id, id=uuid.uuid4().hex, rule=transition.rule, rule_hash=transition.rule_hash,
        component=transition.component, state=OPEN, severity=transition.severity, summary=transition.summary,
        label=transition.label, value=transition.value,
        texts={"meaning": said.meaning, "advice": said.advice, "bring": said.bring,
               "runbook": runbook.page(rule.runbook, rule.name, runbook_url)},
        kind=rule.kind, since_at=transition.since_at, opened_at=transition.at,
    )  # fmt: skip
    session.add(finding)
    session.flush()  # the partial unique index speaks here, before a ticket is made
    memory.findings[transition.rule, transition.component] = OpenFinding(finding.id, finding.severity, "")
    return finding


def _change(finding: Finding, transition: Transition) -> None:
    if transition.new == CLEARED:
        finding.state = CLEARED
        finding.cleared_at = transition.at
        finding.cleared_reason = transition.reason
        finding.stale_at = None
    elif transition.reason == "stale":
        finding.stale_at = transition.at
    elif transition.reason == "fresh":
        finding.stale_at = None
    elif transition.reason == "flapping":
        finding.intermittent = True
    if transition.reason == "steady":
        finding.intermittent = False
    if transition.new == OPEN and transition.reason in (URGENT, EASED):
        finding.severity = transition.severity


def _summarise(changes: Changes, memory: DeviceMemory) -> None:
    worst = max((f.severity for f in memory.findings.values()), key=_WORSE.__getitem__, default="")
    changes.device(memory.device.id, worst_severity=worst, open_findings=len(memory.findings))


def release(session: Session, memory: Memory, bench: Bench, now: datetime) -> int:
    """Tickets for open findings whose reason to wait is over. Returns how many."""
    released, full = 0, set[str]()
    waiting = suppression.waiting(session)
    memory.bring(session, (finding.device_id for finding in waiting))
    for finding in waiting:
        try:
            remembered = memory.of(session, finding.device_id)
        except KeyError:
            continue
        why = suppression.reason(session, bench.decisions, bench.brake, remembered.device, finding, now, full)
        if why == finding.suppressed:
            continue
        former, finding.suppressed = finding.suppressed, why
        session.flush()
        if why == suppression.ROOM_TICKET:
            neighbours.tell(session, remembered.device, finding, now)
        if why:
            continue
        clauses = session.scalar(
            select(TransitionRow.clauses).where(
                TransitionRow.device_id == finding.device_id, TransitionRow.finding_id == finding.id, TransitionRow.new == OPEN,
                TransitionRow.old != OPEN,
            )
        )  # fmt: skip
        waited = {
            "text": f"held back until {now:%Y-%m-%d %H:%M} UTC: {suppression.WORDS[former]}",
            "metric": "", "value": None, "limit": None, "at": now.isoformat(),
        }  # fmt: skip
        ticket = opening.on_open(session, remembered.device, finding, [*(clauses or []), waited], now)
        known = remembered.findings.get((finding.rule, finding.component))
        if known is not None:
            known.ticket_id = ticket.id
        released += 1
    return released
