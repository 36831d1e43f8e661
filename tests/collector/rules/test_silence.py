"""Silence: who should be up and is not heard."""

from dataclasses import replace

from collector.rules.evaluate import DeviceContext
from collector.rules.rule import Rules
from tests.collector.rules.reports import HOUR, MINUTE, NOON, Judged, reading, report

SILENT = DeviceContext(device_class="desktop", seen_at=NOON, expected=True)


def test_it_opens_half_an_hour_after_the_last_word_whenever_the_sweep_comes(shipped: Rules) -> None:
    for sweeps in ([31], [5, 29, 30], [3, 300]):
        device = Judged(shipped, device=SILENT)
        for minutes in sweeps:
            device.take(None, NOON + minutes * MINUTE)
        (opened,) = device.told
        assert (opened.rule, opened.new, opened.at) == ("device_silent", "open", NOON + 30 * MINUTE)
        assert opened.summary == "Nothing was heard of this device for 30 minutes"


def test_the_state_says_when_the_sweep_must_come_back(shipped: Rules) -> None:
    device = Judged(shipped, device=SILENT)
    device.take(None, NOON + 6 * MINUTE)
    assert device.state.due_at == NOON + 30 * MINUTE


def test_it_clears_when_the_device_is_heard(shipped: Rules) -> None:
    device = Judged(shipped, device=SILENT)
    device.take(None, NOON + HOUR)
    device.take(report(reading("memory_used_ratio", 0.5)), NOON + 2 * HOUR)
    assert [(t.new, t.at) for t in device.told] == [
        ("open", NOON + 30 * MINUTE),
        ("cleared", NOON + 2 * HOUR),
    ]
    device = Judged(shipped, device=SILENT)
    device.take(None, NOON + HOUR)
    device.device = replace(SILENT, seen_at=NOON + 70 * MINUTE)
    device.take(None, NOON + 75 * MINUTE)
    assert device.told[-1].at == NOON + 70 * MINUTE


def test_nobody_is_silent_while_not_expected_or_while_we_were_away(shipped: Rules) -> None:
    for context in (
        replace(SILENT, expected=False),
        replace(SILENT, device_class="laptop"),
        replace(SILENT, frozen_until=NOON + 3 * HOUR),
        replace(SILENT, expected_from=NOON + 100 * MINUTE),
        replace(SILENT, seen_at=None),
    ):
        device = Judged(shipped, device=context)
        device.take(None, NOON + 2 * HOUR)
        assert device.told == []


def test_a_silence_that_is_no_longer_expected_is_forgotten_while_it_waits(shipped: Rules) -> None:
    device = Judged(shipped, device=SILENT)
    device.take(None, NOON + 6 * MINUTE)
    device.device = replace(SILENT, expected=False)
    device.take(None, NOON + 40 * MINUTE)
    assert device.told == []
    assert device.state.due_at is None
