"""What else is known of a room: its baseline, open findings and tickets of its hosts, planned work. Pure."""

from collections.abc import Iterator
from typing import Final

from collector.rooms.item import BASELINE, FAIL, FINDINGS, NOT_CHECKED, PASS, TICKETS, WARN, WORK, Clock, Item
from collector.rooms.known import Known
from collector.rooms.look import Look
from collector.rules.rule import CRITICAL
from collector.store.findings import Finding

# That a device is silent is what its item `host` says.
_SILENCE: Final = "device_silent"


def baseline(known: Known, clock: Clock) -> Iterator[Item]:
    parts = [part for one in known.devices for part in one.parts]
    if not known.devices:
        return
    if not parts:
        yield Item(
            name=BASELINE, part="", result=NOT_CHECKED,
            reason="nobody has accepted a baseline for this room yet: what belongs in it is not known",
        )  # fmt: skip
        return
    newest = max(parts, key=lambda part: part.created_at)
    yield Item(
        name=BASELINE, part="", result=PASS,
        reason=f"{len(parts)} parts are expected, accepted by {newest.who} {clock.when(newest.created_at)}",
    )  # fmt: skip


def findings(look: Look) -> Iterator[Item]:
    """Critical ones fail, warnings warn; of a device that is away they are what was known before."""
    away = look.away()
    mandatory: dict[str, bool] = {}
    for part in look.known.parts:
        mandatory[part.key] = mandatory.get(part.key, False) or part.mandatory
    tickets = {ticket.id: ticket.number for ticket in look.known.tickets}
    for finding in look.known.findings:
        critical = finding.severity == CRITICAL
        if away is not None and finding.rule == _SILENCE:
            continue
        # What concerns no part concerns the host itself: a warning of it is said, and decides nothing.
        decides = mandatory.get(finding.component, critical)
        number = tickets.get(finding.ticket_id)
        ticket = f" (ticket {number})" if number is not None else ""
        known_before = away is not None or finding.stale_at is not None
        result = NOT_CHECKED if known_before else FAIL if critical else WARN
        yield Item(
            name=FINDINGS, part=_about(look, finding), result=result, mandatory=decides, since=finding.since_at,
            reason=f"{look.host}: {finding.summary}, since {look.clock.says(finding.since_at)}{ticket}"
            + ("; that was before, nothing fresh is known of it" if known_before else ""),
            bring=(finding.texts["bring"],) if finding.texts.get("bring") else (),
        )  # fmt: skip


def _about(look: Look, finding: Finding) -> str:
    return finding.label or finding.component or look.host


def tickets(look: Look) -> Iterator[Item]:
    """Those whose findings are over, or that people opened: somebody may be at work on it."""
    told = {finding.ticket_id for finding in look.known.findings}
    for ticket in look.known.tickets:
        if ticket.id in told:
            continue
        who = f", {ticket.assignee} has it" if ticket.assignee else ""
        yield Item(
            name=TICKETS, part=look.host, result=WARN, mandatory=False, since=ticket.opened_at,
            reason=f"{look.host}: ticket {ticket.number} is open{who}: {ticket.title}",
        )  # fmt: skip


def work(known: Known, clock: Clock) -> Iterator[Item]:
    for ends, who, why in known.works:
        yield Item(
            name=WORK, part="", result=WARN, mandatory=False,
            reason=f"planned work is under way until {clock.says(ends)}, by {who}: {why}",
        )  # fmt: skip
