"""Obtains what memory_errors.py counts from the System log of Windows."""

from collections.abc import Iterable
from datetime import datetime

from agent.probe import Place, Unavailable
from agent.probes.memory_errors import NO_CORRECTION, WHEA, kind_of
from agent.windows import CIMV2, Event, rows
from agent.windows.live import sources

# 6005, 6006, 6013: the log's own words. Without any of them an empty answer would prove nothing.
_WANTED = {WHEA: (18, 19, 46, 47), "EventLog": (6005, 6006, 6013)}
_NAMES = ("FRUText", "ValidBits", "Card", "Module", "MciStat")
_CORRECTING = (4, 5, 6, 7)  # Win32_PhysicalMemoryArray.MemoryErrorCorrection: parity, one bit, many bits, CRC


def events(place: Place, since: datetime) -> Iterable[Event]:
    source = sources(place)
    found = list(source.events("System", _WANTED, since, _NAMES))
    if any(kind_of(event) for event in found):
        return found
    if not found:
        raise Unavailable(
            "the System log holds not even a start of the system: it was emptied, or it is not read"
        )
    arrays = source.rows(CIMV2, "Win32_PhysicalMemoryArray")
    if not any(rows.whole(row, "memoryerrorcorrection") in _CORRECTING for row in arrays):
        raise Unavailable(NO_CORRECTION)
    return found
