"""SECTIONS: the inventory's sections, one row each: which probe fills it and whether its changes are kept."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionRow:
    name: str
    probe: str
    meaning: str
    history: bool = False  # each item added, removed or changed is written down


SECTIONS: Final[tuple[SectionRow, ...]] = (
    SectionRow(
        name="system", probe="hardware", meaning="Maker, model, serial, firmware, chassis.", history=True
    ),
    SectionRow(name="processors", probe="hardware", meaning="Processors.", history=True),
    SectionRow(name="memory_modules", probe="hardware", meaning="Memory modules by slot.", history=True),
    SectionRow(name="network_cards", probe="hardware", meaning="Network cards.", history=True),
    SectionRow(name="disks", probe="disk_health", meaning="Disks by serial, readable or not.", history=True),
    SectionRow(name="raid_arrays", probe="disk_health", meaning="Software RAID arrays.", history=True),
    SectionRow(name="batteries", probe="battery", meaning="Batteries by serial.", history=True),
    SectionRow(name="filesystems", probe="filesystem", meaning="Filesystems by UUID."),
    SectionRow(
        name="operating_system", probe="operating_system", meaning="Release, kernel, support.", history=True
    ),
    SectionRow(name="reboot_reasons", probe="reboot_pending", meaning="Why a restart is needed."),
    SectionRow(name="updates", probe="patches", meaning="Updates on offer and not installed."),
    SectionRow(name="software", probe="software", meaning="Installed packages."),
)

BY_NAME: Final[dict[str, SectionRow]] = {row.name: row for row in SECTIONS}
