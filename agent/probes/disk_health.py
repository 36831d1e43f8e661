"""Disks: what each drive says of its own health, and arrays that miss a member.

Source: smartctl 7 or newer (`--scan` and `-x`, as JSON). Linux besides: /sys/block for disks it does not find and
for eMMC, `nvme` where smartctl is missing, /proc/mdstat, `dmsetup status` for RAID and thin pools of LVM. Windows
besides: MSFT_PhysicalDisk, MSFT_StorageReliabilityCounter, MSStorageDriver_FailurePredictStatus, Win32_DiskDrive.
Rights: root (CAP_SYS_RAWIO, for NVMe and dmsetup CAP_SYS_ADMIN); on Windows an administrator. Without them every
disk is reported as unreadable.
Cost: 20 to 300 ms a disk; a sleeping disk is left asleep (`-n standby`).
Unavailable: nothing that can be asked, or no disk at all. A disk without readable health is `disk_readable_state` 0,
never healthy.

A virtual disk has no health to read; it is named in the section with kind `virtual` and gets no readings:
calling it unreadable would mark every virtual machine, calling it healthy would be made up.
"""

import re
from collections.abc import Iterable

from agent.probe import Place, Taken, item, reading
from agent.probes import disk_health_linux, disk_health_windows
from agent.probes.smart import DiskFacts
from protos.placeholders import is_placeholder
from protos.report_pb2 import Item, Reading

# metric, and the field of DiskFacts it is taken from
_PLAIN = (
    ("disk_self_assessment_passed_state", "self_assessment_passed"),
    ("disk_temperature_celsius", "temperature_celsius"),
    ("disk_power_cycles_total", "power_cycles"),
    ("disk_reallocated_sectors_total", "reallocated_sectors"),
    ("disk_spin_retries_total", "spin_retries"),
    ("disk_reported_uncorrectable_total", "reported_uncorrectable"),
    ("disk_reallocation_events_total", "reallocation_events"),
    ("disk_pending_sectors_count", "pending_sectors"),
    ("disk_offline_uncorrectable_count", "offline_uncorrectable"),
    ("disk_crc_errors_total", "crc_errors"),
    ("disk_life_used_ratio", "life_used_ratio"),
    ("disk_reserve_state", "reserve_state"),
    ("disk_windows_health_state", "windows_health"),
    ("disk_windows_uncorrected_total", "windows_uncorrected"),
)
_NVME = (
    ("disk_spare_ratio", "available_spare_ratio"),
    ("disk_spare_threshold_ratio", "available_spare_threshold_ratio"),
    ("disk_critical_warning_state", "critical_warning"),
    ("disk_media_errors_total", "media_errors"),
    ("disk_unsafe_shutdowns_total", "unsafe_shutdowns"),
)
_SCSI = (
    ("disk_grown_defects_total", "grown_defects"),
    ("disk_uncorrected_errors_total", "uncorrected_errors"),
)


# An NVMe drive's number as Windows gives it, in place of the serial on its label: `ACE4_2E61_9000_7804.`
_EUI = re.compile(r"^([0-9A-F]{4}_)+[0-9A-F]{4}\.$")


def read(place: Place) -> Taken:
    if place.is_windows:
        taken = Taken()
        disks, taken.reason = disk_health_windows.disks(place)
    else:
        taken = disk_health_linux.arrays(place)
        disks, reason = disk_health_linux.disks(place, needed=not taken.readings)
        taken.reason = "; ".join(filter(None, (taken.reason, reason)))
    rows = taken.sections.setdefault("disks", [])
    for key, facts in keyed(disks):
        taken.readings += readings(key, facts)
        rows.append(row(key, facts))
    return taken


def keyed(disks: Iterable[DiskFacts]) -> list[tuple[str, DiskFacts]]:
    """Each disk once, under its serial where it has a real one.

    One drive seen twice (two paths to a SAS drive, a RAID slot and its block device) says the same serial,
    model and size. A USB bridge that gives every drive one serial differs in the others.
    """
    result: dict[str, DiskFacts] = {}
    for facts in disks:
        key = facts.serial if facts.serial and not is_placeholder(facts.serial) else facts.name
        seen = result.get(key)
        if seen is not None and not _same_drive(seen, facts):
            key, seen = facts.name, None
        if seen is None or (facts.readable and not seen.readable):
            result[key] = facts
    return list(result.items())


def _same_drive(one: DiskFacts, other: DiskFacts) -> bool:
    return (one.model, one.capacity_bytes) == (other.model, other.capacity_bytes)


def readings(key: str, facts: DiskFacts) -> list[Reading]:
    """All numbers the disk gave. What it did not say is not there."""
    # Of a RAID volume the members are read, each under its own serial.
    if facts.kind != "disk" or facts.standby:
        return []
    # What a person looks for in the machine: the model, and the name the system gives it now.
    label = f"{facts.model} ({facts.name})" if facts.model else facts.name
    result = [reading("disk_readable_state", 1 if facts.readable else 0, key, label)]
    if not facts.readable:
        return result
    values = [(metric, getattr(facts, field)) for metric, field in _PLAIN]
    values += [(metric, (facts.nvme or {}).get(field)) for metric, field in _NVME]
    values += [(metric, (facts.scsi or {}).get(field)) for metric, field in _SCSI]
    if facts.power_on_hours is not None:
        values.append(("disk_power_on_seconds", facts.power_on_hours * 3600))
    if facts.has_attributes:
        values.append(("disk_attributes_failing_count", len(facts.attributes_failing_now)))
    result += [
        reading(metric, value, key, label)
        for metric, value in values
        if value is not None and _is_possible(metric, value)
    ]
    return result


def _is_possible(metric: str, value: float) -> bool:
    """Firmware and bridges make up numbers at times: what no disk can have is not told."""
    match metric.rsplit("_", 1)[-1]:
        case "celsius":
            return -60 < value < 200
        case "ratio":
            return 0 <= value <= 2.55  # a byte of percent: rated life may be passed
    return value >= 0


def row(key: str, facts: DiskFacts) -> Item:
    return item(
        key,
        device=facts.device,
        device_type=facts.device_type,
        kind=facts.kind,
        model=facts.model,
        family=facts.family,
        serial=facts.serial,
        serial_is_placeholder=is_placeholder(facts.serial) if facts.serial else None,
        serial_is_eui=True if _EUI.match(facts.serial or "") else None,
        firmware=facts.firmware or facts.revision,
        capacity_bytes=facts.capacity_bytes,
        rotation_rate=facts.rotation_rate,
        protocol=facts.protocol,
        location=facts.location,
        detachable=True if facts.detachable or facts.kind == "virtual" else None,
        interface=facts.interface,
        form_factor=facts.form_factor,
        readable=None if facts.standby or facts.kind != "disk" else bool(facts.readable),
        unreadable_reason=facts.unreadable_reason
        if facts.kind == "disk" and facts.readable is not True
        else None,
        standby=True if facts.standby else None,
        windows_health={0: "healthy", 1: "warning", 2: "unhealthy", 5: "unknown"}.get(facts.windows_health)
        if facts.windows_health is not None
        else None,
        windows_status=facts.windows_status,
        attributes_failing_now=_numbers(facts.attributes_failing_now),
        attributes_failed_past=_numbers(facts.attributes_failed_past),
    )


def _numbers(attributes: tuple[int, ...]) -> str | None:
    return " ".join(map(str, attributes)) or None
