"""What a rule's sentence asks for, out of what the device tells."""

import pytest

from collector.spares import needs
from collector.spares.needs import Machine

DRIVE = {
    "model": "PM981",
    "protocol": "NVMe",
    "interface": "PCIe 4.0",
    "capacity_bytes": "512110190592",
    "serial": "S1",
}
MODULE = {
    "type": "DDR4",
    "form_factor": "SODIMM",
    "size_bytes": "17179869184",
    "speed": "3200 MT/s",
    "part_number": "HMA",
    "serial": "7",
}


def machine(**sections: dict[str, dict[str, str]]) -> Machine:
    return Machine(maker="Dell Inc.", model="Latitude 5520", serial="0C7BE3A", sections=sections)


def test_a_drive_is_told_by_its_own_facts() -> None:
    need = needs.of("A replacement drive of the same size.", "disk_health", DRIVE, "S1", "", machine())
    assert need is not None and need.serial == "0C7BE3A"
    assert (need.wanted.interface, need.wanted.capacity_bytes) == ("NVMe", 512_110_190_592)
    assert need.wanted.models == ("Latitude 5520", "Dell Inc. Latitude 5520")


def test_without_its_own_facts_a_module_is_what_all_modules_share() -> None:
    other = MODULE | {"size_bytes": "8589934592", "part_number": "HMB", "serial": "8"}
    empty = {"filled": "false", "form_factor": "SODIMM"}
    need = needs.of("Memory modules of the same type.", "events", {}, "mce", "", machine(memory_modules={"a": MODULE, "b": other, "c": empty}))  # fmt: skip
    assert need is not None
    assert (need.wanted.interface, need.wanted.speed, need.wanted.capacity_bytes) == ("DDR4", 3200, None)
    assert need.wanted.own_numbers == ()


def test_a_memory_stick_is_no_drive_of_the_device() -> None:
    stick = {"model": "Stick", "detachable": "true", "capacity_bytes": "64000000000"}
    need = needs.of("A replacement drive in case it fails.", "filesystem", {}, "/", "", machine(disks={"a": DRIVE, "b": stick}))  # fmt: skip
    assert need is not None and need.wanted.capacity_bytes == 512_110_190_592


def test_a_projector_names_its_lamp_and_has_a_serial_of_its_own() -> None:
    facts = {"manufacturer": "EPSON", "model": "EB-PU1006W", "serial": "X7V", "lamp_part": "ELPLP96"}
    need = needs.of("The replacement lamp (its part number is among the projector's facts), a ladder.", "projectors", {}, "P", "P", machine(projectors={"P": facts}))  # fmt: skip
    assert need is not None and need.serial == "X7V"
    assert (need.wanted.part, need.wanted.own_numbers, need.wanted.is_told) == ("lamp", ("ELPLP96",), True)
    assert need.wanted.models == ("EB-PU1006W", "EPSON EB-PU1006W")


def test_a_camera_that_is_gone_is_known_by_its_name_and_not_by_its_host() -> None:
    need = needs.of(
        "A USB cable or extender, a spare camera.", "cameras", {}, "cam:1", "PTZ Pro 2", machine()
    )
    assert need is not None and need.wanted.models == ("PTZ Pro 2",) and need.serial == ""


@pytest.mark.parametrize(
    ("said", "probe"),
    [
        ("A CR2032 mainboard battery.", "clock"), ("A SATA data cable; for a hot-swap bay a caddy or backplane.", "disk_health"),
        ("An archive disk, if there is no network archive.", "recorder"), ("A network cable, a power cable.", "presence"),
    ],
)  # fmt: skip
def test_what_no_map_could_know_is_no_need(said: str, probe: str) -> None:
    assert needs.of(said, probe, DRIVE, "S1", "", machine(disks={"S1": DRIVE})) is None


@pytest.mark.parametrize("text", ["", "many", "-5", "1e9", "9" * 400, "٣"])
def test_a_size_that_is_no_number_is_not_known(text: str) -> None:
    need = needs.of(
        "A replacement drive.", "disk_health", DRIVE | {"capacity_bytes": text}, "x", "", machine()
    )
    assert need is not None and need.wanted.capacity_bytes is None
