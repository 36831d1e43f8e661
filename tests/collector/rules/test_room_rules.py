"""Each rule about a room's readings opens and ends: sound, capture, projectors, recorders, what the room talks to."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from collector.rules.context import Baseline, DeviceContext, Expected
from collector.rules.rule import ROOM, TRAILING, Rules
from tests.collector.rules.reports import DAY, HOUR, MINUTE, NOON, Judged, reading, report

FILES = ("rooms.toml", "projectors.toml", "recording.toml")
ELSEWHERE = {"room_restart_pending"}  # beside the rule of other devices
PART = "P1"


@dataclass(frozen=True, kw_only=True)
class Way:
    bad: float
    well: float
    within: timedelta  # not before
    every: timedelta = 5 * MINUTE
    also: tuple[str, float] | None = None  # another metric of the same component
    component: str = PART


def _digit(bad: float, within: timedelta = 6 * MINUTE) -> Way:
    return Way(bad=bad, well=0, within=within)


_HALF = 30 * MINUTE
WAYS: dict[str, Way] = {
    "audio_muted": Way(bad=1, well=0, within=45 * MINUTE / 60, every=MINUTE),
    "audio_volume_low": Way(bad=0.02, well=0.5, within=MINUTE * 0.75, every=MINUTE),
    "audio_stuck": Way(bad=1, well=0, within=1.5 * MINUTE, every=MINUTE),
    "audio_dropouts": Way(bad=3, well=0, within=2.5 * MINUTE, every=MINUTE),
    "camera_blocked": Way(bad=1, well=0, within=1.5 * MINUTE, every=MINUTE, component=""),
    "microphone_blocked": Way(bad=1, well=0, within=1.5 * MINUTE, every=MINUTE, component=""),
    "capture_no_signal": Way(bad=0, well=1, within=3 * MINUTE, every=MINUTE),
    "usb_reconnecting": Way(bad=3, well=0, within=timedelta(0), every=MINUTE),
    "projector_unreachable": Way(bad=0, well=1, within=15 * MINUTE),
    "projector_lamp_error": _digit(2),
    "projector_fan_error": _digit(2),
    "projector_temperature_error": _digit(2),
    "projector_cover_error": _digit(2),
    "projector_other_error": _digit(2),
    "projector_filter_warning": _digit(2, _HALF),
    "projector_filter_first_warning": _digit(1, _HALF),
    "projector_temperature_warning": _digit(1, _HALF),
    "projector_fan_warning": _digit(1, _HALF),
    "projector_lamp_warning": _digit(1, _HALF),
    "projector_other_warning": _digit(1, _HALF),
    "projector_lamp_old": Way(bad=0.93, well=0.0, within=timedelta(0)),
    "projector_lamp_spent": Way(bad=1.1, well=0.0, within=6 * MINUTE, also=("projector_lamp_fault_state", 1)),
    "projector_filter_due": Way(bad=1.02, well=0.0, within=timedelta(0)),
    "projector_no_signal": Way(bad=0, well=1, within=6 * MINUTE),
    "projector_blanked": Way(bad=1, well=0, within=6 * MINUTE),
    "projector_left_on": Way(bad=1, well=0, within=2 * HOUR),
    "recorder_stopped": Way(bad=0, well=1, within=2 * MINUTE, every=MINUTE),
    "recorder_not_growing": Way(bad=0, well=1, within=2 * MINUTE, every=MINUTE),
    "recorder_space_short": Way(bad=100_000, well=300_000, within=timedelta(0)),
    "recorder_space_gone": Way(bad=20_000, well=300_000, within=timedelta(0)),
    "recorder_clock_off": Way(bad=-3, well=0.1, within=15 * MINUTE, component=""),
    "target_unreachable": Way(bad=0, well=1, within=15 * MINUTE),
    "room_restart_pending": Way(bad=1, well=0, within=7 * DAY, every=HOUR, component=""),
}
# What a session that is near makes of them: how long they wait then, and as what they open.
NEAR = {
    "projector_unreachable": (15 * MINUTE, "critical"),
    "room_restart_pending": (timedelta(0), "warning"),
}


def test_every_rule_of_these_files_has_a_row(shipped: Rules) -> None:
    mine = {r.name for r in shipped if r.file in FILES and r.kind not in (*ROOM, *TRAILING)}
    assert mine | ELSEWHERE == WAYS.keys()
    assert {r.name for r in shipped if r.urgent_during and r.kind != "silence"} == NEAR.keys()


def _judged(
    shipped: Rules, name: str, *, accepted: bool = True, open_now: bool = True, near: bool = False
) -> Judged:
    rule = shipped.by_name[name]
    parts = {rule.part_of: {PART: Expected("Projector", {})}} if rule.part_of and accepted else {}
    baseline = Baseline("b1" if parts else "", parts)
    device = DeviceContext(
        device_class="av_host", baseline=baseline,
        during=lambda when, _at: near if when == rule.urgent_during else open_now,
    )  # fmt: skip
    return Judged(Rules([rule]), device)


def _feed(
    device: Judged, way: Way, metric: str, value: float, start: timedelta, length: timedelta
) -> timedelta:
    at = start
    while at <= start + length:
        rows = [reading(metric, value, way.component, "Projector (PT-1)")]
        if way.also:
            rows.append(reading(way.also[0], way.also[1], way.component))
        device.take(report(*rows), NOON + at)
        at += way.every
    device.take(None, NOON + start + length)
    return at


@pytest.mark.parametrize("name", WAYS)
def test_it_opens_after_its_hold_and_ends(shipped: Rules, name: str) -> None:
    way, rule, device = WAYS[name], shipped.by_name[name], _judged(shipped, name)
    assert rule.waits == way.within
    at = _feed(device, way, rule.metric, way.bad, timedelta(0), way.within)
    opened = [t for t in device.told if t.new == "open"]
    assert [(t.rule, t.component) for t in opened] == [(name, way.component)]
    assert opened[0].at - NOON == way.within
    assert "{" not in opened[0].summary
    assert "unknown" not in opened[0].summary
    _feed(device, way, rule.metric, way.well, at, timedelta(0))
    assert device.open() == set()


@pytest.mark.parametrize("name", NEAR)
def test_with_a_session_near_it_waits_less_long_or_weighs_more(shipped: Rules, name: str) -> None:
    way, rule, device = WAYS[name], shipped.by_name[name], _judged(shipped, name, near=True)
    within, severity = NEAR[name]
    at = _feed(device, way, rule.metric, way.bad, timedelta(0), within)
    (opened,) = device.told
    assert (opened.new, opened.at - NOON, opened.severity) == ("open", within, severity)
    assert any("before a session, or during it: that makes it urgent" in c["text"] for c in opened.clauses)
    _feed(device, way, rule.metric, way.well, at, timedelta(0))
    assert device.open() == set()


@pytest.mark.parametrize("name", WAYS)
def test_it_stays_quiet_where_nobody_accepted_the_part_or_the_room_is_closed(
    shipped: Rules, name: str
) -> None:
    way, rule = WAYS[name], shipped.by_name[name]
    if rule.part_of:
        device = _judged(shipped, name, accepted=False)
        _feed(device, way, rule.metric, way.bad, timedelta(0), way.within + HOUR)
        assert device.told == []
    if rule.during:
        device = _judged(shipped, name, open_now=False)
        _feed(device, way, rule.metric, way.bad, timedelta(0), way.within + HOUR)
        assert device.told == []
