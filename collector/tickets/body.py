"""The text of a ticket: what, where, since when, what it means, what to do, what to bring."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.devices import Device, Site
from collector.store.findings import Finding
from collector.store.tickets import Evidence
from collector.tickets import parts


def text(session: Session, device: Device, findings: Iterable[Finding]) -> str:
    """`findings`: the open ones, the worst first."""
    site = session.get(Site, device.site) if device.site else None
    blocks = ["\n".join(line for line in (where(device), machine(device)) if line)]
    findings = list(findings)
    known, zone = _frozen(session, device.id, findings), site.time_zone if site else "UTC"
    blocks += [_finding(finding, *known.get(finding.id, ("", {})), zone) for finding in findings]
    return "\n\n".join(blocks)


def where(device: Device) -> str:
    """Site, room and desk; a desk is known by its machine's name."""
    place = [
        f"site {device.site}" if device.site else "site unknown",
        f"room {device.room}" if device.room else "",
        f"desk {device.host_name or device.id}",
    ]
    return "Where: " + ", ".join(part for part in place if part)


def machine(device: Device) -> str:
    model = f"{device.maker} {device.model}".strip()
    known = [
        model,
        device.system_serial and f"serial {device.system_serial}",
        device.asset_tag and f"asset tag {device.asset_tag}",
    ]
    told = ", ".join(part for part in known if part)
    return f"Machine: {told}" if told else ""


def _finding(finding: Finding, probe: str, facts: dict[str, str], zone: str) -> str:
    kind, identity = parts.kind(probe, facts), parts.identity(facts)
    said = finding.texts
    lines = [
        finding.summary,
        f"Since {local(finding.since_at, zone)}.",
        said.get("meaning", ""),
        f"What to do: {said['advice']}" if said.get("advice") else "",
        "Part: " + "; ".join(word for word in (kind, identity) if word) if kind or identity else "",
    ]
    if said.get("bring"):
        lines.append(f"Bring: {said['bring']}" + (f" This one: {kind}." if kind else ""))
    if said.get("runbook"):
        lines.append(f"Runbook: {said['runbook']}")
    return "\n".join(line for line in lines if line)


def _frozen(
    session: Session, device_id: str, findings: Sequence[Finding]
) -> dict[str, tuple[str, dict[str, str]]]:
    """Finding → (probe, facts of the part) as they were when it came to its ticket. One query: a ticket may hold many."""
    rows = session.execute(
        select(Evidence.finding_id, Evidence.body)
        .where(
            Evidence.device_id == device_id, Evidence.finding_id.in_([finding.id for finding in findings]),
            Evidence.moment == "opening",
        )
        .order_by(Evidence.at)
    )  # fmt: skip
    return {finding_id: (str(body.get("part", "")), dict(body.get("facts", {}))) for finding_id, body in rows}


def local(at: datetime, zone: str) -> str:
    """By the clock on the wall of the site."""
    try:
        return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %Y, %H:%M} ({zone})"
    except (ZoneInfoNotFoundError, ValueError, OSError):  # written past the checks
        return f"{at:%a %d %b %Y, %H:%M} (UTC)"
