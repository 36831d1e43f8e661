"""Parts that are gone, replaced, back, or taken out on purpose."""

from datetime import timedelta

from collector.rules.rule import Rules
from collector.rules.state import DeviceState
from collector.rules.why_not import why_not
from protos.report_pb2 import OK, Item, Outcome, Report, Section
from tests.collector.rules.reports import DESKTOP, HOUR, NOON, Judged, changes

FOUR = 4 * HOUR


def disks(*serials: str, usb: tuple[str, ...] = (), unchanged: bool = False, ok: bool = True) -> Report:
    items = [Item(key=serial, facts={"model": "Samsung SSD 870"}) for serial in serials]
    items += [Item(key=serial, facts={"model": "Stick", "detachable": "true"}) for serial in usb]
    section = Section(name="disks", hash=1, items=[] if unchanged else items, unchanged=unchanged)
    return Report(outcomes=[Outcome(probe="disk_health", outcome=OK if ok else 3)], sections=[section])


def slots(**filled: bool) -> Report:
    items = [
        Item(key=slot, facts={"filled": "true" if is_there else "false"}) for slot, is_there in filled.items()
    ]
    return Report(
        outcomes=[Outcome(probe="hardware", outcome=OK)],
        sections=[Section(name="memory_modules", hash=1, items=items)],
    )


def judged(shipped: Rules, name: str) -> Judged:
    return Judged(Rules([shipped.by_name[name]]))


def test_a_disk_that_is_gone_twice_is_told_by_its_name(shipped: Rules) -> None:
    device = judged(shipped, "disk_gone")
    device.take(disks("S1", "S2"), NOON)
    device.take(disks("S1"), NOON + FOUR)
    assert device.told == [], "the next look must miss it too"
    device.take(disks(unchanged=True), NOON + 2 * FOUR)
    device.take(None, NOON + 2 * FOUR + HOUR)
    (opened,) = device.told
    assert (opened.component, opened.summary) == ("S2", "Samsung SSD 870 (S2) is gone")
    assert "is not any more" in opened.clauses[0]["text"]
    device.take(disks("S1", "S2"), NOON + 3 * FOUR)
    assert changes(device.told)[1:] == [("disk_gone", "cleared", "cleared")]


def test_another_disk_in_its_place_is_a_replacement_and_no_loss(shipped: Rules) -> None:
    device = judged(shipped, "disk_gone")
    device.take(disks("S1", "S2"), NOON)
    for n in range(1, 5):
        device.take(disks("S1", "S3"), NOON + n * FOUR)
    assert device.told == []


def test_a_disk_replaced_days_later_ends_it_as_replaced(shipped: Rules) -> None:
    device = judged(shipped, "disk_gone")
    device.take(disks("S1", "S2"), NOON)
    for n in range(1, 5):
        device.take(disks("S1"), NOON + n * FOUR)
    assert device.open() == {("disk_gone", "S2")}
    device.take(disks("S1", "S3"), NOON + 6 * FOUR)
    assert changes(device.told)[-1] == ("disk_gone", "cleared", "replaced")
    assert "S3 took the place of S2" in device.told[-1].clauses[0]["text"]
    device.take(disks("S1", "S3"), NOON + 12 * FOUR)
    assert device.open() == set()


def test_a_stick_that_was_pulled_out_is_nothing(shipped: Rules) -> None:
    device = judged(shipped, "disk_gone")
    device.take(disks("S1", usb=("U1",)), NOON)
    for n in range(1, 5):
        device.take(disks("S1"), NOON + n * FOUR)
    assert device.told == []


def test_a_probe_that_failed_or_told_nothing_has_lost_nothing(shipped: Rules) -> None:
    device = judged(shipped, "disk_gone")
    device.take(disks("S1"), NOON)
    for n in range(1, 5):
        device.take(disks(ok=False), NOON + n * FOUR)
        device.take(disks(), NOON + n * FOUR + HOUR)
    assert device.told == []


def test_a_module_that_is_no_longer_counted(shipped: Rules) -> None:
    device = judged(shipped, "memory_module_gone")
    device.take(slots(A1=True, A2=False, B1=True), NOON)
    for n in range(1, 4):
        device.take(slots(A1=True, A2=False, B1=False), NOON + n * HOUR)
    assert device.open() == {("memory_module_gone", "B1")}
    assert device.told[0].summary == "The memory module in B1 is gone"


def test_a_module_that_moved_to_another_slot_is_not_gone(shipped: Rules) -> None:
    device = judged(shipped, "memory_module_gone")
    device.take(slots(A1=True, A2=False), NOON)
    for n in range(1, 4):
        device.take(slots(A1=False, A2=True), NOON + n * HOUR)
    assert device.told == []


def test_what_was_taken_out_on_purpose_is_accepted_and_expected_no_more(shipped: Rules) -> None:
    from dataclasses import replace

    device = judged(shipped, "disk_gone")
    device.take(disks("S1", "S2"), NOON)
    for n in range(1, 4):
        device.take(disks("S1"), NOON + n * FOUR)
    device.device = replace(DESKTOP, accepted={("disk_gone", "S2"): 0.0})
    device.take(None, NOON + 3 * FOUR + HOUR)
    assert changes(device.told)[-1] == ("disk_gone", "cleared", "accepted")
    device.device = DESKTOP
    for n in range(4, 9):
        device.take(disks("S1"), NOON + n * FOUR)
    assert device.open() == set()
    assert why_not(device.rules, device.state, "disk_gone", DESKTOP, NOON) == [
        "All 1 that are expected of its disks are there."
    ]


def test_a_roster_comes_back_from_the_database(shipped: Rules) -> None:
    device = judged(shipped, "disk_gone")
    device.take(disks("S1", "S2"), NOON)
    device.take(disks("S1"), NOON + timedelta(hours=4))
    assert DeviceState.from_bytes(device.state.to_bytes()) == device.state
