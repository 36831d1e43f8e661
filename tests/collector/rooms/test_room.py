"""Rooms: which there are, their hours, and who stands in them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from collector import retention
from collector.decide import Refused
from collector.rooms import baseline, bookings, room
from collector.rooms.room import NoSuchRoom, RoomRow
from collector.store.devices import Device, Site
from collector.store.people import AuditEntry
from collector.store.rooms import ASKED, READY, BaselinePart, ReadinessCheck
from tests.collector.rooms.court import COURTROOM, Court, show
from tests.collector.world import NOON, Collector

HERE = ("Tulsa", "Courtroom 3")
DAY = timedelta(days=1)
MONDAY_NOON = datetime(2026, 11, 2, 18, tzinfo=UTC)  # at Tulsa
WEEK = {day: [["08:00", "17:00"]] for day in "01234"}


@pytest.fixture
def court(engine: Engine) -> Court:
    return Court(engine)


def rooms(court: Court) -> dict[str, RoomRow]:
    return {one.name: one for one in court.read(room.rooms)}


# which there are


def test_a_room_is_where_an_av_host_stands_or_what_has_a_row_of_its_own(court: Court) -> None:
    court.host("av-1", "Courtroom 3")
    court.collector.enrol("pc-1", site="Tulsa")
    desk = court.collector.enrol("pc-2", site="Tulsa")
    for name in ("312", "Courtroom 3"):
        court.write(lambda s, name=name: room.place(s, desk.device_id, "Tulsa", name, who="ana", now=NOON))
    office = court.collector.enrol("pc-3", site="Tulsa")
    court.write(lambda s: room.place(s, office.device_id, "Tulsa", "312", who="ana", now=NOON))
    court.write(lambda s: room.keep(s, "Tulsa", "Jury room", note="key at the desk", who="ana", now=NOON))
    found = rooms(court)
    assert list(found) == ["Courtroom 3", "Jury room"]
    assert [device.host_name for device in found["Courtroom 3"].devices] == ["av-1", "pc-2"]
    assert (found["Jury room"].note, found["Jury room"].devices) == ("key at the desk", [])
    with pytest.raises(NoSuchRoom, match="no room '312'"):
        court.read(lambda s: room.room(s, "Tulsa", "312"))
    assert court.read(lambda s: room.room(s, *HERE)).devices[0].host_name == "av-1"


def test_a_revoked_host_stands_nowhere(court: Court) -> None:
    host = court.host()
    court.write(lambda s: setattr(s.get_one(Device, host.device_id), "revoked_at", NOON))
    assert rooms(court) == {}
    with pytest.raises(Refused, match="there is no device"):
        court.write(lambda s: room.place(s, host.device_id, *HERE, who="ana", now=NOON))


def test_forty_rooms_take_no_more_statements_than_two(court: Court, engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *called: statements.append(called[2]))

    def counted() -> tuple[int, int]:
        statements.clear()
        found = court.read(room.rooms)
        first = sum(text.startswith("SELECT") for text in statements)
        assert court.read(lambda s: len(baseline.differences(s, found, NOON))) == len(found)
        return first, sum(text.startswith("SELECT") for text in statements)

    for number in range(2):
        show(court.host(f"av-{number}", f"Courtroom {number}"), COURTROOM, NOON)
    two = counted()
    for number in range(2, 40):
        court.host(f"av-{number}", f"Courtroom {number}")
    assert counted() == two == (4, 7)
    assert len(rooms(court)) == 40


# hours


def test_the_hours_of_a_room_are_its_own_or_else_those_of_its_site(court: Court) -> None:
    court.host()
    assert rooms(court)["Courtroom 3"].hours is None, "nobody said: at all times"
    court.write(lambda s: setattr(s.get_one(Site, "Tulsa"), "hours", WEEK))
    site_hours = rooms(court)["Courtroom 3"]
    assert site_hours.hours is not None and site_hours.hours.open_at(MONDAY_NOON)
    assert not site_hours.own_hours
    court.write(lambda s: room.keep(s, *HERE, hours={"1": [["09:00", "12:00"]]}, who="ana", now=NOON))
    own = rooms(court)["Courtroom 3"]
    assert own.hours is not None and not own.hours.open_at(MONDAY_NOON) and own.own_hours
    assert own.hours.open_at(MONDAY_NOON + timedelta(hours=22))
    court.write(lambda s: setattr(s.get_one(Site, "Tulsa"), "holidays", ["2026-11-03"]))
    closed = rooms(court)["Courtroom 3"].hours
    assert closed is not None and not closed.open_at(MONDAY_NOON + timedelta(hours=22)), (
        "holidays are the site's"
    )
    court.write(lambda s: room.keep(s, *HERE, hours={}, who="ana", now=NOON))
    assert rooms(court)["Courtroom 3"].hours == site_hours.hours or not rooms(court)["Courtroom 3"].own_hours


def test_hours_that_cannot_be_read_are_refused_and_do_not_hide_other_rooms(court: Court) -> None:
    court.host()
    for wrong, words in (
        ({"1": [["12:00", "09:00"]]}, "12:00 is not before 09:00"),
        ({"9": [["09:00", "10:00"]]}, "9"),
    ):
        with pytest.raises(Refused, match=words):
            court.write(lambda s, wrong=wrong: room.keep(s, *HERE, hours=wrong, who="ana", now=NOON))
    court.write(lambda s: setattr(s.get_one(Site, "Tulsa"), "time_zone", "Mars/Olympus"))
    court.write(lambda s: setattr(s.get_one(Site, "Tulsa"), "hours", WEEK))
    assert rooms(court)["Courtroom 3"].hours is None


def test_hours_and_note_are_audited_when_they_are_others(court: Court) -> None:
    court.host()
    for _ in range(2):
        court.write(lambda s: room.keep(s, *HERE, hours=WEEK, note=" second floor ", who="ana", now=NOON))
    court.write(lambda s: room.keep(s, *HERE, who="ana", now=NOON))
    assert rooms(court)["Courtroom 3"].note == "second floor"
    query = select(AuditEntry).where(AuditEntry.action == "room changed")
    (entry,) = court.read(lambda s: list(s.scalars(query)))
    assert entry.data == {"hours": WEEK, "note": "second floor"}


# who stands where


def test_a_device_is_placed_and_whatever_a_collector_remembers_of_it_is_out_of_date(court: Court) -> None:
    desk = court.collector.enrol("pc-1", site="Tulsa")
    desk.heartbeat(NOON)
    version = court.read(lambda s: s.get_one(Device, desk.device_id).version)
    placed = court.write(lambda s: room.place(s, desk.device_id, *HERE, "av", who="ana", now=NOON))
    assert (placed.site, placed.room, placed.group, placed.version) == (
        "Tulsa",
        "Courtroom 3",
        "av",
        version + 1,
    )
    court.write(lambda s: room.place(s, desk.device_id, *HERE, "av", who="ana", now=NOON))
    query = select(AuditEntry).where(AuditEntry.action == "device placed")
    (entry,) = court.read(lambda s: list(s.scalars(query)))
    assert entry.data is not None
    assert entry.data["from"] == {"site": "Tulsa", "room": "", "group": "desktop"}
    fresh = Collector(court.engine)  # and it is heard again
    assert fresh.pipeline.memory is not None
    show(desk, COURTROOM, NOON + timedelta(minutes=1))


@pytest.mark.parametrize(
    "site, name, more, words",
    [
        ("", "Courtroom 3", {}, "a room needs its site"),
        ("Nowhere", "Courtroom 3", {}, "there is no site 'Nowhere'"),
        ("Tulsa", " Courtroom 3", {}, "is no name of a room"),
        ("Tulsa", "x" * 101, {}, "is no name of a room"),
        ("Tulsa", "a\nb", {}, "is no name of a room"),
        ("Tulsa", "Courtroom 3", {"group": "kitchen"}, "group must be one of"),
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_refused(
    court: Court, site: str, name: str, more: dict[str, Any], words: str
) -> None:
    host = court.host("av-1", "Courtroom 1")
    with pytest.raises(Refused, match=words):
        court.write(lambda s: room.place(s, host.device_id, site, name, who="ana", now=NOON, **more))


# what is kept


def test_baselines_are_kept_and_checks_go_after_two_years(court: Court, engine: Engine) -> None:
    host = court.host()
    show(host, COURTROOM, NOON)
    court.write(lambda s: baseline.accept(s, *HERE, why="as built", who="ana", now=NOON))
    court.write(lambda s: room.place(s, host.device_id, "Tulsa", "", who="ana", now=NOON))
    check = ReadinessCheck(
        id="1",
        site="Tulsa",
        room="Courtroom 3",
        trigger=ASKED,
        for_at=NOON,
        asked_at=NOON,
        ended_at=NOON,
        verdict=READY,
    )
    court.write(lambda s: s.add(check))
    assert retention.prune(engine, NOON + 729 * DAY, report_days=30)["readiness_check"] == 0
    assert retention.prune(engine, NOON + 731 * DAY, report_days=30)["readiness_check"] == 1
    assert court.read(lambda s: len(list(s.scalars(select(BaselinePart))))) > 0
    assert court.read(lambda s: bookings.between(s, NOON, NOON + DAY)) == []
