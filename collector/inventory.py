"""Sections of a report become inventory: taken whole, in parts, or asked for when only the hash is known."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from collector import part_serials
from collector.changes import Changes
from collector.directives import subject_of_section
from collector.memory import DeviceMemory, SectionMark
from collector.store.inventory import InventoryChange, InventoryPart, InventorySection
from collector.unpack import items_of, pack_items, signed, unpack_items
from protos.report_pb2 import Report, Section
from protos.sections import BY_NAME, SectionRow

_HISTORY_LIMIT = 200  # changes of one section written down at once; more is a re-image, not a repair

Items = dict[str, dict[str, str]]


def take(
    session: Session, changes: Changes, memory: DeviceMemory, report: Report, now: datetime, live: bool
) -> tuple[dict[str, Items], set[int]]:
    """Sections that are complete now, by name; and the subjects to ask for because only a hash is known.

    A backfilled section counts only if it is the one the device announced last.
    """
    complete: dict[str, Items] = {}
    wanted: set[int] = set()
    for section in report.sections:
        content = signed(section.hash)
        mark = memory.sections.get(section.name)
        if mark is None:
            mark = memory.sections[section.name] = SectionMark(0, content if live else 0)
        if live:
            mark.announced = content
        if content != mark.announced or content == mark.hash:
            continue
        items = None if section.unchanged else _whole(session, changes, memory.device.id, section, now)
        if items is None:
            if live and section.unchanged:
                wanted.add(subject_of_section(section.name))
            continue
        _keep(session, changes, memory.device.id, section.name, mark, items, now)
        mark.hash = content
        complete[section.name] = items
    return complete, wanted


def _whole(
    session: Session, changes: Changes, device_id: str, section: Section, now: datetime
) -> Items | None:
    """The section's items if this part completes it, else None."""
    items = items_of(section)
    if section.parts <= 1:
        return items
    content = signed(section.hash)
    changes.flush(session.connection())  # earlier parts may still be waiting to be written
    changes.parts.append(
        {
            "device_id": device_id, "section": section.name, "hash": content, "part": section.part,
            "items": pack_items(items), "received_at": now,
        }
    )  # fmt: skip
    others = session.execute(
        select(InventoryPart.part, InventoryPart.items).where(
            InventoryPart.device_id == device_id,
            InventoryPart.section == section.name,
            InventoryPart.hash == content,
            InventoryPart.part != section.part,
        )
    ).all()
    if len(others) + 1 < section.parts:
        return None
    for _part, packed in others:
        items.update(unpack_items(packed))
    changes.parts.clear()
    session.execute(
        delete(InventoryPart).where(
            InventoryPart.device_id == device_id, InventoryPart.section == section.name
        )
    )
    return items


def _keep(
    session: Session,
    changes: Changes,
    device_id: str,
    name: str,
    mark: SectionMark,
    items: Items,
    now: datetime,
) -> None:
    row = BY_NAME.get(name)
    if row is not None and row.history:
        before = session.execute(
            select(InventorySection.items).where(
                InventorySection.device_id == device_id, InventorySection.section == name
            )
        ).scalar()
        if before is not None:  # the first inventory is not a change
            known = unpack_items(before)
            _remember(known, items, row.lasting.split())
            session.add_all(_differences(device_id, row, known, items, now))
    if name in part_serials.PARTS:
        changes.serials[device_id, name] = part_serials.of_section(device_id, name, items)
    changes.sections[device_id, name] = {
        "device_id": device_id, "section": name, "hash": mark.announced, "announced_hash": mark.announced,
        "items": pack_items(items), "items_count": len(items), "changed_at": now, "seen_at": now,
    }  # fmt: skip


def _remember(before: Items, after: Items, lasting: Sequence[str]) -> None:
    """Add to an item that tells nothing of what it is what was told before. All or none: another unit in its place
    must not inherit the serial of the former one."""
    for key in before.keys() & after.keys():
        if not any(fact in after[key] for fact in lasting):
            after[key].update({fact: before[key][fact] for fact in lasting if fact in before[key]})


def _differences(
    device_id: str, row: SectionRow, before: Items, after: Items, now: datetime
) -> list[InventoryChange]:
    found: list[tuple[str, str, Any, Any]] = []
    passing = set(row.passing.split())

    def stays(facts: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in facts.items() if name not in passing}

    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None or new is None or stays(old) != stays(new):
            kind = "added" if old is None else "removed" if new is None else "changed"
            found.append((kind, key, old, new))
    return [
        InventoryChange(
            device_id=device_id,
            id=uuid.uuid4().hex,
            section=row.name,
            at=now,
            kind=kind,
            key=key,
            before=old,
            after=new,
        )
        for kind, key, old, new in sorted(found, key=lambda change: change[:2])[:_HISTORY_LIMIT]
    ]


def items(session: Session, device_id: str, name: str) -> Items:
    """The newest complete items of a section; empty when there are none."""
    packed = session.execute(
        select(InventorySection.items).where(
            InventorySection.device_id == device_id, InventorySection.section == name
        )
    ).scalar()
    return unpack_items(packed) if packed is not None else {}
