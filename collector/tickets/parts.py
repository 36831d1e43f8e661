"""What a part is called and what another one must be like: from its item of the inventory."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import inventory
from collector.rules.words import say
from collector.store.inventory import InventoryChange
from protos.catalogue import BY_NAME

Facts = Mapping[str, str]

# Where the inventory tells of the part that a probe's readings are about.
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "disk_health": ("disks", "raid_arrays"),
    "filesystem": ("filesystems",),
    "battery": ("batteries",),
    "memory_errors": ("memory_modules",),
}
_NAMES: Final = {"disks": "drive", "batteries": "battery", "memory_modules": "memory module"}


def facts(session: Session, device_id: str, probe: str, component: str) -> dict[str, str]:
    """The part's item now; empty when the inventory has none of this name."""
    for section in SECTIONS.get(probe, ()):
        found = inventory.items(session, device_id, section).get(component)
        if found:
            return dict(found)
    return {}


def gone(session: Session, device_id: str, component: str) -> tuple[str, dict[str, str]]:
    """(probe, facts) of a part that is no longer there, as the inventory last knew it."""
    by_section = {section: probe for probe, sections in SECTIONS.items() for section in sections}
    row = session.scalar(
        select(InventoryChange)
        .where(
            InventoryChange.device_id == device_id, InventoryChange.key == component,
            InventoryChange.kind.in_(("removed", "changed")), InventoryChange.section.in_(by_section),
        )
        .order_by(InventoryChange.at.desc())
        .limit(1)
    )  # fmt: skip
    return (by_section[row.section], dict(row.before or {})) if row is not None else ("", {})


def probe_of(metric: str) -> str:
    """Which probe reads it; empty for a metric that is gone, or none."""
    row = BY_NAME.get(metric)
    return row.probe if row is not None else ""


def name(probe: str) -> str:
    """`drive`, `battery`: what people call such a part."""
    return next((_NAMES[s] for s in SECTIONS.get(probe, ()) if s in _NAMES), "part")


def kind(probe: str, facts: Facts) -> str:
    """What another one must be like: class, form factor, interface, size. Empty when nothing is known."""
    match probe if facts else "":
        case "disk_health" if "level" not in facts:
            return _joined(
                _drive(facts),
                facts.get("form_factor"),
                facts.get("interface"),
                _size(facts, "capacity_bytes"),
            )
        case "disk_health":
            return _joined("array of disks", facts.get("level"))
        case "battery":
            design = facts.get("design_capacity_wh")
            return _joined("battery", facts.get("chemistry"), design and f"{design} Wh")
        case "memory_errors":
            return _joined(
                "memory module", facts.get("type"), facts.get("form_factor"), _size(facts, "size_bytes"),
                facts.get("speed"), _told("part number", facts.get("part_number")),
            )  # fmt: skip
    return ""


def identity(facts: Facts) -> str:
    """Which one it is: model, serial, where it sits."""
    maker, model = facts.get("maker", ""), facts.get("model", "")
    model = model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}"
    serial = facts.get("serial", "") if facts.get("serial_is_placeholder") != "true" else ""
    return _joined(
        _told("model", model.strip()), _told("serial", serial), _told("slot", facts.get("location") or facts.get("bank")),
        _told("device", facts.get("device") or facts.get("name")), _told("mounted at", facts.get("mount_point")),
    )  # fmt: skip


def _drive(facts: Facts) -> str:
    rotation, protocol = facts.get("rotation_rate", ""), facts.get("protocol", "")
    if "nvme" in protocol.casefold():
        return "NVMe drive"
    if rotation.isdigit():
        return "solid-state drive" if int(rotation) <= 1 else f"hard disk, {int(rotation):,} rpm"
    return "drive"


def _size(facts: Facts, fact: str) -> str:
    text = facts.get(fact, "")
    if not text.isdigit():
        return ""
    # Memory is sold in powers of two, disks in powers of ten.
    return f"{int(text) / 2**30:.4g} GB" if fact == "size_bytes" else say(float(text), "bytes")


def _told(label: str, value: str | None) -> str:
    return f"{label} {value}" if value else ""


def _joined(*words: str | None) -> str:
    return ", ".join(word for word in words if word)
