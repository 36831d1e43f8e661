"""Sound cards and streams of ALSA. Texts here are written after the kernel's own format (documented); captured
ones lie beside the checkout and are compared in ../test_every_sample.py."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import alsa

CARDS = """\
 0 [PCH            ]: HDA-Intel - HDA Intel PCH
                      HDA Intel PCH at 0xd5840000 irq 145
 3 [Headset        ]: USB-Audio - Logitech USB Headset
                      Logitech Logitech USB Headset at usb-0000:00:14.0-4.4.1, full speed
"""
RUNNING = """\
state: RUNNING
owner_pid   : 2718
trigger_time: 4711.112233445
tstamp      : 4801.000000001
delay       : 480
avail       : 960
avail_max   : 1440
-----
hw_ptr      : 4314624
appl_ptr    : 4315104
"""


def test_a_card_is_known_by_its_id_and_its_place_on_the_bus() -> None:
    built_in, headset = alsa.parse_cards(CARDS)
    assert (headset.number, headset.id, headset.driver, headset.name) == (
        3,
        "Headset",
        "USB-Audio",
        "Logitech USB Headset",
    )
    assert (headset.usb_path, headset.usb_speed) == ("usb-0000:00:14.0-4.4.1", "full")
    assert (built_in.usb_path, built_in.long_name) == (None, "HDA Intel PCH at 0xd5840000 irq 145")


def test_a_machine_without_sound_has_no_cards() -> None:
    assert alsa.parse_cards("--- no soundcards ---\n") == []


@pytest.mark.parametrize(
    ("text", "line"), [("hello\n", 1), (CARDS + "what\n", 5), ("      a name of nothing\n", 1)]
)
def test_a_strange_line_is_refused_by_its_number(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"cards: line {line}:"):
        alsa.parse_cards(text)


def test_a_closed_stream_has_no_counters() -> None:
    stream = alsa.parse_status("closed\n")
    assert (stream.is_open, stream.hardware_frames) == (False, None)


def test_a_stream_that_runs_while_its_pointer_stands_still_is_stuck() -> None:
    stream = alsa.parse_status(RUNNING)
    later = dataclasses.replace(stream, hardware_frames=4362624)
    assert alsa.is_stuck(stream, stream) is True
    assert alsa.is_stuck(stream, later) is False


def test_two_runs_of_a_stream_are_not_compared() -> None:
    stream = alsa.parse_status(RUNNING)
    assert alsa.is_stuck(stream, dataclasses.replace(stream, started_at="5000.1")) is None
    assert alsa.is_stuck(stream, alsa.parse_status("closed")) is None
    assert alsa.is_stuck(stream, dataclasses.replace(stream, hardware_frames=None)) is None


def test_the_state_of_a_stream_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="status: state"):
        alsa.parse_status("state: SINGING\n")


def test_the_format_of_an_open_stream_is_told() -> None:
    text = "access: RW_INTERLEAVED\nformat: S16_LE\nsubformat: STD\nchannels: 2\nrate: 48000 (48000/1)\n"
    assert alsa.parse_hw_params(text) == alsa.Format(sample="S16_LE", channels=2, rate_hertz=48000)
    assert alsa.parse_hw_params("closed\n") is None
    assert alsa.parse_hw_params("no setup\n") is None
    with pytest.raises(ValueError, match="hw_params"):
        alsa.parse_hw_params("format: S16_LE\n")


def test_a_device_says_whether_it_plays_or_records() -> None:
    text = "card: 3\ndevice: 0\nsubdevice: 0\nstream: CAPTURE\nid: USB Audio\nname: USB Audio\nclass: 0\n"
    assert alsa.parse_info(text) == alsa.Device(
        card=3, device=0, flow="capture", id="USB Audio", name="USB Audio"
    )
    with pytest.raises(ValueError, match="info"):
        alsa.parse_info("card: 3\n")


def test_the_usb_id_is_two_numbers() -> None:
    assert alsa.parse_usb_id("046d:085C\n") == ("046d", "085c")
    with pytest.raises(ValueError, match="usbid"):
        alsa.parse_usb_id("046d")


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet=" 0[a]:-\nstate\t", max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    parsers = (
        alsa.parse_cards,
        alsa.parse_status,
        alsa.parse_hw_params,
        alsa.parse_info,
        alsa.parse_usb_id,
    )
    for parse in parsers:
        for strange in (text, f"state: RUNNING\nhw_ptr: {text}", " 0 [" + text):
            try:
                parse(strange)
            except ValueError:
                continue


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("usb-0000:00:14.0-4.2.4", ("0000:00:14.0", "4.2.4")),
        ("usb-xhci-hcd.2.auto-1", ("xhci-hcd.2.auto", "1")),
        ("pci-0000:00:14.0-usb-0:4.2:1.0", ("0000:00:14.0", "4.2")),
        ("pci-0000:00:14.0-usbv2-0:4:1.0", ("0000:00:14.0", "4")),
        ("platform-xhci-hcd.2.auto-usb-0:1.3:1.0", ("xhci-hcd.2.auto", "1.3")),
        ("pci-0000:00:1f.3", None),
        ("", None),
    ],
)
def test_a_place_on_usb_is_the_controller_and_the_sockets(text: str, told: tuple[str, str] | None) -> None:
    assert alsa.parse_usb_place(text) == told
