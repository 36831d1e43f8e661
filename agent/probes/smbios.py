"""The firmware's own table (SMBIOS, DMTF DSP0134) as bytes: the memory slots in it. Pure.

/sys/firmware/dmi/tables/DMI is that table, one structure after the other; it makes the program dmidecode unnecessary.
The words are those of dmidecode, so that a device tells the same whichever way it was read.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from agent.probes.dmi import Slot, known

_MEMORY_DEVICE, _END = 17, 127
_STRUCTURES_AT_MOST = 4096  # real tables hold some hundred
# Offsets of DSP0134, 7.18; a table of an older version ends earlier.
_SIZE, _FORM, _LOCATOR, _BANK, _TYPE, _SPEED, _MAKER, _SERIAL, _PART, _LONG_SIZE, _LONG_SPEED = (
    0x0C, 0x0E, 0x10, 0x11, 0x12, 0x15, 0x17, 0x18, 0x1A, 0x1C, 0x54,
)  # fmt: skip
_FORMS = {
    1: "Other", 3: "SIMM", 4: "SIP", 5: "Chip", 6: "DIP", 7: "ZIP", 8: "Proprietary Card", 9: "DIMM", 10: "TSOP",
    11: "Row Of Chips", 12: "RIMM", 13: "SODIMM", 14: "SRIMM", 15: "FB-DIMM", 16: "Die",
}  # fmt: skip
_TYPES = {
    1: "Other", 3: "DRAM", 4: "EDRAM", 5: "VRAM", 6: "SRAM", 7: "RAM", 8: "ROM", 9: "Flash", 10: "EEPROM",
    11: "FEPROM", 12: "EPROM", 13: "CDRAM", 14: "3DRAM", 15: "SDRAM", 16: "SGRAM", 17: "RDRAM", 18: "DDR",
    19: "DDR2", 20: "DDR2 FB-DIMM", 24: "DDR3", 25: "FBD2", 26: "DDR4", 27: "LPDDR", 28: "LPDDR2",
    29: "LPDDR3", 30: "LPDDR4", 31: "Logical non-volatile device", 32: "HBM", 33: "HBM2", 34: "DDR5", 35: "LPDDR5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Structure:
    kind: int
    data: bytes  # from its first byte on, without the texts
    texts: tuple[str, ...]

    def number(self, at: int, size: int) -> int | None:
        """None: this version of the table has no such field."""
        if at + size > len(self.data):
            return None
        return int.from_bytes(self.data[at : at + size], "little")

    def text(self, at: int) -> str | None:
        """Fields hold the number of a text, counted from 1; 0 is none."""
        number = self.number(at, 1)
        text = self.texts[number - 1] if number and number <= len(self.texts) else ""
        return text if known(text) else None


def structures(table: bytes) -> Iterator[Structure]:
    """Until the end is told or the bytes run out. A structure that is cut short ends it: what follows is no longer
    in step."""
    at = 0
    for _ in range(_STRUCTURES_AT_MOST):
        if at + 4 > len(table):
            return
        kind, length = struct.unpack_from("BB", table, at)
        end = table.find(b"\0\0", at + length)  # of its texts: each ends with NUL, the last with two
        if length < 4 or end < 0 or kind == _END:
            return
        texts = table[at + length : end].split(b"\0") if end > at + length else []
        yield Structure(kind, table[at : at + length], tuple(map(_printable, texts)))
        at = end + 2


def _printable(text: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in text).strip()


def memory_slots(table: bytes) -> list[Slot]:
    """As many as there are slots, filled or not."""
    return [_slot(structure) for structure in structures(table) if structure.kind == _MEMORY_DEVICE]


def _slot(device: Structure) -> Slot:
    size = _size(device)
    speed = device.number(_SPEED, 2)
    if speed == 0xFFFF:
        speed = device.number(_LONG_SPEED, 4)
    return Slot(
        locator=device.text(_LOCATOR) or "?",
        bank=device.text(_BANK),
        size_bytes=size,
        form_factor=_FORMS.get(device.number(_FORM, 1) or 0),
        # An empty slot repeats the words of a filled one.
        type=_TYPES.get(device.number(_TYPE, 1) or 0) if size else None,
        speed=f"{speed} MT/s" if size and speed else None,
        maker=device.text(_MAKER) if size else None,
        part_number=device.text(_PART) if size else None,
        serial=device.text(_SERIAL) if size else None,
    )


def _size(device: Structure) -> int | None:
    """None for an empty slot, and where the firmware does not know."""
    size, long_size = device.number(_SIZE, 2), device.number(_LONG_SIZE, 4)
    if size == 0x7FFF and long_size is not None:  # 32 GB and more; before version 2.7 a plain number
        return (long_size & 0x7FFFFFFF) * 1024**2 or None
    if size is None or size == 0xFFFF:
        return None
    return (size & 0x7FFF) * (1024 if size & 0x8000 else 1024**2) or None
