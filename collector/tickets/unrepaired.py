"""Called done and still so: tickets that people resolved or closed come back with the next evidence."""

from collections import defaultdict
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.decisions import Decisions
from collector.rules import words
from collector.rules.rule import Rule
from collector.store.devices import SILENT, Device
from collector.store.findings import CLEARED, Finding
from collector.store.reports import ProbeResult
from collector.store.tickets import Ticket
from collector.tickets import opening, repair
from collector.tickets.opening import Clause


def look(session: Session, decisions: Decisions, now: datetime, grace: timedelta) -> int:
    """Bring back what fresh readings contradict. Returns how many tickets.

    The readings must be younger than the resolution: a machine that lies open on the bench says nothing.
    `grace` lets the first reports after a repair arrive.
    """
    done_at = func.coalesce(Ticket.closed_at, Ticket.resolved_at)
    rows = session.execute(
        select(Ticket, Finding)
        .join(Finding, (Finding.device_id == Ticket.device_id) & (Finding.ticket_id == Ticket.id))
        .where(
            Ticket.state.in_(("resolved", "closed")), done_at < now - grace, Finding.state != CLEARED,
            Finding.stale_at.is_(None), Finding.suppressed == "",
        )
        .order_by(Finding.severity, Finding.opened_at)  # critical comes before warning
    ).all()  # fmt: skip
    failing: defaultdict[str, list[tuple[Finding, list[Clause]]]] = defaultdict(list)
    tickets: dict[str, Ticket] = {}
    for ticket, finding in rows:
        rule = decisions.rules.by_name.get(finding.rule)
        since = ticket.closed_at or ticket.resolved_at
        if rule is None or since is None or not _seen_since(session, rule, finding, since):
            continue
        if decisions.planned(session.get_one(Device, finding.device_id), finding.rule, now) is not None:
            continue  # somebody is at work on it
        tickets[ticket.id] = ticket
        failing[ticket.id].append((finding, [_now(session, rule, finding, now)]))
    for ticket_id, found in failing.items():
        opening.still_failing(session, tickets[ticket_id], found, now)
    return len(failing)


def _seen_since(session: Session, rule: Rule, finding: Finding, since: datetime) -> bool:
    if rule.kind == "silence":  # it is being judged all the time
        return session.get_one(Device, finding.device_id).presence == SILENT
    return repair.looked_at(session, rule, finding.device_id, since)


def _now(session: Session, rule: Rule, finding: Finding, now: datetime) -> Clause:
    """What the newest reading says."""
    row = session.get(ProbeResult, (finding.device_id, rule.probe)) if rule.probe else None
    value = next(
        (
            float(str(r[2]))
            for r in (row.readings if row is not None else ())
            if (r[0], r[1]) == (rule.metric, finding.component)
        ),
        None,
    )
    text = "still so"
    at = now
    if row is not None and value is not None:
        at = row.ok_at or now
        unit = rule.metric.rsplit("_", 1)[-1]
        text = f"{words.metric(rule.metric)} is {words.say(value, unit)} at {at:%Y-%m-%d %H:%M} UTC"
    if rule.clears == "part_replaced":
        text += "; this ends with another serial in its place, or when a person accepts the value"
    return {"text": text, "metric": rule.metric, "value": value, "limit": None, "at": at.isoformat()}
