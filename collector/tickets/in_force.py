"""What people decided and what goes on that bears on a device's tickets now, in sentences."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import decisions as deciding
from collector.decisions import Decisions
from collector.rules import words
from collector.rules.rule import Rules
from collector.store.devices import SILENT, Device
from collector.store.findings import Finding
from collector.store.overrides import Acceptance, Override, RuleHold
from collector.store.situations import EVERYTHING_SILENT, SITE_OUTAGE, STORM, Maintenance
from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import sla, suppression
from collector.tickets.situations import covering

Told = dict[str, Any]  # kind, text, and the numbers for scripts


def decided(
    session: Session, rules: Rules, device: Device, names: Iterable[str], now: datetime
) -> list[Told]:
    """Overrides, accepted values, planned work and held versions of these rules that hold for the device."""
    wanted = set(names)
    return [
        *_overrides(session, device, wanted, now),
        *_acceptances(session, rules, device, wanted),
        *_planned(session, device, wanted, now),
        *_holds(session, rules, wanted),
    ]


def _overrides(session: Session, device: Device, names: set[str], now: datetime) -> Iterator[Told]:
    for row in session.scalars(
        select(Override)
        .where(Override.ended_at.is_(None), Override.rule.in_(names))
        .order_by(Override.created_at)
    ):
        if not deciding.override_fits(row, device, now):
            continue
        scope = " ".join(part for part in (row.scope, row.site, row.name, row.component) if part)
        changes = ", ".join(f"{key} = {value}" for key, value in row.changes.items())
        text = f"Rule {row.rule} has other numbers here ({changes}; {scope}), by {row.who}: {row.why}{_until(row.until_at)}."
        yield {
            "kind": "override", "text": text, "rule": row.rule, "scope": row.scope, "changes": row.changes,
            "who": row.who, "why": row.why, "until_at": row.until_at, "component": row.component,
        }  # fmt: skip


def _acceptances(session: Session, rules: Rules, device: Device, names: set[str]) -> Iterator[Told]:
    for row in session.scalars(
        select(Acceptance)
        .where(Acceptance.device_id == device.id, Acceptance.ended_at.is_(None), Acceptance.rule.in_(names))
        .order_by(Acceptance.created_at)
    ):
        rule = rules.by_name.get(row.rule)
        value = words.say(row.value, rule.unit) if rule is not None else f"{row.value:g}"
        where = f" of {row.component}" if row.component else ""
        text = (
            f"The value {value}{where} was accepted for rule {row.rule} by {row.who} on "
            f"{row.created_at:%Y-%m-%d}: {row.why}; it speaks again when that gets worse."
        )
        yield {
            "kind": "accepted", "text": text, "rule": row.rule, "component": row.component, "value": row.value,
            "who": row.who, "why": row.why, "until_at": None,
        }  # fmt: skip


def _planned(session: Session, device: Device, names: set[str], now: datetime) -> Iterator[Told]:
    for row in session.scalars(select(Maintenance).where(Maintenance.ended_at.is_(None))):
        if deciding.under_way(row, now) and any(deciding.window_fits(row, device, name) for name in names):
            _begins, ends = deciding.current(row, now)
            text = f"Planned work is under way until {_clock(ends)}, by {row.who}: {row.why}."
            yield {
                "kind": "maintenance", "text": text, "rule": row.rule, "who": row.who, "why": row.why,
                "until_at": ends,
            }  # fmt: skip


def _holds(session: Session, rules: Rules, names: set[str]) -> Iterator[Told]:
    for row in session.scalars(
        select(RuleHold).where(RuleHold.rule.in_(names), RuleHold.released_at.is_(None))
    ):
        rule = rules.by_name.get(row.rule)
        if rule is None or rule.hash != row.rule_hash:
            continue
        text = (
            f"This version of rule {row.rule} waits for a person's word since {_clock(row.held_at)}: "
            f"it would open on {row.devices} of {row.of} devices."
        )
        yield {"kind": "held_rule", "text": text, "rule": row.rule, "devices": row.devices, "of": row.of}


def held_back(session: Session, decisions: Decisions, device: Device, finding: Finding, now: datetime) -> str:
    """What keeps this open finding from a ticket, until when and by whom; empty when nothing does."""
    reason = finding.suppressed
    if not reason:
        return ""
    usual = suppression.WORDS.get(reason, reason)
    match reason:
        case suppression.MAINTENANCE:
            window = decisions.planned(device, finding.rule, now)
            if window is None:
                return f"{usual}, or was until just now: the next report decides"
            _begins, ends = deciding.current(window, now)
            return f"{usual} until {_clock(ends)}, by {window.who}: {window.why}"
        case suppression.HELD_RULE:
            told = next(_holds(session, decisions.rules, {finding.rule}), None)
            return f"{usual}: it would open on {told['devices']} of {told['of']} devices" if told else usual
        case suppression.DEVICE_SILENT if device.presence == SILENT and device.presence_at is not None:
            return f"{usual} since {_clock(device.presence_at)}"
        case _ if reason in (SITE_OUTAGE, EVERYTHING_SILENT, STORM):
            found = (
                decisions.situation(STORM, f"site {device.site}")
                or decisions.situation(STORM, f"rule {finding.rule}")
                if reason == STORM
                else covering(decisions, device)
            )
            return (
                f"{usual}: situation {found.number}, {found.title}, since {_clock(found.opened_at)}"
                if found
                else usual
            )
    return usual


def clocks(session: Session, ticket: Ticket, now: datetime) -> list[Told]:
    """Both promises of the ticket: worked, promised, due."""
    events = session.scalars(
        select(TicketEvent)
        .where(TicketEvent.device_id == ticket.device_id, TicketEvent.ticket_id == ticket.id)
        .order_by(TicketEvent.at)
    ).all()
    return [
        {
            "clock": clock.name, "elapsed_seconds": clock.elapsed.total_seconds(),
            "target_seconds": clock.target.total_seconds(), "due_at": clock.due_at, "stopped_at": clock.stopped_at,
            "paused": clock.paused, "breached": clock.breached, "text": _clock_words(clock),
        }
        for clock in sla.clocks(ticket, events, sla.calendar_for(session, ticket), now)
    ]  # fmt: skip


def _clock_words(clock: sla.Clock) -> str:
    used = f"{words.span(clock.elapsed)} of {words.span(clock.target)} to {clock.name} used"
    if clock.stopped_at is not None:
        return f"{used}, done {_clock(clock.stopped_at)}" + (", late" if clock.breached else "")
    if clock.breached:
        return f"{used}, overdue" + (f" since {_clock(clock.due_at)}" if clock.due_at else "")
    if clock.paused:
        return f"{used}, paused"
    return used + (f", due {_clock(clock.due_at)}" if clock.due_at else ", never due: its site has no hours")


def _until(at: datetime | None) -> str:
    return f", until {_clock(at)}" if at is not None else ""


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
