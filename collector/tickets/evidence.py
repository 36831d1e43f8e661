"""Readings frozen at opening and at resolution, so that a ticket proves itself later."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from collector import history
from collector.store.findings import Finding
from collector.store.reports import ProbeResult
from collector.store.tickets import Evidence, Ticket
from collector.tickets import parts
from protos.catalogue import BY_NAME

BEFORE: Final = timedelta(hours=24)
_POINTS = 300


def freeze(
    session: Session,
    ticket: Ticket,
    finding: Finding,
    moment: str,
    clauses: list[dict[str, Any]],
    now: datetime,
) -> Evidence:
    """Keep the clauses that decided, the series of the day before, and what is known of the part."""
    metrics = {clause["metric"] for clause in clauses if clause.get("metric") in BY_NAME}
    probes = {BY_NAME[metric].probe for metric in metrics}
    found = history.series(session, finding.device_id, now - BEFORE, now, metrics) if metrics else {}
    series = {
        metric: [[at.isoformat(), value] for at, value, _low, _high in points[-_POINTS:]]
        for (metric, component), points in sorted(found.items())
        if component == finding.component
    }
    part, facts = _part(session, finding, probes)
    row = Evidence(
        device_id=finding.device_id, id=uuid.uuid4().hex, ticket_id=ticket.id, finding_id=finding.id,
        moment=moment, at=now,
        body={
            "clauses": clauses,
            "series": series,
            "part": part,
            "facts": facts,
            "probes": _probes(session, finding.device_id, probes),
        },
    )  # fmt: skip
    session.add(row)
    return row


def _part(session: Session, finding: Finding, probes: set[str]) -> tuple[str, dict[str, str]]:
    """(the probe it belongs to, what the inventory knows of it)."""
    for probe in sorted(probes):
        found = parts.facts(session, finding.device_id, probe, finding.component)
        if found:
            return probe, found
    if finding.component and not probes:  # no number decided: a part is missing
        return parts.gone(session, finding.device_id, finding.component)
    return "", {}


def _probes(session: Session, device_id: str, probes: set[str]) -> dict[str, Any]:
    """The raw results of the probes that gave the numbers."""
    rows = (session.get(ProbeResult, (device_id, probe)) for probe in sorted(probes))
    return {
        row.probe: {"outcome": row.outcome, "reason": row.reason, "readings": row.readings}
        for row in rows
        if row is not None
    }
