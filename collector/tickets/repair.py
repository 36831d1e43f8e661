"""Proof of repair: another serial in the part's place, or a day and a night without the fault.

A replaced part proves itself when its finding ends. Otherwise the sweep looks again and again until there is
a fresh observation that is 24 hours younger than the end: a machine that is off proves nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from collector.rules import transition as why
from collector.rules.evaluate import Transition
from collector.rules.rule import PATCH_STATE, Rule, Rules
from collector.store.devices import SILENT, Device
from collector.store.findings import CLEARED, Finding
from collector.store.findings import Transition as TransitionRow
from collector.store.reports import ProbeResult
from collector.store.tickets import WORKING_STATES, Evidence, Ticket, TicketEvent
from collector.tickets import evidence, lifecycle, parts
from collector.tickets.lifecycle import TOCSIN
from protos.catalogue import BY_NAME

CLEAN: Final = timedelta(hours=24)
# What never came back to say anything in this time will hardly do so: it is not asked after any more.
_GIVE_UP: Final = timedelta(days=30)
# Ends that nobody repaired anything for.
_NO_REPAIR: Final = (why.ACCEPTED, why.NOT_JUDGED, why.GONE, why.MERGED)
_TOOK_PLACE: Final = " took the place of "


def replaced(
    session: Session, ticket: Ticket, finding: Finding, transition: Transition, now: datetime
) -> None:
    """The ticket's last finding has just ended because another part is there: that is the proof."""
    if transition.reason != why.REPLACED or ticket.state == "cancelled":
        return
    told = _replacements(session, ticket)
    told.append(_replacement(session, finding, transition.clauses))
    _write(session, ticket, "; ".join(dict.fromkeys(told)), now)


def successor(component: str, clauses: Sequence[dict[str, Any]]) -> str:
    """The serial that took this one's place; empty when the transition names none."""
    text = str(clauses[0].get("text", "")) if clauses else ""
    return text.removesuffix(_TOOK_PLACE + component) if text.endswith(_TOOK_PLACE + component) else ""


def _replacement(session: Session, finding: Finding, clauses: Sequence[dict[str, Any]]) -> str:
    probe = next((BY_NAME[c["metric"]].probe for c in clauses if c.get("metric") in BY_NAME), "")
    other = successor(finding.component, clauses)
    model = parts.facts(session, finding.device_id, probe, other).get("model", "")
    by = f"{other} (model {model})" if model else other
    return f"{parts.name(probe)} {finding.component} was replaced by {by or 'another one'}"


def _replacements(session: Session, ticket: Ticket) -> list[str]:
    """Of the findings that ended before, since the ticket was last opened."""
    since = session.scalar(
        select(func.max(TicketEvent.at)).where(
            TicketEvent.device_id == ticket.device_id, TicketEvent.ticket_id == ticket.id,
            TicketEvent.kind.in_(("opened", "reopened")),
        )
    )  # fmt: skip
    rows = session.execute(
        select(Finding, TransitionRow.clauses)
        .join(
            TransitionRow,
            (TransitionRow.device_id == Finding.device_id) & (TransitionRow.finding_id == Finding.id),
        )
        .where(
            Finding.device_id == ticket.device_id, Finding.ticket_id == ticket.id, TransitionRow.new == CLEARED,
            TransitionRow.reason == why.REPLACED, TransitionRow.at >= (since or ticket.opened_at),
        )
        .order_by(TransitionRow.at, Finding.component)
    )  # fmt: skip
    return [_replacement(session, finding, clauses) for finding, clauses in rows]


def look_for_clean_days(session: Session, rules: Rules, now: datetime) -> int:
    """Write the proof on tickets whose findings have been gone for a day. Returns on how many."""
    mine = (Finding.device_id == Ticket.device_id) & (Finding.ticket_id == Ticket.id)
    tickets = session.scalars(
        select(Ticket).where(
            Ticket.proof == "",
            Ticket.state.in_((*WORKING_STATES, "resolved", "closed")),
            or_(Ticket.resolved_at.is_(None), Ticket.resolved_at > now - _GIVE_UP - CLEAN),
            select(Finding.id)
            .where(mine, Finding.cleared_at <= now - CLEAN, Finding.cleared_at > now - _GIVE_UP)
            .exists(),
            ~select(Finding.id)
            .where(mine, or_(Finding.cleared_at.is_(None), Finding.cleared_at > now - CLEAN))
            .exists(),
        )
    ).all()
    return sum(_proved(session, rules, ticket, now) for ticket in tickets)


def _proved(session: Session, rules: Rules, ticket: Ticket, now: datetime) -> bool:
    ended = session.scalars(
        select(Finding)
        .where(
            Finding.device_id == ticket.device_id, Finding.ticket_id == ticket.id,
            Finding.cleared_at > now - _GIVE_UP, Finding.cleared_reason.not_in(_NO_REPAIR),
        )
        .order_by(Finding.cleared_at)
    ).all()  # fmt: skip
    if not ended or not all(_stayed_away(session, rules, finding) for finding in ended):
        return False
    last = ended[-1].cleared_at
    them = "it" if len(ended) == 1 else "them"
    told = [*_replacements(session, ticket), *_modules(session, ended)]
    told.append(f"24 hours without {them} since {last:%Y-%m-%d %H:%M} UTC")
    text = "; ".join(dict.fromkeys(told))
    _write(session, ticket, text, now)
    for finding in ended:
        rule = rules.by_name[finding.rule]
        clause = {"text": text, "metric": rule.metric, "value": None, "limit": None, "at": now.isoformat()}
        evidence.freeze(session, ticket, finding, "proof", [clause], now)
    return True


def _stayed_away(session: Session, rules: Rules, finding: Finding) -> bool:
    """Something looked a day later, and nothing of the kind has come since, on whichever ticket."""
    rule, ended = rules.by_name.get(finding.rule), finding.cleared_at
    if rule is None or ended is None or not _looked(session, rule, finding.device_id, ended + CLEAN):
        return False
    again = session.scalar(
        select(Finding.id)
        .where(
            Finding.device_id == finding.device_id, Finding.rule == finding.rule,
            Finding.component == finding.component, Finding.id != finding.id, Finding.opened_at >= ended,
        )
        .limit(1)
    )  # fmt: skip
    return again is None


def _looked(session: Session, rule: Rule, device_id: str, since: datetime) -> bool:
    if rule.kind == "silence":
        device = session.get_one(Device, device_id)
        return device.presence != SILENT and device.seen_at is not None and device.seen_at >= since
    return looked_at(session, rule, device_id, since)


def looked_at(session: Session, rule: Rule, device_id: str, since: datetime) -> bool:
    """Whether the rule's probe ended well after that moment."""
    probe = "patches" if rule.metric == PATCH_STATE or rule.kind == "age" else rule.probe
    if not probe:  # what the collector itself adds to each report
        device = session.get_one(Device, device_id)
        return device.reported_at is not None and device.reported_at >= since
    row = session.get(ProbeResult, (device_id, probe))
    return row is not None and row.ok_at is not None and row.ok_at >= since


def _modules(session: Session, ended: Iterable[Finding]) -> list[str]:
    """Parts that are known by their slot: the frozen serial is not the one that is there now."""
    told = []
    for finding in ended:
        row = session.scalar(
            select(Evidence)
            .where(
                Evidence.device_id == finding.device_id, Evidence.finding_id == finding.id, Evidence.moment == "opening"
            )
            .order_by(Evidence.at)
            .limit(1)
        )  # fmt: skip
        if row is None or "memory_errors" not in row.body.get("probes", {}):
            continue
        before = row.body.get("facts", {}).get("serial")
        after = parts.facts(session, finding.device_id, "memory_errors", finding.component).get("serial")
        if before and after and before != after:
            told.append(f"memory module {before} in {finding.component} was replaced by {after}")
    return told


def _write(session: Session, ticket: Ticket, text: str, now: datetime) -> None:
    lifecycle.change(session, ticket, now, proof=text)
    lifecycle.record(session, ticket, who=TOCSIN, kind="proof", text=f"proof of repair: {text}", now=now)
    lifecycle.outbox(session, ticket, "update", now, f"proof of repair: {text}")
