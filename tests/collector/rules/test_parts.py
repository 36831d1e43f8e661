"""Replaced parts. That a disk is not in a report proves nothing; that another came in its place does."""

from collector.rules.rule import Rules
from protos.report_pb2 import Item, Reading, Section
from tests.collector.rules.reports import DAY, HOUR, NOON, Judged, changes, reading, report


def _disk(serial: str, pending: float = 0) -> list[Reading]:
    return [
        reading("disk_readable_state", 1, serial),
        reading("disk_pending_sectors_count", pending, serial),
        reading("disk_temperature_celsius", 35, serial),
    ]


def _failing(shipped: Rules, *others: str) -> Judged:
    device = Judged(shipped)
    device.take(report(*_disk("OLD", 8), *(r for other in others for r in _disk(other))), NOON)
    assert device.open() == {("disk_pending_sectors", "OLD")}
    return device


def test_a_failing_disk_does_not_heal(shipped: Rules) -> None:
    device = _failing(shipped)
    assert device.take(report(*_disk("OLD", 0)), NOON + 4 * HOUR) == []
    assert device.open() == {("disk_pending_sectors", "OLD")}


def test_a_new_serial_in_its_place_is_proof_of_repair(shipped: Rules) -> None:
    device = _failing(shipped)
    (replaced,) = device.take(report(*_disk("NEW")), NOON + 4 * HOUR)
    assert (replaced.new, replaced.reason, replaced.component) == ("cleared", "replaced", "OLD")
    assert "NEW took the place of OLD" in replaced.clauses[0]["text"]


def test_a_disk_that_sleeps_is_not_replaced(shipped: Rules) -> None:
    device = _failing(shipped, "SECOND")
    assert device.take(report(*_disk("SECOND")), NOON + 4 * HOUR) == [], "no new part came"


def test_a_disk_that_sleeps_while_a_stick_is_plugged_in_is_not_replaced(shipped: Rules) -> None:
    device = _failing(shipped)
    made = report(*_disk("STICK"))
    made.sections.append(Section(name="disks", hash=1, items=[Item(key="OLD"), Item(key="STICK")]))
    assert device.take(made, NOON + 4 * HOUR) == [], "the inventory still lists it"


def test_a_disk_removed_some_days_after_its_successor_came_is_replaced(shipped: Rules) -> None:
    device = _failing(shipped)
    device.take(report(*_disk("OLD", 8), *_disk("NEW")), NOON + 4 * HOUR)
    assert device.take(report(*_disk("NEW")), NOON + 8 * HOUR) == []
    made = report(*_disk("NEW"))
    made.sections.append(Section(name="disks", hash=1, items=[Item(key="NEW")]))
    device.take(made, NOON + 9 * HOUR)
    assert device.told[-1].reason == "replaced"


def test_a_probe_that_failed_replaces_nothing(shipped: Rules) -> None:
    device = _failing(shipped)
    assert device.take(report(*_disk("NEW"), failed=["disk_health"]), NOON + 4 * HOUR) == []


def test_a_disk_that_became_unreadable_is_neither_well_nor_replaced(shipped: Rules) -> None:
    device = _failing(shipped)
    assert device.take(report(reading("disk_readable_state", 0, "OLD")), NOON + 4 * HOUR) == []
    # Its serial is not to be had any more: it appears under its device name.
    assert device.take(report(reading("disk_readable_state", 0, "/dev/sda")), NOON + 8 * HOUR) == []
    assert device.open() == {("disk_pending_sectors", "OLD")}


def test_a_new_array_replaces_no_disk(shipped: Rules) -> None:
    device = _failing(shipped)
    assert device.take(report(reading("raid_degraded_state", 0, "md0")), NOON + 4 * HOUR) == []


def test_an_unreadable_disk_opens_nothing(shipped: Rules) -> None:
    device = Judged(shipped)
    bad = reading("disk_self_assessment_passed_state", 0, "S1")
    device.take(report(bad, reading("disk_readable_state", 0, "S1")), NOON)
    assert device.told == []
    assert device.state.baselines == {}


def test_a_new_battery_ends_the_worn_one(shipped: Rules) -> None:
    device = Judged(shipped)
    for day in range(5):
        device.take(report(reading("battery_health_ratio", 0.41, "B1")), NOON + day * DAY)
    device.take(report(reading("battery_health_ratio", 0.99, "B2")), NOON + 5 * DAY)
    assert changes(device.told) == [
        ("battery_worn", "open", "raised"),
        ("battery_worn", "cleared", "replaced"),
    ]
