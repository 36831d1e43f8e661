"""Why an open finding has no ticket now, and giving it one when that reason is over.

The finding is recorded all the same: when planned work ends, a device comes back or a storm is over, only
what is still bad becomes a ticket, and what ended meanwhile never was one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.decisions import Decisions
from collector.store.devices import SILENT, Device
from collector.store.findings import CLEARED, Finding
from collector.store.situations import EVERYTHING_SILENT, SITE_OUTAGE
from collector.store.tickets import Ticket
from collector.tickets import lifecycle, neighbours, situations

HELD_RULE, MAINTENANCE, DEVICE_SILENT, STORM, WATCHING, ROOM_TICKET = (
    "held_rule", "maintenance", "silent", "storm", "watching", "room_ticket",
)  # fmt: skip

WORDS: Final = {
    HELD_RULE: "this version of the rule waits for a person's word",
    MAINTENANCE: "planned work is under way",
    DEVICE_SILENT: "the device is silent",
    SITE_OUTAGE: "its whole site is silent",
    EVERYTHING_SILENT: "everything is silent",
    STORM: "too many tickets within an hour",
    ROOM_TICKET: "its room has a ticket already, where it is told",
    WATCHING: "it is watched first: such a thing often ends by itself",
}
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Brake:
    """New tickets in 60 minutes, for one site or one rule, from which on the rest waits. 0: no brake."""

    tickets_an_hour: int = 10


def reason(
    session: Session, decisions: Decisions, brake: Brake, device: Device, finding: Finding, now: datetime,
    full: set[str] | None = None,
) -> str:  # fmt: skip
    """Empty: it may have a ticket. `full` remembers, within one pass over many, what the brake holds."""
    was = finding.suppressed == HELD_RULE
    if decisions.is_held(device, finding.rule, finding.component, finding.rule_hash, was, now):
        return HELD_RULE
    if _planned(decisions, device, finding, now):
        return MAINTENANCE
    if _is_silence(decisions, finding):
        found = situations.covering(decisions, device)
        if found is not None:
            return found.kind
    elif device.presence == SILENT:
        return DEVICE_SILENT
    rule = decisions.rules_for(device, now).find(finding.rule, finding.component)
    if rule is not None and now < finding.opened_at + rule.ticket_after:
        return WATCHING
    if lifecycle.working(session, device.id, device.group) is not None:
        return ""  # it joins a ticket that is there
    if neighbours.ticket_of_room(session, device, finding) is not None:
        return ROOM_TICKET
    if not brake.tickets_an_hour:
        return ""
    return _braked(session, brake.tickets_an_hour, device, finding, now, set() if full is None else full)


def _is_silence(decisions: Decisions, finding: Finding) -> bool:
    rule = decisions.rules.by_name.get(finding.rule)
    return rule is not None and rule.kind == "silence"


def _planned(decisions: Decisions, device: Device, finding: Finding, now: datetime) -> bool:
    if decisions.planned(device, finding.rule, now) is not None:
        return True
    # Just over: the next report says whether it is still bad. A device that stays away is silent by itself.
    heard_at = device.reported_at
    before = decisions.planned(device, finding.rule, max(finding.opened_at, now - _HOUR))
    return before is not None and (
        heard_at is None or decisions.planned(device, finding.rule, heard_at) is not None
    )


def _braked(
    session: Session, limit: int, device: Device, finding: Finding, now: datetime, full: set[str]
) -> str:
    for scope in ([f"site {device.site}"] if device.site else []) + [f"rule {finding.rule}"]:
        if scope not in full and _opened(session, scope, device, finding, now - _HOUR) < limit:
            continue
        if scope not in full:
            full.add(scope)
            situations.storm(session, scope, limit, now)
        return STORM
    return ""


def _opened(session: Session, scope: str, device: Device, finding: Finding, since: datetime) -> int:
    """New tickets since then, of the site or the rule."""
    if scope.startswith("site "):
        return (
            session.scalar(
                select(func.count())
                .select_from(Ticket)
                .where(Ticket.site == device.site, Ticket.opened_at > since)
            )
            or 0
        )
    return (
        session.scalar(
            select(func.count(func.distinct(Finding.ticket_id)))
            .join(Ticket, (Ticket.device_id == Finding.device_id) & (Ticket.id == Finding.ticket_id))
            .where(Finding.rule == finding.rule, Ticket.opened_at > since)
        )
        or 0
    )


def waiting(session: Session) -> list[Finding]:
    """Open findings that something keeps from a ticket, the worst and oldest first.

    All of them: with a limit, those of one large outage would hide the others for as long as it lasts.
    """
    return list(
        session.scalars(
            select(Finding)
            .where(Finding.suppressed != "", Finding.state != CLEARED, Finding.stale_at.is_(None))
            .order_by(Finding.severity, Finding.opened_at)  # critical comes before warning
        )
    )
