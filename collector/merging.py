"""One machine that was enrolled twice: what people decided goes on with the new device, history stays with the old.

An administrator says so (nobody else can know: main boards are used again). The old device is revoked and bears the
new one's id. Its tickets are cancelled here; its findings end with the collector's next sweep, by the judge, as all
findings do (collector/rules/evaluate.py), so that replay tells the same.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session, aliased

from collector import decide, decisions, enrolment
from collector.decide import Refused
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.overrides import Acceptance, Override
from collector.store.people import AuditEntry
from collector.store.rooms import BaselinePart
from collector.store.situations import Maintenance
from collector.store.tickets import WORKING_STATES, Ticket
from collector.tickets import lifecycle

# No machine was enrolled so often; a longer chain would be a mistake in the store.
_LONGEST: Final = 100
_OF_ONE: Final = ("device", "component")  # scopes of overrides that name a device
_Row = TypeVar("_Row", Acceptance, BaselinePart, Finding, Maintenance, Ticket)


@dataclass(frozen=True, kw_only=True, slots=True)
class Luggage:
    """What a merge would take along and end, as rows: for the page before, and for the deed."""

    overrides: list[Override] = field(default_factory=list)
    accepted: list[Acceptance] = field(default_factory=list)
    planned: list[Maintenance] = field(default_factory=list)
    parts: list[BaselinePart] = field(default_factory=list)
    place: dict[str, str] = field(default_factory=dict)  # column of the new device → what it gets
    stays: int = 0  # decisions that the new device has its own of, or that belong to another room
    tickets: list[Ticket] = field(default_factory=list)  # with work to do: they are cancelled
    findings: list[Finding] = field(default_factory=list)  # open ones: they end
    twins: list[tuple[Finding, Finding]] = field(default_factory=list)  # (old, new): open on both

    def numbers(self) -> dict[str, int]:
        """For the audit and for scripts."""
        return {
            "overrides": len(self.overrides), "accepted_values": len(self.accepted),
            "planned_work": len(self.planned), "baseline_parts": len(self.parts), "place": len(self.place),
            "stays": self.stays, "tickets_cancelled": len(self.tickets), "findings_ended": len(self.findings),
            "same_finding_open": len(self.twins),
        }  # fmt: skip


def look(
    session: Session, pairs: Sequence[tuple[Device, Device]], now: datetime
) -> dict[tuple[str, str], Luggage]:
    """(old, new) → what a merge of them would do. Six statements, however many pairs there are."""
    ids = {device.id for pair in pairs for device in pair}
    overrides = session.scalars(
        select(Override)
        .where(Override.scope.in_(_OF_ONE), Override.name.in_(ids), Override.ended_at.is_(None))
        .order_by(Override.created_at, Override.id)
    ).all()
    accepted = _by_device(session, Acceptance, ids, Acceptance.ended_at.is_(None))
    planned = _by_device(session, Maintenance, ids, Maintenance.ended_at.is_(None))
    parts = _by_device(session, BaselinePart, ids, BaselinePart.ended_at.is_(None))
    tickets = _by_device(session, Ticket, ids, Ticket.state.in_(WORKING_STATES))
    findings = _by_device(session, Finding, ids, Finding.state != CLEARED)
    found = {}
    for old, new in pairs:
        place = _place(old, new)
        limits, kept_limits = _new_ones(
            [row for row in overrides if row.name == old.id and (row.until_at is None or row.until_at > now)],
            {(row.rule, row.component) for row in overrides if row.name == new.id},
        )
        values, kept_values = _new_ones(
            accepted.get(old.id, []), {(row.rule, row.component) for row in accepted.get(new.id, [])}
        )
        belonging = parts.get(old.id, [])
        goes = _room_after(new, place) == (old.site, old.room) and not parts.get(new.id)
        here = {(row.rule, row.component): row for row in findings.get(new.id, [])}
        found[old.id, new.id] = Luggage(
            overrides=limits,
            accepted=values,
            planned=[row for row in planned.get(old.id, []) if decisions.current(row, now)[1] > now],
            parts=belonging if goes else [],
            place=place,
            stays=kept_limits + kept_values + (0 if goes else len(belonging)),
            tickets=tickets.get(old.id, []),
            findings=findings.get(old.id, []),
            twins=[
                (row, here[row.rule, row.component])
                for row in findings.get(old.id, [])
                if (row.rule, row.component) in here and row.kind != "silence"  # of course it is silent
            ],
        )
    return found


def merge(session: Session, old_id: str, new_id: str, *, who: str, now: datetime) -> Luggage:
    """The old device was the new one before. Returns what went along. Raises Refused; nothing is changed then."""
    if old_id == new_id:
        raise Refused("a device cannot be merged into itself")
    for device_id in (old_id, new_id):
        if session.get(Device, device_id) is None:
            raise Refused(f"there is no device {device_id!r}")
    _claim(session, old_id, new_id)
    old = session.get_one(Device, old_id, populate_existing=True)
    new = session.get_one(Device, new_id, populate_existing=True)
    luggage = look(session, [(old, new)], now)[old_id, new_id]
    if old.revoked_at is None:
        enrolment.revoke_device(session, old_id, who=who, now=now)
    for column, text in luggage.place.items():
        setattr(new, column, text)
    _carry(session, luggage, old, new, who, now)
    _end_tickets(session, luggage, old, new, who, now)
    _marks(session, old, new)
    _audit(session, who, "devices merged", old_id, now, {"lives_on_as": new_id} | luggage.numbers())
    decide.changed(session)
    session.flush()
    return luggage


def undo(session: Session, old_id: str, new_id: str, *, who: str, now: datetime) -> None:
    """They are two after all. What was carried stays where it is, and the old device stays revoked. Raises Refused."""
    undone = session.execute(
        update(Device)
        .where(Device.id == old_id, Device.lives_on_as == new_id, Device.lives_on_as != "")
        .values(lives_on_as="", version=Device.version + 1)
        .execution_options(synchronize_session=False)
    ).rowcount  # type: ignore[attr-defined]
    if undone != 1:
        raise Refused(f"device {old_id!r} is not merged into {new_id!r}, or not any more")
    _audit(session, who, "merge undone", old_id, now, {"lived_on_as": new_id})
    decide.changed(session)


def heir(session: Session, device: Device) -> Device:
    """The device that the machine is now; itself if it was never merged."""
    seen = {device.id}
    while device.lives_on_as and device.lives_on_as not in seen and len(seen) < _LONGEST:
        after = session.get(Device, device.lives_on_as)
        if after is None:
            break
        seen.add(after.id)
        device = after
    return device


def earlier(session: Session, device_id: str) -> list[Device]:
    """All that live on as this device, also by way of others; the latest enrolment first."""
    found: dict[str, Device] = {}
    newest = [device_id]
    while newest and len(found) < _LONGEST:
        rows = session.scalars(select(Device).where(Device.lives_on_as.in_(newest))).all()
        newest = [row.id for row in rows if row.id not in found and row.id != device_id]
        found |= {row.id: row for row in rows if row.id != device_id}
    return sorted(found.values(), key=lambda row: (row.enrolled_at, row.id), reverse=True)


def heirs_of(said: ColumnElement[bool], old: type[Device]) -> Select[tuple[str]]:
    """Ids of the devices that those of whom it is `said` live on as, each step of a chain. `said` is about `old`, an
    alias of Device; what else is asked of it may be added as further columns."""
    lives_on = (
        select(Device.id.label("id"), Device.lives_on_as.label("heir"))
        .where(Device.lives_on_as > "")
        .cte("lives_on", recursive=True)
    )
    further = aliased(Device)
    lives_on = lives_on.union(  # not UNION ALL: it ends also where the store holds a circle
        select(lives_on.c.id, further.lives_on_as)
        .join(further, further.id == lives_on.c.heir)
        .where(further.lives_on_as > "")
    )
    return select(lives_on.c.heir).join(old, old.id == lives_on.c.id).where(said)


def _claim(session: Session, old_id: str, new_id: str) -> None:
    """Both at once, in one order: of two merges that together would be a circle, one is refused."""
    for device_id in sorted((old_id, new_id)):
        values: dict[str, Any] = {
            "version": Device.version + 1
        }  # whatever a collector remembers is out of date
        where = [Device.id == device_id, Device.lives_on_as == ""]
        if device_id == old_id:
            values["lives_on_as"] = new_id
        else:
            where.append(Device.revoked_at.is_(None))
        claimed = session.execute(
            update(Device).where(*where).values(**values).execution_options(synchronize_session=False)
        ).rowcount  # type: ignore[attr-defined]
        if claimed != 1:
            if device_id == old_id:
                raise Refused("the old device was merged already")
            raise Refused(
                "the new device was merged into another one, or is revoked: merge into the one in use"
            )


def _place(old: Device, new: Device) -> dict[str, str]:
    """What the new device has none of. A group comes with a place, so it goes along only where there is none yet."""
    found: dict[str, str] = {}
    if not new.site and old.site:
        found["site"] = old.site
        if new.group != old.group:
            found["group"] = old.group
    if not new.room and old.room and (new.site or old.site) == old.site:
        found["room"] = old.room
    if new.device_class in ("", "unknown") and old.device_class not in ("", "unknown"):
        found["device_class"] = old.device_class
    if not new.used_by and old.used_by:
        found["used_by"] = old.used_by
    return found


def _room_after(new: Device, place: dict[str, str]) -> tuple[str | None, str]:
    return place.get("site", new.site), place.get("room", new.room)


_Decision = TypeVar("_Decision", Acceptance, Override)


def _new_ones(rows: Iterable[_Decision], known: set[tuple[str, str]]) -> tuple[list[_Decision], int]:
    """(those that the new device has nothing of its own instead of, how many others there are)."""
    listed = list(rows)
    fresh = [row for row in listed if (row.rule, row.component) not in known]
    return fresh, len(listed) - len(fresh)


def _by_device(
    session: Session, model: type[_Row], ids: Iterable[str], *where: ColumnElement[bool]
) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for row in session.scalars(select(model).where(model.device_id.in_(ids), *where).order_by(model.id)):
        found.setdefault(row.device_id, []).append(row)
    return found


def _carry(session: Session, luggage: Luggage, old: Device, new: Device, who: str, now: datetime) -> None:
    """Each decision ends on the old device and begins anew on the new one, with its reason and whose it was."""
    said = f"carried from the earlier enrolment {old.id[:12]}, merged by {who}"
    for row in luggage.overrides:
        row.ended_at, row.ended_by = now, who
        session.add(
            Override(
                id=uuid.uuid4().hex, rule=row.rule, scope=row.scope, site=row.site, name=new.id, component=row.component,
                changes=row.changes, why=f"{row.why} ({said})", who=row.who, created_at=now, until_at=row.until_at,
            )
        )  # fmt: skip
    for value in luggage.accepted:
        value.ended_at, value.ended_by = now, who
        session.add(
            Acceptance(
                device_id=new.id, id=uuid.uuid4().hex, rule=value.rule, component=value.component, value=value.value,
                why=f"{value.why} ({said})", who=value.who, created_at=now,
            )
        )  # fmt: skip
    for part in luggage.parts:
        part.ended_at, part.ended_by = now, who
        session.add(
            BaselinePart(
                device_id=new.id, id=uuid.uuid4().hex, section=part.section, key=part.key, label=part.label,
                facts=part.facts, mandatory=part.mandatory, why=f"{part.why} ({said})", who=part.who, created_at=now,
            )
        )  # fmt: skip
    for work in luggage.planned:
        work.ended_at = now
        session.add(
            Maintenance(
                id=uuid.uuid4().hex, site=work.site, room=work.room, device_id=new.id, rule=work.rule,
                starts_at=work.starts_at, ends_at=work.ends_at, weekly=work.weekly, time_zone=work.time_zone,
                until_at=work.until_at, why=f"{work.why} ({said})", who=work.who, created_at=now, source=work.source,
            )
        )  # fmt: skip


def _end_tickets(
    session: Session, luggage: Luggage, old: Device, new: Device, who: str, now: datetime
) -> None:
    numbers = {ticket.id: ticket.number for ticket in luggage.tickets}
    for ticket in luggage.tickets:
        text = (
            f"{ticket.state} → cancelled (duplicate) the machine was enrolled again and lives on as "
            f"{new.host_name or new.id[:12]}: what is still wrong has its ticket there. This is no repair."
        )
        data: dict[str, object] = {
            "from": ticket.state,
            "to": "cancelled",
            "reason": "duplicate",
            "device": new.id,
        }
        lifecycle.change(
            session, ticket, now, state="cancelled", closed_at=now, pending_reason="", follow_up_at=None, proposal=""
        )  # fmt: skip
        lifecycle.record(session, ticket, who=who, kind="moved", text=text, now=now, data=data)
        lifecycle.outbox(session, ticket, "update", now, text)
    for before, after in luggage.twins:
        going = session.get(Ticket, (new.id, after.ticket_id)) if after.ticket_id else None
        if going is None:
            continue
        there = f", ticket {numbers[before.ticket_id]}" if before.ticket_id in numbers else ""
        text = (
            f"{after.summary}: the same was open on the earlier enrolment {old.host_name or old.id[:12]} since "
            f"{before.opened_at:%Y-%m-%d %H:%M} UTC{there}. What was tried is written there."
        )
        lifecycle.record(session, going, who=who, kind="note", text=text, now=now)
        lifecycle.outbox(session, going, "update", now, text)


def _marks(session: Session, old: Device, new: Device) -> None:
    """Whoever may be the same machine as the old one may be the same as the new one."""
    third = old.possible_duplicate_of if old.possible_duplicate_of != new.id else ""
    if new.possible_duplicate_of == old.id:
        new.possible_duplicate_of = ""
    if third and not new.possible_duplicate_of:
        new.possible_duplicate_of = third
    old.possible_duplicate_of = ""
    session.flush()
    session.execute(
        update(Device)
        .where(Device.possible_duplicate_of == old.id, Device.id != new.id)
        .values(possible_duplicate_of=new.id)
        .execution_options(synchronize_session=False)
    )


def _audit(
    session: Session, who: str, action: str, subject: str, now: datetime, data: dict[str, Any]
) -> None:
    session.add(AuditEntry(id=uuid.uuid4().hex, at=now, who=who, action=action, subject=subject, data=data))
