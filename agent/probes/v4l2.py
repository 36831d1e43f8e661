"""What a capture driver says of its inputs, by four questions. Pure: the bytes of its answers in, facts out.

Source: linux/videodev2.h and linux/v4l2-dv-timings.h, for the numbers and the layouts of the structures.

`Query` is closed on purpose: with these four nothing is switched, set, reserved or shown. There is no code here or
elsewhere in the agent that asks a driver for a picture; tests/agent/test_no_recording.py keeps it so.
"""

import errno
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final


class Query(IntEnum):
    """The only requests ever made to a video device; the numbers of x86 and ARM. Others refuse them: not known."""

    QUERYCAP = 0x80685600
    ENUMINPUT = 0xC050561A
    G_INPUT = 0x80045626
    QUERY_DV_TIMINGS = 0x80845663

    @property
    def size(self) -> int:
        """Bytes of its structure, which the number itself holds."""
        return self >> 16 & 0x3FFF


LOCKED, NO_SIGNAL, NO_LOCK, OUT_OF_RANGE, UNKNOWN = (
    "locked",
    "no_signal",
    "no_lock",
    "out_of_range",
    "unknown",
)
# What QUERY_DV_TIMINGS fails with where the driver can tell. ENODATA (not for this input), ENOTTY (no such
# question) and all others tell nothing.
_REFUSALS: Final = {errno.ENOLINK: NO_SIGNAL, errno.ENOLCK: NO_LOCK, errno.ERANGE: OUT_OF_RANGE}
_CAPTURES, _CAPTURES_PLANES, _CONVERTS, _HAS_DEVICE_CAPS = 0x1, 0x1000, 0xC000, 0x80000000
_BY_MEDIA_CONTROLLER = 0x20000000  # a sensor of a laptop or a telephone, not an input
_NO_POWER, _NO_SIGNAL, _NO_CARRIER = 0x1, 0x2, 0x40000
_LOCK_LOST = 0x100 | 0x400 | 0x800 | 0x10000  # horizontal, vertical, standard, sync
# Analogue drivers of the kernel that fill `status` of the input in use. With all others, 0 there says nothing:
# v4l2loopback says it always.
_TELL_STATUS = frozenset({"bttv", "saa7134", "tw5864", "tw68", "tw686x"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    driver: str
    card: str
    captures: bool  # pictures come in here; not the node of a codec, of metadata, of a sensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    name: str
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    width: int
    height: int
    refresh_hertz: float | None  # half pictures where it is interlaced


def parse_capabilities(data: bytes) -> Capabilities:
    """struct v4l2_capability. Raises ValueError on another length."""
    driver, card, _bus, _version, of_all, of_node = _unpacked("<16s32s32s3I12x", data)
    able = of_node if of_all & _HAS_DEVICE_CAPS else of_all
    return Capabilities(
        driver=_words(driver),
        card=_words(card),
        captures=bool(able & (_CAPTURES | _CAPTURES_PLANES))
        and not able & (_CONVERTS | _BY_MEDIA_CONTROLLER),
    )


def parse_input(data: bytes) -> Input:
    """struct v4l2_input. Raises ValueError on another length."""
    _index, name, _kind, _audio, _tuner, _standard, status = _unpacked("<I32s3IQI20x", data)
    return Input(name=_words(name), status=status)


def parse_timings(data: bytes) -> Timings | None:
    """struct v4l2_dv_timings, which is packed. None: of another kind than those of pictures on a wire.
    Raises ValueError on another length."""
    kind, width, height, interlaced, _polarities, clock, *blanking = _unpacked("<5IQ9I68x", data)
    if kind != 0 or not width or not height:
        return None
    across = width + sum(blanking[:3])
    down = height + sum(blanking[3:9])
    hertz = clock / (across * down) * (2 if interlaced else 1)
    return Timings(width=width, height=height, refresh_hertz=round(hertz, 2) if clock else None)


def signal(driver: str, found: Input | None, timings: Timings | None, refused: int | None) -> str:
    """`refused` is the errno of QUERY_DV_TIMINGS. Only what the driver can tell both ways is told: a state that can
    turn bad and never good again would leave its finding open."""
    if timings is not None:
        return LOCKED
    if refused in _REFUSALS:
        return _REFUSALS[refused]
    if found is None or driver not in _TELL_STATUS:
        return UNKNOWN
    if found.status & (_NO_POWER | _NO_SIGNAL | _NO_CARRIER):
        return NO_SIGNAL
    return NO_LOCK if found.status & _LOCK_LOST else LOCKED


def _unpacked(form: str, data: bytes) -> tuple[Any, ...]:
    try:
        return struct.unpack(form, data)
    except struct.error:
        raise ValueError(f"v4l2: {len(data)} bytes where {struct.calcsize(form)} were asked for") from None


def _words(data: bytes) -> str:
    text = data.partition(b"\0")[0].decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable()).strip()
