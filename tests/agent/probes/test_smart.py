"""What smartctl says of a disk, read from captures of real disks that lie beside the checkout."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import smart

DATA = Path(__file__).parent / "data" / "disk_health"
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "smartctl"
EXPECTED: dict[str, dict[str, Any]] = (
    json.loads((SAMPLES / "EXPECTED.json").read_text()) if (SAMPLES / "EXPECTED.json").exists() else {}
)
# Judgements and remarks of the collection, not facts of a disk.
NO_FACTS = {"kind", "verdict", "verdict_ok", "note", "power_on_hours_ok"}

needs_samples = pytest.mark.skipif(not EXPECTED, reason="the captured samples are not beside this checkout")


def of_kind(*kinds: str) -> list[str]:
    return [name for name, facts in EXPECTED.items() if facts["kind"] in kinds] or ["none"]


@needs_samples
@pytest.mark.parametrize("name", of_kind("device", "info"))
def test_every_fact_of_a_captured_disk_is_read(name: str) -> None:
    expected = EXPECTED[name]
    read = json.loads(json.dumps(dataclasses.asdict(smart.parse((SAMPLES / name).read_text()))))
    for field in expected.keys() - NO_FACTS:
        allowed = (
            expected.get("power_on_hours_ok", [expected[field]])
            if field == "power_on_hours"
            else [expected[field]]
        )
        assert read[field] in allowed, field
    if "ssd_life" not in expected:
        assert read["ssd_life"] is None


@needs_samples
@pytest.mark.parametrize("name", of_kind("scan"))
def test_a_scan_lists_every_disk_and_raid_slot(name: str) -> None:
    found = [dataclasses.asdict(device) for device in smart.parse_scan((SAMPLES / name).read_text())]
    assert found == EXPECTED[name]["devices"]


def test_slots_of_a_raid_controller_have_names_of_their_own() -> None:
    slots = [
        smart.DiskFacts(device="/dev/bus/6", device_type=f"sat+megaraid,{slot}").name for slot in (14, 15)
    ]
    assert slots == ["bus/6 megaraid,14", "bus/6 megaraid,15"]


def test_a_sleeping_disk_is_asleep_and_not_unreadable() -> None:
    facts = smart.parse((DATA / "asleep.json").read_text())
    assert facts.standby
    assert facts.readable is None


def test_a_disk_without_permission_is_unreadable_and_says_why() -> None:
    facts = smart.parse((DATA / "not_permitted.json").read_text())
    assert facts.readable is False
    assert "Permission denied" in (facts.unreadable_reason or "")


def test_a_raw_value_of_several_packed_numbers_is_unknown() -> None:
    assert smart.parse((DATA / "healthy.json").read_text()).crc_errors is None


def test_bit_two_of_the_exit_status_alone_does_not_make_a_disk_unreadable() -> None:
    tree = json.loads((DATA / "healthy.json").read_text())
    tree["smartctl"]["exit_status"] = 0b1100_0100
    assert smart.parse(json.dumps(tree)).readable is True


def test_a_disk_whose_smart_is_absent_is_unreadable() -> None:
    facts = smart.parse('{"device": {"name": "/dev/sda"}, "smart_support": {"available": false}}')
    assert facts.readable is False


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    "device", "devices", "smartctl", "exit_status", "messages", "ata_smart_attributes", "table", "smart_status",
    "nvme_smart_health_information_log", "scsi_error_counter_log", "temperature", "power_on_time", "rotation_rate",
    "user_capacity", "smart_support", "endurance_used", "power_mode",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    some.dictionaries(
        some.sampled_from(NAMES),
        anything
        | some.lists(
            some.dictionaries(
                some.sampled_from(["id", "raw", "name", "value", "string", "when_failed"]), anything
            ),
            max_size=3,
        ),
    )
)
def test_a_strange_answer_is_read_or_refused_and_never_breaks_the_probe(tree: dict[str, Any]) -> None:
    text = json.dumps(tree)
    smart.parse(text)
    smart.parse_scan(text)


@settings(max_examples=200, deadline=None)
@given(some.text())
def test_text_that_is_no_json_is_a_value_error(text: str) -> None:
    for parse in (smart.parse, smart.parse_scan):
        try:
            parse(text)
        except ValueError:
            continue
