"""The text dmidecode prints, as blocks; the memory modules in it; kinds of chassis. Pure."""

import re
from dataclasses import dataclass

from protos.placeholders import is_placeholder

# SMBIOS 3.x, table 17 (System Enclosure or Chassis Types), as /sys/class/dmi/id/chassis_type numbers them.
_LAPTOPS = frozenset({8, 9, 10, 11, 14, 30, 31, 32})
_DESKTOPS = frozenset({3, 4, 5, 6, 7, 13, 15, 16, 24, 33, 34, 35, 36})
_SERVERS = frozenset({17, 23, 25, 28, 29})
# Maker and model that hypervisors give. Microsoft builds real machines too, so its model must say it.
_VIRTUAL = re.compile(
    r"QEMU|Bochs|KVM|VMware|innotek|VirtualBox|Xen|Parallels|Virtual Machine|HVM domU"
    r"|Amazon EC2|Google Compute Engine|OpenStack|OpenNebula|Nutanix|BHYVE|Firecracker",
    re.IGNORECASE,
)
_UNITS = {"bytes": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_WORDS_FOR_NONE = (
    "unknown",
    "not specified",
    "not provided",
    "<bad index>",
    "<out of spec>",
    "none",
    "not available",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One structure of the table."""

    title: str
    fields: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A place for a memory module; `size_bytes` is None when it is empty."""

    locator: str
    bank: str | None = None
    size_bytes: int | None = None
    type: str | None = None
    form_factor: str | None = None
    speed: str | None = None
    maker: str | None = None
    part_number: str | None = None
    serial: str | None = None


def parse(text: str) -> list[Block]:
    """All structures. A field is `Name: value`, indented; the lines of a list below one are skipped."""
    blocks: list[Block] = []
    title, indent = "", ""
    for line in text.splitlines():
        if not line[:1].isspace():
            title, indent = line.strip(), ""
            if title and not title.startswith(("Handle ", "#")):
                blocks.append(Block(title=title, fields={}))
            continue
        margin = line[: len(line) - len(line.lstrip())]
        name, colon, value = line.strip().partition(":")
        # The first field sets the depth; Windows builds of dmidecode indent by blanks.
        indent = indent or margin
        if blocks and title == blocks[-1].title and colon and margin == indent:
            blocks[-1].fields.setdefault(name, value.strip())
    return blocks


def memory_slots(blocks: list[Block]) -> list[Slot]:
    """What `Memory Device` says; there are as many as slots, filled or not."""
    slots = []
    for block in blocks:
        if block.title != "Memory Device":
            continue
        size = size_bytes(block.fields.get("Size", ""))
        fields = {name: value for name, value in block.fields.items() if known(value)}
        slots.append(
            Slot(
                locator=fields.get("Locator", "?"),
                bank=fields.get("Bank Locator"),
                size_bytes=size,
                form_factor=fields.get("Form Factor"),
                # An empty slot repeats the words of a filled one.
                type=fields.get("Type") if size else None,
                speed=fields.get("Speed") if size else None,
                maker=fields.get("Manufacturer") if size else None,
                part_number=fields.get("Part Number") if size else None,
                serial=fields.get("Serial Number") if size else None,
            )
        )
    return slots


def size_bytes(text: str) -> int | None:
    """`8192 MB`, `16 GB`; None for `No Module Installed`."""
    found = re.match(r"(\d{1,9}) (bytes|kB|MB|GB|TB)$", text, re.ASCII)
    return (int(found[1]) * _UNITS[found[2]] or None) if found else None


def device_class(chassis_type: int | None, maker: str, model: str) -> str | None:
    """virtual, laptop, desktop, server; None when the firmware does not say."""
    if is_virtual(maker, model):
        return "virtual"
    for name, kinds in (("laptop", _LAPTOPS), ("desktop", _DESKTOPS), ("server", _SERVERS)):
        if chassis_type in kinds:
            return name
    return None


def is_virtual(maker: str, model: str) -> bool:
    return bool(_VIRTUAL.search(f"{maker} {model}"))


def known(value: str) -> bool:
    """Not empty, not a word for nothing, not what a maker forgot to fill in."""
    return bool(value) and value.lower() not in _WORDS_FOR_NONE and not is_placeholder(value)
