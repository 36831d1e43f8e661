"""The outputs of the X server. Texts here are written after xrandr's form (documented); captured ones lie beside the
checkout and are compared in ../test_every_sample.py."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import xrandr

SCREEN = "Screen 0: minimum 8 x 8, current 3840 x 1080, maximum 32767 x 32767\n"
TWO = (
    SCREEN
    + """\
HDMI-1 connected primary 1920x1080+0+0 left (normal left inverted right x axis y axis) 160mm x 90mm
   1920x1080     60.00*+  50.00    59.94
   1920x1080i    60.00
DP-1 connected (normal left inverted right x axis y axis)
   1024x768      60.00 +
DP-2 disconnected (normal left inverted right x axis y axis)
VGA-1 unknown connection (normal left inverted right x axis y axis)
"""
)


def test_a_connected_output_that_shows_nothing_is_connected_and_off() -> None:
    shown, dark, *_ = xrandr.parse(TWO)
    assert (shown.geometry, dark.is_connected, dark.geometry) == ("1920x1080+0+0", True, None)
    assert (shown.is_primary, shown.width_mm, shown.height_mm) == (True, 160, 90)
    assert dark.preferred is not None
    assert (dark.current, dark.preferred.width) == (None, 1024)


def test_what_the_driver_does_not_know_is_neither_connected_nor_disconnected() -> None:
    states = {output.name: output.is_connected for output in xrandr.parse(TWO)}
    assert states == {"HDMI-1": True, "DP-1": True, "DP-2": False, "VGA-1": None}


def test_the_mode_shown_and_the_one_preferred_are_told_apart() -> None:
    shown = xrandr.parse(TWO)[0]
    assert shown.current is not None
    assert (shown.current.rate_hertz, shown.current.is_preferred) == (60.0, True)
    assert [mode.is_interlaced for mode in shown.modes] == [False, False, False, True]


def test_the_edid_is_taken_from_the_properties() -> None:
    text = SCREEN + "DP-1 connected (normal)\n\tEDID: \n\t\t00ffffff\n\t\tffffff00\n\tmax bpc: 8\n"
    assert xrandr.parse(text)[0].edid == bytes.fromhex("00ffffffffffff00")


def test_half_a_byte_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 3: EDID"):
        xrandr.parse(SCREEN + "DP-1 connected (normal)\n\tEDID: \n\t\t00f\n")


@pytest.mark.parametrize("text", ["", "Can't open display :0\n", "DP-1 connected\n"])
def test_the_words_of_an_error_are_no_outputs(text: str) -> None:
    with pytest.raises(ValueError, match="xrandr"):
        xrandr.parse(text)


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet=" connected\n\t0123x+-*mEDID:", max_size=150))
def test_any_text_is_read_or_refused(text: str) -> None:
    for strange in (text, SCREEN + text, SCREEN + "DP-1 connected " + text):
        try:
            xrandr.parse(strange)
        except ValueError:
            continue
