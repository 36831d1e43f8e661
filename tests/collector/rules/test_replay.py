"""Live and replay tell the same story: sweeps come when they come, collectors restart, and nothing differs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.rules.evaluate import Transition, evaluate
from collector.rules.load import load
from collector.rules.rule import Rules
from collector.rules.state import DeviceState
from protos.report_pb2 import (
    FAILED,
    MISSING,
    OK,
    PATCH_STATE_UNKNOWN,
    Item,
    Outcome,
    Reading,
    Report,
    Section,
)
from tests.collector.rules.reports import DESKTOP, NOON, filesystem, reading, report


def _rules() -> Rules:
    shipped = load()
    at_once = {"service_failed", "filesystem_read_only"}  # so that flapping happens too
    return Rules(replace(rule, hold=timedelta(0)) if rule.name in at_once else rule for rule in shipped.all)


RULES = _rules()


@dataclass(frozen=True)
class Step:
    after: timedelta
    report: Report


def _maybe(metric: str, values: tuple[float, ...], component: str = "") -> st.SearchStrategy[list[Reading]]:
    rows = [[reading(metric, value, component)] for value in values]
    return st.sampled_from([[], *rows])


@st.composite
def _reports(draw: st.DrawFn) -> Report:
    serial = draw(st.sampled_from(["S1", "S1", "S1", "S2"]))
    rows: list[Reading] = []
    rows += draw(st.sampled_from([[], *(filesystem(used, size=100e9) for used in (0.5, 0.87, 0.93, 0.99))]))
    rows += draw(_maybe("service_failed_state", (0, 1, 1), "cups.service"))
    rows += draw(_maybe("filesystem_read_only_state", (0, 1), "uuid-1"))
    rows += draw(_maybe("memory_pressure_ratio", (0.01, 0.2, 0.9)))
    rows += draw(_maybe("clock_synchronised_state", (0, 1)))
    rows += draw(_maybe("agent_probe_timeouts_total", (0, 3, 9, 20)))
    rows += draw(_maybe("disk_readable_state", (0, 1, 1, 1), serial))
    rows += draw(_maybe("disk_reallocated_sectors_total", (0, 4, 9, 200), serial))
    rows += draw(_maybe("disk_crc_errors_total", (0, 60, 200, 200, 200), serial))
    rows += draw(_maybe("disk_temperature_celsius", (30, 63, 70), serial))
    rows += draw(_maybe("reboot_pending_state", (0, 1, 1, 1)))
    rows += draw(_maybe("reboot_pending_age_seconds", (60, 864_000)))
    made = report(*rows)
    for outcome in made.outcomes:
        if draw(st.integers(0, 9)) == 0:
            outcome.outcome = FAILED
    _add_patches(made, draw(st.sampled_from(["", "", "openssl", "openssl curl", "none", "unknown", "same"])))
    return made


def _add_patches(made: Report, said: str) -> None:
    if not said:
        return
    made.outcomes.append(Outcome(probe="patches", outcome=OK))
    made.patches.state = PATCH_STATE_UNKNOWN if said == "unknown" else MISSING
    if said in ("none", "openssl", "openssl curl"):
        items = [
            Item(key=name, facts={"security": "true", "candidate": "1"})
            for name in said.split()
            if name != "none"
        ]
        made.sections.append(Section(name="updates", hash=len(said), items=items))


_GAPS = (0.5, 5, 5, 5, 10, 15, 15.5, 30, 60, 120, 240, 600, 1440, 1440, 11_000, 21_000)
_STEPS = st.lists(
    st.builds(Step, st.sampled_from(_GAPS).map(lambda minutes: timedelta(minutes=minutes)), _reports()),
    min_size=1,
    max_size=25,
)


def _timeline(steps: list[Step]) -> list[tuple[datetime, Report]]:
    now, timeline = NOON, []
    for step in steps:
        now += step.after
        timeline.append((now, step.report))
    return timeline


def _told(
    events: Iterable[tuple[datetime, Report | None]], *, packed: bool = False
) -> tuple[list[Transition], DeviceState]:
    state, told = DeviceState(), []
    for now, made in events:
        if packed:
            state = DeviceState.from_bytes(state.to_bytes())
        state, transitions = evaluate(RULES, state, made, now, DESKTOP)
        told += transitions
    return told, state


@settings(max_examples=150, deadline=None)
@given(_STEPS, st.lists(st.floats(0, 1), max_size=40))
def test_sweeps_at_any_time_change_nothing(steps: list[Step], moments: list[float]) -> None:
    reports: list[tuple[datetime, Report | None]] = list(_timeline(steps))
    end = reports[-1][0] + timedelta(days=40)
    # Also sweeps at the very moments at which reports come: before them, as the collector does it.
    sweeps = [NOON + (end - NOON) * share for share in moments] + [now for now, _ in reports[::3]]
    mixed = sorted(
        [*reports, *((now, None) for now in sweeps), (end, None)], key=lambda e: (e[0], e[1] is not None)
    )
    live, live_state = _told(mixed)
    replayed, replayed_state = _told([*reports, (end, None)])
    assert live == replayed
    assert live_state == replayed_state


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_a_sweep_exactly_when_the_state_asks_for_it_is_enough(steps: list[Step]) -> None:
    reports = _timeline(steps)
    told, state = [], DeviceState()
    for now, made in reports:
        for _ in range(200):
            if state.due_at is None or state.due_at > now:
                break
            before = state.due_at
            state, transitions = evaluate(RULES, state, None, state.due_at, DESKTOP)
            assert transitions or state.due_at != before, (
                "a sweep that does nothing would be asked for again for ever"
            )
            assert all(t.at == before for t in transitions)
            told += transitions
        state, transitions = evaluate(RULES, state, made, now, DESKTOP)
        told += transitions
    assert told == _told(reports)[0]


@settings(max_examples=100, deadline=None)
@given(_STEPS)
def test_a_state_that_was_stored_and_read_back_is_the_same_state(steps: list[Step]) -> None:
    reports = _timeline(steps)
    assert _told(reports) == _told(reports, packed=True)


@settings(max_examples=100, deadline=None)
@given(_STEPS)
def test_each_finding_alternates_between_open_and_cleared(steps: list[Step]) -> None:
    now_open: set[tuple[str, str]] = set()
    last = NOON
    for transition in _told(_timeline(steps))[0]:
        key = (transition.rule, transition.component)
        assert transition.at >= last, "told in order"
        last = transition.at
        match transition.old, transition.new:
            case "pending", "open":
                assert key not in now_open
                now_open.add(key)
            case "open", "cleared":
                now_open.remove(key)
            case _:
                assert (transition.old, transition.new) == ("open", "open")
                assert key in now_open


def test_the_given_state_is_never_modified() -> None:
    bad = report(
        reading("disk_pending_sectors_count", 8, "S1"), reading("disk_reallocated_sectors_total", 1, "S1")
    )
    state, _ = evaluate(RULES, DeviceState(), bad, NOON, DESKTOP)
    before = state.to_bytes()
    other = report(
        reading("disk_pending_sectors_count", 9, "S2"), reading("disk_reallocated_sectors_total", 0, "S1")
    )
    evaluate(RULES, state, other, NOON + timedelta(days=1), DESKTOP)
    assert state.to_bytes() == before


def test_when_nothing_is_going_on_the_very_same_state_comes_back() -> None:
    quiet = report(
        *filesystem(0.3), reading("memory_pressure_ratio", 0.0), reading("disk_crc_errors_total", 3, "S1")
    )
    state, _ = evaluate(RULES, DeviceState(), quiet, NOON, DESKTOP)
    again, transitions = evaluate(RULES, state, quiet, NOON + timedelta(minutes=5), DESKTOP)
    assert again is state
    assert transitions == []


def test_a_state_of_a_version_nobody_knows_is_refused() -> None:
    import json
    import zlib

    import pytest

    with pytest.raises(ValueError, match="version 99"):
        DeviceState.from_bytes(zlib.compress(json.dumps({"version": 99}).encode()))
