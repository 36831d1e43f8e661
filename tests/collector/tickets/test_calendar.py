"""Working time of a site: the vectors every service desk gets wrong once."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.tickets.calendar import ALWAYS, Calendar, due_at, merged, worked

CHICAGO = ZoneInfo("America/Chicago")
HOUR = timedelta(hours=1)
OFFICE = Calendar(
    zone=CHICAGO,
    hours={weekday: ((time(8), time(17)),) for weekday in range(5)},
    holidays=frozenset({date(2026, 11, 26), date(2026, 11, 27)}),
)
NIGHT = Calendar(zone=CHICAGO, hours={weekday: ((time(0), time(4)),) for weekday in range(7)})


def local(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=CHICAGO)


def test_friday_afternoon_to_monday_morning_is_two_hours_over_the_change_of_clocks() -> None:
    assert worked(OFFICE, local(3, 6, 16), local(3, 9, 9)) == 2 * HOUR


def test_thanksgiving_does_not_count() -> None:
    assert worked(OFFICE, local(11, 25, 16), local(11, 30, 9)) == 2 * HOUR


def test_a_pause_is_taken_out() -> None:
    pause = (local(3, 10, 10), local(3, 10, 14))
    assert worked(OFFICE, local(3, 10, 9), local(3, 10, 16), [pause]) == 3 * HOUR


def test_pauses_that_overlap_count_once() -> None:
    pauses = [(local(3, 10, 9), local(3, 10, 12)), (local(3, 10, 11), local(3, 10, 13))]
    assert worked(OFFICE, local(3, 10, 8), local(3, 10, 17), pauses) == 5 * HOUR


@pytest.mark.parametrize(("day", "hours"), [((3, 8), 3), ((11, 1), 5), ((3, 9), 4)])
def test_a_night_is_as_long_as_the_world_says(day: tuple[int, int], hours: int) -> None:
    start = local(*day, 0)
    assert worked(NIGHT, start, start + timedelta(hours=12)) == hours * HOUR


def test_due_is_the_inverse() -> None:
    assert due_at(OFFICE, local(3, 6, 16), 2 * HOUR) == local(3, 9, 9)
    assert due_at(OFFICE, local(3, 7, 12), HOUR) == local(3, 9, 9), "found on a Saturday"
    assert due_at(Calendar(zone=CHICAGO, hours={}), local(3, 6, 16), HOUR) is None


def test_an_office_is_open_or_not() -> None:
    assert OFFICE.open_at(local(3, 6, 8))
    assert not OFFICE.open_at(local(3, 6, 17))
    assert not OFFICE.open_at(local(11, 26, 10))
    assert ALWAYS.open_at(local(11, 26, 3))


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
pauses = st.lists(st.tuples(moments, moments), max_size=5)


@given(moments, moments, moments, pauses)
def test_time_adds_up(
    one: datetime, two: datetime, three: datetime, between: list[tuple[datetime, datetime]]
) -> None:
    start, middle, end = sorted((one, two, three))
    parts = worked(OFFICE, start, middle, between) + worked(OFFICE, middle, end, between)
    assert worked(OFFICE, start, end, between) == parts
    assert timedelta(0) <= parts <= end - start


@given(moments, st.integers(1, 60 * 200), pauses)
def test_by_when_it_is_due_so_much_was_worked(
    start: datetime, minutes: int, between: list[tuple[datetime, datetime]]
) -> None:
    length = timedelta(minutes=minutes)
    due = due_at(OFFICE, start, length, between)
    assert due is not None
    assert worked(OFFICE, start, due, between) == length
    assert worked(OFFICE, start, due - timedelta(seconds=1), between) < length


@given(pauses)
def test_merged_pauses_are_apart(between: list[tuple[datetime, datetime]]) -> None:
    result = merged(between)
    assert all(begins < ends for begins, ends in result)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(result))
