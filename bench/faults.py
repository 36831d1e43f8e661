"""What goes wrong in a simulated fleet: one row a fault, about 15 % of the devices have one.

A fault begins at a moment; `hours` is how long ago that was. Some begin days before the fleet's first start,
so that tickets and curves are there at once, others minutes after it, so that one can watch.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.machine import AV_HOST, DESKTOP, LAPTOP, Machine
from bench.vitals import Vitals, put_filesystem
from protos.report_pb2 import FAILED, MISSING, PATCH_STATE_UNKNOWN, UNAVAILABLE, PatchStatus

Apply = Callable[[Machine, Vitals, float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    name: str
    apply: Apply
    began_hours: float  # before the fleet's first start; negative: after it
    classes: tuple[str, ...] = (DESKTOP, LAPTOP, AV_HOST)
    disks: tuple[str, ...] = ("nvme", "ssd", "hdd")


def _filling(machine: Machine, vitals: Vitals, hours: float) -> None:
    root = machine.volumes[0]
    put_filesystem(vitals, root.uuid, root.size_bytes, min(0.992, 0.93 + 0.0006 * hours))


def _pending(machine: Machine, vitals: Vitals, hours: float) -> None:
    serial = machine.disk.serial
    vitals.values["disk_pending_sectors_count", serial] = float(8 + int(hours / 3))
    vitals.values["disk_reallocated_sectors_total", serial] = float(int(hours / 6))
    vitals.values["disk_reported_uncorrectable_total", serial] = float(int(hours / 12))


def _worn(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.values["disk_life_used_ratio", machine.disk.serial] = round(min(1.2, 0.86 + hours / 50_000), 2)


def _cable(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.values["disk_crc_errors_total", machine.disk.serial] = float(120 + int(hours * 2))


def _battery(machine: Machine, vitals: Vitals, hours: float) -> None:
    if machine.battery is not None:
        vitals.values["battery_health_ratio", machine.battery.serial] = 0.47


def _updates(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.values["updates_security_count", ""] = 4.0
    vitals.patches = PatchStatus(
        state=MISSING, method="apt", lists_age_seconds=vitals.patches.lists_age_seconds
    )
    vitals.facts["updates"] = "missing"


def _restart(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.values["reboot_pending_state", ""] = 1.0
    vitals.values["reboot_pending_age_seconds", ""] = hours * 3600
    vitals.facts["reboot"] = "linux-image-generic libc6"


def _unreadable(machine: Machine, vitals: Vitals, hours: float) -> None:
    serial = machine.disk.serial
    for key in [key for key in vitals.values if key[1] == serial]:
        del vitals.values[key]
    vitals.values["disk_readable_state", serial] = 0.0
    vitals.facts["unreadable"] = "smartctl: Read Device Identity failed: Input/output error"


def _no_smartctl(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.lose("disk_health", UNAVAILABLE, "smartctl is not installed: apt install smartmontools")


def _clock(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.values["clock_synchronised_state", ""] = 0.0
    vitals.values["clock_offset_seconds", ""] = round(1.2 + hours * 0.02, 3)


def _service(machine: Machine, vitals: Vitals, hours: float) -> None:
    unit = "crestron-airmedia.service" if machine.device_class == AV_HOST else "cups.service"
    vitals.values["service_failed_state", unit] = 1.0
    vitals.values["services_failed_count", ""] = 1.0


def _pressure(machine: Machine, vitals: Vitals, hours: float) -> None:
    size = float(machine.memory_bytes)
    vitals.values |= {
        ("memory_pressure_ratio", ""): 0.42, ("memory_used_ratio", ""): 0.96,
        ("memory_available_bytes", ""): round(size * 0.04), ("swap_used_ratio", ""): 0.71,
    }  # fmt: skip


def _flapping(machine: Machine, vitals: Vitals, hours: float) -> None:
    # Over its limit in every second period of ten minutes: must become one ticket and not one each time.
    hot = int(hours * 6) % 2 == 0
    vitals.values["sensor_temperature_celsius", "coretemp Package id 0"] = 101.0 if hot else 71.0


def _patches_unknown(machine: Machine, vitals: Vitals, hours: float) -> None:
    for metric in ("security", "other", "held", "phased", "kept_back"):
        vitals.values.pop((f"updates_{metric}_count", ""), None)
    age = 9 * 86400 + hours * 3600
    vitals.values["updates_lists_age_seconds", ""] = age
    vitals.patches = PatchStatus(
        state=PATCH_STATE_UNKNOWN, method="apt", lists_age_seconds=age,
        reason=f"the package lists are {age / 86400:.0f} days old: what is missing cannot be known",
    )  # fmt: skip


def _broken_probe(machine: Machine, vitals: Vitals, hours: float) -> None:
    vitals.lose("sensors", FAILED, "OSError: [Errno 61] No data available: hwmon3/temp1_input")


def _nothing(machine: Machine, vitals: Vitals, hours: float) -> None:
    """What these do shows in their calls, not in their numbers (bench/device.py)."""


SILENT, SUSPENDS = "silent", "suspends"

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(name="disk_pending_sectors", apply=_pending, began_hours=20, disks=("hdd", "ssd")),
    Fault(name="updates_missing", apply=_updates, began_hours=800),
    Fault(name="filling_filesystem", apply=_filling, began_hours=36, disks=("nvme",)),
    Fault(name=SUSPENDS, apply=_nothing, began_hours=-0.1, classes=(LAPTOP,)),
    Fault(name="service_failed", apply=_service, began_hours=0),
    Fault(name="battery_worn", apply=_battery, began_hours=200, classes=(LAPTOP,)),
    Fault(name=SILENT, apply=_nothing, began_hours=-0.1, classes=(DESKTOP, AV_HOST)),
    Fault(name="worn_nvme", apply=_worn, began_hours=400, disks=("nvme",)),
    Fault(name="restart_pending", apply=_restart, began_hours=240),
    Fault(name="disk_unreadable", apply=_unreadable, began_hours=10),
    Fault(name="no_smartctl", apply=_no_smartctl, began_hours=900),
    Fault(name="flapping_sensor", apply=_flapping, began_hours=5),
    Fault(name="patches_unknown", apply=_patches_unknown, began_hours=100),
    Fault(name="cable", apply=_cable, began_hours=30, disks=("hdd", "ssd")),
    Fault(name="memory_pressure", apply=_pressure, began_hours=1),
    Fault(name="clock_unsynchronised", apply=_clock, began_hours=2),
    Fault(name="service_fails_later", apply=_service, began_hours=-0.05),
    Fault(name="broken_probe", apply=_broken_probe, began_hours=50),
)  # fmt: skip
BY_NAME: Final = {fault.name: fault for fault in FAULTS}
SHARE: Final = 0.15


def choose(machine: Machine, share: float = SHARE) -> str:
    """The fault of this device, or none: one in each row of devices, the kinds in turn, so that a small fleet
    has most of them. Always the same for the same seed and number."""
    if share <= 0:
        return ""
    length = max(1, round(1 / share))
    row, place = divmod(machine.number - 1, length)
    if place != random.Random(f"fault/{machine.seed}/{row}").randrange(length):
        return ""
    turn = [*FAULTS[row % len(FAULTS) :], *FAULTS[: row % len(FAULTS)]]
    return next(
        (f.name for f in turn if machine.device_class in f.classes and machine.disk.kind in f.disks), ""
    )
