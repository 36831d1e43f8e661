"""Obtains what events.py counts from the System log of Windows, by provider and id: ids alone mean many things."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from agent.probe import Place, Unavailable, item
from agent.probes import kernel_messages as said
from agent.probes.events import CUT_OFF, FAILURE_PREDICTED, STOP_ERROR, Disk, Seen, Sighting
from agent.windows import CIMV2, STORAGE, Event, Row, Sources, rows
from agent.windows.live import sources
from protos.placeholders import is_placeholder
from protos.report_pb2 import Item

_WHEA: Final = "Microsoft-Windows-WHEA-Logger"
_POWER: Final = "Microsoft-Windows-Kernel-Power"
_STOP: Final = "Microsoft-Windows-WER-SystemErrorReporting"
_BOOT: Final = "Microsoft-Windows-Kernel-Boot"
_SERVICE: Final = "EventLog"
# The drivers of storage adapters, all through storport, which logs in their names.
_ADAPTERS: Final = (
    *(
        "storahci",
        "stornvme",
        "iaStor",
        "iaStorA",
        "iaStorAC",
        "iaStorAV",
        "iaStorAVC",
        "iaStorV",
        "iaStorVD",
    ),
    *("amd_sata", "rcraid", "nvme", "secnvme", "storport"),
)
_DISK: Final = {
    7: said.BAD_BLOCK,
    11: said.DISK_ERROR,  # of the controller
    51: said.DISK_ERROR,  # while paging; on a card or an optical drive no fault
    52: FAILURE_PREDICTED,
    153: said.DISK_TIMEOUT,  # tried again
    154: said.BAD_BLOCK,  # failed for a fault of the hardware
}
# Even is fatal, odd corrected; 46 and 47 are memory, which memory_errors counts.
_HARDWARE: Final = {
    **{number: said.CORRECTED if number % 2 else said.MACHINE_CHECK for number in range(16, 28)},
    46: "memory_error_uncorrected",
    47: "memory_error_corrected",
}
_KINDS_BY_EVENT: Final[dict[str, dict[int, str]]] = {
    # The log has both spellings; whether its query minds is not documented.
    "disk": _DISK,
    "Disk": _DISK,
    **{adapter: {129: said.DISK_TIMEOUT} for adapter in _ADAPTERS},
    "Ntfs": {55: said.FILESYSTEM},
    "Microsoft-Windows-Ntfs": {55: said.FILESYSTEM},
    _WHEA: _HARDWARE,
    "Microsoft-Windows-Resource-Exhaustion-Detector": {2004: said.OUT_OF_MEMORY},
    "volmgr": {46: "crash_dump_failed", 161: "crash_dump_failed"},
}
_OUTAGES: Final = {_POWER: (41,), _STOP: (1001,), _SERVICE: (6008,)}
# The log's service started, ended, and its daily word: a log without any of them was emptied, or is not read.
_WITNESSES: Final = (6005, 6006, 6013)
_KINDS: Final = frozenset(
    {
        *(said.BAD_BLOCK, said.DISK_ERROR, said.DISK_TIMEOUT, FAILURE_PREDICTED, said.FILESYSTEM),
        *(said.MACHINE_CHECK, said.CORRECTED, said.OUT_OF_MEMORY, STOP_ERROR, CUT_OFF),
    }
)
_NAMES: Final = ("1", "BugcheckCode", "PowerButtonTimestamp", "param1", "DriveName", "BootType")
_NUMBER: Final = re.compile(r"\\Device\\Harddisk(\d{1,4})\\", re.ASCII | re.IGNORECASE)
_PORT: Final = re.compile(r"\\Device\\(\w{1,20}Port\d{1,4})", re.ASCII | re.IGNORECASE)
_STOP_CODE: Final = re.compile(r"0x([0-9a-f]{8})\b", re.ASCII | re.IGNORECASE)
_BOOT_TYPES: Final = {"0": "full", "1": "fast startup", "2": "from hibernation"}
_ONE_OUTAGE: Final = timedelta(
    minutes=15
)  # its three events are written one after the other at the next start
_TWICE: Final = "told by another event as well"

_PLUGGED: Final = (7, 12)  # USB, SD

# By number: the disk, and whether it is removable. None: nobody can tell.
Disks = dict[int, tuple[Disk, bool]] | None


def seen(place: Place, since: datetime) -> Seen:
    source = sources(place)
    wanted: dict[str, tuple[int, ...]] = {name: tuple(ids) for name, ids in _KINDS_BY_EVENT.items()}
    wanted |= _OUTAGES | {_BOOT: (27,), _SERVICE: (*_OUTAGES[_SERVICE], *_WITNESSES)}
    events = sorted(source.events("System", wanted, since, _NAMES), key=lambda event: event.at)
    if not events:
        raise Unavailable(
            "the System log holds not even a start of the system: it was emptied, or it is not read"
        )
    disks = _disks(source)
    sightings = [
        *_hardware(events, disks, _letters(source, events)),
        *outages([event for event in events if event.id in _OUTAGES.get(event.provider, ())]),
    ]
    return Seen(
        sightings=sightings,
        kinds=_KINDS,
        reaches_at=events[0].at,
        disks=[disk for disk, removable in (disks or {}).values() if not removable],
        items=_boot(events),
        remark="" if disks else "which disks are fixed cannot be told: errors while paging are not counted",
    )


def _hardware(events: Iterable[Event], disks: Disks, letters: dict[str, bool]) -> Iterable[Sighting]:
    for event in events:
        kind = _KINDS_BY_EVENT.get(event.provider, {}).get(event.id)
        if kind is None:
            continue
        one = Sighting(kind=kind, at=event.at, source=f"{event.provider} {event.id}")
        if event.provider.lower() == "disk":
            yield _on_disk(one, event, disks)
        elif event.id == 129:
            yield _on_adapter(one, event, disks)
        elif kind == said.FILESYSTEM:
            yield _on_volume(one, event, letters)
        else:
            yield one


def _on_disk(one: Sighting, event: Event, disks: Disks) -> Sighting:
    found = _NUMBER.search(event.data.get("1", ""))
    number = int(found[1]) if found else None
    one = replace(one, device=f"Harddisk{number}" if number is not None else "")
    if disks is None or number is None:
        return replace(one, not_counted="it may be removable") if event.id == 51 else one
    if number not in disks:
        return replace(one, not_counted="no longer in this device")
    disk, removable = disks[number]
    return replace(one, disk=disk, not_counted="removable" if removable else "")


def _on_adapter(one: Sighting, event: Event, disks: Disks) -> Sighting:
    """It names the adapter only: the disk is known where there is just one."""
    found = _PORT.search(event.data.get("1", ""))
    fixed = [disk for disk, removable in (disks or {}).values() if not removable]
    device = f"{event.provider} {found[1]}" if found else event.provider
    return replace(one, device=device, disk=fixed[0] if len(fixed) == 1 else None)


def _on_volume(one: Sighting, event: Event, letters: dict[str, bool]) -> Sighting:
    letter = event.data.get("DriveName", "").strip().upper()[:2]
    if not re.fullmatch(r"[A-Z]:", letter):
        return replace(one, device="a volume without a letter")
    if letters and letter not in letters:
        return replace(one, device=letter, not_counted="no longer in this device")
    return replace(one, device=letter, not_counted="removable" if letters.get(letter) else "")


def outages(events: list[Event]) -> list[Sighting]:
    """Each time the device went down without shutting down, once: Kernel-Power 41, EventLog 6008 and the report
    of a stop error (1001) tell of the same one."""
    groups: list[list[Event]] = []
    for event in events:
        if not groups or event.at - groups[-1][-1].at > _ONE_OUTAGE:
            groups.append([])
        groups[-1].append(event)
    return [one for group in groups for one in _outage(group)]


def _outage(group: list[Event]) -> list[Sighting]:
    crashed = [event for event in group if event.provider == _POWER and _code(event)]
    cut = [event for event in group if event.provider == _POWER and not _code(event)]
    reported = [event for event in group if event.provider == _STOP]
    noticed = [event for event in group if event.provider == _SERVICE]
    stops = reported if len(reported) >= len(crashed) else crashed
    all_of_them = max(len(crashed) + len(cut), len(reported), len(noticed))
    plain = all_of_them - len(stops)
    counted = [*stops, *(cut if len(cut) >= plain else noticed)[: max(0, plain)]]
    return [
        Sighting(
            kind=STOP_ERROR if event in crashed or event in reported else CUT_OFF,
            at=event.at,
            source=f"{event.provider} {event.id}",
            detail=_detail(event),
            not_counted="" if any(event is each for each in counted) else _TWICE,
        )
        for event in group
    ]


def _code(event: Event) -> int:
    """Of Kernel-Power 41, in decimal; 0: no stop error."""
    text = event.data.get("BugcheckCode", "")
    return int(text) if re.fullmatch(r"\d{1,10}", text, re.ASCII) else 0


def _detail(event: Event) -> str:
    if event.provider == _STOP:
        found = _STOP_CODE.search(event.data.get("param1", ""))
        return f"stop code 0x{int(found[1], 16):08X}" if found else ""
    if _code(event):
        return f"stop code 0x{_code(event):08X}"
    pressed = event.data.get("PowerButtonTimestamp", "0")
    return "switched off by its button" if pressed.strip("0x") else ""


def _boot(events: list[Event]) -> list[Item]:
    """How the system was last started: after a fast startup its uptime began earlier."""
    last = next((event for event in reversed(events) if event.provider == _BOOT), None)
    kind = _BOOT_TYPES.get(last.data.get("BootType", "").strip()) if last else None
    if last is None or kind is None:
        return []
    return [
        item("last start", kind="start", source=f"{_BOOT} 27", start_type=kind, last_at=last.at.isoformat())
    ]


def _disks(source: Sources) -> Disks:
    """By number, from the storage service, else from the older class."""
    try:
        found = {
            number: (_disk(row, number), rows.whole(row, "bustype") in _PLUGGED)
            for row in source.rows(STORAGE, "MSFT_PhysicalDisk")
            if (number := rows.whole(row, "deviceid")) is not None
        }
    except Unavailable:
        found = {}
    if found:
        return found
    try:
        return {
            number: (_disk(row, number), _is_removable(row))
            for row in source.rows(CIMV2, "Win32_DiskDrive")
            if (number := rows.whole(row, "index")) is not None
        } or None
    except Unavailable:
        return None


def _disk(row: Row, number: int) -> Disk:
    """As disk_health has it, so that both speak of one disk."""
    serial = rows.text(row, "serialnumber")
    model = rows.text(row, "model") or rows.text(row, "friendlyname")
    name = f"PhysicalDrive{number}"
    key = serial if serial and not is_placeholder(serial) else name
    return Disk(key, f"{model} ({name})" if model else name)


def _is_removable(row: Row) -> bool:
    media = (rows.text(row, "mediatype") or "").lower()
    return rows.text(row, "interfacetype") == "USB" or "removable" in media or "external" in media


def _letters(source: Sources, events: Iterable[Event]) -> dict[str, bool]:
    """Drive letters of now, and whether they are removable. Asked only where a volume's error was logged."""
    if not any(_KINDS_BY_EVENT.get(event.provider, {}).get(event.id) == said.FILESYSTEM for event in events):
        return {}
    try:
        found = source.rows(CIMV2, "Win32_LogicalDisk")
    except Unavailable:
        return {}
    return {
        letter.upper(): rows.whole(row, "drivetype") != 3
        for row in found
        if (letter := rows.text(row, "deviceid"))
    }
