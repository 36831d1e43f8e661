"""Who made this machine, what is in it, and what stays the same about it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place
from agent.probes import dmi, hardware, hardware_linux
from protos.placeholders import is_placeholder
from tests.conftest import only_on_linux

DATA = Path(__file__).parent / "data" / "dmi"
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "dmidecode"
EXPECTED = json.loads((SAMPLES / "EXPECTED.json").read_text()) if SAMPLES.exists() else {}
CHASSIS = {
    "Desktop": 3,
    "Low Profile Desktop": 4,
    "Mini PC": 35,
    "Notebook": 10,
    "Laptop": 9,
    "Rack Mount Chassis": 23,
    "Other": 1,
}
# structure, its field, and the fact of EXPECTED.json
TEXTS = (
    ("BIOS Information", "Vendor", "bios_vendor"),
    ("BIOS Information", "Version", "bios_version"),
    ("BIOS Information", "Release Date", "bios_date"),
    ("System Information", "Manufacturer", "manufacturer"),
    ("System Information", "Product Name", "product"),
    ("System Information", "Serial Number", "serial"),
    ("System Information", "Family", "family"),
    ("System Information", "Version", "version"),
    ("System Information", "UUID", "uuid"),
    ("System Information", "SKU Number", "sku"),
    ("Base Board Information", "Manufacturer", "board_manufacturer"),
    ("Base Board Information", "Product Name", "board_product"),
    ("Base Board Information", "Serial Number", "board_serial"),
    ("Chassis Information", "Type", "chassis_type"),
    ("Chassis Information", "Serial Number", "chassis_serial"),
    ("Chassis Information", "Asset Tag", "asset_tag"),
)
COUNTS = (("Processor Information", "processors"), ("Portable Battery", "batteries"))
JUDGED = {"memory_slots", "memory_modules", "memory_bytes", "is_virtual", "serial_is_placeholder"}


@pytest.mark.parametrize(
    "name",
    list(EXPECTED)
    or [
        pytest.param(
            "none", marks=pytest.mark.skip(reason="the captured samples are not beside this checkout")
        )
    ],
)
def test_the_table_of_a_captured_machine_is_read(name: str) -> None:
    expected = EXPECTED[name]
    blocks = dmi.parse((SAMPLES / name).read_text(encoding="utf-8", errors="replace"))
    for title, field, fact in TEXTS:
        fields = next((block.fields for block in blocks if block.title == title), {})
        assert fields.get(field) == expected[fact], (title, field)
    for title, fact in COUNTS:
        count = sum(block.title == title for block in blocks)
        assert (count or None) == (expected[fact] or None), title
    assert expected.keys() == {row[-1] for row in (*TEXTS, *COUNTS)} | JUDGED, "a fact nobody compares"
    slots = dmi.memory_slots(blocks)
    filled = [slot.size_bytes for slot in slots if slot.size_bytes]
    assert (len(slots) or None) == expected["memory_slots"]
    if expected["memory_slots"] is not None:
        assert (len(filled), sum(filled)) == (expected["memory_modules"], expected["memory_bytes"])
    assert dmi.is_virtual(expected["manufacturer"], expected["product"]) == expected["is_virtual"]
    assert is_placeholder(expected["serial"]) == expected["serial_is_placeholder"]
    kind = dmi.device_class(CHASSIS[expected["chassis_type"]], expected["manufacturer"], expected["product"])
    assert (kind == "laptop") == (expected["chassis_type"] in {"Notebook", "Laptop"})


def test_an_empty_slot_is_told_and_has_no_maker() -> None:
    slots = dmi.memory_slots(dmi.parse((DATA / "two_slots.txt").read_text()))
    rows = {item.key: dict(item.facts) for item in hardware.memory_modules(slots)}
    assert rows["DIMM A"]["size_bytes"] == str(16 * 1024**3)
    assert rows["DIMM B"] == {"filled": "false", "form_factor": "SODIMM", "bank": "BANK 2"}


@pytest.mark.parametrize(
    "text",
    [
        "To be filled by O.E.M.",
        "Default string",
        "  none ",
        "0",
        "0000000",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "System Serial Number",
        "03000200-0400-0500-0006-000700080009",
        "",
    ],
)
def test_a_serial_nobody_filled_in_is_a_placeholder(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["C83T54J", "USE2236835", "4C4C4544-0038-3310-8054-C3C04F35344A", "MXL0001"])
def test_a_real_serial_is_none(text: str) -> None:
    assert not is_placeholder(text)


def board(root: Path, **files: str) -> Place:
    directory = root / "sys" / "class" / "dmi" / "id"
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name).write_text(text + "\n")
    return Place(root=root)


def card(
    root: Path,
    name: str,
    mac: str,
    *,
    bus: str = "pci0000:00/0000:00:1f.6",
    assigned: int = 0,
    radio: bool = False,
    virtual: bool = False,
) -> None:
    device = root / "sys" / "devices" / bus
    device.mkdir(parents=True, exist_ok=True)
    node = root / "sys" / "class" / "net" / name
    node.mkdir(parents=True)
    for file, text in (("address", mac), ("addr_assign_type", str(assigned)), ("type", "1")):
        (node / file).write_text(text + "\n")
    if not virtual:
        (node / "device").symlink_to(device)
    if radio:
        (node / "wireless").mkdir()


@only_on_linux("test_hardware_windows.py reads what Windows says")
def test_only_addresses_that_stay_with_the_machine_name_it(tmp_path: Path) -> None:
    card(tmp_path, "eno1", "AC:1A:3D:00:00:01")
    card(tmp_path, "wlan0", "ac:1a:3d:00:00:02", radio=True)
    card(tmp_path, "dock0", "ac:1a:3d:00:00:03", bus="pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0")
    card(tmp_path, "made-up", "02:1a:3d:00:00:04")
    card(tmp_path, "random", "ac:1a:3d:00:00:05", assigned=1)
    card(tmp_path, "br0", "ac:1a:3d:00:00:06", virtual=True)
    place = Place(root=tmp_path)
    assert hardware.wired_macs(place) == ["ac:1a:3d:00:00:01"]
    assert [found.name for found in hardware_linux.network_cards(place)] == [
        "dock0",
        "eno1",
        "made-up",
        "random",
        "wlan0",
    ]


def test_a_machine_says_who_it_is(tmp_path: Path) -> None:
    place = board(
        tmp_path,
        sys_vendor="LENOVO",
        product_name="10T7",
        product_serial="PC0ABC",
        product_uuid="AABB",
        chassis_type="10",
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hostname").write_text("pc-14\n")
    machine = hardware.machine(place)
    assert (machine.host_name, machine.maker, machine.system_serial, machine.smbios_uuid) == (
        "pc-14",
        "LENOVO",
        "PC0ABC",
        "aabb",
    )
    facts = dict(hardware.read(place).sections["system"][0].facts)
    assert (facts["device_class"], facts["serial_is_placeholder"]) == ("laptop", "false")


def test_a_copied_disk_in_another_machine_is_another_machine(tmp_path: Path) -> None:
    one = board(tmp_path / "one", product_serial="PC0ABC", product_uuid="AA")
    other = board(tmp_path / "other", product_serial="PC0DEF", product_uuid="BB")
    again = board(tmp_path / "again", product_serial="PC0ABC", product_uuid="AA")
    card(tmp_path / "again", "eno2", "ac:1a:3d:00:00:01")
    assert hardware.machine_hash(one) != hardware.machine_hash(other)
    assert hardware.machine_hash(one) == hardware.machine_hash(again)
    assert 0 <= hardware.machine_hash(one) < 2**64


@only_on_linux("test_hardware_windows.py reads what Windows says")
def test_an_unfilled_board_is_known_by_its_network_card(tmp_path: Path) -> None:
    places = []
    for name, mac in (("one", "ac:1a:3d:00:00:01"), ("other", "ac:1a:3d:00:00:02")):
        places.append(board(tmp_path / name, product_serial="Default string", product_uuid="00000000-0000"))
        card(tmp_path / name, "eno1", mac)
    assert hardware.machine_hash(places[0]) != hardware.machine_hash(places[1])


def test_sockets_cores_and_threads_are_told_apart() -> None:
    cpuinfo = "\n\n".join(
        f"processor\t: {number}\nphysical id\t: 0\ncore id\t\t: {number // 2}\nmodel name\t: A processor"
        for number in range(4)
    )
    assert [dict(item.facts) for item in hardware.processors(cpuinfo)] == [
        {"model": "A processor", "cores": "2", "threads": "4"}
    ]


@only_on_linux("test_hardware_windows.py reads what Windows says")
def test_a_section_that_cannot_be_read_is_absent_and_not_empty(tmp_path: Path) -> None:
    taken = hardware.read(board(tmp_path, sys_vendor="LENOVO"))
    assert "memory_modules" not in taken.sections
    assert "captured tree" in taken.reason


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet="\t Handle Memory Device\n:0", max_size=200))
def test_a_strange_table_breaks_nothing(text: str) -> None:
    dmi.memory_slots(dmi.parse("Memory Device\n" + text))
    hardware.processors("processor : 0\n" + text)
    dmi.size_bytes(text)
