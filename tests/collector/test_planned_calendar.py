"""Planned work out of a calendar file. The files are constructed after what Outlook and Google write."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from collector import planned_calendar
from collector.planned_calendar import CalendarError, Difference, Entry
from collector.store import reader_maker, session_maker
from collector.store.situations import Maintenance
from tests.collector.world import Collector

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)  # a Monday
CHICAGO = ZoneInfo("America/Chicago")
DAY = timedelta(days=1)


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//court//EN\n{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def read(*events: str) -> list[Entry]:
    entries, skipped = planned_calendar.read(calendar(*events), CHICAGO, NOW)
    assert skipped == []
    return entries


def refused(event: str) -> str:
    entries, skipped = planned_calendar.read(calendar(event), CHICAGO, NOW)
    assert entries == []
    (words,) = skipped
    return words


@pytest.mark.parametrize(
    "times, begins, hours",
    [
        ("DTSTART:20261103T150000Z\nDTEND:20261103T170000Z", "2026-11-03 15:00", 2),
        ("DTSTART;TZID=America/New_York:20261103T090000\nDURATION:PT90M", "2026-11-03 14:00", 1.5),
        ("DTSTART;TZID=Central Standard Time:20261103T090000\nDTEND;TZID=Central Standard Time:20261103T100000",
         "2026-11-03 15:00", 1),
        ("DTSTART:20261103T090000\nDTEND:20261103T100000", "2026-11-03 15:00", 1),
        ("DTSTART;VALUE=DATE:20261103", "2026-11-03 06:00", 24),
        ("DTSTART;VALUE=DATE:20261103\nDTEND;VALUE=DATE:20261105", "2026-11-03 06:00", 48),
        ("DTSTART;VALUE=DATE:20270314", "2027-03-14 06:00", 24),
    ],
)  # fmt: skip
def test_times_in_utc_with_a_zone_without_one_and_whole_days(times: str, begins: str, hours: float) -> None:
    (entry,) = read(f"UID:a\n{times}")
    assert f"{entry.starts_at:%Y-%m-%d %H:%M}" == begins
    assert entry.ends_at - entry.starts_at == timedelta(hours=hours)
    assert not entry.weekly


def test_each_week_on_these_days_is_weekly_work() -> None:
    tuesday, thursday = read(
        "UID:a\nDTSTART;TZID=America/Chicago:20261103T090000\nDURATION:PT2H\n"
        "RRULE:FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261201T150000Z"
    )
    assert (tuesday.weekly, tuesday.time_zone) == (True, "America/Chicago")
    assert tuesday.until_at == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert (tuesday.uid, thursday.uid) == ("a#TU", "a#TH")
    assert thursday.starts_at - tuesday.starts_at == 2 * DAY


@pytest.mark.parametrize(
    "more, days",
    [
        ("RRULE:FREQ=WEEKLY;COUNT=3", [3, 10, 17]),
        ("RRULE:FREQ=WEEKLY;UNTIL=20261117T150000Z\nEXDATE;TZID=America/Chicago:20261110T090000", [3, 17]),
        ("RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20261130T000000Z", [3, 17]),
        ("RRULE:FREQ=DAILY;COUNT=3", [3, 4, 5]),
        ("RDATE;TZID=America/Chicago:20261105T090000", [3, 5]),
    ],
)
def test_what_repeats_otherwise_is_written_out(more: str, days: list[int]) -> None:
    entries = read(f"UID:a\nDTSTART;TZID=America/Chicago:20261103T090000\nDURATION:PT2H\n{more}")
    assert [entry.starts_at.day for entry in entries] == days
    assert {entry.starts_at.hour for entry in entries} == {15}
    assert not any(entry.weekly for entry in entries)


def test_it_keeps_its_time_on_the_wall_when_the_clocks_change() -> None:
    entries = read(
        "UID:a\nDTSTART;TZID=America/Chicago:20261006T090000\nDURATION:PT2H\nRRULE:FREQ=MONTHLY;BYDAY=1TU;COUNT=7"
    )
    assert [f"{e.starts_at:%m-%d %H}" for e in entries] == [
        "11-03 15", "12-01 15", "01-05 15", "02-02 15", "03-02 15", "04-06 14",
    ]  # fmt: skip


def test_an_occurrence_that_was_moved_takes_the_place_of_the_usual_one() -> None:
    entries = read(
        "UID:a\nDTSTART;TZID=America/Chicago:20261103T090000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=2",
        "UID:a\nRECURRENCE-ID;TZID=America/Chicago:20261110T090000\n"
        "DTSTART;TZID=America/Chicago:20261111T130000\nDURATION:PT1H",
    )
    assert [f"{e.starts_at:%d %H}" for e in entries] == ["03 15", "11 19"]


def test_what_is_over_or_called_off_is_no_work() -> None:
    assert read(
        "UID:a\nDTSTART:20261101T090000Z\nDURATION:PT2H",
        "UID:b\nDTSTART:20261103T090000Z\nDURATION:PT2H\nSTATUS:CANCELLED",
        "UID:c\nDTSTART:20260103T090000Z\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;UNTIL=20260601T000000Z",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    "event, words",
    [
        ("UID:a\nDTSTART;TZID=Nowhere/Else:20261103T090000\nDURATION:PT1H", "no time zone 'Nowhere/Else'"),
        ("UID:a\nDTEND:20261103T090000Z", "no readable DTSTART"),
        ("UID:a\nDTSTART:20261103T090000Z", "lasts no time"),
        ("UID:a\nDTSTART:20261103T090000Z\nDTEND:20261102T090000Z", "ends before it begins"),
        ("DTSTART:20261103T090000Z\nDURATION:PT1H", "it has no UID"),
        ("UID:a\nDTSTART:19700101T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY", "neither days, weeks"),
    ],
)
def test_an_entry_that_cannot_be_taken_is_named_with_its_reason(event: str, words: str) -> None:
    told = refused(event)
    assert told.startswith("entry 1 (")
    assert words in told


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"\xff\xfe\x00", b"<html>"]
)
def test_what_is_no_calendar_is_said_so(body: bytes) -> None:
    with pytest.raises(CalendarError, match="no calendar file"):
        planned_calendar.read(body, CHICAGO, NOW)


WHOLE = calendar(
    "UID:a\nDTSTART;TZID=America/Chicago:20261103T090000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=2\n"
    "EXDATE:20261110T150000Z",
    "UID:b\nDTSTART;VALUE=DATE:20261103",
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=6), st.integers(0, 12))
def test_a_damaged_file_is_refused_or_read_and_nothing_else(at: int, put: bytes, cut: int) -> None:
    try:
        entries, _ = planned_calendar.read(WHOLE[:at] + put + WHOLE[at + cut :], CHICAGO, NOW)
    except CalendarError:
        return
    assert all(entry.starts_at < entry.ends_at for entry in entries)


# into the store


def take(engine: Engine, *events: str, name: str = "court", titles: bool = False) -> Difference:
    with session_maker(engine)() as session, session.begin():
        return planned_calendar.take(
            session,
            read(*events),
            calendar=name,
            site="Tulsa",
            room="",
            rule="",
            who="ana",
            now=NOW,
            titles=titles,
        )


def in_force(engine: Engine) -> list[Maintenance]:
    with reader_maker(engine)() as session:
        query = select(Maintenance).where(Maintenance.ended_at.is_(None)).order_by(Maintenance.starts_at)
        return list(session.scalars(query))


HEARING = "UID:h1\nDTSTART:20261103T150000Z\nDURATION:PT2H\nSUMMARY:State v. Doe"
SWITCH = "UID:s1\nDTSTART:20261104T150000Z\nDURATION:PT2H\nRRULE:FREQ=WEEKLY"


def test_a_second_reading_changes_what_changed_and_ends_what_vanished(engine: Engine) -> None:
    Collector(engine).enrol("desk", site="Tulsa")
    assert take(engine, HEARING, SWITCH) == Difference(added=2)
    assert take(engine, HEARING, SWITCH) == Difference(unchanged=2)
    other = "UID:x\nDTSTART:20261105T150000Z\nDURATION:PT2H"
    assert take(engine, other, name="caterer") == Difference(added=1)
    assert take(engine, HEARING.replace("PT2H", "PT3H")) == Difference(changed=1, ended=1)
    hearing, caterer = in_force(engine)
    assert hearing.ends_at - hearing.starts_at == timedelta(hours=3)
    assert (hearing.site, hearing.source, caterer.source) == ("Tulsa", "court#h1", "caterer#x")


def test_titles_are_names_of_people_and_kept_only_when_asked(engine: Engine) -> None:
    Collector(engine).enrol("desk", site="Tulsa")
    take(engine, HEARING)
    assert [row.why for row in in_force(engine)] == ["calendar court"]
    assert take(engine, HEARING, titles=True) == Difference(changed=1)
    assert [row.why for row in in_force(engine)] == ["State v. Doe"]
