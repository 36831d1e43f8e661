"""All rooms before court, as a mail and at the command line."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from collector.__main__ import main
from collector.rooms import checks, morning, readiness
from collector.rooms import room as rooming
from collector.rooms.item import clock
from collector.rooms.morning import Line
from collector.store import open_engine, reader_maker, schema, session_maker
from collector.store.devices import Device
from collector.store.reports import ProbeResult
from collector.store.rooms import ReadinessCheck
from tests.collector.rooms.courtroom import (
    CAMERA,
    DISPLAY,
    GRABBER,
    HOUR,
    MICROPHONE,
    MINUTE,
    NOW,
    PROJECTOR,
    TULSA,
    Courtroom,
)
from tests.collector.rooms.test_known import counted
from tests.conftest import REPOSITORY

AT_0640 = datetime(2026, 11, 23, 12, 40, tzinfo=UTC)


def lines(*rooms: Courtroom) -> list[Line]:
    found = []
    for room in rooms:
        known = room.known()
        found.append(
            Line(room.row(), readiness.judge(known, NOW), known.current(NOW), known.next(NOW), clock(room.zone, NOW))
        )  # fmt: skip
    return sorted(found, key=lambda line: morning._order(line, NOW))


def forty() -> list[Courtroom]:
    """Thirty-six are well."""
    rooms = [Courtroom(f"Courtroom {n}", f"av-{n:03}") for n in range(1, 41)]
    for n, room in enumerate(rooms):
        if n % 3:
            room.books(HOUR + 45 * MINUTE, 3 * HOUR)
    broken, muted, slow, silent = rooms[2], rooms[11], rooms[24], rooms[30]
    broken.reads(PROJECTOR, projector_lamp_fault_state=2).finds(
        "projector_lamp_error", PROJECTOR, "critical", "Projector: error of its lamp", AT_0640, "A lamp.", label="Projector"
    )  # fmt: skip
    broken.loses("cameras", CAMERA)
    muted.reads(MICROPHONE, audio_muted_state=1)
    slow.optional(CAMERA).loses("cameras", CAMERA)
    silent.falls_silent(NOW - 11 * HOUR)
    return rooms


def saved(engine: Engine, *rooms: Courtroom) -> None:
    with session_maker(engine)() as session, session.begin():
        for room in rooms:
            room.save(session)


def told(engine: Engine, now: datetime = NOW, site: str | None = None) -> str:
    with reader_maker(engine)() as session:
        return morning.text(session, rooming.rooms(session), now, site)


def test_forty_rooms_fit_on_a_page_and_every_verdict_is_explained(engine: Engine) -> None:
    saved(engine, *forty())
    text = told(engine)
    print(text)
    subject, empty, summary, *rest = text.splitlines()
    assert subject == "Rooms, Mon 23 Nov 07:15: 1 not ready, 1 unknown, 2 degraded"
    assert (empty, summary) == ("", "40 rooms: 36 ready, 2 degraded, 1 not ready, 1 unknown")
    assert rest[1:4] == [
        "✕ Courtroom 3: not ready since 06:40, next booking 09:00",
        "    Projector: lamp error since 06:40; bring lamp ELPLP96; also Logitech BRIO",
        "    bring camera Logitech BRIO",
    ]
    assert [line[0] for line in rest if line[:1].strip() and line != "Not checked:"] == [
        "✕",
        "?",
        "!",
        "!",
        *"✓" * 36,
    ]
    ready = [line for line in rest if line.startswith("✓")]
    assert [line.split(":")[0] for line in ready[:3]] == ["✓ Courtroom 2", "✓ Courtroom 5", "✓ Courtroom 6"]
    assert text.splitlines()[-2:] == ["Not checked:", "  Courtroom 31: everything on av-031"]
    assert max(map(len, text.splitlines())) <= 78
    assert len(text.splitlines()) < 66


def test_the_room_that_is_needed_next_stands_first_among_equals() -> None:
    later, sooner, now, never = (
        Courtroom("A", "a").books(5 * HOUR, HOUR), Courtroom("B", "b").books(HOUR, HOUR),
        Courtroom("C", "c").books(-HOUR, 2 * HOUR), Courtroom("D", "d"),
    )  # fmt: skip
    assert [line.room.name for line in lines(later, sooner, now, never)] == ["C", "B", "A", "D"]
    _subject, body = morning.mail(lines(later, sooner, now, never), NOW)
    assert "✓ C: ready, in use until 08:15" in body
    assert "✓ B: ready, next booking 08:15" in body


def test_since_and_next_are_those_of_each_rooms_wall() -> None:
    here = Courtroom("201", "a").falls_silent(AT_0640).books(2 * HOUR, HOUR)
    away = (
        Courtroom("7", "b", site="El Paso", zone="America/Denver")
        .falls_silent(AT_0640)
        .books(26 * HOUR, HOUR)
    )
    subject, body = morning.mail(lines(here, away), NOW)
    assert subject == "Rooms, Mon 23 Nov 13:15 UTC: 2 unknown"
    assert "? Tulsa, 201: unknown since 06:40, next booking 09:15" in body
    assert "? El Paso, 7: unknown since 05:40, next booking Tue 24 Nov 08:15" in body


def test_what_was_not_checked_stands_at_the_end_also_of_rooms_that_are_ready() -> None:
    room = Courtroom().optional(GRABBER).reads(GRABBER, capture_signal_state=None)
    room.probe("clock", "unavailable", "no time service is seen")
    subject, body = morning.mail(lines(room), NOW)
    assert subject == "Rooms, Mon 23 Nov 07:15: all ready"
    assert " ".join(body.split("Not checked:\n")[1].split()) == (
        "Courtroom 3: av-3: how right its clock is; capture Grabber"
    )


def test_no_rooms_is_said_and_not_an_empty_mail() -> None:
    subject, body = morning.mail([], NOW)
    assert subject == "Rooms, Mon 23 Nov 13:15 UTC: none"
    assert body == "No rooms: no A/V host has been put into one.\n"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(max_size=120))
def test_no_name_and_no_reason_makes_a_line_longer_or_another_line_begin(name: str, label: str) -> None:
    room = Courtroom(name or "x").shows("displays", DISPLAY, model=label)
    room.expected["displays"][DISPLAY]["model"] = label
    room.loses("displays", DISPLAY).falls_silent(AT_0640)
    text = "\n\n".join(morning.mail(lines(room), NOW))
    assert all(len(line) <= 78 for line in text.splitlines())
    assert all(c.isprintable() or c == "\n" for c in text)
    assert sum(line.startswith(("✓", "✕", "?", "!")) for line in text.splitlines()) == 1


def test_the_text_costs_the_same_number_of_statements_for_1_10_and_40_rooms(engine: Engine) -> None:
    rooms, counts = forty(), []
    for before, many in ((0, 1), (1, 10), (10, 40)):
        saved(engine, *rooms[before:many])
        with counted(engine) as statements:
            told(engine)
        counts.append(len(statements))
    assert len(set(counts)) == 1, counts


def test_one_site_alone(engine: Engine) -> None:
    saved(engine, Courtroom(), Courtroom("7", "b", site="El Paso", zone="America/Denver"))
    text = told(engine, site="El Paso")
    assert text.startswith("Rooms at El Paso, Mon 23 Nov 06:15: all ready\n\n1 room: 1 ready\n")
    assert "Courtroom 3" not in text


# the command line


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def run(state: Path, *command: str) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["--state-dir", str(state), "rooms", *command])
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Four rooms as they are at this moment: the command line has a clock of its own."""
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    now = datetime.now(UTC)
    muted, broken = Courtroom("Muted", "av-2"), Courtroom("Broken", "av-3")
    muted.reads(MICROPHONE, audio_muted_state=1)
    broken.reads(PROJECTOR, projector_lamp_fault_state=2)
    silent = Courtroom("Silent", "av-4").falls_silent(NOW)
    saved(engine, Courtroom("Well", "av-1"), muted, broken, silent)
    with session_maker(engine)() as session, session.begin():
        session.execute(update(Device).where(Device.presence == "online").values(seen_at=now))
        session.execute(update(Device).where(Device.presence != "online").values(seen_at=now - HOUR))
        session.execute(update(ProbeResult).values(ok_at=now, received_at=now))
    engine.dispose()
    return tmp_path


def test_the_exit_code_of_a_check_is_its_verdict(state: Path) -> None:
    codes = {
        name: run(state, "check", TULSA, name).returncode for name in ("Well", "Muted", "Broken", "Silent")
    }
    assert codes == {"Well": 0, "Muted": 10, "Broken": 11, "Silent": 12}


def test_a_check_is_a_table_for_people_and_json_for_scripts(state: Path) -> None:
    told = run(state, "check", TULSA, "Broken").stdout
    assert told.splitlines()[:3] == [
        "✕ Broken, Tulsa: not ready",
        "Projector: lamp error; bring lamp ELPLP96",
        "Bring: lamp ELPLP96",
    ]
    assert "projectors  fail    yes     Projector: lamp error" in told
    found = json.loads(run(state, "check", TULSA, "Broken", "--json").stdout)
    assert (found["verdict"], found["bring"], found["ended_at"]) == ("not_ready", ["lamp ELPLP96"], None)
    assert {"name", "part", "result", "reason", "mandatory", "bring", "since"} == set(found["items"][0])


def test_a_check_waits_for_the_collector_that_ends_it(state: Path) -> None:
    engine = open_engine(f"sqlite:///{state / 'collector.db'}")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "collector", "--state-dir", str(state), "rooms", "check", TULSA, "Broken", "--wait"],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while True:
            with reader_maker(engine)() as session:
                if session.scalar(select(func.count()).select_from(ReadinessCheck)):
                    break
            assert waiting.poll() is None
        with session_maker(engine)() as session, session.begin():
            assert checks.finish(session, datetime.now(UTC) + timedelta(seconds=70)) == [(TULSA, "Broken")]
        out, progress = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
        waiting.wait()
        engine.dispose()
    assert waiting.returncode == 11, progress
    assert "its hosts are asked" in progress
    assert "Projector: lamp error" in out and "with --wait" not in out


def test_a_room_or_a_site_that_is_not_there_is_one_sentence(state: Path) -> None:
    ended = run(state, "check", TULSA, "Attic")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "there is no room 'Attic' at 'Tulsa'" in ended.stderr
    ended = run(state, "morning", "--site", "Mars")
    assert ended.returncode == 1 and "there is no site 'Mars'" in ended.stderr


def test_the_morning_at_the_command_line(state: Path) -> None:
    told = run(state, "morning").stdout
    assert "4 rooms: 1 ready, 1 degraded, 1 not ready, 1 unknown" in told
    assert [line[0] for line in told.splitlines() if line[:1] in tuple("✓✕?!")] == ["✕", "?", "!", "✓"]
    rows = json.loads(run(state, "morning", "--json").stdout)
    assert [(row["room"], row["verdict"]) for row in rows] == [
        ("Broken", "not_ready"), ("Silent", "unknown"), ("Muted", "degraded"), ("Well", "ready"),
    ]  # fmt: skip
    assert run(state, "morning", "--site", TULSA).stdout.startswith("Rooms at Tulsa, ")
