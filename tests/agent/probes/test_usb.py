"""The USB tree below a constructed /sys, with a journal made by systemd's own tool. Kernel lines are written after the
kernel's own; descriptors after USB 3.2. Windows' location paths are documented in form, and made by us."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import usb
from agent.probes.journal import Entry
from protos.sections import SECTIONS
from tests.agent.probes import av_trees
from tests.agent.probes.test_events import Log, needs_journal
from tests.agent.probes.test_usb_tree import SUPER_SPEED, SUPER_SPEED_PLUS, bos
from tests.conftest import only_on_linux

linux = only_on_linux("Windows asks Plug and Play: test_usb_windows.py")
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
LPM = bytes.fromhex("07100202000000")  # what a USB 2 device with a BOS descriptor names


def links(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["usb_links"]}


def ratios(taken: Taken) -> dict[str, float]:
    return {each.component: each.last for each in taken.readings if each.metric == "usb_speed_ratio"}


def read(root: Path) -> Taken:
    return usb.read(Place(root=root))


@linux
def test_a_room_is_a_tree_of_sockets(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="09", maker="Maker", product="Maker Hub", id="0bda:5411")
    av_trees.usb_device(tmp_path, "1-1.5", kind=("0e", "01", "03"), product="Camera", serial="SECRET")
    av_trees.usb_device(tmp_path, "1-1.6", kind=("01", "03"), maker=None, product="Speaker", speed="12")
    taken = read(tmp_path)
    assert links(taken) == {
        "1-1": {
            "name": "Maker Hub", "id": "0bda:5411", "kind": "hub", "parent": "usb1",
            "speed_bits_per_second": "480000000", "capable_bits_per_second": "480000000",
        },
        "1-1.5": {
            "name": "Maker Camera", "id": "046d:085e", "kind": "video", "parent": "1-1",
            "speed_bits_per_second": "480000000", "capable_bits_per_second": "480000000",
        },
        "1-1.6": {
            "name": "Speaker", "id": "046d:085e", "kind": "audio", "parent": "1-1", "speed_bits_per_second": "12000000",
        },
    }  # fmt: skip
    row = next(row for row in SECTIONS if row.name == "usb_links")
    assert all(set(facts) <= row.names for facts in links(taken).values())
    assert ratios(taken) == {}


@linux
def test_a_pulled_hub_takes_all_that_hangs_on_it(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="09")
    av_trees.usb_device(tmp_path, "1-1.2", kind="09")
    av_trees.usb_device(tmp_path, "1-1.2.1", kind="0e")
    av_trees.usb_device(tmp_path, "1-4", kind="03")
    av_trees.unplug(tmp_path, "1-1.2")
    assert sorted(links(read(tmp_path))) == ["1-1", "1-4"]


@linux
def test_no_bus_is_unknown_and_an_empty_one_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no USB bus"):
        read(tmp_path)
    (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
    assert read(tmp_path).sections["usb_links"] == []


@linux
def test_a_usb_3_camera_that_fell_to_usb_2_is_told_by_its_descriptor(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-2", kind="0e", version="2.10", bos=bos(LPM, SUPER_SPEED))
    av_trees.usb_device(tmp_path, "2-3", kind="0e", version="3.20", speed="5000", bos=bos(LPM, SUPER_SPEED))
    av_trees.usb_device(tmp_path, "2-4", kind="08", version="3.20", speed="5000", bos=bos(SUPER_SPEED_PLUS))
    taken = read(tmp_path)
    assert ratios(taken) == {"1-2": 0.096, "2-3": 1.0, "2-4": 0.5}
    assert links(taken)["1-2"]["capable_bits_per_second"] == "5000000000"


@linux
def test_a_usb_2_device_raises_no_alarm_whatever_version_it_says(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="01", speed="12", version="2.00")
    av_trees.usb_device(tmp_path, "1-2", kind="03", version="2.10", bos=bos(LPM))  # a headset, say
    av_trees.usb_device(tmp_path, "1-3", kind="0e", version="2.10")  # the kernel is older than 6.9
    av_trees.usb_device(tmp_path, "1-4", kind="0e", version="2.01", bos=b"\x05\x0f\xff")  # spoiled
    taken = read(tmp_path)
    assert ratios(taken) == {}
    assert {key for key, facts in links(taken).items() if "capable_bits_per_second" in facts} == {"1-2"}


@linux
def test_the_usb_2_half_of_a_usb_3_hub_is_not_slow(tmp_path: Path) -> None:
    hub = {"kind": "09", "bos": bos(LPM, SUPER_SPEED)}
    av_trees.usb_device(tmp_path, "1-1", version="2.10", **hub)
    assert ratios(read(tmp_path)) == {}  # nobody says which ports are one socket
    av_trees.usb_device(tmp_path, "2-1", version="3.00", speed="5000", **hub)
    av_trees.halves(tmp_path, "1-1", "2-1")
    assert ratios(read(tmp_path)) == {"2-1": 1.0}


@linux
def test_a_usb_3_hub_whose_fast_half_is_missing_fell_back(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="09", version="2.10", bos=bos(LPM, SUPER_SPEED))
    av_trees.halves(tmp_path, "1-1", "2-1")
    assert ratios(read(tmp_path)) == {"1-1": 0.096}


# what the kernel said

LEFT, CAME = (
    "usb {}: USB disconnect, device number 7",
    "usb {}: new high-speed USB device number 8 using xhci_hcd",
)


def told(*minutes_ago_and_line: tuple[int, str], boot: str = "b") -> list[Entry]:
    return [Entry(at=NOW - ago * MINUTE, boot=boot, message=line) for ago, line in minutes_ago_and_line]


@pytest.mark.parametrize(
    "line",
    [
        "usb {}: new full-speed USB device number 12 using ehci-pci",
        "usb {}: new SuperSpeed USB device number 2 using xhci_hcd",
        "usb {}: new SuperSpeed Gen 1 USB device number 2 using xhci_hcd",
        "usb {}: new SuperSpeed Plus Gen 2x1 USB device number 127 using xhci_hcd",
    ],
)
def test_a_device_that_came_back_is_counted_at_its_socket(line: str) -> None:
    entries = told((9, LEFT.format("1-1.5")), (8, line.format("1-1.5")))
    assert usb.reconnections(entries, NOW) == {"1-1.5": 1}


def test_what_left_for_good_and_what_came_for_the_first_time_did_not_come_back() -> None:
    entries = told((9, LEFT.format("1-1")), (8, CAME.format("1-2")))
    assert usb.reconnections(entries, NOW) == {}


def test_a_start_of_the_system_is_no_return() -> None:
    entries = told((9, LEFT.format("1-1"))) + told((8, CAME.format("1-1")), boot="c")
    assert usb.reconnections(entries, NOW) == {}


def test_a_reset_and_a_failed_start_are_no_return() -> None:
    reset = "usb 1-1: reset high-speed USB device number 7 using xhci_hcd"
    entries = told((9, reset), (8, "usb 1-1: device descriptor read/64, error -71"), (7, CAME.format("1-1")))
    assert usb.reconnections(entries, NOW) == {}


def test_a_loose_plug_keeps_a_reading_until_it_has_been_quiet() -> None:
    entries = [
        entry
        for ago in (170, 100, 50, 40, 30)
        for entry in told((ago, LEFT.format("1-1")), (ago - 1, CAME.format("1-1")))
    ]
    assert usb.reconnections(entries, NOW) == {"1-1": 3}
    assert usb.reconnections(entries, NOW + 2 * 60 * MINUTE) == {"1-1": 0}


@linux
@needs_journal
def test_returns_are_read_out_of_the_journal(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="0e", product="Camera")
    log = Log()
    usb_lines = "_KERNEL_SUBSYSTEM=usb\n"
    for ago in (30, 20, 10):
        log.kernel(NOW - ago * MINUTE, "1" * 32, LEFT.format("1-1"), priority=6, more=usb_lines)
        log.kernel(NOW - (ago - 1) * MINUTE, "1" * 32, CAME.format("1-1"), priority=6, more=usb_lines)
    # A program may write what it likes; only the kernel is believed.
    log.program(NOW - MINUTE, "1" * 32, LEFT.format("1-1"))
    taken = usb.read(log.write(tmp_path))
    assert [(each.metric, each.component, each.last, each.label) for each in taken.readings] == [
        ("usb_reconnections_hour_count", "1-1", 3, "Maker Camera")
    ]
    assert taken.reason == ""


@linux
@needs_journal
def test_a_journal_without_a_word_of_usb_is_quiet_and_not_unknown(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="0e")
    log = Log()
    log.kernel(NOW - MINUTE, "1" * 32, "something else")
    taken = usb.read(log.write(tmp_path))
    assert (taken.readings, taken.reason) == ([], "")


@linux
def test_without_a_journal_the_tree_is_told_all_the_same(tmp_path: Path) -> None:
    av_trees.usb_device(tmp_path, "1-1", kind="0e")
    taken = read(tmp_path)
    assert len(links(taken)) == 1
    assert "journal" in taken.reason


# sockets


@pytest.mark.parametrize(
    ("paths", "socket"),
    [
        ("PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#USB(5)#USB(1)", "1400-1.5.1"),
        ("PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#USB(5)#USBMI(0)", "1400-1.5"),
        ("PCIROOT(0)#PCI(1400)#USBROOT(0)", "usb1400"),
        ("PCIROOT(0)#PCI(1C04)#PCI(0000)#USBROOT(0)#USB(3)\nACPI(_SB_)#ACPI(PC00)#ACPI(HS03)", "1c04_0000-3"),
        ("ACPI(_SB_)#ACPI(PC00)#ACPI(HS03)\nPCIROOT(1)#PCI(1400)#USBROOT(0)#USB(3)", "1_1400-3"),
        ("ACPI(_SB_)#ACPI(USB0)#USBROOT(0)#USB(2)", "usb0-2"),
        ("PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#USBMI(3)#HDAUDIO(1)", "1400-1"),
        ("PCIROOT(0)#PCI(1F03)", None),
        ("PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#", None),
        ("", None),
    ],
)
def test_a_location_path_names_the_socket_in_the_same_form(paths: str, socket: str | None) -> None:
    assert usb.socket_of_location(paths) == socket


@pytest.mark.parametrize(
    ("socket", "hub"),
    [
        ("1-1.5.1", "1-1.5"),
        ("1-1", "usb1"),
        ("usb1", None),
        ("1c04_0000-3.1", "1c04_0000-3"),
        ("1400-1", "usb1400"),
    ],
)
def test_every_socket_but_a_controller_belongs_to_a_hub(socket: str, hub: str | None) -> None:
    assert usb.hub_of(socket) == hub


@given(some.text(alphabet="PCIROTUSBM()#0123456789\n;_-.", max_size=120))
def test_any_location_path_is_a_socket_or_none(paths: str) -> None:
    socket = usb.socket_of_location(paths)
    assert socket is None or (socket.startswith("usb") if usb.hub_of(socket) is None else "-" in socket)


def test_a_name_does_not_say_its_maker_twice() -> None:
    assert usb.name_of("Logitech", "Logitech BRIO") == "Logitech BRIO"
    assert usb.name_of("Logitech", "BRIO") == "Logitech BRIO"
    assert usb.name_of("Logitech", None) == "Logitech"
    assert usb.name_of(None, None) is None
