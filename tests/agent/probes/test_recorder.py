"""Recorders: a program, a folder, a file that grows. Folders and files are made here; programs are constructed trees of
/proc, and the one that runs this test."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import recorder
from agent.probes.recorder import LEVELS, MOST_ENTRIES, Look, grown, look, runs
from agent.room import Recorder, Room
from agent.windows import CIMV2
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS
from tests.agent.windows.captured import Captured
from tests.conftest import only_on_linux

NOW = 1_790_000_000.0


def numbers(readings) -> dict[str, float]:
    for each in readings:
        assert BY_NAME[each.metric].probe == "recorder"
    return {each.metric.removeprefix("recorder_"): each.last for each in readings}


def read(*recorders: Recorder, root: Path = Path("/")) -> Taken:
    taken = recorder.read(Place(root=root, room=Room(file=Path("room.toml"), recorders=recorders)))
    for item in taken.sections["recorders"]:
        assert item.facts.keys() <= SECTIONS["recorders"].names
    return taken


def file(path: Path, age: float, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (NOW - age, NOW - age))
    return path


def told(
    before: Look, after: Look | None, free: int | None = None, rate: float | None = None
) -> dict[str, float]:
    return numbers(grown(Recorder(name="r", process="p", bytes_per_hour=rate), before, after, NOW, free))


# Growing


def test_a_file_that_became_larger_grows() -> None:
    before = Look(path=Path("a"), size=100, written_at=NOW - 500, at=10.0)
    after = Look(path=Path("a"), size=300, written_at=NOW - 500, at=12.0)
    assert told(before, after)["growing_state"] == 1


def test_a_file_that_was_made_at_its_full_size_and_is_written_to_grows() -> None:
    before = Look(path=Path("a"), size=100, written_at=NOW - 500)
    assert told(before, Look(path=Path("a"), size=100, written_at=NOW))["growing_state"] == 1


def test_a_program_that_writes_in_blocks_grows_for_a_minute_after_each() -> None:
    for age, state in ((5, 1), (59, 1), (61, 0)):
        found = Look(path=Path("a"), size=100, written_at=NOW - age)
        assert told(found, found) == {"growing_state": state, "newest_file_age_seconds": age}


def test_in_an_empty_folder_nothing_grows_and_nothing_has_an_age() -> None:
    assert told(Look(), None) == {"growing_state": 0}


def test_a_file_that_vanished_between_the_looks_is_judged_by_the_first() -> None:
    assert told(Look(path=Path("a"), written_at=NOW - 500), None)["growing_state"] == 0


def test_what_was_not_seen_is_not_said_to_stand_still() -> None:
    old = Look(path=Path("a"), written_at=NOW - 500, not_seen="more than 2000 files")
    assert told(old, old) == {}
    fresh = Look(path=Path("a"), written_at=NOW - 5, not_seen="more than 2000 files")
    assert told(fresh, fresh)["growing_state"] == 1


def test_free_time_is_by_the_rate_stated_else_by_what_was_seen_else_not_known() -> None:
    before = Look(path=Path("a"), size=0, written_at=NOW, at=10.0)
    after = Look(path=Path("a"), size=2000, written_at=NOW, at=12.0)
    assert told(before, after, free=7200, rate=3600.0)["free_seconds"] == 7200
    assert told(before, after, free=8000)["free_seconds"] == 8
    assert "free_seconds" not in told(before, before, free=8000)
    assert "free_seconds" not in told(before, after)


# The newest file


def test_the_newest_file_is_found_two_levels_deep(tmp_path: Path) -> None:
    file(tmp_path / "old.wav", 900)
    newest = file(tmp_path / "2026-11-22/court 4/a.wav", 30)
    found = look(tmp_path, NOW)
    assert found
    assert (found.path, found.written_at, found.not_seen) == (newest, NOW - 30, "")


def test_deeper_folders_are_said_to_be_left_out(tmp_path: Path) -> None:
    file(tmp_path / "a/b/c/new.wav", 1)
    found = look(tmp_path, NOW)
    assert found
    assert found.path is None
    assert found.not_seen == f"it has folders more than {LEVELS} levels deep"


def test_a_folder_without_files_has_no_newest_one(tmp_path: Path) -> None:
    assert look(tmp_path, NOW) == Look()


def test_a_folder_that_is_not_there_has_no_newest_one_either_and_is_told_apart(tmp_path: Path) -> None:
    assert look(tmp_path / "gone", NOW) is None
    assert look(file(tmp_path / "a file", 1), NOW) is None


def test_a_file_from_the_future_hides_no_other(tmp_path: Path) -> None:
    file(tmp_path / "wrong clock.wav", -86400)
    newest = file(tmp_path / "a.wav", 30)
    found = look(tmp_path, NOW)
    assert found
    assert found.path == newest


def test_a_look_ends_after_so_many_files_and_starts_with_the_newest_folders(tmp_path: Path) -> None:
    for number in range(MOST_ENTRIES):
        (tmp_path / "old").mkdir(exist_ok=True)
        (tmp_path / f"old/{number}").touch()
    newest = file(tmp_path / "new/a.wav", 1)
    for folder, age in (("old", 5000), ("new", 1)):
        os.utime(tmp_path / folder, (NOW - age, NOW - age))
    for path in (tmp_path / "old").iterdir():
        os.utime(path, (NOW - 5000, NOW - 5000))
    found = look(tmp_path, NOW)
    assert found
    assert found.path == newest
    assert found.not_seen.startswith(f"more than {MOST_ENTRIES} files")


@only_on_linux("Windows lets only administrators make links")
def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = file(tmp_path / "outside/new.wav", 1)
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "link.wav").symlink_to(outside)
    (folder / "link").symlink_to(outside.parent, target_is_directory=True)
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    assert look(folder, NOW) == Look()


# The program


def test_a_program_is_known_by_its_name_also_where_the_kernel_cut_it() -> None:
    assert runs("obs", {"obs", "sh"}, False)
    assert not runs("obs", {"obs-helper", "OBS"}, False)
    assert runs("court-recorder-daemon", {"court-recorder-"}, False)
    assert runs("court-recorder-daemon", {"court-recorder-daemon"}, False)
    assert not runs("court-recorder-daemon", {"court-recorder-other"}, False)


def test_a_program_of_windows_is_known_without_regard_to_case_or_ending() -> None:
    assert runs("OBS64", {"obs64.exe"}, True)
    assert runs("obs64.exe", {"OBS64.EXE"}, True)
    assert not runs("obs", {"obs64.exe"}, True)


@pytest.mark.parametrize("name, running", [("OBS64.EXE", 1), ("obs32.exe", 0)])
def test_whether_a_program_of_a_windows_device_runs(name: str, running: float) -> None:
    """documented: written by us after the maker's documentation."""
    source = Captured(wmi={(CIMV2, "Win32_Process"): [{"Name": "System", "ProcessId": 4}, {"Name": name}]})
    room = Room(file=Path("room.toml"), recorders=(Recorder(name="r", process="obs64"),))
    taken = recorder.read(Place(windows=source, room=room))
    assert numbers(taken.readings) == {"running_state": running}
    silent = recorder.read(Place(windows=Captured(), room=room))
    assert silent.readings == []
    assert "Win32_Process" in silent.reason


def process(root: Path, number: int, name: str, state: str = "S", cmdline: bytes = b"") -> None:
    folder = root / f"proc/{number}"
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{number} ({name}) {state} 1 1 1 0 -1 4194560\n")
    (folder / "cmdline").write_bytes(cmdline)


@only_on_linux("trees of Linux")
@pytest.mark.parametrize(
    "name, state, cmdline, wanted, running",
    [
        ("obs", "S", b"/usr/bin/obs\0", "obs", 1),
        ("obs", "Z", b"", "obs", 0),  # it ended, and nobody asked how
        ("court-recorder-", "R", b"/opt/x/court-recorder-daemon\0--run\0", "court-recorder-daemon", 1),
        ("court-recorder-", "R", b"/opt/x/court-recorder-other\0", "court-recorder-daemon", 0),
        ("court-recorder-", "R", b"", "court-recorder-daemon", 1),
        ("a) S (b", "S", b"", "a) S (b", 1),
        ("sh", "S", b"/opt/obs\0", "obs", 0),  # only its own name counts
    ],
)
def test_whether_a_program_runs(
    tmp_path: Path, name: str, state: str, cmdline: bytes, wanted: str, running: float
) -> None:
    process(tmp_path, 1, "init")
    process(tmp_path, 4711, name, state, cmdline)
    taken = read(Recorder(name="r", process=wanted), root=tmp_path)
    assert numbers(taken.readings) == {"running_state": running}


def test_without_a_list_of_programs_none_is_said_to_be_stopped(tmp_path: Path) -> None:
    taken = read(Recorder(name="r", process="obs"), root=tmp_path)
    assert taken.readings == []
    assert taken.reason


def test_this_very_program_runs() -> None:
    name = Path("/proc/self/comm").read_text().strip() if sys.platform == "linux" else "python.exe"
    taken = read(Recorder(name="a", process=name), Recorder(name="b", process="no-such-program-xyz"))
    assert [each.last for each in taken.readings] == [1, 0]


# The whole


def test_a_file_that_is_written_to_right_now_grows_and_its_space_lasts(tmp_path: Path) -> None:
    ended = threading.Event()

    def record() -> None:
        with (tmp_path / "hearing 4711 Smith.wav").open("wb") as made:
            while not ended.is_set():
                made.write(bytes(4096))
                made.flush()
                ended.wait(0.05)

    writer = threading.Thread(target=record)
    writer.start()
    try:
        while not any(tmp_path.iterdir()):
            time.sleep(0.01)
        taken = read(Recorder(name="FTR", process="no-such-program", folder=tmp_path))
    finally:
        ended.set()
        writer.join()
    found = numbers(taken.readings)
    assert (found["running_state"], found["growing_state"]) == (0, 1)
    assert found["free_bytes"] > 0
    assert found["free_seconds"] > 0
    [item] = taken.sections["recorders"]
    assert item.facts["folder_is_there"] == "true"
    assert int(item.facts["size_bytes"]) >= found["free_bytes"]
    assert "Smith" not in str(taken), "no name of a recording leaves the device"


def test_a_folder_that_is_not_there_makes_no_numbers(tmp_path: Path) -> None:
    taken = read(Recorder(name="FTR", process="no-such-program", folder=tmp_path / "gone"))
    assert numbers(taken.readings) == {"running_state": 0}
    [item] = taken.sections["recorders"]
    assert (item.facts["folder_is_there"], "size_bytes" in item.facts) == ("false", False)
    assert taken.reason == "FTR: its folder is not there or may not be read"


def test_the_folder_of_a_captured_tree_lies_below_its_root_and_has_no_space_of_ours(tmp_path: Path) -> None:
    process(tmp_path, 1, "obs")
    file(tmp_path / "srv/recordings/a.wav", 0)
    taken = read(Recorder(name="r", process="obs", folder=Path("/srv/recordings")), root=tmp_path)
    assert "free_bytes" not in numbers(taken.readings)
    assert taken.sections["recorders"][0].facts["folder_is_there"] == "true"


def test_a_device_without_recorders_says_so() -> None:
    with pytest.raises(Unavailable, match=r"room\.toml lists no recorder"):
        recorder.read(Place())
    with pytest.raises(Unavailable, match=r"room\.toml: is not TOML"):
        recorder.read(Place(room=Room(file=Path("room.toml"), problem="room.toml: is not TOML: line 3")))


@given(data=some.binary(max_size=60))
def test_any_process_file_is_read(data: bytes) -> None:
    recorder.parse_stat(data)
    assert recorder.parse_stat(b"1 (" + data.replace(b")", b"") + b") S 1") is not None
