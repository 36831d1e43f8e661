"""A finding's way, told with the shipped rules."""

from dataclasses import replace

from collector.rules.evaluate import DeviceContext
from collector.rules.rule import Rules
from collector.rules.transition import texts
from protos.catalogue import BY_NAME
from protos.report_pb2 import Reading
from tests.collector.rules.reports import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    Judged,
    changes,
    filesystem,
    reading,
    report,
)


def _service(failed: float, unit: str = "cups.service") -> list[Reading]:
    return [reading("services_failed_count", failed), reading("service_failed_state", failed, unit)]


def test_a_full_filesystem_opens_only_after_its_hold(shipped: Rules) -> None:
    device = Judged(shipped)
    assert device.take(report(*filesystem(0.99, size=100e9)), NOON) == []
    assert device.take(report(*filesystem(0.99, size=100e9)), NOON + 5 * MINUTE) == []
    (opened,) = device.take(report(*filesystem(0.99, size=100e9)), NOON + 15 * MINUTE)
    assert (opened.old, opened.new, opened.rule) == ("pending", "open", "filesystem_full")
    assert opened.since_at == NOON
    assert opened.at == NOON + 10 * MINUTE, "at the moment the hold ran out, not when the next report came"
    assert opened.summary == "/home is full (99 %)"
    assert opened.label == "/home"
    texts_of = [clause["text"] for clause in opened.clauses]
    assert texts_of[0] == "filesystem used is 99 %, above 97 %"
    assert texts_of[1] == "filesystem available is 1 GB, below 2 GB"
    assert texts_of[2].startswith("bad since 2026-03-02 12:00 UTC")


def test_a_single_bad_sample_is_forgotten(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(*_service(1)), NOON)
    device.take(report(*_service(0)), NOON + 5 * MINUTE)
    device.take(report(*_service(0)), NOON + 30 * MINUTE)
    assert device.told == []
    assert device.state.tracks == {}


def test_a_sweep_opens_what_is_due_between_two_reports(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(*_service(1)), NOON)
    assert device.state.due_at == NOON + 10 * MINUTE
    (opened,) = device.take(None, NOON + 11 * MINUTE)
    assert opened.at == NOON + 10 * MINUTE


def test_a_hold_longer_than_freshness_waits_for_the_next_reading(shipped: Rules) -> None:
    device = Judged(shipped)
    disk = report(reading("reboot_pending_state", 1))
    device.take(disk, NOON)
    assert device.take(None, NOON + 8 * DAY) == [], (
        "nothing was heard for a week: no finding out of old numbers"
    )
    # An ordinary week: on by day, off by night.
    device = Judged(shipped)
    for day in range(8):
        device.take(disk, NOON + day * DAY)
    assert changes(device.told) == [("restart_pending", "open", "raised")]
    assert device.told[0].at == NOON + 7 * DAY


def test_after_an_absence_longer_than_the_hold_the_hold_begins_anew(shipped: Rules) -> None:
    device = Judged(shipped)
    pressure = report(reading("memory_pressure_ratio", 0.9))
    device.take(pressure, NOON)
    device.take(pressure, NOON + 14 * HOUR)  # asleep all night: nobody knows what was in between
    assert device.told == []


def test_between_the_limits_everything_stays_as_it_is(shipped: Rules) -> None:
    device = Judged(shipped)
    for minutes in (0, 10, 20, 30):
        device.take(report(*filesystem(0.93, size=100e9)), NOON + minutes * MINUTE)
    assert device.open() == {("filesystem_nearly_full", "uuid-1")}
    assert device.take(report(*filesystem(0.89, size=100e9)), NOON + 40 * MINUTE) == []
    (cleared,) = device.take(report(*filesystem(0.84, size=100e9)), NOON + 45 * MINUTE)
    assert (cleared.new, cleared.reason) == ("cleared", "cleared")


def test_no_data_is_no_recovery(shipped: Rules) -> None:
    device = Judged(shipped)
    for minutes in (0, 5, 10):
        device.take(report(*_service(1)), NOON + minutes * MINUTE)
    device.take(report(*_service(0), failed=["services"]), NOON + 15 * MINUTE)
    device.take(report(), NOON + 20 * MINUTE)
    assert changes(device.told) == [("service_failed", "open", "raised")]
    (stale,) = device.take(None, NOON + 4 * HOUR)
    assert (stale.old, stale.new, stale.reason) == ("open", "open", "stale")
    assert stale.at == NOON + 10 * MINUTE + 3 * HOUR
    assert device.take(None, NOON + 5 * HOUR) == [], "said once"
    fresh, cleared = device.take(report(*_service(0)), NOON + 6 * HOUR)
    assert (fresh.reason, cleared.reason) == ("fresh", "cleared")


def test_a_flapping_service_opens_one_finding(shipped: Rules) -> None:
    quick = Rules(
        replace(rule, hold=0 * MINUTE) if rule.name == "service_failed" else rule for rule in shipped.all
    )
    device = Judged(quick)
    for minute in range(0, 60, 5):
        device.take(report(*_service((minute // 5 + 1) % 2)), NOON + minute * MINUTE)
    assert [t.reason for t in device.told] == ["raised", "cleared", "raised", "flapping"]
    assert device.told[-1].new == "open"
    for minute in range(60, 240, 5):
        device.take(report(*_service(0)), NOON + minute * MINUTE)
    assert [t.reason for t in device.told[4:]] == ["steady"]
    # The last turn was to well at 12:55, seen at the latest then.
    assert device.told[-1].new == "cleared"
    assert device.told[-1].at == NOON + 55 * MINUTE + 2 * HOUR


def test_four_changes_over_two_hours_are_no_flapping(shipped: Rules) -> None:
    quick = Rules(
        replace(rule, hold=0 * MINUTE) if rule.name == "service_failed" else rule for rule in shipped.all
    )
    device = Judged(quick)
    for turn in range(6):
        for minutes in (0, 10, 20):
            device.take(report(*_service((turn + 1) % 2)), NOON + (turn * 30 + minutes) * MINUTE)
    assert [t.reason for t in device.told] == ["raised", "cleared"] * 3


def test_a_flapping_one_that_stays_bad_is_open_and_no_longer_intermittent(shipped: Rules) -> None:
    quick = Rules(
        replace(rule, hold=0 * MINUTE) if rule.name == "service_failed" else rule for rule in shipped.all
    )
    device = Judged(quick)
    for minute in range(0, 20, 5):
        device.take(report(*_service((minute // 5 + 1) % 2)), NOON + minute * MINUTE)
    for minute in range(20, 200, 5):
        device.take(report(*_service(1)), NOON + minute * MINUTE)
    assert [(t.reason, t.new) for t in device.told[3:]] == [("flapping", "open"), ("steady", "open")]


def test_an_unmounted_filesystem_cannot_be_full(shipped: Rules) -> None:
    device = Judged(shipped)
    both = [*filesystem(0.99, size=100e9), *filesystem(0.1, component="uuid-root", label="/")]
    for minutes in (0, 5, 10):
        device.take(report(*both), NOON + minutes * MINUTE)
    root = filesystem(0.1, component="uuid-root", label="/")
    assert device.take(report(*root, failed=["filesystem"]), NOON + 15 * MINUTE) == []
    (gone,) = device.take(report(*root), NOON + 20 * MINUTE)
    assert (gone.new, gone.reason) == ("cleared", "gone")


def test_small_filesystems_raise_too(shipped: Rules) -> None:
    for size in (50e6, 1e9, 4e9):
        device = Judged(shipped)
        for minutes in (0, 10, 20, 30):
            device.take(report(*filesystem(0.98, size=size)), NOON + minutes * MINUTE)
        assert device.open() == {("filesystem_full", "uuid-1"), ("small_filesystem_nearly_full", "uuid-1")}
    device = Judged(shipped)
    for minutes in (0, 10, 20, 30):
        device.take(report(*filesystem(0.91, size=1e9)), NOON + minutes * MINUTE)
    assert device.open() == set(), "91 % of a small filesystem is how it was made"


def test_a_big_filesystem_with_room_left_does_not_raise(shipped: Rules) -> None:
    device = Judged(shipped)
    for minutes in (0, 10, 20, 30, 40):
        device.take(report(*filesystem(0.96, size=4e12)), NOON + minutes * MINUTE)
    assert device.told == []


def test_what_a_person_accepted_is_quiet_until_it_gets_worse(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(reading("disk_pending_sectors_count", 8, "S1")), NOON)
    assert device.open() == {("disk_pending_sectors", "S1")}
    device.device = DeviceContext(device_class="desktop", accepted={("disk_pending_sectors", "S1"): 8.0})
    (cleared,) = device.take(None, NOON + HOUR)
    assert cleared.reason == "accepted"
    assert device.take(report(reading("disk_pending_sectors_count", 8, "S1")), NOON + 4 * HOUR) == []
    (again,) = device.take(report(reading("disk_pending_sectors_count", 9, "S1")), NOON + 8 * HOUR)
    assert again.new == "open"


def test_an_accepted_counter_is_measured_from_what_was_accepted(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(reading("disk_reallocated_sectors_total", 304, "S1")), NOON)
    assert device.open() == {("disk_reallocated_sectors", "S1")}
    device.device = DeviceContext(
        device_class="desktop", accepted={("disk_reallocated_sectors", "S1"): 304.0}
    )
    device.take(None, NOON + HOUR)
    assert device.take(report(reading("disk_reallocated_sectors_total", 308, "S1")), NOON + 4 * HOUR) == []
    (again,) = device.take(report(reading("disk_reallocated_sectors_total", 309, "S1")), NOON + 8 * HOUR)
    assert (again.new, again.baseline) == ("open", 304.0)


def test_a_counter_that_goes_down_was_reset_and_starts_anew(shipped: Rules) -> None:
    device = Judged(shipped)
    for hours, value in enumerate((90, 3, 7)):
        device.take(report(reading("disk_reallocated_sectors_total", value, "S1")), NOON + hours * 4 * HOUR)
    assert device.told == []
    device.take(report(reading("disk_reallocated_sectors_total", 8, "S1")), NOON + 13 * HOUR)
    assert changes(device.told) == [("disk_reallocated_sectors", "open", "raised")]


def test_a_cable_is_well_after_a_week_without_an_error(shipped: Rules) -> None:
    device = Judged(shipped)
    for hours in range(0, 24, 4):
        device.take(report(reading("disk_crc_errors_total", 108 + hours, "S1")), NOON + hours * HOUR)
    for hours in range(24, 24 * 9, 4):
        device.take(report(reading("disk_crc_errors_total", 128, "S1")), NOON + hours * HOUR)
    assert changes(device.told) == [("disk_cable", "open", "raised"), ("disk_cable", "cleared", "steady")]
    assert device.told[-1].at == NOON + 20 * HOUR + 7 * DAY
    device.take(report(reading("disk_crc_errors_total", 177, "S1")), NOON + 24 * 9 * HOUR)
    assert device.open() == set(), "the count stays high; only growth from here counts"
    device.take(report(reading("disk_crc_errors_total", 178, "S1")), NOON + 24 * 9 * HOUR + HOUR)
    assert device.open() == {("disk_cable", "S1")}


def test_a_rule_that_is_taken_away_clears_what_it_opened(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(reading("disk_pending_sectors_count", 8, "S1")), NOON)
    device.rules = Rules(replace(rule, enabled=rule.name != "disk_pending_sectors") for rule in shipped.all)
    (cleared,) = device.take(None, NOON + HOUR)
    assert (cleared.new, cleared.reason) == ("cleared", "not_judged")
    device.rules = Rules(rule for rule in shipped.all if rule.name != "disk_pending_sectors")
    assert device.take(None, NOON + 2 * HOUR) == []


def test_a_rule_file_that_is_gone_clears_too(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(reading("disk_pending_sectors_count", 8, "S1")), NOON)
    device.rules = Rules(rule for rule in shipped.all if rule.name != "disk_pending_sectors")
    (cleared,) = device.take(None, NOON + HOUR)
    assert (cleared.new, cleared.rule, cleared.reason) == ("cleared", "disk_pending_sectors", "not_judged")


def test_numbers_that_are_none_do_nothing(shipped: Rules) -> None:
    device = Judged(shipped)
    for value in (float("nan"), float("inf"), float("-inf")):
        watched = [metric for metric in shipped.by_metric if metric in BY_NAME]
        device.take(report(*(reading(metric, value, "x") for metric in watched)), NOON)
    assert device.told == []
    assert device.state.tracks.keys() <= {("patch_state_unknown", "")}
    assert device.state.baselines == {}


def test_every_text_of_an_opening_can_be_said(shipped: Rules) -> None:
    device = Judged(shipped)
    (opened,) = device.take(report(reading("disk_media_errors_total", 7, "S1", "Samsung 970, nvme0")), NOON)
    said = texts(shipped.by_name[opened.rule], opened)
    assert said.title == opened.summary == "Disk Samsung 970, nvme0 lost data 7 times"
    assert said.bring.startswith("A replacement NVMe")
