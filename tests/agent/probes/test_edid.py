"""What displays say of themselves. Blocks here are constructed after the standard; captured ones of real displays
lie beside the checkout and are compared fact by fact in ../test_every_sample.py, and here with edid-decode."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import edid

HD = bytes.fromhex("023a801871382d40582c450007442100001e")  # 1920x1080 at 60 Hz
HD_INTERLACED = bytes.fromhex("011d8018711c1620582c250007442100009e")  # 1920x1080i, 60 fields a second


def closed(block: bytes) -> bytes:
    """127 bytes and the sum that makes it a block."""
    block = block.ljust(127, b"\0")
    return block + bytes([-sum(block) % 256])


def text(tag: int, words: bytes) -> bytes:
    return b"\0\0\0" + bytes([tag, 0]) + words.ljust(13, b" ")


def base(
    *descriptors: bytes,
    maker: int = 0x10AC,
    serial: int = 0,
    week: int = 0,
    year: int = 30,
    size: tuple[int, int] = (60, 34),
    extensions: int = 0,
    minor: int = 3,
    input_: int = 0x80,
) -> bytes:
    head = bytes.fromhex("00ffffffffffff00") + struct.pack(">H", maker)
    head += struct.pack("<HIBBBB", 0xA0C7, serial, week, year, 1, minor) + bytes([input_, *size]) + bytes(31)
    rows = b"".join(descriptors).ljust(72, b"\0")
    return closed(head + rows + bytes([extensions]))


def cta(data: bytes = b"", timings: bytes = b"", flags: int = 0) -> bytes:
    return closed(bytes([0x02, 3, 4 + len(data), flags]) + data + timings)


def display_id(block: bytes, version: int = 0x12) -> bytes:
    section = bytes([version, len(block), 3, 0]) + block
    return closed(b"\x70" + section + bytes([-sum(section) % 256]))


def test_a_display_says_who_made_it_and_what_it_shows() -> None:
    read = edid.parse(base(HD, text(0xFC, b"DELL U2720Q\n"), text(0xFF, b"ABC1234\n"), week=12))
    assert (read.maker, read.product_code, read.name, read.serial) == (
        "DEL",
        "a0c7",
        "DELL U2720Q",
        "ABC1234",
    )
    assert (read.week, read.year, read.version, read.width_cm, read.height_cm) == (12, 2020, "1.3", 60, 34)
    assert read.preferred == edid.Mode(width=1920, height=1080, rate_hertz=60.0)
    assert read.is_whole


def test_an_interlaced_picture_has_all_its_lines() -> None:
    preferred = edid.parse(base(HD_INTERLACED)).preferred
    assert preferred == edid.Mode(width=1920, height=1080, rate_hertz=60.0, is_interlaced=True)


@pytest.mark.parametrize("number", [0, 1, 0x01010101, 12345678])
def test_a_number_the_maker_left_in_is_no_serial(number: int) -> None:
    assert edid.parse(base(HD, serial=number)).serial is None
    assert edid.parse(base(HD, text(0xFF, b"0000000\n"), serial=number)).serial is None


def test_a_number_of_its_own_is_a_serial_where_no_text_is() -> None:
    assert edid.parse(base(HD, serial=10075)).serial == "10075"


@pytest.mark.parametrize("size", [(0, 0), (79, 0), (0, 35)])
def test_a_projector_and_an_aspect_ratio_have_no_size(size: tuple[int, int]) -> None:
    read = edid.parse(base(HD, size=size))
    assert (read.width_cm, read.height_cm) == (None, None)


def test_an_unknown_week_is_none_and_255_marks_the_year_of_the_model() -> None:
    assert edid.parse(base(HD, week=0)).week is None
    read = edid.parse(base(HD, week=255))
    assert (read.week, read.is_model_year) == (None, True)


def test_an_extension_that_did_not_come_leaves_sound_unknown() -> None:
    read = edid.parse(base(HD, extensions=1))
    assert (read.has_audio, read.is_hdmi, read.is_whole) == (None, None, False)


def test_a_display_without_extensions_takes_no_sound() -> None:
    assert edid.parse(base(HD)).has_audio is False


def test_sound_and_hdmi_are_told_by_the_extension() -> None:
    data = bytes.fromhex("23097f07") + bytes.fromhex("230f7f07") + bytes.fromhex("65030c001000")
    read = edid.parse(base(HD, extensions=1) + cta(data, HD_INTERLACED, flags=0x40))
    assert (read.has_audio, read.audio_channels, read.is_hdmi) == (True, 8, True)
    assert [mode.is_interlaced for mode in read.modes] == [False, True]
    assert edid.parse(base(HD, extensions=1) + cta()).has_audio is False


def test_a_wrong_sum_is_told_and_the_facts_are_kept() -> None:
    data = bytearray(base(HD, text(0xFC, b"DELL\n")))
    data[127] ^= 0xFF
    read = edid.parse(bytes(data))
    assert (read.checksums_ok, read.is_whole, read.name) == ((False,), False, "DELL")


def test_a_tall_panel_says_its_timing_in_display_id() -> None:
    clock = (533_250_000 // 10_000 - 1).to_bytes(3, "little")
    timing = clock + b"\x88" + struct.pack("<8H", 3839, 159, 47, 31, 2159, 61, 2, 4)
    read = edid.parse(base(extensions=1) + display_id(bytes([0x03, 0, 20]) + timing))
    assert read.preferred is not None
    assert (read.preferred.size, read.preferred.rate_hertz, read.display_id) == ("3840x2160", 59.997, "1.2")


def test_the_timing_of_display_id_2_counts_in_kilohertz() -> None:
    clock = (533_250_000 // 1_000 - 1).to_bytes(3, "little")
    timing = clock + b"\x88" + struct.pack("<8H", 3839, 159, 47, 31, 2159, 61, 2, 4)
    read = edid.parse(base(extensions=1) + display_id(bytes([0x22, 0, 20]) + timing, 0x20))
    assert read.preferred is not None
    assert (read.preferred.rate_hertz, read.display_id) == (59.997, "2.0")


def test_display_id_counts_the_lines_of_both_fields() -> None:
    clock = (74_250_000 // 10_000 - 1).to_bytes(3, "little")
    timing = clock + b"\x98" + struct.pack("<8H", 1919, 279, 87, 43, 1079, 44, 1, 4)
    preferred = edid.parse(base(extensions=1) + display_id(bytes([0x03, 0, 20]) + timing)).preferred
    assert preferred == edid.Mode(width=1920, height=1080, rate_hertz=60.0, is_interlaced=True)


@pytest.mark.parametrize(
    ("name", "stand_in"),
    [
        (b"MATRIX 8*8", "switcher"),
        (b"HDMI SPLITTER", "switcher"),
        (b"ExtronScalerD", "switcher"),
        (b"DUMMY PLUG", "dummy"),
        (b"USB Capture", "capture"),
        (b"DELL U2720Q", None),
        (b"EPSON PJ", None),
    ],
)
def test_what_answers_for_ever_whatever_hangs_behind_it_is_named(name: bytes, stand_in: str | None) -> None:
    assert edid.parse(base(HD, text(0xFC, name + b"\n"))).stand_in == stand_in


def test_a_maker_without_letters_is_unknown() -> None:
    assert edid.parse(base(HD, maker=0xFFFF)).maker is None


def test_nuls_and_control_signs_in_a_name_are_left_out() -> None:
    assert edid.parse(base(HD, text(0xFC, b"EV\x002785\0\0\0\0\0\0"))).name == "EV2785"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "0 bytes"),
        (bytes(128), "byte 0"),
        (base(HD)[:18] + b"\x02" + base(HD)[19:], "byte 18"),
        (base(HD)[:127], "127 bytes"),
    ],
)
def test_what_is_no_edid_is_refused_with_the_place(data: bytes, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        edid.parse(data)


SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "edid"
FILES = sorted(SAMPLES.glob("*.bin"))


@pytest.mark.skipif(not FILES, reason="the captured samples are not beside this checkout")
@pytest.mark.skipif(shutil.which("edid-decode") is None, reason="edid-decode is not installed here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_edid_decode_reads_the_same(path: Path) -> None:
    told = subprocess.run(
        ["edid-decode", "--skip-hex-dump", str(path)], capture_output=True, check=False, timeout=20
    ).stdout.decode("utf-8", "replace")

    def said(pattern: str) -> str | None:
        found = re.search(pattern, told, re.MULTILINE)
        return found[1].strip() if found else None

    read = edid.parse(path.read_bytes())
    assert read.maker == said(r"Manufacturer: (\S+)")
    assert int(read.product_code, 16) == int(said(r"Model: (\d+)") or "-1")
    assert read.version == said(r"Structure Version & Revision: (\S+)")
    assert read.is_digital == (said(r"^ +(Digital display)$") is not None)
    assert read.name == said(r"Display Product Name: '(.*)'$")
    assert read.serial_text == (said(r"Display Product Serial Number: '(.*)'$") or None)
    assert read.serial_number == int(said(r"^ +Serial Number: (\d+)") or "0")
    made = re.search(r"Made in: (?:week (\d+) of )?(\d+)", told)
    assert made is not None
    assert (read.week, read.year) == (int(made[1]) if made[1] else None, int(made[2]))
    size = re.search(r"Maximum image size: (\d+) cm x (\d+) cm", told)
    assert (read.width_cm, read.height_cm) == ((int(size[1]), int(size[2])) if size else (None, None))
    interface = said(r"^ +(DVI|HDMI|DisplayPort|MDDI)\S* interface$")
    assert read.interface == interface
    if read.has_audio is not None:
        assert read.has_audio == ("Basic audio support" in told or "Audio Data Block" in told)
        assert read.audio_channels == max(map(int, re.findall(r"Max channels: (\d+)", told)), default=None)
        assert read.is_hdmi == ("Vendor-Specific Data Block (HDMI)" in told)
    timings = re.findall(r"DTD +\d+: +(\d+)x(\d+)(i?) +([\d.]+) Hz", told)
    assert {(mode.width, mode.height, mode.is_interlaced) for mode in read.modes} == {
        (int(width), int(height), i == "i") for width, height, i, _ in timings
    }
    assert read.preferred is not None
    assert read.preferred.rate_hertz == pytest.approx(float(timings[0][3]), abs=0.001)


@settings(max_examples=300, deadline=None)
@given(some.binary(max_size=120), some.binary(max_size=300))
def test_any_bytes_are_read_or_refused(inside: bytes, after: bytes) -> None:
    block = bytearray(base(HD, extensions=1))
    block[20 : 20 + len(inside)] = inside[:108]
    for data in (
        inside + after,
        bytes(block[:128]) + after,
        base(HD) + b"\x02\x03" + after.ljust(126, b"\1"),
    ):
        try:
            edid.parse(data)
        except ValueError as error:
            assert str(error).startswith("EDID: ")
