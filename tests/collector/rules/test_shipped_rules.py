"""Each shipped rule opens when it should and ends when it should. A rule without a row here fails."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from collector.rules.rule import TRAILING, Rules
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN, Reading, Report
from tests.collector.rules.reports import (
    DAY,
    DESKTOP,
    HOUR,
    MINUTE,
    NOON,
    Judged,
    filesystem,
    patches,
    reading,
    report,
)
from tests.collector.rules.test_room_rules import ELSEWHERE, FILES

Make = Callable[[], Report]


@dataclass(frozen=True, kw_only=True)
class Way:
    """What opens a rule, and what ends it."""

    bad: Make
    well: Make
    every: timedelta = 5 * MINUTE
    within: timedelta = timedelta(0)  # of bad reports, until it is open
    then: timedelta = timedelta(0)  # of well reports, until it is over
    ends: str = "cleared"
    before: Make | None = None  # an earlier report, for growth


def _one(metric: str, value: float, component: str = "") -> Make:
    return lambda: report(reading(metric, value, component))


def _disk(metric: str, value: float, *others: tuple[str, float]) -> Way:
    """A disk's finding ends when another disk takes its place."""

    def made(serial: str, number: float) -> Report:
        rows: list[Reading] = [reading("disk_readable_state", 1, serial), reading(metric, number, serial)]
        return report(*rows, *(reading(name, other, serial) for name, other in others))

    return Way(
        bad=lambda: made("OLD", value),
        well=lambda: report(
            reading("disk_readable_state", 1, "NEW"), reading("disk_temperature_celsius", 30, "NEW")
        ),
        every=4 * HOUR,
        ends="replaced",
    )


def _grown(metric: str, first: float, later: float) -> Way:
    return replace(_disk(metric, later), before=_one(metric, first, "OLD"))


def _files(used: float, size: float) -> Make:
    return lambda: report(*filesystem(used, size=size))


def _sensor(value: float) -> Make:
    return lambda: report(
        reading("sensor_temperature_celsius", value, "chip"),
        reading("sensor_temperature_limit_celsius", 100, "chip"),
    )


def _logged(metric: str, bad: float, well: float, component: str = "") -> Way:
    return Way(bad=_one(metric, bad, component), well=_one(metric, well, component), every=HOUR)


WAYS: dict[str, Way] = {
    "disk_self_assessment_failed": _disk("disk_self_assessment_passed_state", 0),
    "disk_attribute_failing_now": _disk("disk_attributes_failing_count", 1),
    "disk_reallocated_sectors": _grown("disk_reallocated_sectors_total", 4, 9),
    "disk_pending_sectors": _disk("disk_pending_sectors_count", 1),
    "disk_offline_uncorrectable": _disk("disk_offline_uncorrectable_count", 1),
    "disk_reported_uncorrectable": _grown("disk_reported_uncorrectable_total", 1, 3),
    "disk_cable": Way(
        before=_one("disk_crc_errors_total", 24, "S1"),
        bad=_one("disk_crc_errors_total", 74, "S1"),
        well=_one("disk_crc_errors_total", 74, "S1"),
        every=4 * HOUR,
        then=8 * DAY,
        ends="steady",
    ),
    "disk_spare_used_up": _disk("disk_spare_ratio", 0.1, ("disk_spare_threshold_ratio", 0.1)),
    "disk_critical_warning": _disk("disk_critical_warning_state", 8),
    "disk_reliability_degraded": _disk("disk_critical_warning_state", 4, ("disk_life_used_ratio", 0.5)),
    "disk_media_errors": _grown("disk_media_errors_total", 0, 1),
    "disk_wearing_out": _disk("disk_life_used_ratio", 0.8),
    "disk_grown_defects": _grown("disk_grown_defects_total", 0, 5),
    "disk_uncorrected_errors": _grown("disk_uncorrected_errors_total", 0, 1),
    "disk_hot": Way(
        bad=_one("disk_temperature_celsius", 66, "S1"),
        well=_one("disk_temperature_celsius", 59, "S1"),
        every=4 * HOUR,
        within=8 * HOUR,
    ),
    "raid_degraded": Way(
        bad=_one("raid_degraded_state", 1, "md0"), well=_one("raid_degraded_state", 0, "md0"), within=15 * MINUTE
    ),
    "filesystem_nearly_full": Way(bad=_files(0.92, 100e9), well=_files(0.8, 100e9), within=30 * MINUTE),
    "filesystem_full": Way(bad=_files(0.99, 100e9), well=_files(0.9, 100e9), within=10 * MINUTE),
    "small_filesystem_nearly_full": Way(bad=_files(0.96, 1e9), well=_files(0.8, 1e9), within=30 * MINUTE),
    "filesystem_inodes_nearly_used_up": Way(
        bad=_one("filesystem_inodes_used_ratio", 0.96, "u"),
        well=_one("filesystem_inodes_used_ratio", 0.5, "u"),
        within=30 * MINUTE,
    ),
    "filesystem_read_only": Way(
        bad=_one("filesystem_read_only_state", 1, "u"),
        well=_one("filesystem_read_only_state", 0, "u"),
        within=5 * MINUTE,
    ),
    "memory_pressure": Way(
        bad=_one("memory_pressure_ratio", 0.3), well=_one("memory_pressure_ratio", 0.05), within=30 * MINUTE
    ),
    "fan_stopped": Way(
        bad=_one("sensor_fan_stopped_state", 1, "fan1"),
        well=_one("sensor_fan_stopped_state", 0, "fan1"),
        within=HOUR,
    ),
    "chip_was_too_hot": Way(
        bad=_one("sensor_critical_alarms_count", 1), well=_one("sensor_critical_alarms_count", 0), within=10 * MINUTE
    ),
    "sensor_over_its_limit": Way(bad=_sensor(101), well=_sensor(80), within=10 * MINUTE),
    "service_failed": Way(
        bad=_one("service_failed_state", 1, "cups.service"),
        well=_one("service_failed_state", 0, "cups.service"),
        within=10 * MINUTE,
    ),
    "clock_not_synchronised": Way(
        bad=_one("clock_synchronised_state", 0), well=_one("clock_synchronised_state", 1), within=HOUR
    ),
    "state_rolled_back": Way(
        bad=_one("device_rolled_back_state", 1), well=_one("device_rolled_back_state", 0), within=MINUTE
    ),
    "clock_differs_from_the_collector": Way(
        bad=_one("device_clock_skew_seconds", -90), well=_one("device_clock_skew_seconds", 0.2), within=30 * MINUTE
    ),
    "clock_off": Way(bad=_one("clock_offset_seconds", -3), well=_one("clock_offset_seconds", -0.1), within=30 * MINUTE),
    "agent_gave_up_reports": Way(
        before=_one("agent_spool_evicted_total", 0),
        bad=_one("agent_spool_evicted_total", 12),
        well=_one("agent_spool_evicted_total", 12),
        then=25 * HOUR,
        every=HOUR,
        ends="steady",
    ),
    "disk_bad_blocks_logged": _logged("events_disk_bad_blocks_week_count", 1, 0, "S1"),
    "disk_errors_logged": _logged("events_disk_errors_week_count", 5, 0, "S1"),
    "disk_does_not_answer": _logged("events_disk_timeouts_week_count", 20, 4, "S1"),
    "disk_failure_predicted": _logged("events_disk_failures_predicted_week_count", 1, 0, "S1"),
    "filesystem_damaged": _logged("events_filesystem_errors_week_count", 1, 0, "sda2"),
    "machine_checks": _logged("events_machine_checks_week_count", 1, 0),
    "hardware_errors_corrected": _logged("events_hardware_errors_corrected_week_count", 100, 19),
    "memory_runs_out": _logged("events_out_of_memory_week_count", 3, 0),
    "overheated": _logged("events_overheated_week_count", 1, 0),
    "usb_over_current": _logged("events_usb_over_current_week_count", 3, 0),
    "stop_errors": _logged("events_stop_errors_month_count", 2, 0),
    "unclean_shutdowns": _logged("events_unclean_shutdowns_month_count", 3, 1),
    "memory_uncorrected": Way(
        bad=_one("memory_errors_uncorrected_total", 1, "DIMM_A1"),
        well=_one("memory_errors_uncorrected_total", 1, "DIMM_A1"),
        every=HOUR,
        then=31 * DAY,
        ends="steady",
    ),
    "memory_corrected": Way(
        before=_one("memory_errors_corrected_total", 3, "DIMM_A1"),
        bad=_one("memory_errors_corrected_total", 103, "DIMM_A1"),
        well=_one("memory_errors_corrected_total", 103, "DIMM_A1"),
        every=HOUR,
        then=8 * DAY,
        ends="steady",
    ),
    "memory_uncorrected_logged": _logged("memory_errors_uncorrected_month_count", 1, 0),
    "memory_corrected_logged": _logged("memory_errors_corrected_month_count", 10, 4),
    "agent_reports_refused": Way(
        bad=_one("agent_quarantined_total", 1),
        well=_one("agent_quarantined_total", 1),
        then=25 * HOUR,
        every=HOUR,
        ends="steady",
    ),
    "security_updates_missing": Way(
        bad=lambda: patches(MISSING, 2, {"openssl": "3.0.2", "curl": "8.1"}),
        well=lambda: patches(COMPLIANT, 0, {}),
        every=4 * HOUR,
        within=14 * DAY,
    ),
    "package_lists_old": Way(
        bad=_one("updates_lists_age_seconds", 8 * 86400), well=_one("updates_lists_age_seconds", 3600), every=4 * HOUR
    ),
    "patch_state_unknown": Way(
        bad=lambda: patches(PATCH_STATE_UNKNOWN), well=lambda: patches(COMPLIANT, 0), every=4 * HOUR, within=14 * DAY
    ),
    "update_fails_again": Way(
        bad=_one("updates_failing_count", 3, "KB5044033"),
        well=_one("updates_failed_count", 3),
        every=4 * HOUR,
        ends="gone",
    ),
    "cumulative_update_old": Way(
        bad=_one("updates_last_cumulative_age_seconds", 61 * 86400),
        well=_one("updates_last_cumulative_age_seconds", 3600),
        every=4 * HOUR,
        within=3 * DAY,
    ),
    "defender_signatures_old": Way(
        bad=_one("defender_signature_age_seconds", 8 * 86400),
        well=_one("defender_signature_age_seconds", 3600),
        every=4 * HOUR,
        within=DAY,
    ),
    "sccm_client_silent": Way(
        bad=_one("sccm_heartbeat_age_seconds", 15 * 86400),
        well=_one("sccm_heartbeat_age_seconds", 3600),
        every=4 * HOUR,
        within=DAY,
    ),
    "sccm_service_stopped": Way(
        bad=_one("sccm_service_running_state", 0), well=_one("sccm_service_running_state", 1), every=4 * HOUR, within=4 * HOUR
    ),
    "device_faulty": Way(
        bad=_one("device_fault_state", 1, r"USB\VID_046D"),
        well=_one("device_fault_state", 0, r"USB\VID_046D"),
        every=HOUR,
        within=2 * HOUR,
    ),
    "restart_did_not_take": Way(
        bad=_one("reboot_pending_survived_restart_state", 1),
        well=_one("reboot_pending_survived_restart_state", 0),
        every=HOUR,
        within=DAY,
    ),
    "windows_not_activated": Way(
        bad=_one("operating_system_activated_state", 0),
        well=_one("operating_system_activated_state", 1),
        every=HOUR,
        within=7 * DAY,
    ),
    "packages_half_done": Way(
        bad=_one("packages_broken_count", 2), well=_one("packages_broken_count", 0), every=4 * HOUR, within=12 * HOUR
    ),
    "unclassified_updates_wait": Way(
        bad=_one("updates_unclassified_count", 31),
        well=_one("updates_unclassified_count", 0),
        every=4 * HOUR,
        within=30 * DAY,
    ),
    "firmware_updates_wait": Way(
        bad=_one("updates_firmware_count", 1), well=_one("updates_firmware_count", 0), every=4 * HOUR, within=90 * DAY
    ),
    "restart_pending": Way(
        bad=_one("reboot_pending_state", 1), well=_one("reboot_pending_state", 0), every=HOUR, within=7 * DAY
    ),
    "operating_system_unsupported": Way(
        bad=_one("operating_system_support_left_seconds", -86400.0),
        well=_one("operating_system_support_left_seconds", 400 * 86400.0),
        every=HOUR,
    ),
    "operating_system_support_ends": Way(
        bad=_one("operating_system_support_left_seconds", 100 * 86400.0),
        well=_one("operating_system_support_left_seconds", 400 * 86400.0),
        every=HOUR,
    ),
    "disk_encryption_suspended": Way(
        bad=_one("disk_encryption_suspended_state", 1, "volume"),
        well=_one("disk_encryption_suspended_state", 0, "volume"),
        every=HOUR,
        within=7 * DAY,
    ),
    "real_time_protection_off": Way(
        bad=_one("real_time_protection_state", 0), well=_one("real_time_protection_state", 1), every=HOUR, within=DAY
    ),
    "firewall_off": Way(
        bad=_one("firewall_state", 0, "domain"), well=_one("firewall_state", 1, "domain"), every=HOUR, within=DAY
    ),
    "backup_old": Way(
        bad=_one("backup_last_success_age_seconds", 15 * 86400.0, "borg"),
        well=_one("backup_last_success_age_seconds", 3600.0, "borg"),
        every=HOUR,
    ),
    "raid_parity_mismatch": Way(
        bad=_one("raid_mismatches_count", 8, "md0"), well=_one("raid_mismatches_count", 0, "md0"), every=4 * HOUR
    ),
    "thin_pool_failed": Way(
        bad=_one("thin_pool_failed_state", 1, "p"), well=_one("thin_pool_failed_state", 0, "p"), every=4 * HOUR
    ),
    "thin_pool_data_nearly_full": Way(
        bad=_one("thin_pool_data_used_ratio", 0.91, "p"),
        well=_one("thin_pool_data_used_ratio", 0.84, "p"),
        every=4 * HOUR,
    ),
    "thin_pool_metadata_nearly_full": Way(
        bad=_one("thin_pool_metadata_used_ratio", 0.81, "p"),
        well=_one("thin_pool_metadata_used_ratio", 0.5, "p"),
        every=4 * HOUR,
    ),
    "disk_reserve_used_up": _disk("disk_reserve_state", 2),
    "disk_unhealthy_in_windows": _disk("disk_windows_health_state", 2),
    "disk_warning_in_windows": Way(
        bad=_one("disk_windows_health_state", 1, "S1"),
        well=_one("disk_windows_health_state", 0, "S1"),
        every=4 * HOUR,
        within=8 * HOUR,
    ),
    "disk_uncorrected_in_windows": _grown("disk_windows_uncorrected_total", 0, 1),
    "credential_copied": Way(
        bad=_one("device_clones_count", 1), well=_one("device_clones_count", 0), every=HOUR
    ),
}  # fmt: skip
BY_PRESENCE = {"device_silent", "room_silent"}  # test_silence.py


def _feed(device: Judged, made: Make, start: datetime, length: timedelta, every: timedelta) -> datetime:
    now = start
    while now <= start + length:
        device.take(made(), now)
        now += every
    return now


def test_every_shipped_rule_has_a_row(shipped: Rules) -> None:
    assert len(shipped) >= 22
    by_past = {rule.name for rule in shipped if rule.kind in TRAILING}  # test_trails.py
    by_roster = {rule.name for rule in shipped if rule.kind == "absence"}  # test_rosters.py
    of_rooms = ELSEWHERE | {
        rule.name for rule in shipped if rule.file in FILES
    }  # test_room_rules.py, test_baselines.py
    assert set(shipped.by_name) == WAYS.keys() | BY_PRESENCE | by_past | by_roster | of_rooms


@pytest.mark.parametrize("name", WAYS)
def test_it_opens_and_ends(shipped: Rules, name: str) -> None:
    way = WAYS[name]
    only = Rules([shipped.by_name[name]])  # its own way, without its neighbours'
    device = Judged(only)
    start = NOON
    if way.before:
        device.take(way.before(), start)
        start += way.every
    if way.within:
        almost = _feed(device, way.bad, start, way.within - way.every, way.every)
        assert device.told == [], "not before its hold"
        assert almost <= start + way.within
        start = almost
    next_at = _feed(device, way.bad, start, timedelta(0), way.every)
    (opened,) = device.told
    assert (opened.new, opened.severity) == ("open", only.by_name[name].severity)
    assert opened.clauses
    assert "{" not in opened.summary
    assert "unknown" not in opened.summary or name == "patch_state_unknown"
    _feed(device, way.well, next_at, way.then, way.every)
    ended = [t for t in device.told[1:] if t.new == "cleared"]
    assert [t.reason for t in ended] == [way.ends]
    assert device.open() == set()


@pytest.mark.parametrize("name", [name for name in WAYS if WAYS[name].ends == "cleared"])
def test_a_probe_that_failed_ends_nothing_and_opens_nothing(shipped: Rules, name: str) -> None:
    way, rule = WAYS[name], shipped.by_name[name]
    if not rule.probe:
        return  # a patch state that cannot be read is unknown, which is what that rule is about
    device = Judged(Rules([rule]))
    opened_at = _feed(device, way.bad, NOON, way.within, way.every)
    before = device.open()
    assert before
    made = way.well()
    made.outcomes[0].outcome = 3
    device.take(made, opened_at)
    assert device.open() == before


def test_silence_is_not_for_laptops(shipped: Rules) -> None:
    assert not shipped.by_name["device_silent"].is_for("laptop")
    assert shipped.by_name["device_silent"].is_for(DESKTOP.device_class)
