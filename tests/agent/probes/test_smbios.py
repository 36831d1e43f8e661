"""The firmware's table as bytes. The tables are built here after DSP0134 (`documented`); where the program dmidecode is
installed, it must read the same in them."""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import dmi, hardware, hardware_linux, smbios
from tests.conftest import only_on_linux

GB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Stick:
    """What a firmware would write about one slot."""

    size: int = 0x2000  # in MB; bit 15: in kB
    long_size: int = 0
    form: int = 9
    type: int = 26
    speed: int = 3200
    locator: str = "DIMM 1"
    bank: str = "P0"
    maker: str = "Samsung"
    serial: str = "3A5F11C2"
    part: str = "M471A1K43"
    length: int = 0x5C  # of version 3.3; older tables are shorter


def structure(kind: int, body: bytes, texts: list[str]) -> bytes:
    strings = b"".join(text.encode() + b"\0" for text in texts) or b"\0"
    return struct.pack("<BBH", kind, len(body) + 4, kind) + body + strings + b"\0"


def memory(stick: Stick) -> bytes:
    texts = [text for text in (stick.locator, stick.bank, stick.maker, stick.serial, stick.part) if text]
    number = {text: index for index, text in enumerate(texts, 1)}
    body = struct.pack(
        "<HHHHHBBBBBHHBBBBBIHHHH",
        0x1000, 0xFFFE, 64, 64, stick.size, stick.form, 0, number.get(stick.locator, 0),
        number.get(stick.bank, 0), stick.type, 0x80, stick.speed, number.get(stick.maker, 0),
        number.get(stick.serial, 0), 0, number.get(stick.part, 0), 1, stick.long_size, 2666, 1200, 1200, 1200,
    )  # fmt: skip
    return structure(17, body.ljust(stick.length - 4, b"\0")[: stick.length - 4], texts)


def table(*sticks: Stick) -> bytes:
    board = structure(1, bytes([1, 2, 0, 3]) + bytes(19), ["Maker", "Model", "Serial"])
    return board + b"".join(map(memory, sticks)) + structure(127, b"", [])


def test_slots_are_told_filled_or_not() -> None:
    filled, empty = smbios.memory_slots(table(Stick(), Stick(size=0, locator="DIMM 2", form=13)))
    assert filled == dmi.Slot(
        locator="DIMM 1", bank="P0", size_bytes=8 * GB, type="DDR4", form_factor="DIMM", speed="3200 MT/s",
        maker="Samsung", part_number="M471A1K43", serial="3A5F11C2",
    )  # fmt: skip
    assert empty == dmi.Slot(locator="DIMM 2", bank="P0", form_factor="SODIMM")


@pytest.mark.parametrize(
    "stick, size",
    [
        (Stick(size=0x7FFF, long_size=64 * 1024), 64 * GB),
        (Stick(size=0x8000 | 512), 512 * 1024),
        (Stick(size=0xFFFF), None),  # the firmware does not know
        (Stick(size=0x7FFF, long_size=0), None),
        (Stick(size=0x7FFF, length=0x1B), 0x7FFF * 1024**2),  # version 2.6: a plain number
        (Stick(size=1024, length=0x15), GB),  # of version 2.1: no maker, no serial
    ],
)
def test_sizes_in_all_their_forms(stick: Stick, size: int | None) -> None:
    (slot,) = smbios.memory_slots(table(stick))
    assert slot.size_bytes == size


def test_what_nobody_filled_in_is_not_told() -> None:
    (slot,) = smbios.memory_slots(table(Stick(maker="Not Specified", serial="00000000", part="", speed=0)))
    assert (slot.maker, slot.serial, slot.part_number, slot.speed) == (None, None, None, None)


def test_a_table_that_is_cut_short_tells_what_is_whole() -> None:
    whole = table(Stick(), Stick(locator="DIMM 2"))
    assert len(smbios.memory_slots(whole[:-40])) == 1
    for end in range(len(whole)):
        assert len(smbios.memory_slots(whole[:end])) <= 2


@settings(max_examples=300, deadline=None)
@given(some.binary(max_size=400), some.integers(0, 300))
def test_damaged_tables_break_nothing(noise: bytes, at: int) -> None:
    smbios.memory_slots(noise)
    damaged = bytearray(table(Stick(), Stick()))
    damaged[at : at + len(noise)] = noise
    for slot in smbios.memory_slots(bytes(damaged)):
        assert slot.size_bytes is None or slot.size_bytes > 0


letters = some.text(alphabet="ABCDEFabcdef0123456789 -/.", min_size=1, max_size=20).map(str.strip)
sticks = some.builds(
    Stick,
    size=some.sampled_from([0, 0xFFFF, 0x7FFF, 512, 0x2000, 0x4000, 0x8400]),
    long_size=some.sampled_from([0, 32 * 1024, 49152, 128 * 1024]),
    form=some.integers(1, 16),
    type=some.sampled_from([2, *range(3, 21), *range(24, 36)]),
    speed=some.sampled_from([0, 1333, 3200, 4800]),
    locator=letters,
    bank=letters,
    maker=letters,
    serial=letters,
    part=letters,
    length=some.sampled_from([0x5C, 0x28, 0x22, 0x1B]),
)


@settings(max_examples=25, deadline=None)
@given(rows=some.lists(sticks, min_size=1, max_size=4))
def test_dmidecode_reads_the_same(rows: list[Stick], tmp_path_factory: pytest.TempPathFactory) -> None:
    program = commands.find("dmidecode")
    if program is None:
        pytest.skip("no dmidecode on this machine")
    body = table(*rows)
    entry = bytearray(struct.pack("<5sBBBBBBBIQ", b"_SM3_", 0, 24, 3, 3, 0, 1, 0, len(body), 32))
    entry[5] = -sum(entry) & 0xFF
    dump = tmp_path_factory.mktemp("dmi") / "dump"
    dump.write_bytes(bytes(entry).ljust(32, b"\0") + body)
    told = subprocess.run([program, "--from-dump", dump], capture_output=True, text=True, check=True)
    assert smbios.memory_slots(body) == dmi.memory_slots(dmi.parse(told.stdout))


@only_on_linux("Windows asks WMI")
def test_the_table_of_a_captured_tree_needs_no_program(tmp_path: Path) -> None:
    file = tmp_path / "sys/firmware/dmi/tables/DMI"
    file.parent.mkdir(parents=True)
    file.write_bytes(table(Stick(), Stick(size=0, locator="DIMM 2")))
    taken = hardware.read(Place(root=tmp_path))
    (system,) = taken.sections["system"]
    assert (system.facts["memory_slots"], system.facts["memory_slots_free"]) == ("2", "1")
    assert system.facts["memory_installed_bytes"] == str(8 * GB)
    assert taken.reason == ""


@only_on_linux("Windows asks WMI")
def test_a_table_without_memory_is_unknown_and_not_without_slots(tmp_path: Path) -> None:
    file = tmp_path / "sys/firmware/dmi/tables/DMI"
    file.parent.mkdir(parents=True)
    file.write_bytes(table())
    taken = hardware.read(Place(root=tmp_path))
    assert taken.reason == "memory modules: the firmware tells of no memory slots"
    assert "memory_modules" not in taken.sections


@only_on_linux("Windows asks WMI")
def test_a_table_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "sys/firmware/dmi/tables/DMI").mkdir(parents=True)  # root reads every file, but no directory
    with pytest.raises(Unavailable, match="may not be read"):
        hardware_linux.memory_slots(Place(root=tmp_path))


@only_on_linux("Windows asks WMI")
def test_a_dmidecode_put_on_path_answers_where_the_kernel_shows_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "programs/dmidecode"
    program.parent.mkdir()
    captured = Path(__file__).parent / "data/dmi/two_slots.txt"
    program.write_text(f"#!/bin/sh\ncat '{captured}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    filled, empty = hardware_linux.memory_slots(Place(root=tmp_path))
    assert (filled.size_bytes, empty.size_bytes) == (16 * GB, None)
