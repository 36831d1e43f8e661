"""The numbers of a healthy simulated device at a moment: load by time of day, slow wear, a little noise."""

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from bench.machine import AV_HOST, Machine
from protos.report_pb2 import COMPLIANT, OK, OutcomeKind, PatchStatus

_CENTRAL: Final = timezone(timedelta(hours=-6))
_YEAR: Final = 365.25 * 86400
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

# probe → seconds one run takes
TOOK: Final = {
    "cpu": 0.0004, "memory": 0.0005, "filesystem": 0.002, "battery": 0.004, "sensors": 0.012, "clock": 0.002,
    "operating_system": 0.001, "reboot_pending": 0.05, "hardware": 0.02, "disk_health": 0.14, "patches": 4.1,
    "software": 0.03, "services": 0.02, "agent": 0.0006,
}  # fmt: skip
SAMPLED: Final = ("cpu", "memory", "filesystem", "battery", "sensors", "clock", "services", "agent")
SLOW: Final = ("disk_health", "patches")
INVENTORY: Final = ("operating_system", "reboot_pending", "hardware", "software")


@dataclass(slots=True)
class Vitals:
    """What all probes would read now. Faults change it before a report is made of it."""

    values: dict[tuple[str, str], float] = field(default_factory=dict)  # (metric, component) → value
    outcomes: dict[str, tuple[OutcomeKind, str]] = field(default_factory=dict)  # probe → how it ended
    patches: PatchStatus = field(default_factory=PatchStatus)
    facts: dict[str, str] = field(default_factory=dict)  # what faults want the inventory to say

    def lose(self, probe: str, kind: OutcomeKind, reason: str) -> None:
        """The probe ended without numbers."""
        self.outcomes[probe] = (kind, reason)


def day_curve(at: datetime) -> float:
    """0 at night and on weekends, towards 1 in working hours of the sites."""
    local = at.astimezone(_CENTRAL)
    if local.weekday() >= 5:
        return 0.03
    hour = local.hour + local.minute / 60
    return max(0.03, math.sin(math.pi * (hour - 7) / 11)) if 7 < hour < 18 else 0.03


def healthy(machine: Machine, at: datetime) -> Vitals:
    """Nothing is wrong."""
    noise = random.Random(f"{machine.seed}/{machine.number}/{int(at.timestamp()) // 60}")
    vitals = Vitals(outcomes=dict.fromkeys(TOOK, (OK, "")))
    busy = (
        day_curve(at) * noise.uniform(0.5, 1.1)
        if machine.device_class != AV_HOST
        else noise.uniform(0.1, 0.3)
    )
    _load(vitals, machine, busy, noise)
    _filesystems(vitals, machine, at)
    _battery(vitals, machine, at, noise)
    _sensors(vitals, busy, noise)
    _rest(vitals, machine, at, noise)
    _disk(vitals, machine, at, busy)
    return vitals


def _load(vitals: Vitals, machine: Machine, busy: float, noise: random.Random) -> None:
    used = min(0.85, 0.25 + 0.4 * busy + noise.uniform(-0.02, 0.02))
    size = float(machine.memory_bytes)
    vitals.values |= {
        ("cpu_used_ratio", ""): min(1.0, 0.02 + 0.5 * busy * noise.uniform(0.4, 1.4)),
        ("cpu_run_queue_load", ""): round(busy * machine.model.cores * 0.4, 2),
        ("cpu_throttled_total", ""): 0.0,
        ("memory_size_bytes", ""): size,
        ("memory_available_bytes", ""): round(size * (1 - used)),
        ("memory_used_ratio", ""): used,
        ("swap_used_ratio", ""): round(0.02 * busy, 4),
        ("memory_pressure_ratio", ""): round(0.01 * busy, 4),
    }


def _filesystems(vitals: Vitals, machine: Machine, at: datetime) -> None:
    years = (at - _EPOCH).total_seconds() / _YEAR
    for volume in machine.volumes:
        used = min(0.88, volume.used_ratio * (1 + 0.1 * years))
        put_filesystem(vitals, volume.uuid, volume.size_bytes, used)
        vitals.values["filesystem_inodes_used_ratio", volume.uuid] = round(used * 0.3, 4)
        vitals.values["filesystem_read_only_state", volume.uuid] = 0.0


def put_filesystem(vitals: Vitals, component: str, size: int, used: float) -> None:
    vitals.values |= {
        ("filesystem_size_bytes", component): float(size),
        ("filesystem_available_bytes", component): round(size * (1 - used)),
        ("filesystem_used_ratio", component): round(used, 5),
    }


def _battery(vitals: Vitals, machine: Machine, at: datetime, noise: random.Random) -> None:
    if machine.battery is None:
        vitals.lose("battery", OutcomeKind.UNAVAILABLE, "no battery")
        return
    on_mains = noise.random() < 0.7
    vitals.values |= {
        ("battery_on_mains_state", ""): float(on_mains),
        ("battery_charge_ratio", machine.battery.serial): 1.0
        if on_mains
        else round(noise.uniform(0.3, 0.95), 2),
        ("battery_health_ratio", machine.battery.serial): round(machine.battery.health_ratio, 3),
        ("battery_cycles_count", machine.battery.serial): float(machine.battery.cycles),
    }


def _sensors(vitals: Vitals, busy: float, noise: random.Random) -> None:
    for name, base, limit in (("coretemp Package id 0", 38, 100.0), ("nvme Composite", 34, 84.8)):
        vitals.values["sensor_temperature_celsius", name] = round(base + 22 * busy + noise.uniform(-1, 1), 1)
        vitals.values["sensor_temperature_limit_celsius", name] = limit
    vitals.values["sensor_fan_rpm", "dell_smm fan1"] = float(round(1100 + 900 * busy))


def _rest(vitals: Vitals, machine: Machine, at: datetime, noise: random.Random) -> None:
    lists_age = (at.timestamp() + machine.number * 977) % 86400
    security = 0
    other = (machine.number * 7 + at.timetuple().tm_yday) % 5
    vitals.patches = PatchStatus(state=COMPLIANT, method="apt", lists_age_seconds=lists_age)
    vitals.values |= {
        ("clock_synchronised_state", ""): 1.0,
        ("clock_offset_seconds", ""): round(noise.gauss(0, 0.002), 6),
        ("operating_system_support_left_seconds", ""): round(
            machine.system[4] * _YEAR - (at - _EPOCH).total_seconds() % 86400
        ),
        ("reboot_pending_state", ""): 0.0,
        ("services_failed_count", ""): 0.0,
        ("updates_security_count", ""): float(security),
        ("updates_other_count", ""): float(other),
        ("updates_held_count", ""): 0.0,
        ("updates_phased_count", ""): float(machine.number % 3),
        ("updates_kept_back_count", ""): 0.0,
        ("updates_lists_age_seconds", ""): round(lists_age),
        ("agent_memory_bytes", ""): 34_000_000.0 + 1000 * (machine.number % 900),
        ("agent_cpu_used_seconds", ""): round((at.timestamp() % 604800) * 0.0006, 1),
        ("agent_open_files_count", ""): 21.0,
        ("agent_spool_bytes", ""): 4_200_000.0,
        ("agent_spool_unsent_count", ""): 0.0,
        ("agent_spool_evicted_total", ""): 0.0,
        ("agent_quarantined_total", ""): 0.0,
        ("agent_probe_timeouts_total", ""): 0.0,
    }


def _disk(vitals: Vitals, machine: Machine, at: datetime, busy: float) -> None:
    disk = machine.disk
    hours = disk.age_years * 2200 + (at - _EPOCH).total_seconds() / 3600 * 0.25
    values: dict[str, float] = {
        "disk_readable_state": 1, "disk_self_assessment_passed_state": 1,
        "disk_temperature_celsius": round(31 + 9 * busy), "disk_power_on_seconds": round(hours) * 3600,
        "disk_power_cycles_total": round(disk.age_years * 260),
    }  # fmt: skip
    if disk.kind == "nvme":
        values |= {
            "disk_life_used_ratio": round(min(0.6, disk.age_years * 0.04), 2), "disk_spare_ratio": 1,
            "disk_spare_threshold_ratio": 0.1, "disk_critical_warning_state": 0, "disk_media_errors_total": 0,
            "disk_unsafe_shutdowns_total": round(disk.age_years * 9),
        }  # fmt: skip
    else:
        values |= {
            "disk_attributes_failing_count": 0, "disk_reallocated_sectors_total": 0,
            "disk_reported_uncorrectable_total": 0, "disk_reallocation_events_total": 0,
            "disk_pending_sectors_count": 0, "disk_offline_uncorrectable_count": 0, "disk_crc_errors_total": 0,
        }  # fmt: skip
        values |= {"disk_spin_retries_total": 0} if disk.kind == "hdd" else {"disk_life_used_ratio": 0.12}
    vitals.values |= {(metric, disk.serial): float(value) for metric, value in values.items()}
