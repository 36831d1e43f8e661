"""Errors of the memory, by slot.

Source: Linux /sys/devices/system/edac and rasdaemon's record /var/lib/rasdaemon/ras-mc_event.db; Windows WHEA-Logger 46 and 47 of the System log, and 18 and 19 where an Intel processor's status word tells of its memory controller.
Rights: Linux none, for rasdaemon's record root; Windows none beyond reading the System log.
Cost: 1 to 20 ms; Windows 50 to 500 ms, by the length of the log.
Unavailable: the memory has no error correction, or no driver reads it (no EDAC): most desktops. That is not "no errors".

Linux counts since the start of the system. Windows has no such counter: its counts are those of the log, in 30
days, and where an error was logged the slot that erred most is the label.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.windows import Event
from protos.report_pb2 import Item

NO_CORRECTION = "this machine's memory does not report errors (no ECC, or no driver that reads it)"
WHEA = "Microsoft-Windows-WHEA-Logger"
CORRECTED, UNCORRECTED = "corrected", "uncorrected"
_MONTH = timedelta(days=30)
_SLOT_NOT_TOLD = "slot not told"
_KINDS = {18: UNCORRECTED, 19: CORRECTED, 46: UNCORRECTED, 47: CORRECTED}
# WHEA_MEMORY_ERROR_SECTION_VALIDBITS
_CARD, _MODULE = 1 << 4, 1 << 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What EDAC counts for one module. None: it does not count that."""

    name: str
    corrected: int | None = None
    uncorrected: int | None = None
    kind: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What rasdaemon wrote down of one module, over all starts."""

    name: str
    corrected: int
    uncorrected: int
    last_at: datetime | None = None


def read(place: Place) -> Taken:
    if place.is_windows:
        from agent.probes import memory_errors_windows

        return of_events(memory_errors_windows.events(place, datetime.now(UTC) - _MONTH))
    from agent.probes import memory_errors_linux

    recorded, remark = memory_errors_linux.recorded(place)
    return of_slots(memory_errors_linux.slots(place), recorded, remark)


def of_slots(slots: list[Slot], recorded: list[Recorded], remark: str = "") -> Taken:
    if not slots and not any(one.corrected or one.uncorrected for one in recorded):
        raise Unavailable("; ".join(filter(None, (NO_CORRECTION, remark))))
    records = {one.name: one for one in recorded}
    taken = Taken(reason=remark)
    rows = taken.sections.setdefault("memory_errors", [])
    for slot in slots or [
        Slot(name=one.name, corrected=one.corrected, uncorrected=one.uncorrected) for one in recorded
    ]:
        for metric, count in (
            ("memory_errors_corrected_total", slot.corrected),
            ("memory_errors_uncorrected_total", slot.uncorrected),
        ):
            if count is not None:
                taken.readings.append(reading(metric, count, slot.name))
        rows.append(_row(slot.name, slot, records.pop(slot.name, None)))
    rows += [_row(name, None, one) for name, one in records.items() if slots]
    return taken


def _row(name: str, slot: Slot | None, recorded: Recorded | None) -> Item:
    return item(
        name,
        corrected=slot.corrected if slot else None,
        uncorrected=slot.uncorrected if slot else None,
        memory_type=slot.kind if slot else None,
        size_bytes=slot.size_bytes if slot else None,
        recorded_corrected=recorded.corrected if recorded else None,
        recorded_uncorrected=recorded.uncorrected if recorded else None,
        recorded_last_at=recorded.last_at.isoformat() if recorded and recorded.last_at else None,
    )


def of_events(events: Iterable[Event]) -> Taken:
    counts: dict[str, Counter[str]] = {CORRECTED: Counter(), UNCORRECTED: Counter()}
    moments: dict[str, list[datetime]] = {}
    for event in events:
        kind = kind_of(event)
        if kind is not None:
            name = slot_of(event.data)
            counts[kind][name] += 1
            moments.setdefault(name, []).append(event.at)
    taken = Taken()
    for kind, slots in counts.items():
        worst = slots.most_common(1)[0][0] if slots else ""
        taken.readings.append(reading(f"memory_errors_{kind}_month_count", slots.total(), label=worst))
    taken.sections["memory_errors"] = [
        item(
            name,
            corrected=counts[CORRECTED][name],
            uncorrected=counts[UNCORRECTED][name],
            first_at=min(at).isoformat(timespec="seconds"),
            last_at=max(at).isoformat(timespec="seconds"),
        )
        for name, at in sorted(moments.items())
    ]
    return taken


def kind_of(event: Event) -> str | None:
    """None: no error of the memory."""
    if event.provider != WHEA:
        return None
    if event.id in (18, 19) and not is_of_memory(_number(event.data.get("MciStat", "")) or 0):
        return None
    return _KINDS.get(event.id)


def is_of_memory(status: int) -> bool:
    """A machine-check status word whose code is 000F 0000 1MMM CCCC: the memory controller's (Intel SDM 3B, 15.9.2)."""
    return status & 0xEF80 == 0x0080


def slot_of(data: Mapping[str, str]) -> str:
    """The maker's name of the slot, else card and module where the event says they are valid."""
    text = data.get("FRUText", "").strip("\0 ")
    if text and text.isprintable():
        return text[:64]
    valid = _number(data.get("ValidBits", "")) or 0
    words = [
        f"{word} {number}"
        for word, name, bit in (("card", "Card", _CARD), ("module", "Module", _MODULE))
        if valid & bit and (number := _number(data.get(name, ""))) is not None
    ]
    return " ".join(words) or _SLOT_NOT_TOLD


def _number(text: str) -> int | None:
    """`0x3f` or `63`."""
    try:
        return int(text[:20], 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        return None
