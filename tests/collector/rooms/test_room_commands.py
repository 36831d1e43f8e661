"""Rooms at the command line."""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.__main__ import main
from collector.store import open_engine, schema
from tests.collector.rooms.court import BRIO, COUNTED, COURTROOM, Court, show, without
from tests.collector.world import Machine

Run = Callable[..., tuple[int, str, str]]
ROOM = ("Tulsa", "Courtroom 3")
START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
MORNING = f"{START + timedelta(days=3):%Y%m%d}T090000"


@pytest.fixture
def court(tmp_path: Path) -> Court:
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    return Court(engine)


@pytest.fixture
def host(court: Court) -> Machine:
    made = court.host()
    show(made, COURTROOM, START)
    return made


@pytest.fixture
def run(court: Court, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*command: str) -> tuple[int, str, str]:
        try:
            code = main(["--state-dir", str(tmp_path), "rooms", *command])
        except SystemExit as ended:
            code = int(ended.code or 0)
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def json_of(run: Run, *command: str, code: int = 0) -> Any:
    ended, out, error = run(*command, "--json")
    assert (ended, error) == (code, "")
    return json.loads(out)


def test_a_baseline_is_shown_accepted_and_found_different(run: Run, court: Court, host: Machine) -> None:
    assert {part["what"] for part in json_of(run, "baseline", *ROOM, code=1)["parts"]} == {"new"}
    accepted = json_of(run, "baseline", *ROOM, "--accept", "--why", "as built")
    assert accepted == {"added": COUNTED, "changed": 0, "ended": 0, "same": 0}
    code, out, _ = run("baseline", *ROOM)
    assert code == 0 and out.endswith(f"{COUNTED} as accepted\n")
    show(host, without(COURTROOM, cameras=BRIO), START + timedelta(minutes=1))
    code, out, _ = run("baseline", *ROOM)
    assert code == 1 and f"{COUNTED - 1} as accepted, 1 missing" in out
    (line,) = (line for line in out.splitlines() if line.startswith("missing"))
    assert "Logitech BRIO" in line
    code, out, _ = run("baseline", *ROOM, "--accept", "--why", "sold", "--only", line.split()[-1])
    assert (code, out) == (0, "Courtroom 3, Tulsa: 0 added, 0 changed, 1 expected no more, 0 as before\n")


def test_a_part_is_named_by_its_id_and_made_optional_or_expected_no_more(run: Run, host: Machine) -> None:
    parts = json_of(run, "baseline", *ROOM, code=1)["parts"]
    (camera,) = (part["id"] for part in parts if part["section"] == "cameras")
    (projector,) = (part["id"] for part in parts if part["label"] == "EPSON PJ")
    run("baseline", *ROOM, "--accept", "--why", "as built", "--optional", camera)

    def needed() -> dict[str, bool]:
        return {part["id"]: part["mandatory"] for part in json_of(run, "show", *ROOM)["parts"]}

    assert (needed()[camera], needed()[projector]) == (False, True)
    code, out, _ = run("part", *ROOM, camera, "mandatory", "--why", "hearings by video")
    assert (code, out) == (0, "Logitech BRIO: the room is not ready without it\n")
    assert needed()[camera] is True
    assert json_of(run, "part", *ROOM, projector[:5], "gone", "--why", "sold")["becomes"] == "gone"
    assert json_of(run, "baseline", *ROOM, code=1)["parts"][0]["what"] == "new"


def test_a_room_is_listed_and_shown_with_its_devices_hours_and_next_booking(
    run: Run, host: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("hours", *ROOM, "--set", "mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00", "--note", "second floor")
    told = _import(run, monkeypatch, f"UID:a\nDTSTART:{MORNING}\nDURATION:PT2H", "--room", "Courtroom 3")
    assert (told["calendar"], told["added"]) == ("bookings", 1)
    (listed,) = json_of(run, "list")
    assert (listed["room"], listed["devices"], listed["hours"]) == ("Courtroom 3", 1, "its own")
    assert listed["next_begins"] is not None
    assert json_of(run, "list", "--site", "Enid") == []
    code, out, _ = run("show", *ROOM)
    assert code == 0
    for words in (
        "Courtroom 3, Tulsa. Hours: its own (America/Chicago).",
        "second floor",
        "09:00 to ",
        "av-1",
    ):
        assert words in out
    (booking,) = json_of(run, "bookings", "list", "--room", "Courtroom 3")
    assert booking["source"] == "bookings#a"
    assert json_of(run, "bookings", "list", "--days", "1") == []


def _import(run: Run, patch: pytest.MonkeyPatch, event: str, *more: str, code: int = 0) -> Any:
    body = f"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n"
    patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body.replace("\n", "\r\n").encode())))
    return json_of(run, "bookings", "import", "-", "--site", "Tulsa", *more, code=code)


def test_a_calendar_whose_location_is_no_room_ends_with_1_until_it_is_told_which(
    run: Run, host: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = f"UID:a\nDTSTART:{MORNING}\nDURATION:PT2H\nLOCATION:CR 3\nSUMMARY:In re Roe"
    told = _import(run, monkeypatch, event, code=1)
    assert told["skipped"] == ["1 entry at 'CR 3', which is no room of Tulsa"]
    told = _import(run, monkeypatch, event, "--location", "cr 3=Courtroom 3", "--calendar", "docket")
    assert (told["added"], told["skipped"]) == (1, [])
    assert "Roe" not in run("bookings", "list")[1]


def test_hours_are_shown_set_and_given_back_to_the_site(run: Run, host: Machine) -> None:
    assert run("hours", *ROOM)[1] == "Courtroom 3, Tulsa: at all times (America/Chicago)\n"
    told = json_of(run, "hours", *ROOM, "--set", "Mon-Tue 08:00-12:00")
    assert told["hours"] == {"0": [["08:00", "12:00"]], "1": [["08:00", "12:00"]]}
    assert (
        run("hours", *ROOM)[1] == "Courtroom 3, Tulsa: mon 08:00-12:00; tue 08:00-12:00 (America/Chicago)\n"
    )
    assert json_of(run, "hours", *ROOM, "--as-site")["hours"] == {}


def test_a_device_is_placed_and_a_room_nobody_looks_after_is_said(run: Run, court: Court) -> None:
    court.collector.enrol("pc-1", site="Tulsa")
    code, out, _ = run("place", "pc-1", "--room", "Courtroom 4")
    assert code == 0 and "No A/V host stands there" in out
    told = json_of(run, "place", "pc-1", "--site", "Tulsa", "--room", "Courtroom 4", "--group", "av")
    assert (told["room"], told["group"], told["room_is_looked_after"]) == ("Courtroom 4", "av", True)
    assert run("place", "pc-1", "--room", "")[1] == "pc-1: in no room at Tulsa\n"


def test_without_rooms_the_list_says_how_to_make_one(run: Run) -> None:
    code, out, _ = run("list")
    assert code == 0 and "rooms place" in out
    assert run("bookings", "list")[1] == "No bookings.\n"


@pytest.mark.parametrize(
    "command, words",
    [
        (("show", "Tulsa", "312"), "there is no room '312' at 'Tulsa'"),
        (("baseline", "Tulsa", "312"), "there is no room"),
        (("baseline", *ROOM, "--accept"), "say why"),
        (("baseline", *ROOM, "--why", "x"), "--why belongs to --accept"),
        (("baseline", *ROOM, "--accept", "--why", "x", "--only", "zz"), "no part answers to 'zz'"),
        (("part", *ROOM, "zz", "gone", "--why", "x"), "no part answers"),
        (("hours", *ROOM, "--set", "always"), "'always' are no hours"),
        (("hours", *ROOM, "--set", "mon 12:00-08:00"), "12:00 is not before 08:00"),
        (("hours", *ROOM, "--set", "mon 08:00-25:00"), "hour must be in 0..23"),
        (("place", "av-1", "--room", " x"), "is no name of a room"),
        (("place", "nobody", "--room", "x"), "no device answers"),
        (("bookings", "import", "/does/not/exist.ics", "--site", "Tulsa"), "No such file"),
        (("bookings", "import", __file__, "--site", "Tulsa"), "no calendar file"),
        (("bookings", "import", __file__, "--site", "Tulsa", "--location", "CR 3"), "is no LOCATION=ROOM"),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_said_and_ends_with_1(
    run: Run, host: Machine, command: tuple[str, ...], words: str
) -> None:
    code, out, error = run(*command)
    assert (code, out) == (1, "")
    assert words in error


@pytest.mark.parametrize("command", [(), ("bookings",), ("part", *ROOM, "zz", "broken"), ("place", "av-1")])
def test_a_command_that_is_not_whole_ends_with_2(run: Run, command: tuple[str, ...]) -> None:
    assert run(*command)[0] == 2
