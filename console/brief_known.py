"""What the store knows of devices before somebody goes to them: as many statements for one as for three hundred."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from collector.inventory import Items
from collector.spares import cover, shelf
from collector.spares.cover import Cover, Covers
from collector.spares.shelf import Shelf
from collector.store.devices import Device
from collector.store.enrolment import Credential
from collector.store.findings import CLEARED, Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from collector.store.tickets import WORKING_STATES, Evidence, Ticket
from collector.tickets import parts
from collector.unpack import unpack_items
from console import rule_words, unseen

# Whose numbers tell of what is due soon.
_NUMBERS: Final = ("operating_system", "reboot_pending", "battery", "disk_health")
_SECTIONS: Final = (
    "system", "disks", "raid_arrays", "memory_modules", "batteries", "filesystems", "operating_system",
    "projectors", "displays", "cameras", "audio_endpoints",
)  # fmt: skip
# Parts with a serial, and perhaps a warranty, of their own.
_OUTSIDE: Final = ("projectors", "displays", "cameras")

Part = tuple[str, Mapping[str, str]]  # the probe that reads it, and its facts


@dataclass(frozen=True, slots=True)
class Number:
    metric: str
    component: str
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Unread:
    """A probe that did not read, and when it last did."""

    probe: str
    outcome: str
    reason: str
    ok_at: datetime | None


@dataclass(frozen=True, slots=True)
class Spares:
    """What lies where and what is under warranty: one for all devices of a brief."""

    shelf: Shelf = field(default_factory=Shelf)
    covers: Covers = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Known:
    device: Device
    findings: list[Finding] = field(default_factory=list)  # the worst first
    tickets: list[Ticket] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    sections: dict[str, Items | None] = field(default_factory=dict)  # None: it cannot be unpacked
    frozen: dict[str, Part] = field(default_factory=dict)  # by finding, as it came to its ticket
    certificate_ends_at: datetime | None = None
    spares: Spares = field(default_factory=Spares)

    @property
    def cover(self) -> Cover | None:
        """Its own warranty."""
        return cover.find(self.spares.covers, self.device.system_serial)

    @property
    def name(self) -> str:
        return self.device.host_name or self.device.id[:12]

    def items(self, section: str) -> Items:
        return self.sections.get(section) or {}

    def values(self, metric: str) -> list[Number]:
        return [one for one in self.numbers if one.metric == metric]

    def part(self, finding: Finding) -> Part:
        """What the finding is about: as frozen with its ticket, else as the inventory has it now."""
        probe, facts = self.frozen.get(finding.id, ("", {}))
        probe = probe or probe_of(finding)
        if not facts:
            for section in parts.SECTIONS.get(probe, ()):
                facts = facts or self.items(section).get(finding.component, {})
        return probe, facts


def probe_of(finding: Finding) -> str:
    rule = rule_words.of(finding.rule)
    return parts.probe_of(rule.metric) if rule is not None else ""


def read(session: Session, *where: ColumnElement[bool]) -> list[Known]:
    """The devices that `where` chooses, by name."""
    chosen = select(Device.id).where(*where)
    found = {
        row.id: Known(device=row)
        for row in session.scalars(select(Device).where(*where).order_by(Device.host_name, Device.id))
    }
    for finding in session.scalars(
        select(Finding)
        # That every finding has a rule leads to the index of the open ones.
        .where(Finding.device_id.in_(chosen), Finding.rule > "", Finding.state != CLEARED)
        .order_by(Finding.severity, Finding.since_at, Finding.id)  # critical comes before warning
    ):
        if finding.device_id in found:  # it may have been moved between two statements
            found[finding.device_id].findings.append(finding)
    for ticket in session.scalars(
        select(Ticket)
        .where(Ticket.device_id.in_(chosen), Ticket.state.in_(WORKING_STATES))
        .order_by(Ticket.priority, Ticket.number)
    ):
        if ticket.device_id in found:
            found[ticket.device_id].tickets.append(ticket)
    _probes(session, chosen, found)
    _parts(session, chosen, found)
    for device_id, ends_at in session.execute(
        select(Credential.device_id, func.max(Credential.expires_at))
        .where(Credential.device_id.in_(chosen), Credential.revoked_at.is_(None))
        .group_by(Credential.device_id)
    ):
        if device_id in found:
            found[device_id].certificate_ends_at = ends_at
    serials = {
        facts.get("serial", "")
        for one in found.values()
        for finding in one.findings
        for section in _OUTSIDE
        if (facts := one.items(section).get(finding.component))
    }
    spares = Spares(shelf.read(session), cover.of_devices(session, chosen, serials - {""}))
    for one in found.values():
        one.spares = spares
    return list(found.values())


def _probes(session: Session, chosen: object, found: Mapping[str, Known]) -> None:
    for result in session.scalars(
        select(ProbeResult)
        .where(
            ProbeResult.device_id.in_(chosen),  # type: ignore[arg-type]
            (ProbeResult.outcome != "ok") | ProbeResult.probe.in_(_NUMBERS),
        )
        .order_by(ProbeResult.probe)
    ):
        one = found.get(result.device_id)
        if one is None:
            continue
        if result.outcome != "ok" and not unseen.is_absent(one.device, result):
            one.unread.append(Unread(result.probe, result.outcome, result.reason, result.ok_at))
        if result.probe in _NUMBERS:
            for row in result.readings:
                if len(row) > 2 and isinstance(row[2], int | float):
                    label = str(row[3]) if len(row) > 3 and row[3] else str(row[1])
                    one.numbers.append(Number(str(row[0]), str(row[1]), label, float(row[2])))


def _parts(session: Session, chosen: object, found: Mapping[str, Known]) -> None:
    for device_id, section, packed in session.execute(
        select(InventorySection.device_id, InventorySection.section, InventorySection.items).where(
            InventorySection.device_id.in_(chosen),  # type: ignore[arg-type]
            InventorySection.section.in_(_SECTIONS),
        )
    ):
        items: Items | None = None
        try:
            items = unpack_items(packed)
        except (ValueError, zlib.error):
            items = None
        if device_id in found:
            found[device_id].sections[section] = items
    # Not the whole body: its series are long, and nobody reads them here.
    for device_id, finding_id, part, facts in session.execute(
        select(Evidence.device_id, Evidence.finding_id, Evidence.body["part"], Evidence.body["facts"])
        .join(Finding, (Finding.device_id == Evidence.device_id) & (Finding.id == Evidence.finding_id))
        .where(
            Evidence.device_id.in_(chosen), Evidence.moment == "opening", Finding.state != CLEARED,  # type: ignore[arg-type]
        )
        .order_by(Evidence.at)
    ):  # fmt: skip
        if device_id in found and isinstance(facts, dict):
            told = {str(name): str(text) for name, text in facts.items()}
            found[device_id].frozen[finding_id] = (part if isinstance(part, str) else "", told)
