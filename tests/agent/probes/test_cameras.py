"""Cameras and capture inputs of Linux devices: constructed trees, in the form a kernel 6.1 gives them."""

import errno
import os
import stat
import struct
import sys
from pathlib import Path

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import cameras
from agent.probes.cameras import Camera, CaptureInput, Found
from agent.room import Room
from protos.sections import BY_NAME as SECTIONS
from tests.agent.probes.av_trees import unplug, usb_device, video_node

if sys.platform != "win32":  # where this file is left out, and still loaded
    import fcntl

ROOM = Room(file=Path("room.toml"))
CAMERA, STICK = "046d:085e", "534d:2109"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sys/class").mkdir(parents=True)
    return tmp_path


def read(root: Path, room: Room | None = ROOM) -> Taken:
    taken = cameras.read(Place(root=root, room=room))
    for name, items in taken.sections.items():
        for item in items:
            assert item.facts.keys() <= SECTIONS[name].names
    return taken


def section(taken: Taken, name: str) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections[name]}


def numbers(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def camera(root: Path, path: str, number: int, serial: str | None = None, name: str = "Room camera") -> None:
    """As uvcvideo does it: two nodes, of which the first has the picture."""
    usb_device(root, path, kind="0e", product=name, serial=serial)
    video_node(root, number, path, name=name)
    video_node(root, number + 1, path, name=name, index=1)


def program(root: Path, number: int, *files: str) -> None:
    folder = root / f"proc/{number}/fd"
    folder.mkdir(parents=True)
    for at, file in enumerate(files):
        (folder / str(at)).symlink_to(file)


def card(root: Path, slot: str, number: int, driver: str, index: int = 0) -> None:
    device = root / f"sys/devices/pci0000:00/{slot}"
    node = device / f"video4linux/video{number}"
    node.mkdir(parents=True)
    (device / "vendor").write_text("0x1cd7\n")
    (device / "device").write_text("0x0010\n")
    (device / "class").write_text("0x040000\n")
    (node / "name").write_text(f"Pro Capture {index}\n")
    (node / "index").write_text(f"{index}\n")
    (node / "device").symlink_to("../..")
    made = root / "sys/bus/pci/drivers" / driver
    made.mkdir(parents=True, exist_ok=True)
    if not (device / "driver").is_symlink():
        (device / "driver").symlink_to(os.path.relpath(made, device))
    link = root / f"sys/class/video4linux/video{number}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(node, link.parent))


def test_a_camera_is_one_though_it_has_two_nodes(root: Path) -> None:
    camera(root, "1-2", 0, serial="A1B2C3D4")
    taken = read(root)
    assert section(taken, "cameras") == {
        f"{CAMERA}-A1B2C3D4": {
            "name": "Room camera",
            "id": CAMERA,
            "serial": "A1B2C3D4",
            "usb_path": "1-2",
            "driver": "uvcvideo",
            "usable": "true",
        }
    }
    assert section(taken, "capture_inputs") == {}


def test_the_socket_is_told_with_all_hubs_on_the_way(root: Path) -> None:
    for hub in ("1-1", "1-1.5"):
        usb_device(root, hub, kind="09", product="Hub")
    camera(root, "1-1.5.1", 0)
    assert section(read(root), "cameras")[f"{CAMERA}@1-1.5.1"]["usb_path"] == "1-1.5.1"


def test_a_desktops_camera_keeps_its_serial_for_itself(root: Path) -> None:
    camera(root, "1-2", 0, serial="A1B2C3D4")
    [(key, facts)] = section(read(root, room=None), "cameras").items()
    assert key == f"{CAMERA}@1-2"
    assert "serial" not in facts


@pytest.mark.parametrize("serial", ["", "001", "0000", "00000000", "Default string"])
def test_a_serial_that_is_none_names_no_camera(root: Path, serial: str) -> None:
    camera(root, "1-2", 0, serial=serial)
    assert list(section(read(root), "cameras")) == [f"{CAMERA}@1-2"]


def test_twins_with_one_serial_are_two_cameras(root: Path) -> None:
    camera(root, "1-2", 0, serial="SN1234")
    camera(root, "1-3", 2, serial="SN1234")
    assert list(section(read(root), "cameras")) == [f"{CAMERA}-SN1234", f"{CAMERA}@1-3"]


def test_a_camera_that_is_unplugged_is_gone_and_with_a_serial_known_in_another_socket(root: Path) -> None:
    camera(root, "1-2", 0, serial="A1B2C3D4")
    before = read(root)
    unplug(root, "1-2")
    assert section(read(root), "cameras") == {}, "an empty section: there is none, and that is known"
    camera(root, "1-4", 0, serial="A1B2C3D4")
    assert list(section(read(root), "cameras")) == list(section(before, "cameras"))


def test_a_camera_with_a_second_sensor_is_one(root: Path) -> None:
    usb_device(root, "1-2", kind="0e", product="Face camera")
    video_node(root, 0, "1-2", name="Face camera: RGB")
    video_node(root, 2, "1-2", name="Face camera: IR")
    assert [facts["name"] for facts in section(read(root), "cameras").values()] == ["Face camera: RGB"]


def test_a_camera_no_driver_took_is_there_and_not_usable(root: Path) -> None:
    node = usb_device(root, "1-2", kind="0e", product="Room camera")
    (node / "1-2:1.0/bInterfaceSubClass").write_text("01\n")
    assert section(read(root), "cameras")[f"{CAMERA}@1-2"] == {
        "name": "Room camera", "id": CAMERA, "usb_path": "1-2", "problem": "no driver took it", "usable": "false",
    }  # fmt: skip


@pytest.mark.parametrize(
    "usb_id, product", [(STICK, "USB Video"), ("2935:0006", "USB3"), ("1bcf:2c99", "HDMI Capture")]
)
def test_a_capture_stick_is_no_camera_and_its_signal_is_unknown(
    root: Path, usb_id: str, product: str
) -> None:
    """With nothing plugged into it, it shows black as if all were well."""
    usb_device(root, "1-2", kind="0e", product=product, id=usb_id)
    video_node(root, 0, "1-2", name=product)
    taken = read(root)
    assert section(taken, "cameras") == {}
    assert section(taken, "capture_inputs") == {
        f"{usb_id}@1-2": {"name": product, "driver": "uvcvideo", "usb_path": "1-2", "signal": "unknown"}
    }
    assert taken.readings == []


def test_a_capture_card_is_no_camera_and_each_of_its_inputs_counts(root: Path) -> None:
    card(root, "0000:03:00.0", 0, "ProCapture")
    card(root, "0000:03:00.0", 1, "ProCapture", index=1)
    taken = read(root)
    assert section(taken, "cameras") == {}
    assert section(taken, "capture_inputs") == {
        "1cd7:0010@0000:03:00.0": {"name": "Pro Capture 0", "driver": "ProCapture", "signal": "unknown"},
        "1cd7:0010@0000:03:00.0/1": {"name": "Pro Capture 1", "driver": "ProCapture", "signal": "unknown"},
    }


def test_the_dozens_of_nodes_of_a_laptops_sensor_are_nothing(root: Path) -> None:
    card(root, "0000:00:05.0", 0, "intel-ipu6")
    taken = read(root)
    assert (taken.sections["cameras"], taken.sections["capture_inputs"]) == ([], [])


def test_a_camera_made_by_a_program_is_none(root: Path) -> None:
    node = root / "sys/devices/virtual/video4linux/video0"
    node.mkdir(parents=True)
    (node / "name").write_text("Dummy video device (0x0000)\n")
    link = root / "sys/class/video4linux/video0"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(node, link.parent))
    taken = read(root)
    assert (taken.sections["cameras"], taken.sections["capture_inputs"]) == ([], [])


def test_an_old_webcam_with_a_driver_of_its_own_is_a_camera(root: Path) -> None:
    usb_device(root, "1-2", kind="ff", product="Old webcam")
    (root / "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/bInterfaceClass").write_text("0e\n")
    video_node(root, 0, "1-2", driver="zc3xx")
    modules = root / "sys/module/gspca_zc3xx"
    modules.mkdir(parents=True)
    (root / "sys/bus/usb/drivers/zc3xx/module").symlink_to("../../../../module/gspca_zc3xx")
    assert len(section(read(root), "cameras")) == 1


def test_who_has_a_camera_open_is_seen_by_its_open_files(root: Path) -> None:
    camera(root, "1-2", 0)
    camera(root, "1-3", 2)
    program(root, 100, "/dev/null", "/dev/video2")
    program(root, 101, "/dev/video20", "/dev/video1")  # of another; and only what is said about pictures
    assert numbers(read(root)) == {
        ("camera_in_use_state", f"{CAMERA}@1-2"): 0,
        ("camera_in_use_state", f"{CAMERA}@1-3"): 1,
    }


def test_without_the_right_to_look_only_yes_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camera(root, "1-2", 0)
    camera(root, "1-3", 2)
    program(root, 100, "/dev/video2")
    program(root, 101, "/dev/video0")
    closed, listdir = str(root / "proc/101/fd"), os.listdir
    # Tests may run as root, whom no rights keep out.
    monkeypatch.setattr(os, "listdir", lambda path: _refuse(path) if path == closed else listdir(path))
    assert numbers(read(root)) == {("camera_in_use_state", f"{CAMERA}@1-3"): 1}


def _refuse(path: str) -> None:
    raise PermissionError(13, "Permission denied", path)


def test_without_a_list_of_programs_nothing_is_said_of_use(root: Path) -> None:
    camera(root, "1-2", 0)
    assert read(root).readings == []


def test_a_tree_without_sys_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="/sys/class"):
        read(tmp_path)


def test_a_node_that_is_no_video_device_is_asked_nothing(tmp_path: Path) -> None:
    """/dev/null stands in for a device that took the number of a camera pulled out."""
    from agent.probes import cameras_linux

    found = Found()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert cameras_linux._ask("null", found) is None
    assert cameras_linux._ask("video-not-there", found) is None
    assert found.remarks == ["signal of capture inputs: No such file or directory"]


@pytest.mark.parametrize(
    "signal, state", [("locked", 1), ("no_signal", 0), ("no_lock", 0), ("out_of_range", 0), ("unknown", None)]
)
def test_a_signal_that_cannot_be_used_is_none_and_an_unknown_one_is_no_number(
    signal: str, state: float | None
) -> None:
    one = CaptureInput(place="0000:03:00.0", id="1cd7:0010", name="Pro Capture", input="HDMI", signal=signal)
    taken = cameras.taken(Found(inputs=[one]), serves_room=True)
    assert section(taken, "capture_inputs")["1cd7:0010@0000:03:00.0"]["signal"] == signal
    assert [(each.last, each.label) for each in taken.readings] == (
        [] if state is None else [(state, "Pro Capture HDMI")]
    )


def test_a_camera_without_an_id_goes_by_its_place() -> None:
    taken = cameras.taken(Found(cameras=[Camera(place=r"ACPI\X\1", serial="ABCD1234")]), serves_room=True)
    assert list(section(taken, "cameras")) == [r"ACPI\X\1"]


def test_a_driver_that_refuses_is_believed() -> None:
    """/dev/null knows none of the questions, as a driver that is none."""
    from agent.probes import cameras_linux, v4l2

    descriptor = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        assert [cameras_linux._query(descriptor, query)[0] for query in v4l2.Query] == [None] * 4
        assert cameras_linux._answers(descriptor) is None
    finally:
        os.close(descriptor)


class CaptureCard:
    """Stands in for a driver of the kernel, for none is here: fills structures as fcntl.ioctl would."""

    def __init__(self, signal: int | None, captures: bool = True) -> None:
        self.signal, self.captures, self.asked = signal, captures, list[str]()

    def ioctl(self, _descriptor: int, request: int, answer: bytearray, _change: bool) -> int:
        from agent.probes.v4l2 import Query

        self.asked.append(Query(request).name)
        match request:
            case Query.QUERYCAP:
                able = 0x05200001 if self.captures else 0x04204000
                answer[:] = struct.pack(
                    "<16s32s32s3I12x", b"ProCapture", b"A card", b"PCI", 1, 1 << 31 | able, able
                )
            case Query.G_INPUT:
                answer[:] = struct.pack("<I", 1)
            case Query.ENUMINPUT:
                assert answer[:4] == struct.pack("<I", 1), "the input in use is asked for"
                answer[:] = struct.pack("<I32s3IQI20x", 1, b"SDI 2", 2, 0, 0, 0, 0)
            case Query.QUERY_DV_TIMINGS:
                if self.signal is not None:
                    raise OSError(self.signal, "")
                answer[:] = struct.pack(
                    "<5IQ9I68x", 0, 1920, 1080, 0, 3, 148_500_000, 88, 44, 148, 4, 5, 36, 0, 0, 0
                )
        return 0


@pytest.mark.parametrize("refused, signal", [(None, "locked"), (errno.ENOLINK, "no_signal")])
def test_a_capture_card_is_asked_for_the_input_in_use_and_its_signal(
    monkeypatch: pytest.MonkeyPatch, refused: int | None, signal: str
) -> None:
    from agent.probes import cameras_linux

    driver = CaptureCard(refused)
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    told = cameras_linux._answers(9)
    assert told is not None
    assert (told.input, told.signal) == ("SDI 2", signal)
    assert (told.timings is not None) == (signal == "locked")
    assert driver.asked == ["QUERYCAP", "G_INPUT", "ENUMINPUT", "QUERY_DV_TIMINGS"]


def test_a_codec_is_asked_no_more_than_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.probes import cameras_linux

    driver = CaptureCard(None, captures=False)
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    told = cameras_linux._answers(9)
    assert told is not None
    assert not told.captures
    assert driver.asked == ["QUERYCAP"]
