"""Cameras of Windows devices, and whether a privacy setting keeps programs from them.

All answers are `documented`: written by us after the maker's documentation. No dump of a PC with a camera is in the samples.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import cameras, cameras_windows
from agent.room import Room
from agent.windows import CIMV2, Row
from protos.sections import BY_NAME as SECTIONS
from tests.agent.windows.captured import Captured, Values

ENTITIES = (CIMV2, "Win32_PnPEntity")
SYSTEM = (CIMV2, "Win32_OperatingSystem")
STORE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
USER = r"HKU\S-1-5-21-1004336348-1177238915-682003330-1001"
WHOLE = r"USB\VID_046D&PID_085E\A1B2C3D4"
PICTURE = r"USB\VID_046D&PID_085E&MI_00\7&1A2B3C&0&0000"
INFRARED = r"USB\VID_046D&PID_085E&MI_02\7&1A2B3C&0&0002"
ROOM = Room(file=Path("room.toml"))
STARTED = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TREE: list[Row] = [
    {"id": WHOLE, "location": "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(5)#USB(1)"},
    {"id": PICTURE, "location": "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(5)#USB(1)#USBMI(0)"},
    {"id": INFRARED, "location": "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(5)#USB(1)#USBMI(2)"},
]


def entity(path: str = PICTURE, code: int = 0, **others: object) -> Row:
    return {
        "PNPDeviceID": path, "Name": "Room camera", "PNPClass": "Camera", "Service": "usbvideo",
        "ConfigManagerErrorCode": code, **others,
    }  # fmt: skip


def filetime(at: datetime) -> int:
    return int((at - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000


def read(
    *entities: Row,
    registry: dict[str, Values] | None = None,
    room: Room | None = ROOM,
    tree: list[Row] | Exception = TREE,
) -> Taken:
    source = Captured(
        wmi={ENTITIES: entities, SYSTEM: [{"LastBootUpTime": "20261122060000.000000+000"}]},
        registry=registry or {},
        tree={"USB": tree},
    )
    taken = cameras.read(Place(windows=source, room=room))
    for name, items in taken.sections.items():
        for item in items:
            assert item.facts.keys() <= SECTIONS[name].names
    return taken


def found(taken: Taken, name: str = "cameras") -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections[name]}


def numbers(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def test_a_camera_is_known_by_its_serial_which_only_the_whole_device_tells() -> None:
    assert found(read(entity())) == {
        "046d:085e-A1B2C3D4": {
            "name": "Room camera",
            "id": "046d:085e",
            "serial": "A1B2C3D4",
            "usb_path": "1400-5.1",
            "driver": "usbvideo",
            "problem_code": "0",
            "usable": "true",
        }
    }


def test_a_desktops_camera_keeps_its_serial_for_itself() -> None:
    [(key, facts)] = found(read(entity(), room=None)).items()
    assert key == "046d:085e@1400-5.1"
    assert "serial" not in facts


def test_an_instance_that_windows_made_up_is_no_serial() -> None:
    path = r"USB\VID_046D&PID_085E\6&2F1A7B3&0&4"
    tree: list[Row] = [{"id": path, "location": "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(4)"}]
    assert list(found(read(entity(path), tree=tree))) == ["046d:085e@1400-4"]


def test_without_the_device_tree_a_camera_goes_by_what_windows_calls_it() -> None:
    taken = read(entity(), tree=Unavailable("not to be had"))
    assert list(found(taken)) == [r"046d:085e@7&1A2B3C&0&0000"]


def test_a_camera_with_a_second_sensor_is_one_and_either_may_be_at_fault() -> None:
    assert len(found(read(entity(), entity(INFRARED)))) == 1
    [facts] = found(read(entity(), entity(INFRARED, code=10))).values()
    assert (facts["usable"], facts["problem_code"]) == ("false", "10")


@pytest.mark.parametrize(
    "code, problem", [(43, "it reported a fault and was stopped"), (22, "switched off by somebody"), (28, "no driver installed")]
)  # fmt: skip
def test_a_camera_with_a_problem_is_there_and_not_usable(code: int, problem: str) -> None:
    [facts] = found(read(entity(code=code))).values()
    assert (facts["usable"], facts["problem"], facts["problem_code"]) == ("false", problem, str(code))


def test_a_code_that_is_not_told_is_not_known_and_not_well() -> None:
    [facts] = found(read(entity(ConfigManagerErrorCode=None))).values()
    assert not facts.keys() & {"usable", "problem", "problem_code"}


@pytest.mark.parametrize(
    "row, is_camera",
    [
        (entity(PNPClass="Image"), True),  # before Windows 10
        (entity(PNPClass="Image", Service="usbscan"), False),  # a scanner
        (entity(PNPClass="Image", Service="maker", CompatibleID=[r"USB\Class_0E&SubClass_03"]), True),
        (entity(PNPClass=None, Service=None, code=28, CompatibleID=[r"USB\Class_0e&SubClass_03"]), True),
        (entity(PNPClass=None, Service=None, code=28, CompatibleID=[r"USB\Class_FF"]), False),
        (entity(PNPClass="MEDIA"), False),
        (entity(code=45), False),  # was plugged in once
        (entity(r"SWD\VCAMDEVAPI\B486E21F1D4BC97087EA831093E840AD2177E046"), False),
        (entity(r"ROOT\IMAGE\0000"), False),
        (entity(r"ACPI\INT3480\0"), True),  # a tablet's own
    ],
)
def test_what_a_camera_is(row: Row, is_camera: bool) -> None:
    assert len(found(read(row))) == is_camera


def test_a_capture_stick_is_no_camera_and_its_signal_is_unknown() -> None:
    taken = read(entity(r"USB\VID_534D&PID_2109&MI_00\6&1&0&0000", Name="USB Video"), tree=[])
    assert found(taken) == {}
    assert found(taken, "capture_inputs") == {
        r"534d:2109@6&1&0&0000": {"name": "USB Video", "driver": "usbvideo", "signal": "unknown"}
    }
    assert taken.readings == []


def test_no_camera_is_an_answer_and_no_wmi_is_not() -> None:
    assert found(read()) == {}
    with pytest.raises(Unavailable):
        cameras.read(Place(windows=Captured()))


@pytest.mark.parametrize(
    "settings, state, by",
    [
        ({rf"HKLM\{STORE}\webcam": "Allow"}, 0, ""),
        ({rf"HKLM\{STORE}\webcam": "Deny"}, 1, "set for the whole device"),
        ({rf"HKLM\{STORE}\webcam": "Allow", rf"{USER}\{STORE}\webcam": "Deny"}, 1, "set for a user"),
        ({rf"HKLM\{STORE}\webcam": "Allow", rf"{USER}\{STORE}\webcam\NonPackaged": "Deny"}, 1, "set for a user, desktop programs"),
        ({rf"{USER}\{STORE}\webcam": "Allow"}, 0, ""),
        ({rf"HKLM\{STORE}\webcam": "Prompt"}, None, None),
        ({rf"HKU\S-1-5-18\{STORE}\webcam": "Deny"}, None, None),  # a service asks nobody
        ({rf"{USER}_Classes\{STORE}\webcam": "Deny"}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_a_privacy_setting_that_keeps_programs_from_the_camera_is_told_with_whose_it_is(
    settings: dict[str, str], state: float | None, by: str | None
) -> None:
    taken = read(registry={key: {"Value": word} for key, word in settings.items()})
    told = [(each.last, each.label) for each in taken.readings if each.metric == "camera_blocked_state"]
    assert told == ([] if state is None else [(state, by)])
    assert "S-1-5" not in str(taken), "whose account it is, is nobody's concern"


def test_the_microphone_has_a_setting_of_its_own() -> None:
    taken = read(
        registry={rf"HKLM\{STORE}\webcam": {"Value": "Allow"}, rf"HKLM\{STORE}\microphone": {"Value": "Deny"}}
    )
    assert numbers(taken) == {("camera_blocked_state", ""): 0, ("microphone_blocked_state", ""): 1}


def used(stop: int, start: int = filetime(STARTED) + 1) -> dict[str, Values]:
    program = rf"{USER}\{STORE}\webcam\NonPackaged\C:#Program Files#Hearing#hearing.exe"
    return {program: {"LastUsedTimeStart": start, "LastUsedTimeStop": stop}}


def test_a_camera_is_in_use_while_its_last_use_has_no_end() -> None:
    key = ("camera_in_use_state", "046d:085e-A1B2C3D4")
    assert numbers(read(entity(), registry=used(0))) == {key: 1}
    taken = read(entity(), registry=used(filetime(STARTED) + 5))
    assert numbers(taken) == {key: 0}
    assert "hearing" not in str(taken), "which program it is does not leave the device"


def test_a_use_that_a_power_cut_ended_is_over() -> None:
    before = filetime(STARTED) - 10_000_000
    assert list(numbers(read(entity(), registry=used(0, before))).values()) == [0]


def test_which_of_several_cameras_is_in_use_is_not_known() -> None:
    both = entity(), entity(r"USB\VID_046D&PID_0892\B5C6D7E8")
    assert numbers(read(*both, registry=used(0))) == {}
    assert list(numbers(read(*both, registry=used(filetime(STARTED) + 5))).values()) == [0, 0]


def test_where_nobody_ever_used_a_camera_nothing_is_said_of_use() -> None:
    assert numbers(read(entity())) == {}


@given(path=some.text(max_size=80), instance=some.text(min_size=1, max_size=20))
def test_any_path_is_read_or_is_none(path: str, instance: str) -> None:
    cameras_windows.parse_path(path)
    told = cameras_windows.parse_path(rf"USB\VID_046D&PID_085E\{instance}".rstrip())
    assert told is None or told[0] == "046d:085e"
