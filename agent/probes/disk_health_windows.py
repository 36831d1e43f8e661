"""Obtains what disk_health.py reads on Windows: smartctl where it is, else what Windows itself says of a disk.

Windows calls every disk healthy whose driver says nothing. So its word `healthy` alone is no health that was
read: there has to be a counter of the drive, or the driver's answer to "will it fail?". Behind Intel RST and VMD
(bus RAID) there is neither: such a disk is unreadable.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import smart, smartctl
from agent.probes.smart import DiskFacts
from agent.windows import CIMV2, STORAGE, WMI, Row, Sources, rows
from agent.windows.live import sources

# BusType
_USB, _RAID, _SD = 7, 8, 12
_VIRTUAL_BUSES: Final = (9, 14, 15)  # iSCSI, virtual, a file
_SPACES: Final = 16
_NVME, _SATA = 17, 11
_BUSES: Final = {
    1: "SCSI", 3: "ATA", _USB: "USB", _RAID: "RAID", 9: "iSCSI", 10: "SAS", _SATA: "SATA", _SD: "SD", 13: "MMC",
    14: "virtual", 15: "file", _SPACES: "storage space", _NVME: "NVMe", 18: "SCM",
}  # fmt: skip
_PROTOCOLS: Final = {3: "ATA", 10: "SCSI", _SATA: "ATA", _NVME: "NVMe"}
_SOLID: Final = 4  # MediaType
_HEALTH_STATES: Final = (0, 1, 2)
_STATUSES: Final = {
    2: "ok", 3: "degraded", 4: "stressed", 5: "predictive failure", 6: "error", 7: "non-recoverable error",
    12: "no contact", 13: "lost communication", 53250: "failed media", 53251: "split", 53252: "stale metadata",
    53253: "I/O error", 53254: "unrecognized metadata", 53258: "threshold exceeded", 53259: "abnormal latency",
}  # fmt: skip
_HOURS_FULL: Final = 65535  # 16 bits: it stays there
_RAID_DRIVERS: Final = re.compile(r"^(iastor|iavmd|vmd|rcraid|rcbottom)", re.IGNORECASE)


def disks(place: Place) -> tuple[list[DiskFacts], str]:
    """All disks, and a remark. Raises Unavailable when nothing told of a disk."""
    asked, lost = sources(place), list[str]()
    drives = {
        index: row
        for row in _rows(asked, CIMV2, "Win32_DiskDrive", lost)
        if (index := rows.whole(row, "index")) is not None
    }
    predictions = _predictions(asked, lost)
    controller = _raid_controller(asked)
    found = {
        index: replace(facts, unreadable_reason=_reason(facts, controller))
        for index, facts in _of_storage(asked, drives, predictions, lost).items()
    }
    for index, row in drives.items():
        if index not in found and not _is_removable(row):
            found[index] = _of_drive(row, predictions, controller)
    told, reason = _by_smartctl(place)
    result = [_better(facts, told.pop(index, None)) for index, facts in sorted(found.items())]
    result += list(told.values())
    if not result:
        raise Unavailable(reason or "neither Windows nor smartctl tells of a disk")
    if all(facts.readable for facts in result if facts.kind == "disk"):
        return result, ""
    return result, "; ".join(filter(None, (reason, *lost)))


def _rows(asked: Sources, namespace: str, name: str, lost: list[str]) -> list[Row]:
    """Empty, with the reason kept, where the class is not there or may not be read."""
    try:
        return asked.rows(namespace, name)
    except Unavailable as error:
        lost.append(str(error))
        return []


def _of_storage(
    asked: Sources, drives: dict[int, Row], predictions: Callable[[Row], bool | None], lost: list[str]
) -> dict[int, DiskFacts]:
    counters = {
        rows.text(row, "deviceid"): row
        for row in _rows(asked, STORAGE, "MSFT_StorageReliabilityCounter", lost)
    }
    found = {}
    for row in _rows(asked, STORAGE, "MSFT_PhysicalDisk", lost):
        index = rows.whole(row, "deviceid")
        if index is None:
            continue
        drive = drives.get(index, {})
        if rows.whole(row, "bustype") in (_USB, _SD) and _is_removable(drive):
            continue
        found[index] = of_physical_disk(
            row, counters.get(rows.text(row, "deviceid"), {}), predictions(drive), index
        )
    return found


def of_physical_disk(row: Row, counter: Row, fails: bool | None, index: int) -> DiskFacts:
    """`fails`: what the driver answered to "will it fail?"; None: it did not."""
    bus = rows.whole(row, "bustype")
    model = rows.text(row, "model") or rows.text(row, "friendlyname")
    health = rows.whole(row, "healthstatus")
    solid = rows.whole(row, "mediatype") == _SOLID
    facts = DiskFacts(
        device=f"PhysicalDrive{index}",
        model=model,
        serial=rows.text(row, "serialnumber"),
        firmware=rows.text(row, "firmwareversion"),
        capacity_bytes=rows.whole(row, "size"),
        rotation_rate=0 if solid else _rotation(row),
        protocol=_PROTOCOLS.get(bus or 0),
        interface=_BUSES.get(bus or 0),
        detachable=bus == _USB,
        location=rows.text(row, "physicallocation"),
        temperature_celsius=rows.whole(counter, "temperature") or None,
        power_on_hours=_hours(counter),
        power_cycles=rows.whole(counter, "startstopcyclecount") or None,
        life_used_ratio=_wear(counter, bus, solid),
        windows_uncorrected=_sum(counter, "readerrorsuncorrected", "writeerrorsuncorrected"),
        windows_health=health,
        windows_status=_status(row),
    )
    if bus in _VIRTUAL_BUSES or smart.is_virtual(model):
        return replace(facts, kind="virtual")
    if bus == _SPACES:
        return replace(facts, kind="raid_volume")
    # Behind a RAID driver the answer is the volume's, not the drive's. That it will fail is bad news all the same.
    if bus == _RAID and fails is False:
        fails = None
    tells = any(
        value is not None
        for value in (facts.temperature_celsius, facts.power_on_hours, facts.life_used_ratio, fails)
    )
    readable = tells or health in (1, 2)
    return replace(
        facts,
        self_assessment_passed=None if fails is None else not fails,
        windows_health=health if health in _HEALTH_STATES else None,
        readable=readable,
        unreadable_reason=None if readable else "Windows was given no health data of this disk by its driver",
    )


def _of_drive(row: Row, predictions: Callable[[Row], bool | None], controller: str | None) -> DiskFacts:
    """Before Windows 8, and where the storage service tells of nothing."""
    fails = predictions(row)
    model = rows.text(row, "model")
    facts = DiskFacts(
        device=f"PhysicalDrive{rows.whole(row, 'index')}",
        model=model,
        serial=rows.text(row, "serialnumber"),
        firmware=rows.text(row, "firmwarerevision"),
        capacity_bytes=rows.whole(row, "size"),
        interface=rows.text(row, "interfacetype"),
    )
    if smart.is_virtual(model):
        return replace(facts, kind="virtual")
    return replace(
        facts,
        self_assessment_passed=None if fails is None else not fails,
        readable=fails is not None,
        unreadable_reason=None
        if fails is not None
        else (controller or "Windows tells no health of this disk: install smartmontools"),
    )


def _predictions(asked: Sources, lost: list[str]) -> Callable[[Row], bool | None]:
    """The driver's answers, by the drive's PnP name (`…_0` behind it is the instance)."""
    answers = {
        re.sub(r"_\d+$", "", name.lower()): rows.truth(row, "predictfailure")
        for row in _rows(asked, WMI, "MSStorageDriver_FailurePredictStatus", lost)
        if rows.truth(row, "active") and (name := rows.text(row, "instancename"))
    }
    return lambda drive: answers.get((rows.text(drive, "pnpdeviceid") or "").lower())


def _raid_controller(asked: Sources) -> str | None:
    """The reason to give when a driver of Intel RST, VMD or AMD RAID stands before the disks."""
    for row in _rows(asked, CIMV2, "Win32_SCSIController", []):
        driver = rows.text(row, "drivername") or ""
        if _RAID_DRIVERS.match(driver):
            name = rows.text(row, "name") or "a RAID controller"
            return f"behind {name[:80]} (driver {driver[:20]}), which hides the drive's health"
    return None


def _reason(facts: DiskFacts, controller: str | None) -> str | None:
    if facts.readable is not False:
        return facts.unreadable_reason
    if facts.interface == _BUSES[_RAID]:
        return controller or "behind a RAID driver (Intel RST or VMD), which hides the drive's health"
    return facts.unreadable_reason


def _by_smartctl(place: Place) -> tuple[dict[object, DiskFacts], str]:
    """Disks by the number Windows gives them; those without one (members of a RAID) by their name."""
    if reason := commands.why_not(place, "smartctl"):
        return {}, f"{reason}: smartmontools would tell more"
    return {
        number(facts) if number(facts) is not None else facts.name: facts
        for facts in smartctl.Round().disks()
    }, ""


def number(facts: DiskFacts) -> int | None:
    """smartctl's /dev/sda is PhysicalDrive0, /dev/sdaa is 26."""
    found = re.fullmatch(r"/dev/(?:sd([a-z]{1,2})|pd(\d{1,3}))", facts.device or "")
    if found is None:
        return None
    if found[2]:
        return int(found[2])
    value = 0
    for letter in found[1]:
        value = value * 26 + ord(letter) - ord("a") + 1
    return value - 1


def _better(windows: DiskFacts, told: DiskFacts | None) -> DiskFacts:
    """smartctl's facts where it could read the drive, with what only Windows knows."""
    if told is None or windows.kind != "disk" or not (told.readable or told.standby):
        return windows
    return replace(
        told,
        device=windows.device,
        detachable=windows.detachable,
        location=windows.location,
        windows_health=windows.windows_health,
        windows_status=windows.windows_status,
        windows_uncorrected=windows.windows_uncorrected,
    )


def _is_removable(drive: Row) -> bool:
    """Sticks and card readers. `External hard disk media` is a real disk in a case."""
    return "removable" in (rows.text(drive, "mediatype") or "").lower() or 7 in rows.numbers(
        drive, "capabilities"
    )


def _rotation(row: Row) -> int | None:
    turns = rows.whole(row, "spindlespeed")
    return turns if turns and turns < 2**32 - 1 else None


def _hours(counter: Row) -> int | None:
    hours = rows.whole(counter, "poweronhours")
    return hours if hours and hours < _HOURS_FULL else None  # 0: the driver did not ask the drive


def _wear(counter: Row, bus: int | None, solid: bool) -> float | None:
    percent = rows.whole(counter, "wear")
    if percent is None or not solid:
        return None
    # Drivers for SATA leave 0 when they know nothing; NVMe always tells it.
    return percent / 100 if percent or bus == _NVME else None


def _sum(counter: Row, *names: str) -> int | None:
    known = [value for name in names if (value := rows.whole(counter, name)) is not None]
    return sum(known) if known else None


def _status(row: Row) -> str | None:
    words = [_STATUSES.get(code, str(code)) for code in rows.numbers(row, "operationalstatus")]
    return ", ".join(words) or None
