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
        ("sensor_temperature_limit_celsius", "chip and label", "The critical limit of a chip that measures itself, where it states one.", None),
        ("sensor_fan_rpm", "chip and label", "Fan speed; 0 on an empty header is normal.", None),
        ("sensor_fan_stopped_state", "chip and label", "1: the fan turned for eight hours on end since the agent's start, and now stands still. Absent for fans that may rest.", 0),
        ("sensor_critical_alarms_count", "", "Chips measuring themselves that say they were over their critical limit, most of them since the last restart.", 0),
    ),
    *_rows(
        "clock",
        ("clock_synchronised_state", "", "1: the kernel says its clock is kept by a time service.", 0),
        ("clock_offset_seconds", "", "Estimated error of the clock as its time service states it.", None),
    ),
    *_rows(
        "operating_system",
        ("operating_system_support_left_seconds", "", "Time until the maker's support ends; negative: ended. From a dated table.", None),
        ("operating_system_activated_state", "", "1: Windows says that its licence is activated. Absent where it does not say.", 0),
    ),
    *_rows(
        "reboot_pending",
        ("reboot_pending_state", "", "1: a restart is needed to finish an update, for at least one strong reason.", 0),
        ("reboot_pending_age_seconds", "", "Since when, where the system keeps that.", None),
        ("reboot_pending_survived_restart_state", "", "1: a restart was made since and did not take the reason away. Absent while that is not known.", 0),
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
        ("disk_reserve_state", "disk serial", "eMMC: its reserve of blocks. 1: normal, 2: four fifths are gone, 3: nine tenths.", 0),
        ("disk_windows_health_state", "disk serial", "Windows' own word on the disk. 0: healthy, 1: warning, 2: unhealthy.", 0),
        ("disk_windows_uncorrected_total", "disk serial", "Reads and writes that failed for good, as Windows' reliability counter has them.", 0),
        ("raid_degraded_state", "array", "1: a software RAID array (md or LVM) misses a member.", 0),
        ("raid_work_done_ratio", "array", "How far a rebuild, resync, reshape or check has come; absent when none runs.", None),
        ("raid_mismatches_count", "array", "RAID 4, 5 and 6: sectors whose parity did not fit the data in the last check; absent before one was made.", 0),
        ("thin_pool_failed_state", "pool", "1: an LVM thin pool is read-only, full, or needs a check.", 0),
        ("thin_pool_data_used_ratio", "pool", "Share of a thin pool's data space used.", 0.02),
        ("thin_pool_metadata_used_ratio", "pool", "Share of a thin pool's metadata space used.", 0.02),
    ),
    *_rows(
        "patches",
        ("updates_security_count", "", "Security updates on offer and not installed.", 0),
        ("updates_other_count", "", "Other updates on offer and not installed.", None),
        ("updates_held_count", "", "Updates not installed because somebody holds the package.", None),
        ("updates_phased_count", "", "Updates the distribution has not given to this device yet: not missing.", None),
        ("updates_kept_back_count", "", "Updates that need other packages added or removed.", None),
        ("updates_lists_age_seconds", "", "Age of the package lists the counts were made from.", None),
        ("updates_unclassified_count", "", "Updates on offer whose source does not say whether they are security updates.", None),
        ("updates_paid_only_count", "", "Security updates only a subscription brings (Ubuntu Pro): not on offer here.", None),
        ("packages_broken_count", "", "Packages an installation or removal left half done.", 0),
        ("updates_firmware_count", "", "Firmware updates on offer (fwupd); no part of the patch state.", None),
        ("updates_firmware_lists_age_seconds", "", "Age of fwupd's catalogue.", None),
        ("updates_flatpak_count", "", "Flatpak updates on offer; no part of the patch state.", None),
        ("updates_flatpak_lists_age_seconds", "", "Age of flatpak's cached lists.", None),
        ("updates_snap_count", "", "Snap updates on offer; no part of the patch state.", None),
        ("updates_driver_count", "", "Windows: drivers on offer; not missing.", None),
        ("updates_optional_count", "", "Windows: optional updates and other releases on offer; not missing.", None),
        ("updates_failed_count", "", "Windows: installations of updates that failed in the last 30 days.", None),
        ("updates_failing_count", "update", "Windows: times this update failed in the last 30 days; only updates not installed since are listed.", 0),
        ("updates_last_cumulative_age_seconds", "", "Windows: since the last cumulative update was put in place.", None),
        ("defender_signature_age_seconds", "", "Age of Defender's signatures; only while Defender protects the device.", None),
        ("sccm_heartbeat_age_seconds", "", "Since the Configuration Manager client last reported that it is there.", None),
        ("sccm_hardware_inventory_age_seconds", "", "Since it last reported its hardware.", None),
        ("sccm_service_running_state", "", "1: the Configuration Manager client's service runs.", 0),
    ),
    *_rows(
        "services",
        ("service_failed_state", "unit or service", "1: the unit is in the failed state; Windows: it should run and ended with an error. Only those that failed, or did since start, are listed.", 0),
        ("services_failed_count", "", "Units or services that failed.", 0),
    ),
    *_rows(
        "hardware",
        ("device_fault_state", "PnP device", "1: Windows finds fault with this device. Only those with a fault are listed.", 0),
        ("devices_with_problem_count", "", "Devices Windows finds fault with; not those somebody switched off or unplugged.", 0),
        ("devices_without_driver_count", "", "Devices no driver is installed for.", None),
    ),
    *_rows(
        "security_state",
        ("secure_boot_state", "", "1: Secure Boot is on; absent where the firmware cannot have it.", 0),
        ("disk_encrypted_state", "volume", "1: fully encrypted, as far as the system knows; of Linux, what the root filesystem lies on.", 0),
        ("disk_encryption_suspended_state", "volume", "1: encrypted, and the key lies open on the disk (BitLocker suspended).", 0),
        ("real_time_protection_state", "", "1: Defender looks at files as they are opened; only where it is the antivirus in charge.", 0),
        ("firewall_state", "profile or program", "1: on and in force; only where the system's own is meant to be.", 0),
        ("firewall_by_policy_state", "profile or program", "1: group policy says whether this profile is on.", None),
    ),
    *_rows(
        "backup_evidence",
        ("backup_last_success_age_seconds", "method", "Since the newest sign of a backup that succeeded; absent if none was seen.", None),
        ("snapshot_newest_age_seconds", "method", "Since the newest snapshot on the device's own disks.", None),
    ),
    *_rows(
        "events",
        ("events_disk_bad_blocks_week_count", "disk serial, else the log's name", "Reads and writes a disk could not do because of bad blocks, as the system's log has them, in 7 days.", 0),
        ("events_disk_errors_week_count", "disk serial, else the log's name", "Other reads and writes that failed, in 7 days.", None),
        ("events_disk_timeouts_week_count", "disk serial, else the log's name", "Times a disk or its adapter did not answer, was reset or asked again, in 7 days.", None),
        ("events_disk_failures_predicted_week_count", "disk serial, else the log's name", "Windows: times the driver said that the disk will fail, in 7 days.", 0),
        ("events_filesystem_errors_week_count", "device or drive letter", "Damage the system found in a filesystem, in 7 days. Only those with errors are listed.", 0),
        ("events_machine_checks_week_count", "", "Hardware errors that could not be corrected (machine checks, WHEA), in 7 days.", 0),
        ("events_hardware_errors_corrected_week_count", "", "Hardware errors that were corrected, in 7 days.", None),
        ("events_out_of_memory_week_count", "", "Linux: times the kernel ended a program because memory ran out. Windows: warnings of low virtual memory. In 7 days.", None),
        ("events_overheated_week_count", "", "Linux: shut-downs at the critical temperature, in 7 days.", 0),
        ("events_usb_over_current_week_count", "", "Linux: USB ports switched off because something drew too much, in 7 days.", None),
        ("events_stop_errors_month_count", "", "Stop errors (blue screens) and kernel panics a record was kept of, in 30 days.", 0),
        ("events_unclean_shutdowns_month_count", "", "Times the device went off without shutting down and without a stop error, in 30 days.", 0),
        ("events_log_reach_seconds", "", "How far back the log reaches the counts were made from; at most 30 days.", None),
    ),
    *_rows(
        "memory_errors",
        ("memory_errors_corrected_total", "memory slot", "Linux: errors the memory corrected, since the start of the system.", None),
        ("memory_errors_uncorrected_total", "memory slot", "Linux: errors the memory could not correct, since the start of the system.", 0),
        ("memory_errors_corrected_month_count", "", "Windows: errors the memory corrected, as the log has them, in 30 days.", None),
        ("memory_errors_uncorrected_month_count", "", "Windows: errors the memory could not correct, in 30 days.", 0),
    ),
    *_rows(
        "displays",
        ("displays_connected_count", "", "Displays that are plugged in; a switcher or splitter counts as one, whatever hangs on it.", 0),
        ("display_power_state", "display", "1: its picture is on, 0: the system has let it sleep. Absent where the driver does not say.", None),
    ),
    *_rows(
        "audio",
        ("audio_muted_state", "sound endpoint", "1: muted in the system.", 0),
        ("audio_volume_ratio", "sound endpoint", "Volume of its loudest channel as people set it; 1 is full, above is boosted.", None),
        ("audio_in_use_state", "sound endpoint", "1: a program plays to it or records from it now.", None),
        ("audio_stuck_state", "sound endpoint", "1: its stream runs and has not moved between two looks a second apart. Absent while none runs.", 0),
        ("audio_xruns_seen_count", "sound endpoint", "Linux: how often PipeWire did not get to it in time, a click or a gap each, within a look of two or three seconds. Absent while none runs.", 0),
    ),
    *_rows(
        "cameras",
        ("camera_in_use_state", "camera", "1: a program has it open now.", None),
        ("camera_blocked_state", "", "1: a privacy setting of the system keeps programs from all cameras. Windows only.", 0),
        ("microphone_blocked_state", "", "1: a privacy setting of the system keeps programs from all microphones. Windows only.", 0),
        ("capture_signal_state", "capture input", "1: a signal is there and locked, 0: none, or none that can be used. Absent where the driver cannot tell.", 0),
    ),
    *_rows(
        "usb",
        ("usb_speed_ratio", "USB socket", "Speed agreed on / speed the device is made for. Only of devices made for USB 3.", 0),
        ("usb_reconnections_hour_count", "USB socket", "Times it left and came back in the last hour, seen by its number on the bus. Only of sockets where that happened.", 0),
    ),
    *_rows(
        "recorder",
        ("recorder_running_state", "recorder", "1: its program runs.", 0),
        ("recorder_growing_state", "recorder", "1: the newest file in its folder grew between two looks two seconds apart, or was written to within the last minute. Absent where not all of the folder could be seen.", 0),
        ("recorder_newest_file_age_seconds", "recorder", "Since the newest file in its folder was written to.", None),
        ("recorder_free_bytes", "recorder", "Free space where it writes.", None),
        ("recorder_free_seconds", "recorder", "How long it can go on recording until the space is used up, at the rate stated or last seen.", None),
    ),
    *_rows(
        "projectors",
        ("projector_reachable_state", "projector", "1: it answered.", 0),
        ("projector_power_state", "projector", "0: standby, 1: on, 2: cooling down, 3: warming up.", 0),
        ("projector_fan_fault_state", "projector", "Its own word on its fan. 0: nothing to say, 1: warning, 2: error. A projector without such a check says 0 too.", 0),
        ("projector_lamp_fault_state", "projector", "The same on its lamp.", 0),
        ("projector_temperature_fault_state", "projector", "The same on its temperature.", 0),
        ("projector_cover_fault_state", "projector", "The same on an open cover.", 0),
        ("projector_filter_fault_state", "projector", "The same on its filter.", 0),
        ("projector_other_fault_state", "projector", "The same on anything else.", 0),
        ("projector_lamp_seconds_total", "projector", "Time its most used lamp, or its light source, has been lit.", None),
        ("projector_lamp_used_ratio", "projector", "That time / the rated life; absent where nobody stated one.", 0.01),
        ("projector_filter_seconds_total", "projector", "Time its filter has been in use.", None),
        ("projector_filter_used_ratio", "projector", "That time / when it is due; absent where nobody stated that.", 0.01),
        ("projector_signal_state", "projector", "1: a picture comes in at the input chosen, 0: none does. Class 2 only, and while it is on.", 0),
        ("projector_blanked_state", "projector", "1: its picture is switched off or frozen by somebody.", 0),
    ),
    *_rows(
        "network",
        ("network_target_reachable_state", "target", "1: a connection to it was opened.", 0),
        ("network_target_connect_seconds", "target", "How long that took, with its name looked up.", None),
        ("default_gateway_state", "", "1: there is a default way out of this network.", 0),
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
