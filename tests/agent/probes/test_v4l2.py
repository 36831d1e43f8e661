"""The answers of capture drivers. All structures are constructed after linux/videodev2.h: no driver of a capture card
is on the machines these tests run on."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probes import v4l2
from agent.probes.v4l2 import Input, Query, Timings

_NUMBERS = {  # of the 'V' family: what each of our four is, by its number in the header
    Query.QUERYCAP: (2, 0, 104),
    Query.ENUMINPUT: (3, 26, 80),
    Query.G_INPUT: (2, 38, 4),
    Query.QUERY_DV_TIMINGS: (2, 99, 132),
}
_THAT_DO_SOMETHING = {
    "S_FMT": 5, "REQBUFS": 8, "QBUF": 15, "EXPBUF": 16, "DQBUF": 17, "STREAMON": 18, "STREAMOFF": 19, "S_PARM": 22,
    "S_STD": 24, "S_CTRL": 28, "S_INPUT": 39, "S_EDID": 41, "S_OUTPUT": 47, "S_FREQUENCY": 57, "S_CROP": 60,
    "S_PRIORITY": 68, "S_EXT_CTRLS": 72, "S_DV_TIMINGS": 87, "CREATE_BUFS": 92, "PREPARE_BUF": 93, "OVERLAY": 14,
}  # fmt: skip


def capabilities(of_all: int, of_node: int = 0, driver: bytes = b"Probe") -> bytes:
    return struct.pack("<16s32s32sIII12x", driver, b"A card", b"PCI:0000:03:00.0", 0x060102, of_all, of_node)


def an_input(status: int, name: bytes = b"HDMI 1") -> bytes:
    return struct.pack("<I32sIIIQII12x4x", 0, name, 2, 0, 0, 0, status, 2)


def timings(
    width: int, height: int, clock: int, blank: tuple[int, ...], interlaced: int = 0, kind: int = 0
) -> bytes:
    return struct.pack("<IIIIIQ9I", kind, width, height, interlaced, 3, clock, *blank).ljust(132, b"\0")


def test_only_questions_are_in_the_table() -> None:
    """Each number is built as the header builds it; none is of a request that sets, reserves or starts something."""
    assert set(Query) == set(_NUMBERS)
    for query, (direction, number, size) in _NUMBERS.items():
        assert query == direction << 30 | size << 16 | ord("V") << 8 | number, query.name
        assert query.size == size
    assert not {query & 0xFF for query in Query} & set(_THAT_DO_SOMETHING.values())


def test_a_capture_card_says_who_it_is() -> None:
    told = v4l2.parse_capabilities(capabilities(0x85200001, 0x05200001, b"ProCapture"))
    assert (told.driver, told.card, told.captures) == ("ProCapture", "A card", True)


@pytest.mark.parametrize(
    "of_all, of_node, captures",
    [
        (0x84A00001, 0x04200001, True),  # a camera's picture
        (0x84A00001, 0x04A00000, False),  # its second node, which carries what is said about pictures
        (0x00000001, 0, True),  # before 3.1 drivers told of all nodes at once
        (0x84201000, 0x04201000, True),  # several planes
        (0x84204000, 0x04204000, False),  # a codec
        (0x84208001, 0x04208001, False),
        (0xA4200001, 0x24200001, False),  # a sensor behind a media controller
        (0x80000010, 0x00000010, False),  # teletext
    ],
)
def test_only_a_node_that_pictures_come_in_by_is_an_input(of_all: int, of_node: int, captures: bool) -> None:
    assert v4l2.parse_capabilities(capabilities(of_all, of_node)).captures is captures


@pytest.mark.parametrize(
    "data, expected",
    [
        (timings(1920, 1080, 148_500_000, (88, 44, 148, 4, 5, 36, 0, 0, 0)), Timings(width=1920, height=1080, refresh_hertz=60.0)),
        (timings(1920, 1080, 74_250_000, (88, 44, 148, 2, 5, 15, 2, 5, 16), 1), Timings(width=1920, height=1080, refresh_hertz=60.0)),
        (timings(1280, 720, 0, (0,) * 9), Timings(width=1280, height=720, refresh_hertz=None)),
        (timings(0, 0, 0, (0,) * 9), None),
        (timings(1920, 1080, 1, (0,) * 9, kind=7), None),
    ],
)  # fmt: skip
def test_a_signal_has_its_size_and_rate(data: bytes, expected: Timings | None) -> None:
    assert v4l2.parse_timings(data) == expected


LOCKED_SIGNAL = Timings(width=1920, height=1080, refresh_hertz=60.0)


@pytest.mark.parametrize(
    "driver, status, signal, refused, expected",
    [
        ("ProCapture", 0, LOCKED_SIGNAL, None, "locked"),
        ("ProCapture", 0, None, errno.ENOLINK, "no_signal"),
        ("ProCapture", 0, None, errno.ENOLCK, "no_lock"),
        ("ProCapture", 0, None, errno.ERANGE, "out_of_range"),
        ("ProCapture", 0, None, errno.ENODATA, "unknown"),
        ("v4l2 loopback", 0, None, errno.ENOTTY, "unknown"),  # says 0 whatever happens
        ("em28xx", 2, None, errno.ENOTTY, "unknown"),  # can never tell that it is well again
        ("bttv", 0, None, errno.ENOTTY, "locked"),
        ("bttv", 0x2, None, errno.ENOTTY, "no_signal"),
        ("saa7134", 0x100, None, errno.ENOTTY, "no_lock"),
        ("tw68", 0x10000, None, errno.ENOTTY, "no_lock"),
        ("tw68", 0x1, None, errno.ENOTTY, "no_signal"),
        ("tw686x", 0x30, None, errno.ENOTTY, "locked"),  # a picture upside down is a picture
    ],
)
def test_signal_is_said_only_where_the_driver_can_tell_it(
    driver: str, status: int, signal: Timings | None, refused: int | None, expected: str
) -> None:
    found = v4l2.parse_input(an_input(status))
    assert found == Input(name="HDMI 1", status=status)
    assert v4l2.signal(driver, found, signal, refused) == expected


def test_without_an_input_nothing_is_known_of_its_signal() -> None:
    assert v4l2.signal("bttv", None, None, errno.EINVAL) == "unknown"


@given(data=some.binary(max_size=140))
def test_an_answer_of_another_length_is_refused_and_all_others_are_read(data: bytes) -> None:
    for parse, query in (
        (v4l2.parse_capabilities, Query.QUERYCAP),
        (v4l2.parse_input, Query.ENUMINPUT),
        (v4l2.parse_timings, Query.QUERY_DV_TIMINGS),
    ):
        if len(data) != query.size:
            with pytest.raises(ValueError, match=f"{len(data)} bytes"):
                parse(data)
        parse(data.ljust(query.size, b"\xa5")[: query.size])
