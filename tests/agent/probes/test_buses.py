"""What is on the buses: trees as the kernel shows them (`documented`), with a few lines of pci.ids of our own."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place
from agent.probes import buses_linux, pci
from tests.conftest import only_on_linux

linux = only_on_linux("Windows asks WMI")
NAMES = """# a list of names
10de  Maker of Graphics
\t1f82  Model of a Card
\t\t1028 09a4  its form in a computer
\t1f83  Another
8086  Maker of Processors
C 03  Display controller
\t00  VGA compatible controller
"""


def node(root: Path, name: str, driver: str | None = None, **files: str) -> Path:
    path = root / name
    path.mkdir(parents=True)
    for file, text in files.items():
        (path / file).write_text(text + "\n")
    if driver:
        (path / "driver").symlink_to(f"../../drivers/{driver}")
    return path


def facts(place: Place, section: str) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in buses_linux.sections(place)[section]}


@linux
def test_cards_are_known_by_slot_and_bridges_are_left_out(tmp_path: Path) -> None:
    bus = tmp_path / "sys/bus/pci/devices"
    node(
        bus, "0000:01:00.0", "nouveau", vendor="0x10de", device="0x1f82", revision="0xa1",
        subsystem_vendor="0x1028", subsystem_device="0x09a4", **{"class": "0x030000"},
    )  # fmt: skip
    node(bus, "0000:00:00.0", vendor="0x8086", device="0x0d57", **{"class": "0x060000"})
    node(tmp_path / "usr/share/misc", "x")
    (tmp_path / "usr/share/misc/pci.ids").write_text(NAMES)
    place = Place(root=tmp_path)
    card = {"id": "10de:1f82", "driver": "nouveau", "maker": "Maker of Graphics", "model": "Model of a Card"}
    assert facts(place, "pci_devices") == {
        "0000:01:00.0": card | {"subsystem": "1028:09a4", "kind": "graphics", "revision": "a1"}
    }
    assert facts(place, "graphics_cards") == {"0000:01:00.0": card}


@linux
def test_without_a_list_of_names_the_numbers_stay(tmp_path: Path) -> None:
    node(
        tmp_path / "sys/bus/pci/devices",
        "0000:01:00.0",
        vendor="0x10de",
        device="0x1f82",
        **{"class": "0x038000"},
    )
    assert facts(Place(root=tmp_path), "graphics_cards") == {"0000:01:00.0": {"id": "10de:1f82"}}


@linux
def test_a_bus_that_is_not_there_is_unknown_and_not_empty(tmp_path: Path) -> None:
    assert buses_linux.sections(Place(root=tmp_path)) == {}


@linux
def test_usb_devices_are_known_by_socket_and_peoples_own_things_keep_their_serial(tmp_path: Path) -> None:
    bus = tmp_path / "sys/bus/usb/devices"
    for name, product, kind in (("1-2", "Camera", "0e"), ("1-3", "Stick", "08"), ("1-4", "Telephone", "06")):
        node(
            bus,
            name,
            idVendor="046d",
            idProduct="085e",
            serial="SN" + name,
            product=product,
            bDeviceClass="00",
        )
        node(bus / name, f"{name}:1.0", bInterfaceClass=kind)
        node(bus, f"{name}:1.0", bInterfaceClass=kind)
    node(bus, "usb1", idVendor="1d6b", idProduct="0002", bDeviceClass="09")
    node(bus, "1-5")  # pulled out meanwhile
    read = facts(Place(root=tmp_path), "usb_devices")
    assert read == {
        "1-2": {"id": "046d:085e", "kind": "video", "product": "Camera", "serial": "SN1-2"},
        "1-3": {"id": "046d:085e", "kind": "storage", "product": "Stick"},
        "1-4": {"id": "046d:085e", "product": "Telephone"},
    }


def test_a_model_that_is_not_listed_keeps_its_maker() -> None:
    assert pci.names(NAMES.splitlines(keepends=True), {"8086:0d57", "10de:1f83", "ffff:0001"}) == {
        "8086:0d57": ("Maker of Processors", None),
        "10de:1f83": ("Maker of Graphics", "Another"),
    }


@settings(max_examples=100, deadline=None)
@given(
    some.text(max_size=40),
    some.dictionaries(some.sampled_from(["vendor", "device", "class"]), some.text(max_size=10)),
)
def test_strange_files_are_no_cards(text: str, files: dict[str, str]) -> None:
    assert pci.parse(text, files, None) is None
    pci.names(text.splitlines(keepends=True), {"10de:1f82"})
