"""Whose session is on the screen. Session files are constructed after systemd's form."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place
from agent.probes import sessions_linux
from agent.probes.sessions_linux import parse_login
from tests.conftest import only_on_linux

ON_SCREEN = "# written by systemd\nUID=1000\nUSER=jo\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=user\nSEAT=seat0\n"
pytestmark = only_on_linux("Windows has no /run")
as_root = pytest.mark.skipif(
    sys.platform != "win32" and os.geteuid() != 0, reason="only root can give a folder to another account"
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "run/systemd/sessions").mkdir(parents=True)
    return Place(root=tmp_path)


def folder(place: Place, uid: int, owner: int | None = None) -> None:
    path = place.path(f"/run/user/{uid}")
    path.mkdir(parents=True)
    os.chown(path, uid if owner is None else owner, -1)


def login(place: Place, name: str, uid: int, **changed: str) -> None:
    lines = [line.partition("=")[::2] for line in ON_SCREEN.splitlines()[1:]]
    fields = {**dict(lines), "UID": str(uid), **changed}
    place.path(f"/run/systemd/sessions/{name}").write_text(
        "".join(f"{key}={value}\n" for key, value in fields.items())
    )


def found(place: Place) -> list[int]:
    return [session.uid for session in sessions_linux.sessions(place)]


@as_root
def test_the_one_on_the_screen_comes_first(place: Place) -> None:
    for uid in (1000, 1001, 1002, 1003):
        folder(place, uid)
    login(place, "1", 1000, SEAT="", REMOTE="1", TYPE="tty")  # came by ssh
    login(place, "2", 1001, TYPE="tty")
    login(place, "3", 1002)
    assert found(place) == [1002, 1001, 1000, 1003]
    assert [one.is_on_screen for one in sessions_linux.sessions(place)] == [True, True, False, False]


@as_root
def test_a_session_that_was_switched_away_from_has_lost_the_devices(place: Place) -> None:
    folder(place, 1000)
    folder(place, 1001)
    login(place, "1", 1000, ACTIVE="0")
    login(place, "2", 1001, SEAT="", REMOTE="1", TYPE="tty")
    assert found(place) == [1001]
    login(place, "3", 1000, TYPE="tty")  # and came back on the console
    assert found(place) == [1000, 1001]


@as_root
def test_the_greeter_is_nobody(place: Place) -> None:
    for uid in (120, 60578, 1000):
        folder(place, uid)
    login(place, "c1", 60578, CLASS="greeter")
    assert found(place) == [1000]


@as_root
def test_without_logind_the_folders_are_enough(place: Place) -> None:
    folder(place, 1001)
    folder(place, 1000)
    assert found(place) == [1000, 1001]
    assert [one.is_on_screen for one in sessions_linux.sessions(place)] == [None, None]


@as_root
def test_a_folder_of_another_account_is_nobodys(place: Place) -> None:
    folder(place, 1000, owner=1001)
    assert found(place) == []


@as_root
def test_a_pipe_beside_the_sessions_is_not_opened(place: Place) -> None:
    folder(place, 1000)
    os.mkfifo(place.path("/run/systemd/sessions/1.ref"))
    assert found(place) == [1000]


def test_a_name_is_not_taken() -> None:
    told = parse_login(ON_SCREEN)
    assert told is not None
    assert (told.uid, told.is_active, told.is_graphical, told.is_local, told.is_a_person) == (
        1000,
        *[True] * 4,
    )
    assert "jo" not in repr(told)


@given(some.text(max_size=80))
def test_any_file_is_read_or_passed_over(text: str) -> None:
    parse_login(text)
    parse_login("UID=" + text)
