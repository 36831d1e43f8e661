"""Every captured drive, judged at first sight, comes to the verdict a careful reader gives it."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.rules.disks import verdict
from collector.rules.rule import Rules
from protos.report_pb2 import Reading
from tests.collector.rules.reports import HOUR, NOON, Judged, reading, report

_SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "smartctl" / "EXPECTED.json"
_PLAIN = {
    "disk_self_assessment_passed_state": "self_assessment_passed",
    "disk_temperature_celsius": "temperature_celsius",
    "disk_reallocated_sectors_total": "reallocated_sectors",
    "disk_reported_uncorrectable_total": "reported_uncorrectable",
    "disk_pending_sectors_count": "pending_sectors",
    "disk_offline_uncorrectable_count": "offline_uncorrectable",
    "disk_crc_errors_total": "crc_errors",
}
_NVME = {
    "disk_life_used_ratio": "percentage_used_ratio",
    "disk_spare_ratio": "available_spare_ratio",
    "disk_spare_threshold_ratio": "available_spare_threshold_ratio",
    "disk_critical_warning_state": "critical_warning",
    "disk_media_errors_total": "media_errors",
    "disk_unsafe_shutdowns_total": "unsafe_shutdowns",
}
_SCSI = {
    "disk_grown_defects_total": "grown_defects",
    "disk_uncorrected_errors_total": "uncorrected_errors",
    "disk_life_used_ratio": "percentage_used_endurance",
}


def _samples() -> dict[str, dict[str, Any]]:
    if not _SAMPLES.exists():
        return {}
    return {
        name: facts for name, facts in json.loads(_SAMPLES.read_text()).items() if facts["kind"] == "device"
    }


def _readings(facts: dict[str, Any]) -> list[Reading]:
    if not facts["readable"]:
        return [reading("disk_readable_state", 0, "S1")]
    values: dict[str, Any] = {"disk_readable_state": 1}
    values |= {metric: facts[key] for metric, key in _PLAIN.items()}
    values["disk_attributes_failing_count"] = len(facts["attributes_failing_now"])
    values |= {metric: (facts["scsi"] or {}).get(key) for metric, key in _SCSI.items()}
    values["disk_life_used_ratio"] = (facts.get("ssd_life") or {}).get("used_ratio")
    if facts["nvme"]:
        values |= {metric: facts["nvme"][key] for metric, key in _NVME.items()}
    return [reading(metric, value, "S1") for metric, value in values.items() if value is not None]


@pytest.mark.skipif(not _samples(), reason="the captured smartctl outputs (../shared/samples) are not here")
@pytest.mark.parametrize(
    ("name", "facts"), _samples().items(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_captured_drive_comes_to_its_verdict(shipped: Rules, name: str, facts: dict[str, Any]) -> None:
    device = Judged(shipped)
    device.take(report(*_readings(facts)), NOON)
    device.take(None, NOON + 8 * HOUR)
    assert verdict(shipped, device.state, "S1", readable=facts["readable"]) in facts["verdict_ok"]


def test_there_are_captures_of_every_verdict_but_wear() -> None:
    if not _samples():
        pytest.skip("the captured smartctl outputs (../shared/samples) are not here")
    assert {facts["verdict"] for facts in _samples().values()} == {
        "failing",
        "cable",
        "healthy",
        "unreadable",
    }


def _nvme(**values: float) -> list[Reading]:
    facts = {
        "disk_critical_warning_state": 0.0,
        "disk_life_used_ratio": 0.1,
        "disk_spare_ratio": 1.0,
        "disk_spare_threshold_ratio": 0.1,
        "disk_media_errors_total": 0.0,
        "disk_readable_state": 1.0,
    } | values
    return [reading(metric, value, "S1") for metric, value in facts.items()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"disk_critical_warning_state": 4, "disk_life_used_ratio": 1.0}, "wearing_out"),
        ({"disk_critical_warning_state": 4, "disk_life_used_ratio": 0.99}, "failing"),
        (
            {"disk_critical_warning_state": 4, "disk_life_used_ratio": 1.2, "disk_media_errors_total": 1},
            "failing",
        ),
        ({"disk_critical_warning_state": 4, "disk_life_used_ratio": 1.2, "disk_spare_ratio": 0.1}, "failing"),
        ({"disk_critical_warning_state": 1}, "failing"),
        ({"disk_critical_warning_state": 8}, "failing"),
        ({"disk_critical_warning_state": 16}, "failing"),
        ({"disk_critical_warning_state": 2}, "healthy"),
        ({"disk_critical_warning_state": 12, "disk_life_used_ratio": 1.0}, "failing"),
        ({"disk_spare_ratio": 0.1}, "failing"),
        ({"disk_spare_ratio": 0.11}, "healthy"),
        ({"disk_spare_ratio": 0.0, "disk_spare_threshold_ratio": 0.0}, "healthy"),
        ({"disk_life_used_ratio": 0.8}, "wearing_out"),
        ({"disk_life_used_ratio": 0.79}, "healthy"),
    ],
)
def test_an_nvme_warning_is_read_bit_by_bit(shipped: Rules, values: dict[str, float], expected: str) -> None:
    device = Judged(shipped)
    device.take(report(*_nvme(**values)), NOON)
    assert verdict(shipped, device.state, "S1", readable=True) == expected


def test_a_number_that_is_missing_excuses_nothing(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(
        report(reading("disk_critical_warning_state", 4, "S1"), reading("disk_life_used_ratio", 1.1, "S1")),
        NOON,
    )
    assert verdict(shipped, device.state, "S1", readable=True) == "failing"
