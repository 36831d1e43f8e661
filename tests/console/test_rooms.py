"""The board of rooms, one room, its sheet and the morning list: what they say, to whom, and at what cost."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from markupsafe import escape
from sqlalchemy import delete, func, select, update

from collector.rooms import checks
from collector.store.devices import Device, Site
from collector.store.installation import RefreshRequest
from collector.store.people import AuditEntry
from collector.store.rooms import BaselinePart, Booking, ReadinessCheck, Room
from console import format, room_history, room_sheet
from tests.console import courthouse, rows, world
from tests.console.conftest import database, make_app, signed_in
from tests.console.courthouse import COURT, GOOD, OFFICE, RECORDER, SLASH
from tests.console.hostile import KINDS, STRINGS
from tests.console.test_hostile import ALLOWED_TAGS, Reader
from tests.console.test_lists import counted

ROOM = f"/rooms/{quote(COURT)}/Courtroom%203"
SILENT = f"/rooms/{quote(OFFICE)}/Hearing%20room%205~2FB"
PAGES = (ROOM, f"{ROOM}/baseline", f"{ROOM}/sheet", "/rooms", "/rooms/morning", SILENT, f"{SILENT}/baseline", f"{SILENT}/sheet")  # fmt: skip
OURS = ALLOWED_TAGS | {"g", "rect", "datalist"}


@pytest.fixture(scope="module")
def court_file(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    app = make_app(folder)
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        courthouse.build(session, now)
    database(app).engine.dispose()
    return folder / "t.db"


@pytest.fixture
def court(tmp_path: Path, court_file: Path) -> Iterator[Flask]:
    (tmp_path / "t.db").write_bytes(court_file.read_bytes())
    app = make_app(tmp_path)
    yield app
    database(app).engine.dispose()


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory, court_file: Path) -> Iterator[Flask]:
    """The courthouse, one for all tests that change nothing."""
    folder = tmp_path_factory.mktemp("looked_at")
    (folder / "t.db").write_bytes(court_file.read_bytes())
    app = make_app(folder)
    yield app
    database(app).engine.dispose()


def names(text: str) -> list[str]:
    return re.findall(r'class="name" href="/rooms/[^"]+"><bdi>([^<]+)</bdi>', text)


def plain(text: str) -> str:
    """What a reader sees, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


# the board


def test_the_room_that_fails_before_its_booking_stands_on_top_and_the_ready_one_at_the_end(
    court: Flask,
) -> None:
    assert names(signed_in(court).get("/rooms").text) == [
        "Courtroom 3", SLASH, "Training room", "Jury room", "Courtroom 2", "Courtroom 1",
    ]  # fmt: skip


def test_of_two_rooms_that_fail_the_one_that_is_needed_sooner_comes_first(
    court: Flask, now: datetime
) -> None:
    with database(court).writer() as session, session.begin():
        rows.finding(session, GOOD, "x1", "camera_missing", now, component="cam:ptz", severity="critical")
        session.execute(delete(Booking).where(Booking.room == "Courtroom 1"))
    client = signed_in(court)
    assert names(client.get("/rooms").text)[:2] == ["Courtroom 3", "Courtroom 1"], "only one is booked"
    with database(court).writer() as session, session.begin():
        courthouse._booked(session, COURT, "Courtroom 1", datetime.now(UTC) + timedelta(minutes=10))
    assert names(client.get("/rooms").text)[:2] == ["Courtroom 1", "Courtroom 3"]


def test_a_line_says_the_verdict_in_a_sign_and_a_word_why_and_how_old_the_data_is(court: Flask) -> None:
    text = plain(signed_in(court).get("/rooms").text)
    assert "✕ not ready" in text and "✓ ready" in text and "! degraded" in text and "? unknown" in text
    assert "is not connected (was at DP-1)" in text
    assert "26 h ago, stale" in text
    assert "in use until" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("verdict=ready", ["Courtroom 1"]),
        ("verdict=unknown", [SLASH, "Training room", "Jury room"]),
        ("risk=1", ["Courtroom 3"]),
        (f"site={quote(OFFICE)}", [SLASH, "Training room"]),
        ("q=jury", ["Jury room"]),
        ("q=nothing", []),
        ("verdict=splendid", []),
        ("sort=room&q=courtroom", ["Courtroom 1", "Courtroom 2", "Courtroom 3"]),
        ("sort=-room&q=courtroom", ["Courtroom 3", "Courtroom 2", "Courtroom 1"]),
        ("sort=booking&q=court", ["Courtroom 1", "Courtroom 3", "Courtroom 2", "Jury room"]),
    ],
)
def test_filters_and_order_are_in_the_address(looked_at: Flask, query: str, found: list[str]) -> None:
    assert names(signed_in(looked_at).get(f"/rooms?{query}").text) == found


@pytest.mark.parametrize(
    "query", ["sort=--room", "sort=x", "page=-3", "page=99", "page=x", "q=%00", f"q={'x' * 3000}", "site=%F0%9F%94%92", "page=9999999999999999999999"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/rooms", "/rooms.csv", "/rooms/morning", "/rooms/morning.txt"])
def test_nothing_in_the_address_breaks_it(looked_at: Flask, path: str, query: str) -> None:
    assert signed_in(looked_at).get(f"{path}?{query}").status_code == 200


def test_the_csv_has_the_filtered_rooms_with_their_reasons(court: Flask) -> None:
    text = signed_in(court).get("/rooms.csv?verdict=not_ready").text.removeprefix("\ufeff")
    (line,) = list(csv.DictReader(io.StringIO(text)))
    assert (line["site"], line["room"], line["readiness"]) == (COURT, "Courtroom 3", "not_ready")
    assert line["not_ready_before_booking"] == "yes"
    assert "camera PTZ Pro 2" in line["bring"]


def test_today_counts_rooms_and_leads_to_just_these(court: Flask) -> None:
    client = signed_in(court)
    text = plain(client.get("/").text)
    assert "1 rooms not ready before their next booking" in text and "3 rooms unknown" in text
    assert names(client.get("/rooms?risk=1").text) == ["Courtroom 3"]


def test_the_morning_list_says_what_to_bring_for_all_rooms_and_comes_as_text_too(court: Flask) -> None:
    client = signed_in(court)
    assert "lamp ELPLP96" in plain(client.get("/rooms/morning").text)
    answer = client.get("/rooms/morning.txt")
    assert answer.mimetype == "text/plain" and "✕" in answer.text
    only = client.get(f"/rooms/morning.txt?site={quote(OFFICE)}").text
    assert SLASH in only and "Courtroom 3" not in only
    assert names(client.get(f"/rooms/morning?site={quote(OFFICE)}").text) == [SLASH, "Training room"]


# one room


def test_a_room_tells_what_fails_what_to_bring_and_where_its_parts_are(court: Flask) -> None:
    text = plain(signed_in(court).get(ROOM).text)
    for words in (
        "not ready", "camera PTZ Pro 2", "PTZ Pro 2: is gone (was at 2-1.3)", "Bench projector: fan error", "tul-court3-av",
        "1,210 h", "24 % of its life", "ELPLP96", "ELPAF54", "X7VJ2900123", "1042", "Key at the clerk", "America/Chicago",
        "Baseline: 6 differences", "Plan work in this room", "Mon 08:30–16:30",
    ):  # fmt: skip
        assert words in text, words
    assert "ready in 80 % of 20 checks; 2 checks could not tell" in text


def test_a_silent_room_is_unknown_and_never_red_or_green(court: Flask) -> None:
    text = signed_in(court).get(SILENT).text
    assert 'class="verdict unknown"' in text
    assert "silent since" in plain(text)
    assert "fails" not in plain(text)


def test_a_room_without_a_host_says_what_to_do(court: Flask) -> None:
    text = plain(signed_in(court).get(f"/rooms/{quote(OFFICE)}/Training%20room").text)
    assert "no A/V host" in text and "put it here" in text and "Check now" not in text


def test_a_room_that_is_none_is_not_found(court: Flask) -> None:
    client = signed_in(court)
    for path in (f"/rooms/{quote(COURT)}/Clerk's%20counter%202", f"/rooms/{quote(COURT)}/nowhere", "/rooms/x/y"):  # fmt: skip
        for more in ("", "/baseline", "/sheet", "/check/c1"):
            assert client.get(path + more).status_code == 404
    for more in ("", "/check", "/baseline"):
        assert client.post(f"/rooms/x/y{more}", data={"do": "all", "why": "x"}).status_code == 404
    assert "no A/V host stands there" in client.get("/rooms/x/y").text


def test_check_now_asks_the_host_once_and_its_progress_ends_with_the_verdict(court: Flask) -> None:
    client = signed_in(court, "technician")
    for _ in range(2):
        assert client.post(f"{ROOM}/check").status_code == 302
    with database(court).reader() as session:
        (check,) = session.scalars(select(ReadinessCheck).where(ReadinessCheck.ended_at.is_(None))).all()
        assert session.scalars(select(RefreshRequest.device_id)).all() == [RECORDER]
        assert session.scalar(select(AuditEntry.who).where(AuditEntry.action == "room check asked")) == "technician.one"  # fmt: skip
    text = client.get(ROOM).text
    assert f'data-progress="{ROOM}/check/{check.id}"' in text.replace("&#39;", "'")
    piece = client.get(f"{ROOM}/check/{check.id}").text
    assert "data-done" not in piece and "reads now" in piece
    with database(court).writer() as session, session.begin():
        checks.finish(session, datetime.now(UTC) + timedelta(seconds=90))
    piece = client.get(f"{ROOM}/check/{check.id}").text
    assert "data-done" in piece and "not ready" in piece
    assert client.get(f"{SILENT}/check/{check.id}").status_code == 404, "it is another room's"


@pytest.mark.parametrize(
    ("role", "sees"),
    [("viewer", ()), ("technician", ("Check now",)), ("lead", ("Check now", "Hours and note"))],
)
def test_each_role_sees_the_buttons_it_may_press(court: Flask, role: str, sees: tuple[str, ...]) -> None:
    text = signed_in(court, role).get(ROOM).text
    assert tuple(word for word in ("Check now", "Hours and note") if word in text) == sees


@pytest.mark.parametrize("path", ["/check", "", "/baseline"])
def test_what_a_role_may_not_do_changes_nothing(court: Flask, path: str) -> None:
    weaker = "viewer" if path == "/check" else "technician"
    with database(court).reader() as session:
        before = session.scalar(select(func.count()).select_from(AuditEntry))
    assert signed_in(court, weaker).post(ROOM + path, data={"do": "all", "why": "x"}).status_code == 403
    with database(court).reader() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == before


@pytest.mark.parametrize("path", [f"{ROOM}/check", ROOM, f"{ROOM}/baseline", f"/devices/{GOOD}/place"])
def test_a_change_without_the_forms_token_is_refused(court: Flask, path: str) -> None:
    court.config["WTF_CSRF_ENABLED"] = True
    assert signed_in(court, "lead").post(path, data={"why": "x", "do": "all"}).status_code == 400


def test_a_lead_sets_hours_and_the_way_in(court: Flask) -> None:
    client = signed_in(court, "lead")
    form = {"hours_0": "8-12, 13:00-17", "note": "Key at the desk\n2nd door"}
    assert client.post(SILENT, data=form).status_code == 302
    text = plain(client.get(SILENT).text)
    assert "Mon 08:00–12:00, 13:00–17:00" in text and "2nd door" in text
    with database(court).reader() as session:
        assert session.get_one(Room, (OFFICE, SLASH)).hours == {"0": [["08:00", "12:00"], ["13:00", "17:00"]]}
        assert session.scalar(select(AuditEntry.who).where(AuditEntry.action == "room changed")) == "lead.one"


def test_wrong_hours_are_said_and_what_was_typed_stays(court: Flask) -> None:
    answer = signed_in(court, "lead").post(ROOM, data={"hours_2": "17-8", "note": "<b>new</b>"})
    assert answer.status_code == 400
    assert "Room in use, Wednesday: 17:00 is not before 08:00" in answer.text
    assert 'value="17-8"' in answer.text and "&lt;b&gt;new&lt;/b&gt;" in answer.text
    with database(court).reader() as session:
        assert session.get_one(Room, (COURT, "Courtroom 3")).note.startswith("Key at")


# on a device's page


def test_a_devices_page_leads_to_its_room_but_not_from_a_clerks_desk(court: Flask) -> None:
    client = signed_in(court)
    assert f'href="{ROOM}"' in client.get(f"/devices/{RECORDER}").text
    assert 'href="/rooms/' not in client.get("/devices/0c7be3a9d4f15862").text


def test_a_lead_puts_a_device_into_a_room(court: Flask) -> None:
    client = signed_in(court, "lead")
    form = {"site": OFFICE, "room": "Training room", "group": "av"}
    assert client.post(f"/devices/{GOOD}/place", data=form).status_code == 302
    with database(court).reader() as session:
        device = session.get_one(Device, GOOD)
        assert (device.site, device.room, device.group) == (OFFICE, "Training room", "av")
        assert session.scalar(select(AuditEntry.who).where(AuditEntry.action == "device placed")) == "lead.one"  # fmt: skip
    assert "tul-court1-av" in client.get(f"/rooms/{quote(OFFICE)}/Training%20room").text


@pytest.mark.parametrize("form", [{"site": "Nowhere", "room": "x"}, {"site": "", "room": "x"}, {"site": COURT, "room": "x", "group": "kings"}])  # fmt: skip
def test_a_place_that_is_none_is_refused_in_words(court: Flask, form: dict[str, str]) -> None:
    client = signed_in(court, "lead")
    client.post(f"/devices/{GOOD}/place", data=form)
    assert "Nothing was changed." in client.get(f"/devices/{GOOD}").text
    with database(court).reader() as session:
        assert session.get_one(Device, GOOD).room == "Courtroom 1"


def test_only_leads_move_devices(court: Flask) -> None:
    assert "Put it into another room" not in signed_in(court, "technician").get(f"/devices/{GOOD}").text
    assert signed_in(court, "technician").post(f"/devices/{GOOD}/place", data={}).status_code == 403


# the sheet


@pytest.mark.parametrize("path", [ROOM, SILENT, f"/rooms/{quote(OFFICE)}/Training%20room"])
def test_the_sheet_runs_no_script_and_is_small_and_saved_it_needs_nothing_else(
    court: Flask, path: str
) -> None:
    client = signed_in(court)
    page, saved = client.get(f"{path}/sheet"), client.get(f"{path}/sheet?save=1")
    for answer in (page, saved):
        assert "<script" not in answer.text and len(answer.data) < 300_000
    assert 'href="/static' not in saved.text and 'src="' not in saved.text and "<style>" in saved.text
    assert saved.headers["Content-Disposition"].startswith("attachment")


def test_the_sheet_has_serials_sockets_boxes_tickets_and_a_code(court: Flask) -> None:
    text = signed_in(court).get(f"{ROOM}/sheet").text
    for words in ("9X2210044TA", "DP-1", "2-1.3", "camera PTZ Pro 2", "1042", "☐", "Looked at by", "Not known", 'class="matrix"'):  # fmt: skip
        assert words in text, words
    assert 'class="too-old"' not in text


def test_old_data_is_red_on_the_sheet_and_what_is_not_known_stands_there(court: Flask) -> None:
    text = signed_in(court).get(f"{SILENT}/sheet").text
    assert 'class="too-old"' in text and "too old to rely on" in text
    assert "not checked, nor-hearing-av is silent since" in plain(text)


def test_an_address_too_long_for_a_telephone_has_no_code() -> None:
    assert room_sheet.code("https://example.gov/" + "x" * 2000) == ""


def test_a_room_with_very_many_parts_still_fits_one_page(court: Flask, now: datetime) -> None:
    with database(court).writer() as session, session.begin():
        courthouse.baseline(
            session, RECORDER, {"displays": {f"d{n}": {"model": f"M{n}"} for n in range(70)}}, now
        )
    text = signed_in(court).get(f"{ROOM}/sheet").text
    shown = text.count('<td class="box">')
    assert 6 <= shown <= 28
    assert f"and {82 - shown} more in the console" in text


# history


def test_a_day_without_a_check_is_no_good_day(now: datetime) -> None:
    drawn = room_history.strip([(now, "ready"), (now, "not_ready"), (now - timedelta(days=2), "ready")], now, UTC)  # fmt: skip
    assert drawn.count("no check") == 28
    assert drawn.count('class="day bad"') == 1, "the worst of the day"
    assert drawn.count('class="day good"') == 1
    assert "1 ready, 1 not ready" in drawn


def test_a_verdict_nobody_knows_is_drawn_as_unknown(now: datetime) -> None:
    assert 'class="day unknown"' in room_history.strip([(now, "<b>")], now, UTC)


# hostile names, empty stores, many rooms


def plant(app: Flask, text: str) -> str:
    """The same text as site, room and everything the host tells of. Returns the room's address."""
    with database(app).writer() as session, session.begin():
        for table in (BaselinePart, Booking, ReadinessCheck, Room):
            session.execute(delete(table))
        now = datetime.now(UTC)
        name = text[:100]
        if session.get(Site, name) is None:
            session.add(Site(name=name, created_at=now))
            session.flush()
        session.execute(
            update(Device).where(Device.id == RECORDER).values(site=name, room=name, host_name=text)
        )
        session.add(Room(site=name, name=name, hours={}, note=text, created_at=now))
        courthouse._booked(session, name, name, now + timedelta(hours=1))
        courthouse._checks(session, name, name, now, "rn")
        session.execute(update(ReadinessCheck).values(reason=text, who=name, trigger=text[:16]))
        facts = {
            "name": text,
            "model": text,
            "maker": text,
            "connector": text,
            "serial": text,
            "usb_path": text,
        }
        courthouse.baseline(
            session, RECORDER, {"displays": {text[:255]: facts}, "cameras": {text[:255]: facts}}, now
        )
        session.execute(update(BaselinePart).values(label=text, why=text, who=name))
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build("room.page", {"site": name, "name": name}))


def called(app: Flask, texts: list[str]) -> dict[str, str]:
    """A site and a room of each of these names, all at once, with a host in each: {name: address of the room}."""
    now, paths = datetime.now(UTC), {}
    with database(app).writer() as session, session.begin():
        for number, text in enumerate(texts):
            name, id = text[:100], f"{0xE0000 + number:016x}"
            session.add(Site(name=name, created_at=now))
            session.flush()
            rows.device(session, id, text, now, site=name, room=name, group="av", device_class="av_host")
            session.add(Room(site=name, name=name, hours={}, note=text, created_at=now))
            courthouse._booked(session, name, name, now + timedelta(hours=1))
            courthouse.baseline(session, id, {"displays": {text[:255]: {"model": text, "serial": text}}}, now)
            with app.test_request_context():
                paths[text] = str(
                    app.url_map.bind("localhost").build("room.page", {"site": name, "name": name})
                )
    return paths


def test_every_name_has_an_address_and_is_inert_on_every_page(court: Flask) -> None:
    """Each name has a room; a room of each kind of name also meets everything that the host tells of."""
    client, wrong = signed_in(court), []

    def look(page: str, *texts: str) -> None:
        answer = client.get(page)
        read = Reader(answer.text)
        bad = [one for one in read.wrong if one.strip("<>") not in OURS]
        if answer.status_code != 200 or bad or any(script.strip() for script in read.scripts):
            wrong.append((page, texts, answer.status_code, bad))
        shown = "".join(read.text)
        wrong.extend((page, text, "not shown") for text in texts if text.split("\n")[0][:40] not in shown)

    for kind in KINDS.values():
        path = plant(court, kind[0])
        for page in (path, f"{path}/baseline", f"{path}/sheet", "/rooms", "/rooms/morning", f"/devices/{RECORDER}"):  # fmt: skip
            look(page, kind[0])
    others = called(court, [text for text in STRINGS if text not in [kind[0] for kind in KINDS.values()]])
    for number, (text, path) in enumerate(others.items()):
        look(path, text)
        look(f"{path}/{('baseline', 'sheet')[number % 2]}", text)
    for order in ("", "?sort=-room"):
        look(f"/rooms{order}")
        look(f"/rooms/morning{order}")
    board = client.get("/rooms").text
    assert [text for text in others if str(escape(text.split("\n")[0][:40])) not in board] == []
    lines = list(csv.reader(io.StringIO(client.get("/rooms.csv").text.removeprefix("\ufeff"))))
    assert len(lines) > len(others)
    assert not [one for line in lines for one in line if one.startswith(("=", "+", "-", "@", "\t", "\r", "|", "＝"))]  # fmt: skip
    assert client.get("/rooms/morning.txt").status_code == 200
    assert wrong == []


def test_a_name_has_one_address_only(court: Flask) -> None:
    client = signed_in(court)
    assert client.get(SILENT).status_code == 200
    for other in (
        "Hearing%20room%205%2FB",
        "Hearing%20room%205~2fB",
        "Hearing%20room~205~2FB",
        "~48earing%20room%205~2FB",
    ):
        assert client.get(f"/rooms/{quote(OFFICE)}/{other}").status_code == 404


def test_pages_cost_the_same_number_of_statements_for_1_40_and_400_rooms(empty: Flask, now: datetime) -> None:
    client = signed_in(empty)
    costs: dict[str, list[int]] = {}
    done = 0
    whole = courthouse.parts()
    for count in (1, 40, 400):
        with database(empty).writer() as session, session.begin():
            if not done:
                session.add(Site(name=COURT, created_at=now))
                session.flush()
            for number in range(done, count):
                id = f"{number:016x}"
                rows.device(
                    session,
                    id,
                    f"av-{number}",
                    now,
                    room=f"Room {number}",
                    group="av",
                    device_class="av_host",
                )
                if number < 60:
                    courthouse.host(session, id, now, whole, now)
                    courthouse.baseline(session, id, whole, now)
        done = count
        room = f"/rooms/{quote(COURT)}/Room%200"
        for path in ("/", "/rooms", "/rooms.csv", "/rooms/morning", "/rooms/morning.txt", room, f"{room}/baseline", f"{room}/sheet", "/devices/0000000000000000"):  # fmt: skip
            with counted(database(empty).engine) as statements:
                assert client.get(path).status_code == 200
            costs.setdefault(path, []).append(len(statements))
    assert all(len(set(counts)) == 1 for counts in costs.values()), costs
    assert max(counts[0] for counts in costs.values()) <= 28, costs
    assert len(names(client.get("/rooms").text)) == 100
    following = re.search(r'rel="next" href="([^"]+)"', client.get("/rooms?sort=room").text)
    assert following is not None
    assert len(names(client.get(following[1].replace("&amp;", "&")).text)) == 100


# units that only rooms have


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (format.value("projector_lamp_seconds_total", 4_356_000), "1,210 h"),
        (format.value("projector_fan_fault_state", 2), "error"),
        (format.fact("speed_bits_per_second", "480000000"), "480 Mb/s"),
        (format.fact("speed_bits_per_second", "5000000000"), "5 Gb/s"),
        (format.fact("capable_bits_per_second", "fast"), "fast"),
        (format.fact("capable_bits_per_second", "nan"), "?"),
    ],
)
def test_hours_of_lamps_and_speeds_of_cables_are_said_as_on_their_boxes(said: str, expected: str) -> None:
    assert said == expected
