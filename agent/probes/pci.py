"""Cards and chips on the PCI bus: what they are called and what drives them. Pure.

Source: the files vendor, device, class, subsystem_vendor, subsystem_device and revision below
`/sys/bus/pci/devices/0000:01:00.0/`; names from pci.ids where the device has it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
# The first byte of the class; bridges and the processor's own parts (05, 06, 08, 0b) are no parts to order.
KINDS = {
    "00": "other", "01": "storage", "02": "network", "03": "graphics", "04": "multimedia", "07": "communication",
    "09": "input", "0c": "serial bus", "0d": "wireless", "10": "encryption", "11": "signal processing",
    "12": "accelerator",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    address: str  # `0000:01:00.0`: the slot
    id: str  # `10de:1f82`
    subsystem: str | None  # the card's maker and its number, where the id names the chip
    kind: str
    revision: str | None
    driver: str | None


def parse(address: str, files: Mapping[str, str], driver: str | None) -> Card | None:
    """None for bridges and the like, and for what is no PCI device."""
    vendor, device = (_hexadecimal(files.get(name), 4) for name in ("vendor", "device"))
    kind = _hexadecimal(files.get("class"), 6)
    if not _ADDRESS.fullmatch(address) or vendor is None or device is None or kind is None:
        return None
    word = KINDS.get(kind[:2])
    if word is None:
        return None
    maker, number = (_hexadecimal(files.get(f"subsystem_{name}"), 4) for name in ("vendor", "device"))
    return Card(
        address=address,
        id=f"{vendor}:{device}",
        subsystem=f"{maker}:{number}" if maker and number and maker != "0000" else None,
        kind=word,
        revision=_hexadecimal(files.get("revision"), 2),
        driver=driver,
    )


def _hexadecimal(text: str | None, digits: int) -> str | None:
    """`0x10de` as 10de."""
    found = re.fullmatch(rf"0x([0-9a-f]{{{digits}}})", (text or "").strip().lower(), re.ASCII)
    return found[1] if found else None


def names(lines: Iterable[str], wanted: set[str]) -> dict[str, tuple[str, str | None]]:
    """`10de:1f82` → maker and model, out of pci.ids; a model that is not listed is None."""
    found: dict[str, tuple[str, str | None]] = {}
    makers = {each.partition(":")[0] for each in wanted}
    vendor = ""
    maker = ""
    for line in lines:
        if line.startswith("C "):  # classes follow the vendors
            break
        if line[:1] not in ("\t", "#", "\n", ""):
            vendor, _, maker = line.rstrip().partition("  ")
            if vendor in makers:
                found.update({each: (maker, None) for each in wanted if each.startswith(vendor + ":")})
        elif vendor in makers and line.startswith("\t") and not line.startswith("\t\t"):
            number, _, model = line.strip().partition("  ")
            if f"{vendor}:{number}" in wanted:
                found[f"{vendor}:{number}"] = maker, model or None
    return found
