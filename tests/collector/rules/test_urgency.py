"""A booking that comes near: what waits opens sooner, what is open weighs more, each at its own moment."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.rooms.in_force import Booked, is_within, next_turn
from collector.rules.context import Baseline, DeviceContext, Expected
from collector.rules.evaluate import Transition, evaluate, why_not
from collector.rules.load import load
from collector.rules.rule import Rules
from collector.rules.rule_file import RuleError
from collector.rules.state import DeviceState
from protos.report_pb2 import Report
from tests.collector.rules.reports import DAY, HOUR, MINUTE, NOON, Judged, changes, reading, report

ROOM = DeviceContext(
    device_class="av_host", baseline=Baseline("b", {"projectors": {"front": Expected("front", {})}})
)
GONE = report(reading("projector_reachable_state", 0, "front"))
THERE = report(reading("projector_reachable_state", 1, "front"))
WAITS = report(reading("reboot_pending_state", 1), reading("reboot_pending_age_seconds", 60.0))


def booked(
    begins: timedelta, ends: timedelta, known: timedelta = -DAY, cancelled: timedelta | None = None
) -> Booked:
    """From noon on."""
    return Booked(NOON + begins, NOON + (ends if cancelled is None else min(ends, cancelled)), NOON + known)


def used(*bookings: Booked) -> DeviceContext:
    return replace(
        ROOM,
        during=lambda when, at: is_within(when, at, None, bookings),
        turns=lambda when, at: next_turn(when, at, bookings),
    )


def weights(told: Iterable[Transition]) -> list[tuple[str, str, timedelta]]:
    return [(t.reason, t.severity, t.at - NOON) for t in told]


def gone_projector(shipped: Rules, *bookings: Booked) -> Judged:
    """Unreachable since noon, and the finding is open."""
    device = Judged(Rules([shipped.by_name["projector_unreachable"]]), used(*bookings))
    for minute in (0, 5, 10, 15):
        device.take(GONE, NOON + minute * MINUTE)
    assert device.open() == {("projector_unreachable", "front")}
    return device


def test_an_unreachable_projector_is_critical_from_an_hour_before_the_session_to_its_end(
    shipped: Rules,
) -> None:
    device = gone_projector(shipped, booked(2 * HOUR, 3 * HOUR))
    assert device.state.due_at == NOON + 30 * MINUTE, "it goes stale sooner than that"
    device.take(GONE, NOON + 59 * MINUTE)
    assert device.state.due_at == NOON + HOUR, (
        "the sweep comes when the session is near, also without a report"
    )
    device.take(None, NOON + HOUR)
    assert weights(device.told)[-1] == ("urgent", "critical", HOUR)
    for minutes in (61, 90, 180):
        device.take(None, NOON + minutes * MINUTE)
    turns = [row for row in weights(device.told) if row[0] in ("urgent", "eased")]
    assert turns == [("urgent", "critical", HOUR), ("eased", "warning", 3 * HOUR)]
    device.take(THERE, NOON + 3 * HOUR + MINUTE)
    assert changes(device.told)[-1][1:] == ("cleared", "cleared")


def test_it_turns_also_while_nothing_fresh_is_known(shipped: Rules) -> None:
    device = gone_projector(shipped, booked(9 * HOUR, 10 * HOUR))
    device.take(None, NOON + 11 * HOUR)
    assert [reason for reason, _, _ in weights(device.told)] == ["raised", "stale", "urgent", "eased"]


def test_two_sessions_without_an_hour_between_them_are_one_time(shipped: Rules) -> None:
    device = gone_projector(shipped, booked(2 * HOUR, 3 * HOUR), booked(3.5 * HOUR, 5 * HOUR))
    device.take(None, NOON + 6 * HOUR)
    assert weights(device.told)[2:] == [("urgent", "critical", HOUR), ("eased", "warning", 5 * HOUR)]


def test_a_booking_made_late_counts_from_when_it_was_made_and_a_cancelled_one_until_then(
    shipped: Rules,
) -> None:
    device = gone_projector(shipped)
    device.device = used(booked(40 * MINUTE, 2 * HOUR, known=20 * MINUTE))
    device.take(None, NOON + 21 * MINUTE)
    assert weights(device.told)[-1] == ("urgent", "critical", 20 * MINUTE)
    device.device = used(booked(40 * MINUTE, 2 * HOUR, known=20 * MINUTE, cancelled=25 * MINUTE))
    device.take(None, NOON + 26 * MINUTE)
    assert weights(device.told)[-1] == ("eased", "warning", 25 * MINUTE)


def test_a_restart_is_told_twelve_hours_before_the_session_and_not_without_one(shipped: Rules) -> None:
    rules = Rules([shipped.by_name["room_restart_pending"]])
    device = Judged(rules, used(booked(20 * HOUR, 22 * HOUR)))
    for hour in range(8):
        device.take(WAITS, NOON + hour * HOUR)
    assert device.told == []
    (said,) = why_not(device.rules, device.state, "room_restart_pending", device.device, NOON + 7 * HOUR)
    assert said.endswith(
        "Sooner within 12 hours before a session, or during it, that is from 2026-03-02 20:00 UTC."
    )
    device.take(None, NOON + 8 * HOUR + MINUTE)
    assert weights(device.told) == [("raised", "warning", 8 * HOUR)]
    quiet = Judged(rules, used())
    for hour in range(24 * 6):
        quiet.take(WAITS, NOON + hour * HOUR)
    assert quiet.told == []


def test_a_restart_that_is_done_before_the_session_is_near_was_never_told(shipped: Rules) -> None:
    device = Judged(Rules([shipped.by_name["room_restart_pending"]]), used(booked(20 * HOUR, 22 * HOUR)))
    device.take(WAITS, NOON)
    device.take(report(reading("reboot_pending_state", 0)), NOON + HOUR)
    device.take(None, NOON + DAY)
    assert device.told == []


def _silent(*bookings: Booked) -> DeviceContext:
    return replace(used(*bookings), seen_at=NOON, expected=True)


@pytest.mark.parametrize(
    ("bookings", "opens"),
    [
        ([], 15 * MINUTE),
        ([booked(30 * MINUTE, HOUR)], 5 * MINUTE),
        ([booked(-HOUR, HOUR)], 5 * MINUTE),
        ([booked(68 * MINUTE, 2 * HOUR)], 8 * MINUTE),  # it comes near while nothing is heard
        ([booked(3 * HOUR, 4 * HOUR)], 15 * MINUTE),
        ([booked(30 * MINUTE, HOUR, known=9 * MINUTE)], 9 * MINUTE),  # made while nothing is heard
        ([booked(30 * MINUTE, HOUR, cancelled=4 * MINUTE)], 15 * MINUTE),
        ([booked(-HOUR, 3 * MINUTE)], 15 * MINUTE),  # over before it was silent for long
    ],
)
def test_a_silent_room_is_told_after_a_quarter_of_an_hour_and_near_a_session_after_five_minutes(
    shipped: Rules, bookings: list[Booked], opens: timedelta
) -> None:
    for sweeps in ([5, 6, 7, 8, 9, 15], [5, 8, 9, 15], [20]):
        device = Judged(shipped, _silent(*bookings))
        for minute in sweeps:
            if NOON + minute * MINUTE < NOON + opens:
                device.take(None, NOON + minute * MINUTE)
                assert device.told == []
                assert device.state.due_at == NOON + opens
        device.take(None, NOON + 20 * MINUTE)
        (opened,) = device.told
        assert (opened.rule, opened.at - NOON) == ("room_silent", opens)
        assert ("longer than 5 minutes" in opened.clauses[0]["text"]) == (opens < 15 * MINUTE)


def test_a_session_makes_no_desk_speak_sooner(shipped: Rules) -> None:
    device = Judged(shipped, replace(_silent(booked(30 * MINUTE, HOUR)), device_class="desktop"))
    device.take(None, NOON + 29 * MINUTE)
    assert device.told == []


_MINUTES = st.integers(0, 400).map(lambda minutes: minutes * MINUTE)


@st.composite
def _bookings(draw: st.DrawFn) -> Booked:
    begins = draw(_MINUTES)
    return booked(
        begins, begins + draw(st.integers(1, 90)) * MINUTE, draw(_MINUTES) - 100 * MINUTE,
        draw(st.none() | _MINUTES),
    )  # fmt: skip


def _told(
    events: Iterable[tuple[datetime, Report | None]], bookings: list[Booked], *, hide: bool
) -> tuple[list[Transition], DeviceState]:
    """`hide`: as it was live, where a booking is not known before it is made."""
    rules, state, told = RULES, DeviceState(), []
    for now, made in events:
        known = [one for one in bookings if not hide or one.known_at <= now]
        state = DeviceState.from_bytes(state.to_bytes())
        state, transitions = evaluate(rules, state, made, now, used(*known))
        told += transitions
    return told, state


# Quicker than they are, so that there is something open in most of the made-up days.
RULES = Rules(
    replace(rule, hold=min(rule.hold, 2 * MINUTE) if rule.part_of else rule.hold)
    for rule in load()
    if rule.name in ("projector_unreachable", "room_restart_pending", "capture_no_signal")
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(_MINUTES, st.sampled_from([GONE, GONE, THERE, WAITS])), min_size=1, max_size=20),
    st.lists(_MINUTES, max_size=30),
    st.lists(_bookings(), max_size=6),
)
@example(
    [(0 * MINUTE, GONE), (2 * MINUTE, GONE), (2 * MINUTE, THERE)],
    [],
    [booked(0 * MINUTE, 4 * MINUTE, known=3 * MINUTE)],
)
def test_sweeps_at_any_time_change_nothing_whatever_is_booked(
    heard: list[tuple[timedelta, Report]], sweeps: list[timedelta], bookings: list[Booked]
) -> None:
    reports = sorted(((NOON + at, made) for at, made in heard), key=lambda event: event[0])
    end = (NOON + 20 * HOUR, None)
    mixed = sorted(
        [*reports, *((NOON + at, None) for at in sweeps), end],
        key=lambda event: (event[0], event[1] is not None),
    )
    live, live_state = _told(mixed, bookings, hide=True)
    again, again_state = _told([*reports, end], bookings, hide=False)
    assert live == again
    assert live_state == again_state


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'urgent_during = "hours"\nurgent_hold = "5m"',
            "must be one of session, near_session, before_session",
        ),
        ('urgent_during = "session"', "changes nothing without urgent_hold or urgent_severity"),
        ('urgent_hold = "5m"', "urgent_hold: needs urgent_during"),
        ('urgent_during = "session"\nurgent_severity = "critical"', "is not for silence"),
    ],
)
def test_a_mistake_in_what_makes_a_rule_urgent_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        f'[[rule]]\nname = "mine"\nkind = "silence"\nmetric = "presence"\nhold = "9m"\n{text}\n'
        'severity = "warning"\ntitle = "t"\nmeaning = "m"\nadvice = "a"\n'
    )
    with pytest.raises(RuleError, match=problem):
        load([path])
