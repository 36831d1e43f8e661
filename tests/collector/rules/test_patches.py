"""How old the oldest missing security update is, and what is not known."""

from collector.rules.rule import Rules
from protos.report_pb2 import BUSY, COMPLIANT, MISSING, PATCH_STATE_UNKNOWN, Item, Section
from tests.collector.rules.reports import DAY, HOUR, NOON, Judged, patches, reading, report


def _missing(device: Judged) -> list[str]:
    return [t.new for t in device.told if t.rule == "security_updates_missing" and t.old != t.new]


def test_a_device_patched_every_week_never_opens_although_it_always_misses_some(shipped: Rules) -> None:
    device = Judged(shipped)
    for day in range(60):
        device.take(patches(MISSING, 1, {"linux": f"6.1.{day // 7}"}), NOON + day * DAY)
    assert _missing(device) == []


def test_one_update_left_out_for_two_weeks_opens_although_others_are_installed(shipped: Rules) -> None:
    device = Judged(shipped)
    for day in range(16):
        device.take(patches(MISSING, 2, {"linux": f"6.1.{day // 3}", "openssl": "3.0.2"}), NOON + day * DAY)
    assert _missing(device) == ["open"]
    assert device.told[0].at == NOON + 14 * DAY
    assert device.told[0].summary == "Security updates are missing for 14 days"
    device.take(patches(MISSING, 1, {"linux": "6.1.9"}), NOON + 17 * DAY)
    assert _missing(device) == ["open", "cleared"]


def test_a_section_that_did_not_change_is_remembered(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(patches(MISSING, 1, {"openssl": "3.0.2"}), NOON)
    for hours in range(4, 15 * 24, 4):
        made = patches(MISSING, 1)
        made.sections.append(Section(name="updates", hash=1, unchanged=True))
        device.take(made, NOON + hours * HOUR)
    assert _missing(device) == ["open"]


def test_what_is_not_known_neither_opens_nor_clears(shipped: Rules) -> None:
    device = Judged(shipped)
    for day in range(0, 13):
        device.take(patches(MISSING, 1, {"openssl": "3.0.2"}), NOON + day * DAY)
    device.take(patches(PATCH_STATE_UNKNOWN), NOON + 14 * DAY)
    busy = patches(MISSING, 1)
    busy.outcomes[0].outcome = BUSY
    device.take(busy, NOON + 15 * DAY)
    assert _missing(device) == []
    device.take(patches(MISSING, 1), NOON + 16 * DAY)
    assert _missing(device) == ["open"]
    device.take(patches(PATCH_STATE_UNKNOWN), NOON + 17 * DAY)
    assert ("security_updates_missing", "") in device.open()


def test_a_count_without_a_list_is_no_age(shipped: Rules) -> None:
    device = Judged(shipped)
    for day in range(20):
        device.take(patches(MISSING, 3), NOON + day * DAY)
    assert _missing(device) == []


def test_a_long_list_counts_once_all_its_parts_have_come(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(patches(MISSING, 2, {"openssl": "3.0.2", "curl": "8.1"}), NOON)
    for day, names in ((1, ["openssl"]), (2, ["bash"])):
        made = patches(MISSING, 2) if day == 1 else report()
        items = [Item(key=name, facts={"candidate": "3.0.2", "security": "true"}) for name in names]
        made.sections.append(Section(name="updates", hash=9, part=day - 1, parts=2, items=items))
        device.take(made, NOON + day * DAY)
        assert len(device.state.updates or {}) == 2
    assert device.state.updates == {"openssl 3.0.2": NOON, "bash 3.0.2": NOON + 2 * DAY}
    assert device.state.collecting is None


def test_updates_that_are_not_about_security_do_not_count(shipped: Rules) -> None:
    device = Judged(shipped)
    made = patches(MISSING, 0)
    made.sections.append(
        Section(name="updates", hash=1, items=[Item(key="vim", facts={"security": "false"})])
    )
    for day in range(20):
        device.take(made, NOON + day * DAY)
    assert _missing(device) == []


def test_a_patch_state_that_cannot_be_read_is_unknown(shipped: Rules) -> None:
    device = Judged(shipped)
    made = report(failed=["patches"])
    for day in range(16):
        device.take(made, NOON + day * DAY)
    (opened,) = [t for t in device.told if t.reason == "raised"]
    assert opened.rule == "patch_state_unknown"
    device.take(patches(COMPLIANT, 0), NOON + 16 * DAY)
    assert device.told[-1].new == "cleared"


def test_a_restart_pending_longer_than_we_know_the_device_opens_at_once(shipped: Rules) -> None:
    device = Judged(shipped)
    old = report(reading("reboot_pending_state", 1), reading("reboot_pending_age_seconds", 10 * 86400))
    (opened,) = device.take(old, NOON)
    assert (opened.at, opened.since_at) == (NOON, NOON - 10 * DAY)
    assert opened.summary == "A restart is pending for 10 days"
