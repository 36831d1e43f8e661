"""Volumes of a Windows device."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import filesystem, filesystem_windows
from agent.windows import CIMV2, Row
from tests.agent.windows.captured import Captured, read_wmi

GUID = "603eeb71-3202-4b56-86e9-46e56b970dce"
# documented: names of the class's page, values made up
SYSTEM: Row = {"DeviceID": rf"\\?\Volume{{{GUID}}}" + "\\", "Name": "C:\\", "DriveLetter": "C:", "DriveType": 3,
               "FileSystem": "NTFS", "Label": "Windows", "Capacity": "1000", "FreeSpace": "250", "DirtyBitSet": False}  # fmt: skip


def device(*volumes: Row) -> Taken:
    return filesystem.read(Place(windows=Captured(wmi={(CIMV2, "Win32_Volume"): volumes})))


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def test_captured_volumes_are_told_and_only_the_one_with_a_letter_is_measured(samples: Path) -> None:
    # captured: glpi-agent, a Windows 10 with BitLocker, its recovery and its EFI partition
    name = "glpi_win10-crypt-Win32_Volume.wmi"
    want = json.loads((samples / "windows/EXPECTED.json").read_text("utf-8"))[name]["rows"]
    taken = device(*read_wmi(samples / "windows" / name))
    found = [dict(item.facts) for item in taken.sections["filesystems"]]
    assert sorted((row["size_bytes"], row["type"], row.get("label", "")) for row in found) == sorted(
        (row["Capacity"], row["FileSystem"], row["Label"]) for row in want
    )
    size, free = int(want[0]["Capacity"]), int(want[0]["FreeSpace"])
    assert values(taken) == {
        ("filesystem_size_bytes", GUID): size,
        ("filesystem_available_bytes", GUID): free,
        ("filesystem_used_ratio", GUID): pytest.approx(1 - free / size),
    }
    assert {reading.label for reading in taken.readings} == {"C:\\"}


def test_a_volume_is_known_by_its_guid_whatever_its_letter() -> None:
    assert (
        values(device(SYSTEM)).keys()
        == values(device({**SYSTEM, "Name": "D:\\", "DriveLetter": "D:"})).keys()
    )


def test_a_folder_is_a_mount_point_too() -> None:
    taken = device({**SYSTEM, "Name": "C:\\Data\\", "DriveLetter": None})
    assert taken.sections["filesystems"][0].facts["mount_point"] == "C:\\Data\\"
    assert values(taken)["filesystem_used_ratio", GUID] == 0.75


@pytest.mark.parametrize("kind", [0, 1, 2, 4, 5, 6])
def test_sticks_discs_and_network_drives_are_left_out(kind: int) -> None:
    taken = device({**SYSTEM, "DriveType": kind}, {**SYSTEM, "DeviceID": None, "Name": "E:\\"})
    assert [row.key for row in taken.sections["filesystems"]] == ["E:\\"], "without a GUID the letter must do"


@pytest.mark.parametrize(
    "others", [{"Capacity": None, "FreeSpace": None}, {"Capacity": "0"}, {"FreeSpace": "2000"}]
)
def test_a_locked_or_strange_volume_has_no_numbers(others: dict[str, object]) -> None:
    taken = device({**SYSTEM, **others})
    assert values(taken) == {}
    assert [row.key for row in taken.sections["filesystems"]] == [GUID]


def test_a_stick_that_was_asked_for_is_measured() -> None:
    stick = {**SYSTEM, "DriveType": 2, "Name": "E:\\"}
    windows = Captured(wmi={(CIMV2, "Win32_Volume"): [stick]})
    taken = filesystem.read(Place(windows=windows, extra_filesystems=("E:\\",)))
    assert values(taken)["filesystem_used_ratio", GUID] == 0.75


def test_no_volumes_at_all_are_unavailable() -> None:
    with pytest.raises(Unavailable):
        device()
    with pytest.raises(Unavailable):
        filesystem.read(Place(windows=Captured()))


_NAMES = some.sampled_from(["deviceid", "name", "drivetype", "capacity", "freespace", "label", "driveletter"])
_VALUE = some.none() | some.integers() | some.text(max_size=12)


@given(some.lists(some.dictionaries(_NAMES, _VALUE), max_size=4))
def test_strange_rows_break_nothing(rows: list[dict[str, object]]) -> None:
    made = filesystem_windows.taken(
        [made for row in rows if (made := filesystem_windows.volume({**row, "drivetype": 3}))]
    )
    assert all(reading.last >= 0 for reading in made.readings)
