"""What smartctl's JSON says, as facts. Pure: text in, facts out.

Traps this reader knows: the exit status is a bit mask and the JSON is whole whatever it is; raw values of
vendor attributes may be several numbers packed into 48 bits; SCSI disks have their model under three names;
a temperature of 0 means none was given; `passed` says little.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

Tree: TypeAlias = dict[str, Any]

# Life left in percent, as the normalised value. By name: the same id counts erases on other makes.
_LIFE_LEFT = {
    (177, "Wear_Leveling_Count"),
    (231, "SSD_Life_Left"),
    (202, "Percent_Lifetime_Remain"),
    (233, "Media_Wearout_Indicator"),
    (169, "Remaining_Lifetime_Perc"),
    (173, "Media_Wearout_Indicator"),
}
# Model names of disks a hypervisor made up.
_VIRTUAL = re.compile(
    r"\b(QEMU|VBOX|VMware|Virtual[ _]Disk|XENSRC|Amazon Elastic Block|Amazon EC2|PersistentDisk|nvme_card-pd|MSFT NVMe)\b",
    re.IGNORECASE,
)
_NVME_WARNINGS = 6  # defined bits of critical_warning


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskFacts:
    device: str | None = None
    device_type: str | None = None
    protocol: str | None = None
    model: str | None = None
    family: str | None = None
    serial: str | None = None
    firmware: str | None = None
    revision: str | None = None  # what SCSI calls its firmware
    capacity_bytes: int | None = None
    rotation_rate: int | None = None  # 0: does not rotate
    interface: str | None = None
    form_factor: str | None = None
    power_on_hours: int | None = None
    power_cycles: int | None = None
    temperature_celsius: int | None = None
    self_assessment_passed: bool | None = None
    exit_status: int | None = None
    exit_status_bits: tuple[int, ...] = ()
    reallocated_sectors: int | None = None
    reported_uncorrectable: int | None = None
    pending_sectors: int | None = None
    offline_uncorrectable: int | None = None
    crc_errors: int | None = None
    spin_retries: int | None = None
    reallocation_events: int | None = None
    attributes_failing_now: tuple[int, ...] = ()
    attributes_failed_past: tuple[int, ...] = ()
    has_attributes: bool = False
    nvme: Tree | None = None
    scsi: Tree | None = None
    ssd_life: Tree | None = None
    life_used_ratio: float | None = None
    readable: bool | None = None  # None: health was not asked for
    unreadable_reason: str | None = None
    standby: bool = False
    kind: str = "disk"  # disk, virtual, raid_volume
    reserve_state: int | None = None  # eMMC: 1 normal, 2 most of it gone, 3 nearly all
    windows_health: int | None = None  # MSFT_PhysicalDisk.HealthStatus: 0 healthy, 1 warning, 2 unhealthy
    windows_status: str | None = None  # its OperationalStatus in words
    windows_uncorrected: int | None = None  # reads and writes that failed for good, as Windows counts
    location: str | None = None  # where it sits: slot, bus
    detachable: bool = False  # on a USB plug: it may be gone tomorrow, and nothing is wrong

    @property
    def name(self) -> str:
        """`sda`; behind a RAID controller the slot as well, for all of them share one device."""
        device = (self.device or "unknown").removeprefix("/dev/")
        slot = re.search(
            r"(?:megaraid|cciss|areca|3ware|aacraid|hpt|sssraid|jmb39x)\w*,[\w,/]+", self.device_type or ""
        )
        return f"{device} {slot[0]}" if slot else device


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A line of `smartctl --scan`."""

    name: str
    type: str | None = None
    protocol: str | None = None


def parse_scan(text: str) -> list[Found]:
    """The disks smartctl found; told apart by name and type."""
    tree = _tree(text)
    found = []
    for device in _list(tree, "devices"):
        name = _text(device, "name") if isinstance(device, dict) else None
        if name is not None:
            found.append(Found(name=name, type=_text(device, "type"), protocol=_text(device, "protocol")))
    return found


def parse(text: str) -> DiskFacts:
    """The facts of one disk. Raises ValueError when the text is no JSON object."""
    tree = _tree(text)
    device = _part(tree, "device")
    status = _whole(_part(tree, "smartctl"), "exit_status")
    bits = tuple(bit for bit in range(8) if (status or 0) >> bit & 1)
    table = [row for row in _list(_part(tree, "ata_smart_attributes"), "table") if isinstance(row, dict)]
    raw = {number: _raw(row) for row in table if (number := _whole(row, "id")) is not None}
    has_health = _has_health(tree, table)
    standby = not has_health and _is_asleep(tree)
    readable = None if standby else _is_readable(tree, bits, has_health)
    life = ssd_life(table)
    model = _text(tree, "model_name") or _text(tree, "scsi_model_name")
    return DiskFacts(
        device=_text(device, "name"),
        device_type=_text(device, "type"),
        protocol=_text(device, "protocol"),
        model=model,
        family=_text(tree, "model_family"),
        serial=_text(tree, "serial_number"),
        firmware=_text(tree, "firmware_version"),
        revision=_text(tree, "scsi_revision") or _text(tree, "revision"),
        capacity_bytes=_whole(_part(tree, "user_capacity"), "bytes") or _whole(tree, "nvme_total_capacity"),
        rotation_rate=_whole(tree, "rotation_rate"),
        interface=_interface(tree),
        form_factor=_text(_part(tree, "form_factor"), "name"),
        power_on_hours=_power_on_hours(tree, table),
        power_cycles=_power_cycles(tree),
        temperature_celsius=_whole(_part(tree, "temperature"), "current") or None,
        self_assessment_passed=_truth(_part(tree, "smart_status"), "passed"),
        exit_status=status,
        exit_status_bits=bits,
        reallocated_sectors=raw.get(5),
        spin_retries=raw.get(10),
        reported_uncorrectable=raw.get(187),
        reallocation_events=raw.get(196),
        pending_sectors=raw.get(197),
        offline_uncorrectable=raw.get(198),
        crc_errors=raw.get(199),
        attributes_failing_now=_failed(table, "now"),
        attributes_failed_past=_failed(table, "past"),
        has_attributes=bool(table),
        nvme=_nvme(tree),
        scsi=_scsi(tree),
        ssd_life=life,
        life_used_ratio=_life_used_ratio(tree, life),
        readable=readable,
        unreadable_reason=None if readable else _reason(tree, bits),
        standby=standby,
        kind="virtual" if not has_health and is_virtual(model) else "disk",
    )


def is_virtual(model: str | None) -> bool:
    return bool(_VIRTUAL.search(model or ""))


def ssd_life(table: list[Tree]) -> Tree | None:
    """The attribute that counts rated life down from 100, and the share used."""
    for row in table:
        number, name, value = _whole(row, "id"), _text(row, "name"), _whole(row, "value")
        if (number, name) in _LIFE_LEFT and value is not None and 0 <= value <= 100:
            attribute = {"id": number, "name": name, "value": value}
            return {"attribute": attribute, "used_ratio": round((100 - value) / 100, 4)}
    return None


def _life_used_ratio(tree: Tree, life: Tree | None) -> float | None:
    """NVMe and SAS say it plainly, newer SATA in the device statistics, older SATA by attribute."""
    for part, name in (
        (_part(tree, "nvme_smart_health_information_log"), "percentage_used"),
        (_part(tree, "endurance_used"), "current_percent"),
        (tree, "scsi_percentage_used_endurance_indicator"),
    ):
        percent = _whole(part, name)
        if percent is not None:
            return percent / 100
    return float(life["used_ratio"]) if life else None


def _raw(row: Tree) -> int | None:
    """The number behind an attribute, where it is one.

    The string is smartctl's own reading (`2725 (151 19 0)`), the value all 48 bits. A number that needs
    more than 32 of them is several packed ones: unknown.
    """
    raw = _part(row, "raw")
    leading = re.match(r"\d+", _text(raw, "string") or "", re.ASCII)
    value = int(leading[0]) if leading and len(leading[0]) < 20 else _whole(raw, "value")
    return value if value is not None and 0 <= value < 2**32 else None


def _power_on_hours(tree: Tree, table: list[Tree]) -> int | None:
    hours = _whole(_part(tree, "power_on_time"), "hours")
    if hours is not None:
        return hours
    # Some drives count minutes or half minutes; without power_on_time only a reading in hours can be used.
    for row in table:
        if _whole(row, "id") == 9 and _text(row, "name") == "Power_On_Hours":
            return _raw(row)
    return None


def _power_cycles(tree: Tree) -> int | None:
    plain = _whole(tree, "power_cycle_count")
    # SAS drives count the starts of their motor.
    counter = _part(tree, "scsi_start_stop_cycle_counter")
    return plain if plain is not None else _whole(counter, "accumulated_start_stop_cycles")


def _failed(table: list[Tree], when: str) -> tuple[int, ...]:
    return tuple(
        number
        for row in table
        if row.get("when_failed") == when and (number := _whole(row, "id")) is not None
    )


def _nvme(tree: Tree) -> Tree | None:
    log = _part(tree, "nvme_smart_health_information_log")
    if not log:
        return None
    warning = _whole(log, "critical_warning")
    used = _whole(log, "percentage_used")
    return {
        "percentage_used": used,
        "percentage_used_ratio": _ratio(used),
        "available_spare_ratio": _ratio(_whole(log, "available_spare")),
        "available_spare_threshold_ratio": _ratio(_whole(log, "available_spare_threshold")),
        "critical_warning": warning,
        "critical_warning_bits": [bit for bit in range(_NVME_WARNINGS) if (warning or 0) >> bit & 1],
        "media_errors": _whole(log, "media_errors"),
        "unsafe_shutdowns": _whole(log, "unsafe_shutdowns"),
    }


def _scsi(tree: Tree) -> Tree | None:
    if _text(_part(tree, "device"), "protocol") != "SCSI":
        return None
    log = _part(tree, "scsi_error_counter_log")
    counts = [_whole(_part(log, name), "total_uncorrected_errors") for name in ("read", "write", "verify")]
    known = [count for count in counts if count is not None]
    return {
        "grown_defects": _whole(tree, "scsi_grown_defect_list"),
        "uncorrected_errors": sum(known) if known else None,
        "percentage_used_endurance": _whole(tree, "scsi_percentage_used_endurance_indicator"),
    }


def _has_health(tree: Tree, table: list[Tree]) -> bool:
    return bool(
        table
        or _truth(_part(tree, "smart_status"), "passed") is not None
        or _part(tree, "nvme_smart_health_information_log")
        or _part(tree, "scsi_error_counter_log")
        or _whole(tree, "scsi_grown_defect_list") is not None
    )


def _is_readable(tree: Tree, bits: tuple[int, ...], has_health: bool) -> bool | None:
    # 0: bad command line, 1: could not be opened. 2 (some command failed) alone is common on good disks.
    if {0, 1} & set(bits):
        return False
    if has_health:
        return True
    support = tree.get("smart_support")
    # A bare `true` here, as some print it, tells that the device could, not that it was asked.
    available = _truth(support, "available") if isinstance(support, dict) else None
    return False if 2 in bits or available is False else None


def _is_asleep(tree: Tree) -> bool:
    mode = _text(_part(tree, "power_mode"), "name") or ""
    return any(
        re.search(r"\b(STANDBY|SLEEP)\b", words)
        for words in (mode, *(message for message in _messages(tree) if message.startswith("Device is in")))
    )


def _reason(tree: Tree, bits: tuple[int, ...]) -> str:
    messages = _messages(tree)
    if messages:
        return messages[0][:200]
    support = tree.get("smart_support")
    if isinstance(support, dict) and _truth(support, "available") is False:
        return "the device has no SMART"
    if isinstance(support, dict) and _truth(support, "enabled") is False:
        return "SMART is switched off on the device"
    if 2 in bits:
        return "the device refused the SMART command"
    return "no health data in the answer"


def _messages(tree: Tree) -> list[str]:
    rows = [row for row in _list(_part(tree, "smartctl"), "messages") if isinstance(row, dict)]
    return [words for row in rows if (words := _text(row, "string")) is not None]


def _interface(tree: Tree) -> str | None:
    for part, name in (
        (_part(tree, "sata_version"), "string"),
        (_part(tree, "scsi_transport_protocol"), "name"),
        (_part(tree, "pcie_version"), "string"),
    ):
        if words := _text(part, name):
            return words
    device = _part(tree, "device")
    if (_text(device, "type") or "").startswith("usb"):
        return "USB"
    return "NVMe" if _text(device, "protocol") == "NVMe" else None


def _ratio(percent: int | None) -> float | None:
    return None if percent is None else percent / 100


def _tree(text: str) -> Tree:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("smartctl printed no JSON") from error
    if not isinstance(tree, dict):
        raise ValueError("smartctl printed no JSON object")
    return tree


def _part(tree: Tree, name: str) -> Tree:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _list(tree: Tree, name: str) -> list[Any]:
    value = tree.get(name)
    return value if isinstance(value, list) else []


def _text(tree: Tree, name: str) -> str | None:
    value = tree.get(name)
    return (value.strip() or None) if isinstance(value, str) else None


def _whole(tree: Tree, name: str) -> int | None:
    value = tree.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _truth(tree: Tree, name: str) -> bool | None:
    value = tree.get(name)
    return value if isinstance(value, bool) else None
