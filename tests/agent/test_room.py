"""room.toml: written by hand, so each mistake is told with its file, table and key."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent import room
from agent.room import MOST, Projector, Recorder, Room, Target

WHOLE = """
[[projector]]
name = "Front"
host = "192.0.2.20"
password_file = "/etc/tocsin/front"
rated_lamp_hours = 4000

[[recorder]]
name = "FTR"
process = "recorder"
folder = "/srv/recordings"
bytes_per_hour = 1_200_000_000

[[target]]
name = "Conference"
host = "conference.example"
port = 443
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "room.toml"


def read(file: Path, text: str) -> Room:
    file.write_text(text, encoding="utf-8")
    found = room.read(file)
    assert found is not None
    return found


def test_a_room_lists_what_the_device_looks_after(file: Path) -> None:
    found = read(file, WHOLE)
    assert found == Room(
        file=file,
        projectors=(
            Projector(
                name="Front",
                host="192.0.2.20",
                password_file=Path("/etc/tocsin/front"),
                rated_lamp_hours=4000.0,
            ),
        ),
        recorders=(
            Recorder(name="FTR", process="recorder", folder=Path("/srv/recordings"), bytes_per_hour=1.2e9),
        ),
        targets=(Target(name="Conference", host="conference.example", port=443),),
    )
    assert found.projectors[0].port == 4352


def test_an_empty_file_makes_a_device_that_serves_a_room(file: Path) -> None:
    assert read(file, "") == Room(file=file)


def test_without_the_file_a_device_serves_none(file: Path) -> None:
    assert room.read(file) is None
    assert room.read(None) is None


@pytest.mark.parametrize(
    "text, problem",
    [
        ("[[projector]\n", "is not TOML"),
        ("[[camera]]\nname = 'x'\n", "there is no [[camera]]; known are projector, recorder, target"),
        ("[target]\nname = 'x'\n", "target must be written as [[target]]"),
        ("target = 5\n", "target must be written as [[target]]"),
        ("target = [5]\n", "target must be written as [[target]]"),
        ("[[target]]\nname = 'x'\nhost = 'h'\n", "target 1: port is missing"),
        ("[[projector]]\nname = 'x'\n", "projector 1: host is missing"),
        ("[[recorder]]\nprocess = 'x'\n", "recorder 1: name is missing"),
        ("[[recorder]]\nname = 'x'\nproces = 'x'\n", "recorder 1: there is no key proces; known are name, process, folder"),
        ("[[target]]\nname = 'x'\nhost = 'h'\nport = 0\n", "target 1: port must be a port, 1 to 65535, not 0"),
        ("[[target]]\nname = 'x'\nhost = 'h'\nport = 70000\n", "target 1: port must be a port"),
        ("[[target]]\nname = 'x'\nhost = 'h'\nport = true\n", "target 1: port must be a port"),
        ("[[target]]\nname = 'x'\nhost = 'h'\nport = '443'\n", "target 1: port must be a port"),
        ("[[target]]\nname = 'x'\nhost = 'http://h/'\nport = 1\n", "target 1: host must be a name or an address"),
        ("[[target]]\nname = ' '\nhost = 'h'\nport = 1\n", "target 1: name must be text"),
        ("[[target]]\nname = 5\nhost = 'h'\nport = 1\n", "target 1: name must be text, not 5"),
        ('[[target]]\nname = "a\\u0007"\n', "target 1: name must be text"),
        ("[[recorder]]\nname = 'x'\nprocess = 'x'\nbytes_per_hour = 0\n", "recorder 1: bytes_per_hour must be a number above 0"),
        ("[[recorder]]\nname = 'x'\nprocess = 'x'\nbytes_per_hour = nan\n", "recorder 1: bytes_per_hour must be a number above 0"),
        ("[[projector]]\nname = 'x'\nhost = 'h'\nrated_lamp_hours = inf\n", "projector 1: rated_lamp_hours must be a number above 0"),
        ("[[projector]]\nname = 'x'\nhost = 'h'\n" * 2, "projector 2: there is another projector called 'x'"),
        ("[[target]]\nname = 'x'\n" * (MOST + 1), f"{MOST + 1} times [[target]], at most {MOST} are looked after"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_file_table_and_key(file: Path, text: str, problem: str) -> None:
    found = read(file, text)
    assert found.problem.startswith(f"{file}: ")
    assert problem in found.problem


def test_a_broken_file_costs_what_it_lists_and_nothing_else(file: Path) -> None:
    found = read(file, WHOLE + "\n[[target]]\nname = 'x'\n")
    assert found.problem.endswith("target 2: host is missing")
    assert (found.projectors, found.recorders, found.targets) == ((), (), ())
    assert found.file == file, "it still serves a room"


def test_a_file_that_cannot_be_read_is_a_mistake_and_not_a_crash(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    found = room.read(file)
    assert found is not None
    assert found.problem == f"{file}: is not UTF-8 text"
    file.unlink()
    file.mkdir()
    found = room.read(file)
    assert found is not None
    assert found.problem.startswith(f"{file}: cannot be read")


def test_things_of_two_kinds_may_have_one_name(file: Path) -> None:
    text = "[[target]]\nname = 'x'\nhost = 'h'\nport = 1\n[[projector]]\nname = 'x'\nhost = 'h'\n"
    assert read(file, text).problem == ""


@given(text=some.text(alphabet="[]{}=\"'\n.ptarge nmhos443#\\u0", max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text, encoding="utf-8")
    found = room.read(file)
    assert found is not None
    assert not found.problem or found.problem.startswith(str(file))
