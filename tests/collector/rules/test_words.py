"""Numbers as people say them, and why there is no finding."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.rules import words
from collector.rules.evaluate import DeviceContext, why_not
from collector.rules.rule import Rules
from collector.rules.state import DeviceState
from protos.report_pb2 import MISSING
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


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.93, "ratio", "93 %"),
        (0.996, "ratio", "99 %"),
        (1.0, "ratio", "100 %"),
        (0.004, "ratio", "0.4 %"),
        (4.1e9, "bytes", "4.1 GB"),
        (10e9, "bytes", "10 GB"),
        (512e9, "bytes", "512 GB"),
        (640, "bytes", "640 bytes"),
        (9 * 86400, "seconds", "9 days"),
        (26 * 3600, "seconds", "26 hours"),
        (1800, "seconds", "30 minutes"),
        (1, "seconds", "1 second"),
        (0.25, "seconds", "250 ms"),
        (0, "seconds", "0 seconds"),
        (71, "celsius", "71 °C"),
        (3118119, "total", "3,118,119"),
        (1200, "rpm", "1,200 rpm"),
        (1.25, "load", "1.2"),
        (None, "total", "unknown"),
    ],
)
def test_a_number_is_said_by_its_unit(value: float | None, unit: str, said: str) -> None:
    assert words.say(value, unit) == said


def test_why_not_names_what_stands_in_the_way(shipped: Rules) -> None:
    def ask(
        rule: str, device: DeviceContext = DESKTOP, state: DeviceState | None = None, **latest: float
    ) -> list[str]:
        values = {
            (metric, "S1" if metric.startswith("disk") else ""): value for metric, value in latest.items()
        }
        return why_not(shipped, state or DeviceState(), rule, device, NOON, values)

    assert ask("no_such_rule") == ["There is no rule no_such_rule."]
    assert ask("disk_hot") == ["No data: no disk temperature was ever reported by the probe disk_health."]
    assert ask("disk_hot", disk_temperature_celsius=40) == [
        "S1: 40 °C does not raise it; that needs at or above 65 °C."
    ]
    assert ask("disk_hot", disk_temperature_celsius=62)[0].endswith(
        "it is between the limits and stays as it was."
    )
    assert ask("disk_reallocated_sectors", disk_reallocated_sectors_total=4) == [
        "S1: 4 at first sight; it speaks when that has grown by 5."
    ]
    assert (
        "its own limit" in ask("disk_spare_used_up", disk_spare_ratio=0.9, disk_spare_threshold_ratio=0.1)[0]
    )
    assert "does not decide" in ask("disk_spare_used_up", disk_spare_ratio=0.9)[0]
    assert "excused" in ask("disk_spare_used_up", disk_spare_ratio=0.0, disk_spare_threshold_ratio=0.0)[0]
    laptop = replace(DESKTOP, device_class="laptop")
    assert ask("device_silent", laptop) == [
        "The rule is not for devices of class laptop, only for desktop, server."
    ]
    assert "Nobody expects it" in ask("device_silent", replace(DESKTOP, seen_at=NOON))[0]
    assert "has never said" in ask("security_updates_missing")[0]
    accepted = replace(DESKTOP, accepted={("disk_pending_sectors", "S1"): 8.0})
    assert "accepted" in ask("disk_pending_sectors", accepted, disk_pending_sectors_count=8)[0]


def test_why_not_tells_until_when_it_is_held(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(*filesystem(0.99, size=100e9)), NOON)
    (said,) = why_not(shipped, device.state, "filesystem_full", DESKTOP, NOON + MINUTE)
    assert (
        said
        == "uuid-1: 99 %, bad since 2026-03-02 12:00 UTC; held until 2026-03-02 12:10 UTC, it must be so for 10 minutes."
    )
    device = Judged(shipped)
    device.take(report(reading("reboot_pending_state", 1)), NOON)
    (said,) = why_not(shipped, device.state, "restart_pending", DESKTOP, NOON + DAY)
    assert "waits for a fresh reading" in said
    device = Judged(shipped)
    device.take(patches(MISSING, 1, {"openssl": "3"}), NOON)
    (said,) = why_not(shipped, device.state, "security_updates_missing", DESKTOP, NOON + HOUR)
    assert said.startswith("60 minutes, bad since")


def test_why_not_of_an_open_one_says_that_it_is_open(shipped: Rules) -> None:
    device = Judged(shipped)
    device.take(report(reading("disk_pending_sectors_count", 1, "S1")), NOON)
    device.take(None, NOON + DAY)
    (said,) = why_not(shipped, device.state, "disk_pending_sectors", DESKTOP, NOON + DAY)
    assert said == "S1: it is open since 2026-03-02 12:00 UTC (nothing fresh since 2026-03-02 12:00 UTC)."


def test_a_disabled_rule_says_so(shipped: Rules) -> None:
    off = Rules(replace(rule, enabled=False) for rule in shipped.all)
    assert why_not(off, DeviceState(), "disk_hot", DESKTOP, NOON) == ["The rule is disabled."]


def test_spans_are_said_in_their_largest_whole_unit() -> None:
    assert words.span(timedelta(days=14)) == "14 days"
    assert words.span(timedelta(minutes=90)) == "90 minutes"
