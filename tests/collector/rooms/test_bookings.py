"""Bookings out of calendar files: written out, read again, in the right room, and without a name in them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, text

from collector import retention
from collector.decide import Refused
from collector.planned_calendar import Difference, Entry
from collector.rooms import bookings, room
from collector.store.people import AuditEntry
from collector.store.rooms import Booking
from tests.collector.rooms.court import TULSA, Court

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
HERE = ("Tulsa", "Courtroom 3")
COURT_HOURS = {day: [["08:30", "12:00"], ["13:00", "17:00"]] for day in "01234"}


@pytest.fixture
def court(engine: Engine) -> Court:
    made = Court(engine)
    made.host("av-3", "Courtroom 3")
    made.host("av-4", "Courtroom 4")
    made.write(lambda s: room.keep(s, *HERE, hours=COURT_HOURS, who="ana", now=NOW))
    return made


def take(court: Court, file: str | bytes, now: datetime = NOW, **more: Any) -> Difference:
    body = file if isinstance(file, bytes) else (DATA / file).read_bytes()
    entries, unread = bookings.read(body, TULSA, now)
    options: dict[str, Any] = {
        "calendar": "docket",
        "site": "Tulsa",
        "room": "Courtroom 3",
        "who": "ana",
        "now": now,
    }
    return court.write(lambda s: bookings.take(s, entries, **options | {"whole": not unread} | more))


def booked(court: Court, room_name: str = "Courtroom 3", until: datetime = NOW + 90 * DAY) -> list[str]:
    """By the clock on the wall."""
    found = court.read(lambda s: bookings.between(s, NOW, until, [("Tulsa", room_name)]))
    return [
        f"{row.starts_at.astimezone(TULSA):%a %m-%d %H:%M}-{row.ends_at.astimezone(TULSA):%H:%M}"
        for row in found
    ]


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


# one room's calendar


def test_what_repeats_is_written_out_for_sixty_days(court: Court) -> None:
    told = take(court, "courtroom-3.ics")
    assert told == Difference(added=21)
    found = booked(court)
    assert found[:6] == [
        "Tue 11-03 09:00-12:00", "Tue 11-03 14:00-15:30", "Thu 11-05 08:30-17:00", "Thu 11-05 09:00-12:00",
        "Fri 11-06 08:30-17:00", "Tue 11-10 09:00-12:00",
    ]  # fmt: skip
    assert found[-1] == "Thu 12-31 09:00-12:00"
    assert not any("11-07" in one for one in found), "whole days are the room's hours, and Saturday has none"
    assert not any("11-11" in one for one in found), "a note during which everybody is free books no room"


def test_a_second_reading_changes_nothing_and_a_day_later_goes_on(court: Court) -> None:
    take(court, "courtroom-3.ics")
    assert take(court, "courtroom-3.ics") == Difference(unchanged=21)
    later = take(court, "courtroom-3.ics", NOW + 5 * DAY)
    assert (later.added, later.changed, later.ended) == (1, 0, 0), "the Tuesday that has come into sight"


def test_what_moved_moves_and_what_vanished_is_cancelled(court: Court) -> None:
    take(court, "courtroom-3.ics")
    told = take(court, "courtroom-3-changed.ics")
    # The hearing, Thanksgiving and the 12th are off; the 10th keeps its identity and has another time.
    assert told == Difference(ended=3, changed=1, unchanged=17)
    found = booked(court)
    assert [one for one in found if "11-10" in one] == ["Tue 11-10 13:30-16:30"]
    assert not any("11-26" in one or "11-12" in one or "14:00-15:30" in one for one in found)
    cancelled = court.read(
        lambda s: list(s.scalars(select(Booking).where(Booking.cancelled_at.is_not(None))))
    )
    assert len(cancelled) == 4, "what was known is kept: three that are off, and where the 10th was before"
    assert take(court, "courtroom-3.ics") == Difference(added=3, changed=1, unchanged=17)


def test_no_title_no_description_and_no_person_reaches_the_store(court: Court, engine: Engine) -> None:
    take(court, "courtroom-3.ics")
    words = ("Doe", "doe.example", "Roe", "custody", "Clerk", "Jury", "Veterans")
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608 - our own tables
                assert not [word for word in words if word in repr(tuple(row))], table


def test_a_weekly_hearing_keeps_its_time_on_the_wall_when_the_clocks_change(court: Court) -> None:
    october = datetime(2026, 10, 20, 12, tzinfo=UTC)
    take(court, "courtroom-3.ics", october)
    found = court.read(lambda s: bookings.between(s, october, NOW + 4 * DAY, [HERE]))
    docket = [row for row in found if "#docket@" in row.source]
    assert [f"{row.starts_at:%m-%d %H}" for row in docket] == [
        "10-20 14", "10-22 14", "10-27 14", "10-29 14", "11-03 15", "11-05 15",
    ]  # fmt: skip
    assert {row.ends_at - row.starts_at for row in docket} == {timedelta(hours=3)}


def test_when_an_entry_cannot_be_read_nothing_is_cancelled(court: Court) -> None:
    take(court, "courtroom-3.ics")
    assert take(court, calendar("UID:x\nDTEND:20261103T090000Z")) == Difference()
    assert take(court, calendar("UID:y\nDTSTART:20261103T090000Z\nDURATION:PT1H")) == Difference(
        added=1, ended=21
    )


def test_each_calendar_cancels_only_its_own_and_only_in_its_room(court: Court) -> None:
    take(court, "courtroom-3.ics")
    one = calendar("UID:x\nDTSTART:20261103T090000Z\nDURATION:PT1H")
    assert take(court, one, calendar="caterer") == Difference(added=1)
    assert take(court, one, room="Courtroom 4") == Difference(added=1)
    assert take(court, calendar(), calendar="caterer") == Difference(ended=1)
    assert len(booked(court)) == 21


def test_what_is_over_stays_as_it_was(court: Court) -> None:
    take(court, calendar("UID:x\nDTSTART:20261103T090000Z\nDURATION:PT1H"))
    assert take(court, calendar(), NOW + 5 * DAY) == Difference()
    assert len(booked(court)) == 1


def test_an_identity_longer_than_its_column_still_tells_occurrences_apart(court: Court) -> None:
    long = calendar(f"UID:{'x' * 300}\nDTSTART:20261103T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3")
    assert take(court, long) == Difference(added=3)
    assert take(court, long) == Difference(unchanged=3)


# two rooms by LOCATION


def test_the_location_names_the_room_also_two_and_also_by_another_name(court: Court) -> None:
    told = take(court, "court-house.ics", room=None, locations={"CR-4 (2nd floor)": "Courtroom 4"})
    assert (told.added, told.skipped) == (
        4,
        [
            "1 entry without a location: which room is meant?",
            "1 entry at 'Canteen', which is no room of Tulsa",
        ],
    )
    assert booked(court) == ["Tue 11-03 09:00-10:00", "Wed 11-04 09:00-10:00"]
    assert booked(court, "Courtroom 4") == ["Tue 11-03 11:00-12:00", "Wed 11-04 09:00-10:00"]
    again = take(court, "court-house.ics", room=None)
    assert (again.unchanged, again.ended) == (3, 1), "CR-4 is called by no room any more"


@pytest.mark.parametrize(
    "more, words",
    [
        ({"site": "Nowhere"}, "there is no site 'Nowhere'"),
        ({"room": " "}, "' ' is no name of a room"),
        ({"calendar": ""}, "'' is no name of a calendar"),
        ({"room": None, "locations": {"CR-9": "Courtroom 9"}}, "there is no room 'Courtroom 9' at 'Tulsa'"),
    ],
)
def test_what_does_not_hold_together_is_refused(court: Court, more: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        take(court, "court-house.ics", **more)


def test_an_entry_that_repeats_is_no_booking(court: Court) -> None:
    weekly = Entry(uid="x", title="", starts_at=NOW, ends_at=NOW + DAY, weekly=True)
    with pytest.raises(ValueError, match=r"read them with bookings\.read"):
        court.write(
            lambda s: bookings.take(
                s, [weekly], calendar="c", site="Tulsa", room="Courtroom 3", who="ana", now=NOW
            )
        )


# asked


def test_what_is_under_way_and_what_comes_next(court: Court) -> None:
    take(court, "courtroom-3.ics")

    def at(text: str) -> tuple[str, str]:
        now = datetime.fromisoformat(text).replace(tzinfo=TULSA)
        both = court.read(lambda s: (bookings.current(s, *HERE, now), bookings.next_of(s, *HERE, now)))
        first, second = (f"{row.starts_at.astimezone(TULSA):%d %H:%M}" if row else "" for row in both)
        return first, second

    assert at("2026-11-03T08:59") == ("", "03 09:00")
    assert at("2026-11-03T09:00") == ("03 09:00", "03 14:00")
    assert at("2026-11-03T12:00") == ("", "03 14:00")
    assert at("2027-03-01T12:00") == ("", "")
    assert court.read(lambda s: bookings.between(s, NOW, NOW + 90 * DAY, [])) == []
    assert len(court.read(lambda s: bookings.between(s, NOW, NOW + 90 * DAY))) == 21


def test_who_read_a_calendar_is_in_the_audit_and_a_reading_without_a_change_is_not(court: Court) -> None:
    take(court, "courtroom-3.ics")
    take(court, "courtroom-3.ics")
    (entry,) = court.read(
        lambda s: list(s.scalars(select(AuditEntry).where(AuditEntry.action == "bookings read")))
    )
    assert (entry.who, entry.subject) == ("ana", "Tulsa Courtroom 3 docket")
    assert entry.data == {"added": 21, "changed": 0, "cancelled": 0, "as before": 0}


def test_old_bookings_go_after_400_days(court: Court, engine: Engine) -> None:
    take(court, "courtroom-3.ics")
    last = datetime(2026, 12, 31, 18, tzinfo=UTC)
    assert retention.prune(engine, last + 400 * DAY - DAY, report_days=30)["booking"] == 20
    assert retention.prune(engine, last + 400 * DAY + DAY, report_days=30)["booking"] == 1
