"""Decisions of people about rules, values and planned work: checked, written, audited, told to the judge."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.decisions import FACT
from collector.problem import Problem
from collector.rules.override import changed as changed_rule
from collector.rules.rule import ROOM, Rules
from collector.rules.rule_file import RuleError
from collector.rules.state import DeviceState as RuleState
from collector.store.devices import Device, DeviceState, Site
from collector.store.findings import CLEARED, Finding
from collector.store.installation import Fact
from collector.store.overrides import SCOPES, Acceptance, Override, RuleHold
from collector.store.people import AuditEntry
from collector.store.situations import Maintenance

# An age and a silence grow by themselves: what a person knows of them holds until a day, not until a value.
LASTING: Final = ("age", "silence")
KNOWN_FOR: Final = timedelta(days=14)


class Refused(Problem):
    """The decision does not hold together; the text says where."""


def changed(session: Session) -> None:
    """Tell every collector on this store that decisions are others now."""
    session.merge(Fact(name=FACT, value=uuid.uuid4().hex))


def override(
    session: Session, rules: Rules, *, rule: str, scope: str, changes: Mapping[str, Any], why: str, who: str,
    now: datetime, site: str = "", name: str = "", component: str = "", until_at: datetime | None = None,
) -> Override:  # fmt: skip
    """Other limits for a part of the fleet. Raises Refused."""
    known = rules.by_name.get(rule)
    if known is None:
        raise Refused(f"there is no rule {rule!r}")
    if scope not in SCOPES:
        raise Refused(f"scope must be one of {', '.join(SCOPES)}, not {scope!r}")
    _needs_reason(why)
    if until_at is not None and until_at <= now:
        raise Refused("until lies in the past")
    _scope_holds(session, scope, site, name, component)
    try:
        changed_rule(known, changes)
    except RuleError as error:
        raise Refused(str(error)) from None
    row = Override(
        id=uuid.uuid4().hex, rule=rule, scope=scope, site=site, name=name, component=component, changes=dict(changes),
        why=why, who=who, created_at=now, until_at=until_at,
    )  # fmt: skip
    session.add(row)
    _audit(session, who, "override", f"{rule} {scope} {site} {name} {component}".strip(), now, dict(changes))
    changed(session)
    return row


def _scope_holds(session: Session, scope: str, site: str, name: str, component: str) -> None:
    if scope in ("site", "room") and session.get(Site, site) is None:
        raise Refused(f"there is no site {site!r}")
    if scope in ("device_class", "room", "device", "component") and not name:
        raise Refused(f"an override of scope {scope} needs its name")
    if scope in ("device", "component") and session.get(Device, name) is None:
        raise Refused(f"there is no device {name!r}")
    if (scope == "component") != bool(component):
        raise Refused("a component belongs to the scope component, and that needs one")


def end_override(session: Session, override_id: str, *, who: str, now: datetime) -> None:
    row = session.get(Override, override_id)
    if row is None or row.ended_at is not None:
        raise Refused("there is no such override in force")
    row.ended_at, row.ended_by = now, who
    _audit(session, who, "override ended", row.rule, now)
    changed(session)


def accept(
    session: Session, *, device_id: str, finding_id: str, why: str, who: str, now: datetime
) -> Acceptance:
    """The value as it is now is known and accepted: silent until it gets worse. Raises Refused."""
    finding = session.get(Finding, (device_id, finding_id))
    if finding is None or finding.state == CLEARED:
        raise Refused("there is no such open finding")
    if finding.kind in ROOM:
        raise Refused(
            "this is a difference from the room's baseline, and accepted there: rooms baseline SITE ROOM --accept"
        )
    if finding.kind in LASTING:
        raise Refused(
            "this goes on by itself, so there is no value to accept: plan work on the device for the rule "
            f"{finding.rule} until a date, or close its ticket as known, which keeps it quiet for {KNOWN_FOR.days} days"
        )
    _needs_reason(why)
    value = _value_now(session, finding)
    if value is None:
        raise Refused("this finding has no value that could be accepted")
    former = session.scalar(
        select(Acceptance).where(
            Acceptance.device_id == device_id, Acceptance.rule == finding.rule,
            Acceptance.component == finding.component, Acceptance.ended_at.is_(None),
        )
    )  # fmt: skip
    if former is not None:
        former.ended_at, former.ended_by = now, who
        session.flush()
    row = Acceptance(
        device_id=device_id, id=uuid.uuid4().hex, rule=finding.rule, component=finding.component, value=value, why=why,
        who=who, created_at=now,
    )  # fmt: skip
    session.add(row)
    _audit(
        session,
        who,
        "accept",
        f"{device_id} {finding.rule} {finding.component}".strip(),
        now,
        {"value": value},
    )
    changed(session)
    return row


def keep_quiet(session: Session, finding: Finding, *, why: str, who: str, now: datetime) -> Maintenance:
    """What lasts is known: no ticket of this rule for this device before a day. It is seen among planned work."""
    return plan(
        session, starts_at=now, ends_at=now + KNOWN_FOR, why=why, who=who, now=now, device_id=finding.device_id,
        rule=finding.rule,
    )  # fmt: skip


def _value_now(session: Session, finding: Finding) -> float | None:
    """The finding keeps the value it opened with; since then it may have grown."""
    row = session.get(DeviceState, finding.device_id, populate_existing=True)
    track = RuleState.from_bytes(row.body).tracks.get((finding.rule, finding.component)) if row else None
    return track.value if track is not None and track.value is not None else finding.value


def end_acceptance(session: Session, device_id: str, acceptance_id: str, *, who: str, now: datetime) -> None:
    row = session.get(Acceptance, (device_id, acceptance_id))
    if row is None or row.ended_at is not None:
        raise Refused("there is no such accepted value")
    row.ended_at, row.ended_by = now, who
    _audit(session, who, "acceptance ended", f"{device_id} {row.rule} {row.component}".strip(), now)
    changed(session)


def plan(
    session: Session, *, starts_at: datetime, ends_at: datetime, why: str, who: str, now: datetime, site: str = "",
    room: str = "", device_id: str = "", rule: str = "", weekly: bool = False, time_zone: str = "UTC",
    until_at: datetime | None = None, source: str = "",
) -> Maintenance:  # fmt: skip
    """Planned work. Raises Refused."""
    if ends_at <= starts_at:
        raise Refused("it ends before it begins")
    if weekly and (ends_at - starts_at).days >= 7:
        raise Refused("weekly work must be shorter than a week")
    _needs_reason(why)
    if site and session.get(Site, site) is None:
        raise Refused(f"there is no site {site!r}")
    if room and not site:
        raise Refused("a room needs its site")
    if device_id and session.get(Device, device_id) is None:
        raise Refused(f"there is no device {device_id!r}")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"there is no time zone {time_zone!r}") from None
    row = Maintenance(
        id=uuid.uuid4().hex, site=site, room=room, device_id=device_id, rule=rule, starts_at=starts_at, ends_at=ends_at,
        weekly=weekly, time_zone=time_zone, until_at=until_at, why=why, who=who, created_at=now, source=source,
    )  # fmt: skip
    session.add(row)
    _audit(session, who, "maintenance", f"{site} {room} {device_id} {rule}".strip() or "everything", now)
    changed(session)
    return row


def call_off(session: Session, maintenance_id: str, *, who: str, now: datetime) -> None:
    row = session.get(Maintenance, maintenance_id)
    if row is None or row.ended_at is not None:
        raise Refused("there is no such planned work")
    row.ended_at = now
    _audit(session, who, "maintenance called off", row.site or row.device_id, now)
    changed(session)


def release_rule(
    session: Session, rule: str, rule_hash: str, *, who: str, now: datetime, why: str = ""
) -> None:
    """A person has seen what the rule would open and lets it."""
    row = session.get(RuleHold, (rule, rule_hash))
    if row is None or row.released_at is not None:
        raise Refused(f"no version of {rule!r} is held")
    row.released_at, row.released_by = now, who
    _audit(
        session, who, "rule released", rule, now, {"version": rule_hash, "devices": row.devices, "why": why}
    )
    changed(session)


def _needs_reason(why: str) -> None:
    if not why.strip():
        raise Refused("say why: whoever meets this in a year will ask")


def _audit(
    session: Session, who: str, action: str, subject: str, now: datetime, data: dict[str, Any] | None = None
) -> None:
    session.add(
        AuditEntry(id=uuid.uuid4().hex, at=now, who=who, action=action, subject=subject[:255], data=data)
    )
