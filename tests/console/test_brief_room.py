"""The brief of a room: when it is free, who must go, what differs from what was accepted, what to bring, how to get in."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import delete, update

from collector.store.devices import Device
from collector.store.rooms import BaselinePart, Booking, Room
from collector.tickets.calendar import Calendar
from console.brief_room import free
from tests.console import courthouse, rows, world
from tests.console.conftest import database, make_app, signed_in
from tests.console.courthouse import COURT, OFFICE, RECORDER
from tests.console.hostile import STRINGS
from tests.console.test_brief import plain
from tests.console.test_hostile import Reader
from tests.console.test_lists import counted
from tests.console.test_rooms import plant

ROOM = f"/rooms/{quote(COURT)}/Courtroom%203"
SILENT = f"/rooms/{quote(OFFICE)}/Hearing%20room%205~2FB"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
DAYS = Calendar(zone=ZoneInfo("UTC"), hours={day: ((time(8), time(17)),) for day in range(5)})


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Iterator[Flask]:
    """Read by these tests and not changed."""
    made = _court(tmp_path_factory.mktemp("court"), now)
    yield made
    database(made).engine.dispose()


def _court(directory: Path, now: datetime) -> Flask:
    made = make_app(directory)
    with database(made).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        courthouse.build(session, now)
    return made


@pytest.fixture
def changed(tmp_path: Path, now: datetime) -> Iterator[Flask]:
    made = _court(tmp_path, now)
    yield made
    database(made).engine.dispose()


def of(app: Flask, path: str) -> str:
    answer = signed_in(app).get(f"{path}/brief")
    assert answer.status_code == 200
    return plain(answer.text)


# when somebody may go in


def at(hour: float) -> datetime:
    return NOON + timedelta(hours=hour - 12)


@pytest.mark.parametrize(
    ("booked", "first"),
    [
        ([], (at(12), at(17))),
        ([(at(11), at(13)), (at(12.5), at(14))], (at(14), at(17))),
        ([(at(12.5), at(13))], (at(13), at(17))),  # half an hour before it is no visit
        ([(at(13), at(14)), (at(14.5), at(16.5))], (at(12), at(13))),
        ([(at(9), at(16.5))], (at(32), at(41))),  # the rest of the day is too short: tomorrow
    ],
)
def test_a_room_is_free_where_an_hour_lies_between_two_bookings(
    booked: list[tuple[datetime, datetime]], first: tuple[datetime, datetime]
) -> None:
    assert free(booked, DAYS, NOON)[0] == first


def test_a_room_without_hours_is_free_through_the_night_as_one_stretch() -> None:
    assert free([(at(20), at(44))], None, NOON)[:2] == [(at(12), at(20)), (at(44), NOON + timedelta(days=14))]


def test_a_room_that_is_booked_for_all_its_hours_is_never_free() -> None:
    assert free([(NOON - timedelta(days=1), NOON + timedelta(days=30))], DAYS, NOON) == []


def test_a_room_of_which_no_calendar_tells_is_not_called_free(court: Flask) -> None:
    text = of(court, f"/rooms/{quote(COURT)}/Jury%20room")
    assert "no calendar tells when this room is booked" in text
    assert "Free for an hour Not known." in text


def test_a_room_in_use_says_until_when(court: Flask) -> None:
    assert "in use now, until" in of(court, f"/rooms/{quote(COURT)}/Courtroom%201")


# what is the matter


def test_it_tells_the_verdict_the_way_in_the_host_and_what_to_bring(court: Flask) -> None:
    text = of(court, ROOM)
    for words in (
        "✕ not ready", "The rack is behind the bench", "tul-court3-av", "✕ somebody must go", "1042", "Camera PTZ Pro 2 is gone",
        "Do: Look at its plug and at the hub", "camera PTZ Pro 2", "☐",
    ):  # fmt: skip
        assert words in text, words


def test_mandatory_parts_that_are_missing_stand_before_what_nobody_accepted(court: Flask) -> None:
    text = of(court, ROOM)
    assert "Of 9 mandatory parts: 2 missing, 2 changed, 5 as accepted." in text
    assert (
        text.index("9X2210044TA") < text.index("Resolution: 1920 × 1080 → 1280 × 720") < text.index("SDI 1 ")
    )
    assert "Name: Yeti Stereo Microphone → Webcam Microphone" in text
    assert "record store" not in text, "what is as accepted is on the sheet"


def test_projectors_are_told_with_the_hours_of_their_lamps(court: Flask) -> None:
    text = of(court, ROOM)
    assert "1,210 h , 24 % of its life" in text.replace("h, ", "h , ") and "ELPLP96" in text
    assert "fan: error" in text


def test_a_silent_host_makes_nothing_ready_and_no_projector_on(court: Flask) -> None:
    text = of(court, SILENT)
    assert "? unknown" in text and "too old to rely on" in text
    assert "Of 9 mandatory parts: 9 not known." in text
    assert "not known now" in text, "what the projector said a day ago is not its state"


def test_a_room_without_a_baseline_or_without_a_host_says_so(court: Flask) -> None:
    assert "no baseline was accepted" in of(court, f"/rooms/{quote(COURT)}/Jury%20room")
    bare = of(court, f"/rooms/{quote(OFFICE)}/Training%20room")
    assert "No A/V host stands here: nothing is known." in bare and "somebody must go" not in bare


def test_a_desktop_that_stands_in_the_room_too_is_told_after_its_hosts(changed: Flask) -> None:
    with database(changed).writer() as session, session.begin():
        session.execute(update(Device).where(Device.host_name == "tul-clerk-014").values(room="Courtroom 3"))
    text = of(changed, ROOM).partition("Hosts: must somebody go")[2]
    assert 0 < text.index("tul-court3-av") < text.index("tul-clerk-014")


# the page


def test_viewers_find_it_from_the_room_its_ticket_the_list_and_the_sheet(court: Flask) -> None:
    client = signed_in(court, "viewer")
    for page in (ROOM, "/rooms", "/tickets/1042", f"{ROOM}/sheet"):
        assert f'href="{ROOM}/brief"' in client.get(page).text, page
    text = client.get(f"{ROOM}/brief").text
    assert f'href="{ROOM}/sheet"' in text and f'href="/sites/{quote(COURT)}/brief"' in text
    assert "hangs in the room" in client.get(f"{ROOM}/sheet").text
    assert "Brief of the room" not in client.get("/tickets/1041").text, "an office is no room of ours"


@pytest.mark.parametrize("path", [ROOM, SILENT])
def test_saved_it_needs_nothing_else_and_runs_nothing(court: Flask, path: str) -> None:
    client = signed_in(court)
    page, saved = client.get(f"{path}/brief"), client.get(f"{path}/brief?save=1")
    for answer in (page, saved):
        assert "<script" not in answer.text and "csrf" not in answer.text and len(answer.data) < 300_000
    assert not any(word in saved.text for word in ("href=", "src=", "url(")) and "<style>" in saved.text
    assert saved.headers["Content-Disposition"].startswith("attachment")


def test_what_is_no_room_has_no_brief(court: Flask) -> None:
    assert signed_in(court).get(f"/rooms/{quote(COURT)}/Nowhere/brief").status_code == 404


def test_a_room_of_ten_hosts_and_a_thousand_parts_costs_what_one_costs_and_stays_small(
    changed: Flask, now: datetime
) -> None:
    client, costs = signed_in(changed), []
    for count in (1, 10):
        with database(changed).writer() as session, session.begin():
            session.execute(delete(BaselinePart).where(BaselinePart.device_id != RECORDER))
            for number in range(count if count > 1 else 0):
                id = f"{0xC0 + number:016x}"
                rows.device(session, id, f"av-{number}", now, site=COURT, room="Courtroom 3", group="av", device_class="av_host")  # fmt: skip
                told = {"displays": {f"d{n}": {"model": f"Wall {n}", "connector": f"DP-{n}", "serial": "84105523NA"} for n in range(100)}}  # fmt: skip
                courthouse.baseline(session, id, told, now)
                rows.finding(session, id, "f1", "camera_missing", now, summary="A long sentence " * 20)
                courthouse._booked(session, COURT, "Courtroom 3", now + timedelta(days=number + 1))
        with counted(database(changed).engine) as statements:
            answer = client.get(f"{ROOM}/brief?save=1")
        costs.append(len(statements))
    assert costs[0] == costs[1] <= 36, costs
    assert len(answer.data) < 300_000
    assert "and 3 more devices" in plain(answer.text)


def test_every_name_is_shown_and_none_is_alive(changed: Flask) -> None:
    client, wrong = signed_in(changed), []
    for number, text in enumerate(STRINGS):
        path = plant(changed, text)
        for more in ("/brief?save=1", "/brief")[: 1 + (number % 8 == 0)]:  # one template makes both
            answer = client.get(path + more)
            read = Reader(answer.text)
            bad = [one for one in read.wrong if one != "<g>"]  # of the code
            if answer.status_code != 200 or bad or read.scripts:
                wrong.append((text, more, answer.status_code, bad))
            elif " ".join(text.split())[:40] not in " ".join("".join(read.text).split()):
                wrong.append((text, more, 200, ["not shown"]))
    assert wrong == []


def test_a_note_longer_than_the_page_is_cut_and_says_so(changed: Flask) -> None:
    with database(changed).writer() as session, session.begin():
        session.execute(update(Room).values(note="The key hangs at the counter. " * 100))
        session.execute(delete(Booking))
    assert "the rest is in the console" in of(changed, ROOM)
