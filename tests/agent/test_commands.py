"""Programs of the system: found, run without a shell, ended in time with everything they started."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import commands
from agent.probe import Place, Unavailable


def program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_program_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="no such-program-anywhere on this device"):
        commands.run("such-program-anywhere", limit_seconds=1)


def test_a_program_answers_in_plain_english(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_CH.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("TOCSIN_SECRET", "x")
    program(programs, "tell", 'echo "$LC_ALL/$LANGUAGE/$TOCSIN_SECRET"; echo words >&2; exit 3')
    finished = commands.run("tell", limit_seconds=5)
    assert (finished.status, finished.output, finished.errors) == (3, "C//\n", "words\n")


def test_an_argument_is_never_read_by_a_shell(programs: Path) -> None:
    program(programs, "tell", 'echo "$1"')
    assert commands.run("tell", "$(id); a b", limit_seconds=5).output == "$(id); a b\n"


def test_a_status_that_was_not_expected_says_the_programs_last_words(programs: Path) -> None:
    program(programs, "fail", "echo first >&2; echo 'E: broken' >&2; exit 100")
    with pytest.raises(RuntimeError, match="fail exited with 100: E: broken"):
        commands.run("fail", limit_seconds=5, ok=(0,))


def test_output_that_is_no_text_is_read_all_the_same(programs: Path) -> None:
    program(programs, "noise", r"printf 'a\377b'")
    assert commands.run("noise", limit_seconds=5).output == "a\ufffdb"


def test_a_program_that_hangs_is_ended_with_its_children(programs: Path) -> None:
    program(programs, "hang", f"sleep 300 & echo $! > '{programs}/child'; wait")
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="did not answer within 1 s"):
        commands.run("hang", limit_seconds=1)
    assert time.monotonic() - started < 10
    child = int((programs / "child").read_text())
    assert wait_gone(child)


def test_a_program_whose_child_keeps_the_pipe_open_does_not_outlast_its_limit(programs: Path) -> None:
    program(programs, "leave", "sleep 300 & exit 0")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        commands.run("leave", limit_seconds=1)
    assert time.monotonic() - started < 10


@pytest.fixture
def for_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder another account may enter: pytest's own is for ours alone."""
    if os.geteuid() != 0:
        pytest.skip("only root may run a program as another account")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        yield folder


ANOTHER = commands.Account(65534, 65533)


def test_a_program_runs_as_another_account_with_one_group_and_what_it_is_given(for_all: Path) -> None:
    program(for_all, "whoami-for-test", 'id -u; id -G; echo "$HOME $XDG_RUNTIME_DIR $LC_ALL"')
    finished = commands.run(
        "whoami-for-test",
        limit_seconds=5,
        account=ANOTHER,
        variables={"XDG_RUNTIME_DIR": "/run/user/65534", "HOME": "/nonexistent"},
    )
    assert finished.output == "65534\n65533\n/nonexistent /run/user/65534 C\n"


def test_a_program_of_another_account_that_hangs_is_ended(for_all: Path) -> None:
    program(for_all, "hang-for-test", "echo $$ >&2; exec sleep 300")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        commands.run("hang-for-test", limit_seconds=1, account=ANOTHER)
    assert time.monotonic() - started < 10


def test_who_is_that_account_already_needs_no_right_to_become_it(programs: Path) -> None:
    program(programs, "tell", "id -u")
    own = commands.Account(os.geteuid(), os.getegid())
    assert commands.run("tell", limit_seconds=5, account=own).output == f"{os.geteuid()}\n"


def test_ending_a_family_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen(["/bin/true"], start_new_session=True)
    process.wait()
    commands.end_family(process)


def test_programs_for_administrators_are_found_without_their_directory_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "smartctl-for-test", "exit 0")
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setattr(commands, "_SBIN", (str(tmp_path),))
    assert commands.find("smartctl-for-test") == str(tmp_path / "smartctl-for-test")


def wait_gone(pid: int) -> bool:
    """Gone, or dead and only waiting for somebody to notice."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_a_captured_tree_is_answered_by_programs_put_on_path_for_it(programs: Path, tmp_path: Path) -> None:
    tree = Place(root=tmp_path / "tree")
    assert "another machine" in (commands.why_not(tree, "ls") or "")
    assert commands.why_not(Place(), "ls") is None
    program(programs, "ls", "echo captured")
    assert commands.why_not(tree, "ls") is None
    assert "no such-program" in (commands.why_not(Place(), "such-program") or "")
