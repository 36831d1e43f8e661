"""METRICS: what every number means, one row each.

The unit is the last word of the name; ratios are 0–1, everything else is in base units. `probe` is the
probe that reads it. `change` is a reporting step, not a judgement: a sample that differs from the last
reported value by at least this much is reported at once instead of with the next report. None: never at
once. 0: any difference.
"""

from dataclasses import dataclass
from typing import Final

UNITS: Final = (
    "ratio", "bytes", "seconds", "celsius", "rpm", "total", "count", "state",
    "load",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    name: str
    probe: str
    meaning: str
    component: str = ""  # what a component of it is; empty: the whole device
    change: float | None = None


def _rows(probe: str, *rows: tuple[str, str, str, float | None]) -> tuple[Metric, ...]:
    return tuple(
        Metric(name=name, probe=probe, component=component, meaning=meaning, change=change)
        for name, component, meaning, change in rows
    )


# name, component, meaning, change
METRICS: Final[tuple[Metric, ...]] = (
    *_rows(
        "cpu",
        ("cpu_used_ratio", "", "Share of all cores' time not idle since the last sample.", None),
        ("cpu_run_queue_load", "", "Run queue averaged over one minute, as the kernel gives it.", None),
        ("cpu_throttled_total", "", "Times the processor slowed itself because of heat, all cores, since boot.", None),
    ),
    *_rows(
        "memory",
        ("memory_size_bytes", "", "Memory the system can use.", None),
        ("memory_available_bytes", "", "Memory that can be had without swapping.", None),
        ("memory_used_ratio", "", "1 - available / size.", None),
        ("swap_used_ratio", "", "Share of swap in use; absent without swap.", None),
        ("memory_pressure_ratio", "", "Share of the last minute in which some task waited for memory (PSI).", 0.10),
    ),
    *_rows(
        "filesystem",
        ("filesystem_size_bytes", "filesystem UUID, else mount point", "Size.", None),
        ("filesystem_available_bytes", "filesystem UUID, else mount point", "Free for a normal user.", None),
        ("filesystem_used_ratio", "filesystem UUID, else mount point", "1 - available / size, as a normal user sees it.", 0.02),
        ("filesystem_inodes_used_ratio", "filesystem UUID, else mount point", "Share of inodes used; absent where the filesystem has no fixed number.", 0.02),
        ("filesystem_read_only_state", "filesystem UUID, else mount point", "1: mounted read-only although the table of mounts wants it writable.", 0),
    ),
    *_rows(
        "battery",
        ("battery_charge_ratio", "battery serial", "Charge / full charge now.", None),
        ("battery_health_ratio", "battery serial", "Full charge now / as designed, at most 1.", None),
        ("battery_cycles_count", "battery serial", "Charge cycles; absent where the pack does not count.", None),
        ("battery_on_mains_state", "", "1: on mains.", None),
    ),
    *_rows(
        "sensors",
        ("sensor_temperature_celsius", "chip and label", "Temperature.", None),
        ("sensor_temperature_limit_celsius", "chip and label", "The chip's own critical limit, where it states one.", None),
        ("sensor_fan_rpm", "chip and label", "Fan speed; 0 on an empty header is normal.", None),
    ),
    *_rows(
        "clock",
        ("clock_synchronised_state", "", "1: the kernel says its clock is kept by a time service.", 0),
        ("clock_offset_seconds", "", "Estimated error of the clock as its time service states it.", None),
    ),
    *_rows(
        "operating_system",
        ("operating_system_support_left_seconds", "", "Time until the maker's support ends; negative: ended. From a dated table.", None),
    ),
    *_rows(
        "reboot_pending",
        ("reboot_pending_state", "", "1: a restart is needed to finish an update, for at least one strong reason.", 0),
        ("reboot_pending_age_seconds", "", "Since when, where the system keeps that.", None),
    ),
    *_rows(
        "disk_health",
        ("disk_readable_state", "disk serial, else device", "1: health data was read. 0: the disk is there and its health is not to be had.", 0),
        ("disk_self_assessment_passed_state", "disk serial", "1: the drive's own verdict is PASSED.", 0),
        ("disk_attributes_failing_count", "disk serial", "Vendor attributes at or under their threshold now.", 0),
        ("disk_temperature_celsius", "disk serial", "Temperature.", None),
        ("disk_power_on_seconds", "disk serial", "Time powered on over its life.", None),
        ("disk_power_cycles_total", "disk serial", "Times switched on.", None),
        ("disk_reallocated_sectors_total", "disk serial", "Sectors replaced by spares (attribute 5).", 0),
        ("disk_spin_retries_total", "disk serial", "Attempts to spin up that had to be repeated (attribute 10).", 0),
        ("disk_reported_uncorrectable_total", "disk serial", "Errors the drive could not correct (attribute 187).", 0),
        ("disk_reallocation_events_total", "disk serial", "Attempts to move data from bad sectors (attribute 196).", None),
        ("disk_pending_sectors_count", "disk serial", "Sectors waiting to be read or replaced (attribute 197).", 0),
        ("disk_offline_uncorrectable_count", "disk serial", "Sectors found unreadable in the drive's own scan (attribute 198).", 0),
        ("disk_crc_errors_total", "disk serial", "Errors on the way to the disk: cable, plug, backplane (attribute 199).", 0),
        ("disk_life_used_ratio", "disk serial", "Rated write life used; may pass 1.", 0.01),
        ("disk_spare_ratio", "disk serial", "NVMe available spare.", 0),
        ("disk_spare_threshold_ratio", "disk serial", "NVMe spare at which the maker calls the drive worn.", None),
        ("disk_critical_warning_state", "disk serial", "NVMe critical warning, a bit mask: 1 spare, 2 temperature, 4 reliability, 8 read-only, 16 backup power, 32 memory region.", 0),
        ("disk_media_errors_total", "disk serial", "NVMe media and data integrity errors.", 0),
        ("disk_unsafe_shutdowns_total", "disk serial", "NVMe: power lost without a goodbye.", None),
        ("disk_grown_defects_total", "disk serial", "SAS: defects that appeared after manufacture.", 0),
        ("disk_uncorrected_errors_total", "disk serial", "SAS: reads, writes and verifies that failed for good.", 0),
        ("raid_degraded_state", "array", "1: a software RAID array misses a member.", 0),
    ),
    *_rows(
        "patches",
        ("updates_security_count", "", "Security updates on offer and not installed.", 0),
        ("updates_other_count", "", "Other updates on offer and not installed.", None),
        ("updates_held_count", "", "Updates not installed because somebody holds the package.", None),
        ("updates_phased_count", "", "Updates the distribution has not given to this device yet: not missing.", None),
        ("updates_kept_back_count", "", "Updates that need other packages added or removed.", None),
        ("updates_lists_age_seconds", "", "Age of the package lists the counts were made from.", None),
    ),
    *_rows(
        "services",
        ("service_failed_state", "unit", "1: the unit is in the failed state. Only units that failed, or did since start, are listed.", 0),
        ("services_failed_count", "", "Units in the failed state.", 0),
    ),
    *_rows(
        "agent",
        ("agent_memory_bytes", "", "Resident memory of the agent.", None),
        ("agent_cpu_used_seconds", "", "Processor time of the agent and the children it waited for, since its start.", None),
        ("agent_open_files_count", "", "Open files or handles.", None),
        ("agent_spool_bytes", "", "Size of the spool on disk.", None),
        ("agent_spool_unsent_count", "", "Reports waiting.", None),
        ("agent_spool_evicted_total", "", "Reports given up because the spool was full, since its birth.", None),
        ("agent_quarantined_total", "", "Reports the collector refused for their content, since the spool's birth.", 0),
        ("agent_probe_timeouts_total", "", "Probe runs killed at their limit, since the agent's start.", None),
    ),
    # Made by the collector itself.
    *_rows(
        "collector",
        ("device_clock_skew_seconds", "", "The device's clock minus the collector's, when it sent the report.", None),
        (
            "device_rolled_back_state",
            "",
            "1: within the last day this device went on from an older copy of its own state.",
            None,
        ),
        ("device_clones_count", "", "Other machines that used this device's credential in the last week.", None),
    ),
)  # fmt: skip

BY_NAME: Final[dict[str, Metric]] = {metric.name: metric for metric in METRICS}
