"""Rules that look back: trends and counts within a window."""

import math
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rules import trails
from collector.rules.rule import Rules
from collector.rules.state import DeviceState, Trail
from collector.rules.why_not import why_not
from tests.collector.rules.reports import (
    DAY,
    DESKTOP,
    HOUR,
    MINUTE,
    NOON,
    Judged,
    changes,
    filesystem,
    reading,
    report,
)

SIZE = 500e9


def _only(shipped: Rules, name: str) -> Judged:
    return Judged(Rules([shipped.by_name[name]]))


def _fill(
    device: Judged, used: Callable[[float], float], first: int, last: int, every: timedelta = 6 * HOUR
) -> None:
    """Reports from day `first` to day `last`; `used` gives the share by day."""
    steps = int((last - first) * DAY / every)
    for n in range(steps):
        at = NOON + first * DAY + n * every
        device.take(report(*filesystem(min(1.0, used((at - NOON) / DAY)), size=SIZE)), at)


def test_a_disk_that_fills_steadily_is_told_two_weeks_before(shipped: Rules) -> None:
    device = _only(shipped, "filesystem_filling_up")
    _fill(device, lambda day: 0.40 + 0.01 * day, 0, 43)
    assert device.told == [], "57 % are far away"
    _fill(device, lambda day: 0.40 + 0.01 * day, 43, 46)
    (opened,) = device.told
    assert opened.new == "open"
    assert opened.value == pytest.approx(14 * 86_400, abs=86_400)
    assert "will be full in about 1" in opened.summary
    assert "slow end" in opened.clauses[0]["text"]


def test_it_ends_when_room_was_made(shipped: Rules) -> None:
    device = _only(shipped, "filesystem_filling_up")
    _fill(device, lambda day: 0.40 + 0.01 * day, 0, 46)
    assert device.open()
    _fill(device, lambda day: 0.30, 46, 80)
    assert changes(device.told)[-1] == ("filesystem_filling_up", "cleared", "cleared")


def test_a_disk_that_is_emptied_every_week_has_no_trend(shipped: Rules) -> None:
    device = _only(shipped, "filesystem_filling_up")
    _fill(device, lambda day: 0.60 + 0.045 * (day % 7), 0, 60)
    assert device.told == []


def test_noise_is_no_trend(shipped: Rules) -> None:
    device, dice = _only(shipped, "filesystem_filling_up"), random.Random(7)
    _fill(device, lambda _: 0.93 + dice.uniform(-0.02, 0.02), 0, 60)
    assert device.told == []


@pytest.mark.parametrize("growth", [0.0, 0.005])
def test_a_weekly_rhythm_does_not_hide_a_trend_nor_make_one(shipped: Rules, growth: float) -> None:
    device = _only(shipped, "filesystem_filling_up")
    _fill(device, lambda day: 0.60 + 0.03 * (day % 7) + growth * day, 0, 45)
    assert bool(device.told) == bool(growth)


def test_two_weeks_of_data_are_the_least(shipped: Rules) -> None:
    device = _only(shipped, "filesystem_filling_up")
    _fill(device, lambda day: 0.60 + 0.02 * day, 0, 13)
    assert device.told == []
    (text,) = why_not(device.rules, device.state, "filesystem_filling_up", DESKTOP, NOON + 13 * DAY)
    assert "not enough data" in text
    _fill(device, lambda day: 0.60 + 0.02 * day, 13, 15)
    assert [t.new for t in device.told] == ["open"]


def test_a_drive_wears_out_and_only_another_drive_ends_it(shipped: Rules) -> None:
    device = _only(shipped, "disk_worn_out_soon")
    for day in range(0, 140, 1):
        used = reading("disk_life_used_ratio", math.floor(50 + day * 0.4) / 100, "S1")
        device.take(report(reading("disk_readable_state", 1, "S1"), used), NOON + day * DAY)
    assert [t.new for t in device.told] == ["open"]
    fresh = report(reading("disk_readable_state", 1, "S2"), reading("disk_life_used_ratio", 0, "S2"))
    device.take(fresh, NOON + 140 * DAY)
    assert changes(device.told)[-1][2] == "replaced"


def test_hangs_are_counted_within_a_day(shipped: Rules) -> None:
    device, name = _only(shipped, "probe_hangs_again_and_again"), "agent_probe_timeouts_total"
    for hour in range(5):
        device.take(report(reading(name, 100 + hour)), NOON + hour * HOUR)
    assert device.told == [], "four within a day; what was before is not known"
    (text,) = why_not(device.rules, device.state, "probe_hangs_again_and_again", DESKTOP, NOON + 5 * HOUR)
    assert "Rose by 4" in text
    device.take(report(reading(name, 106)), NOON + 5 * HOUR)
    assert [t.new for t in device.told] == ["open"]
    for minute in range(5 * 60 + 10, 40 * 60, 10):
        device.take(report(reading(name, 106)), NOON + minute * MINUTE)
    assert [t.new for t in device.told] == ["open", "cleared"]
    assert device.told[-1].at == NOON + 29 * HOUR


def test_one_slow_counter_is_not_a_burst(shipped: Rules) -> None:
    device = _only(shipped, "probe_hangs_again_and_again")
    for day in range(30):
        device.take(report(reading("agent_probe_timeouts_total", day)), NOON + day * DAY)
    assert device.told == []


def test_a_counter_that_began_anew_counts_what_it_shows() -> None:
    trail: Trail = ((NOON, 50.0), (NOON + HOUR, 3.0), (NOON + 2 * HOUR, 4.0))
    assert trails.occurred(trail, DAY, NOON + 2 * HOUR) == 4


def test_a_third_of_odd_points_does_not_move_a_trend() -> None:
    trail = tuple((NOON + n * DAY, 0.9 if n % 4 == 1 else 0.5 + 0.01 * n) for n in range(20))
    assert trails.forecast(trail, 1.0, NOON + 19 * DAY).left == pytest.approx(31 * 86_400, rel=0.15)


def test_a_health_that_falls_is_seen_as_well() -> None:
    trail = tuple((NOON + n * DAY, 0.9 - 0.01 * n) for n in range(20))
    told = trails.forecast(trail, 0.5, NOON + 19 * DAY)
    assert told.left == pytest.approx(21 * 86_400)
    assert math.isinf(trails.forecast(trail, 0.95, NOON + 19 * DAY).left), "it moves away"


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 1e9)), max_size=200))
def test_a_trail_stays_short_and_comes_back_from_the_database(
    shipped: Rules, steps: list[tuple[int, float]]
) -> None:
    for name in ("filesystem_filling_up", "probe_hangs_again_and_again"):
        now, trail = NOON, ()
        for seconds, value in steps:
            now += timedelta(seconds=seconds)
            trail = trails.followed(shipped.by_name[name], trail, value, now)
        assert len(trail) <= trails.POINTS + 2
        state = DeviceState(trails={(name, "c"): trail} if trail else {})
        assert DeviceState.from_bytes(state.to_bytes()) == state


def _battery(device: Judged, health: float, day: float, serial: str = "B1") -> None:
    device.take(report(reading("battery_health_ratio", health, serial)), NOON + day * DAY)


def test_a_worn_battery_is_told_by_the_median_of_three_days(shipped: Rules) -> None:
    device = _only(shipped, "battery_worn")
    for hour in range(24):
        _battery(device, 0.5, hour / 24)
    _battery(device, 0.5, 1.1)
    assert device.told == [], "two days are not three"
    (text,) = why_not(device.rules, device.state, "battery_worn", DESKTOP, NOON + DAY)
    assert "2 of 3" in text
    _battery(device, 0.5, 2.2)
    (opened,) = device.told
    assert opened.summary == "Battery B1 holds 50 % of what it did"
    assert "median of the last 3" in opened.clauses[0]["text"]
    _battery(device, 0.98, 4, "B2")
    assert changes(device.told)[-1][1:] == ("cleared", "replaced")


def test_one_odd_reading_of_a_battery_decides_nothing(shipped: Rules) -> None:
    device = _only(shipped, "battery_worn")
    for day in range(12):
        _battery(device, 0.3 if day % 4 == 2 else 0.8, day)
    assert device.told == []


def test_a_laptop_seen_once_a_week_has_its_median_in_three_weeks(shipped: Rules) -> None:
    device = _only(shipped, "battery_worn")
    for week in range(3):
        _battery(device, 0.55, 7 * week)
    assert [t.new for t in device.told] == ["open"]
