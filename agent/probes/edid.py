"""What a display says of itself: EDID 1.x with CTA-861 and DisplayID extensions. Pure: bytes in, facts out.

Source: `/sys/class/drm/card*-*/edid`, the registry below `Enum\\DISPLAY`, `xrandr --prop`. Layout after VESA E-EDID
1.4, CTA-861-G and DisplayID 1.3/2.0. Sizes are centimetres, rates hertz, as the blocks give them.

Traps this reader knows: the extensions promised and those delivered need not agree; most projectors carry no
usable serial; texts hold NULs where blanks belong; a size of 0 or of one side only is no size (projectors,
aspect ratios); splitters, scalers and dummy plugs answer for ever, whatever hangs behind them.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

from protos.placeholders import is_placeholder

BLOCK: Final = 128
_HEADER: Final = bytes.fromhex("00ffffffffffff00")
_CTA, _DISPLAY_ID = 0x02, 0x70
_DETAILED = 18  # bytes of a detailed timing or descriptor
_HDMI = (0x000C03, 0xC45DD8)  # HDMI 1.x, HDMI Forum
_INTERFACES: Final = {1: "DVI", 2: "HDMI", 3: "HDMI", 4: "MDDI", 5: "DisplayPort"}
# Numbers that makers left in: nothing may be matched by them.
_UNFILLED_NUMBERS: Final = frozenset({0, 1, 0x01010101, 12345678})

# Whose EDID is not that of a picture people see. Names first: one chip maker (ITE) is in splitters and grabbers.
_STAND_INS: Final = (
    ("dummy", re.compile(r"\bdummy\b|\bheadless\b", re.IGNORECASE), frozenset({"WRP", "ZLX"})),
    ("capture", re.compile(r"\bcapture\b", re.IGNORECASE), frozenset({"AVT", "BMD", "MGW"})),
    (
        "switcher",
        re.compile(r"\bmatrix\b|\bsplitter\b|^extron|^crestron|\bswitch(er)?\b|\bextender\b", re.IGNORECASE),
        frozenset({"CEI", "EXN", "KMR", "GBE", "HDC", "PVT", "ITE", "ATN", "ZRN"}),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mode:
    width: int
    height: int  # of the whole picture, also when interlaced
    rate_hertz: float  # fields a second when interlaced
    is_interlaced: bool = False

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Edid:
    maker: str | None  # three letters; None: the code holds no letters
    product_code: str  # four hexadecimal digits
    serial_number: int
    serial_text: str | None
    name: str | None
    texts: tuple[str, ...]
    week: int | None  # of manufacture
    year: int  # of manufacture, of the model where `is_model_year`; 1990 where nobody filled it in
    is_model_year: bool
    version: str
    is_digital: bool
    interface: str | None  # told since EDID 1.4
    width_cm: int | None
    height_cm: int | None
    preferred: Mode | None
    modes: tuple[Mode, ...]  # detailed timings of all blocks
    has_audio: bool | None  # None: the extension that could tell did not come
    audio_channels: int | None  # most of any format
    is_hdmi: bool | None
    display_id: str | None  # version of the first DisplayID block
    extensions_promised: int
    blocks_delivered: int
    checksums_ok: tuple[bool, ...]  # one a block

    @property
    def serial(self) -> str | None:
        """What may be used as an identity: the text, else the number; None where neither was filled in."""
        if self.serial_text is not None and not is_placeholder(self.serial_text):
            return self.serial_text
        return None if self.serial_number in _UNFILLED_NUMBERS else str(self.serial_number)

    @property
    def is_whole(self) -> bool:
        """Every block promised is here, and the sums of all are right."""
        return all(self.checksums_ok) and self.blocks_delivered > self.extensions_promised

    @property
    def stand_in(self) -> str | None:
        """`switcher`, `capture` or `dummy` when this answer proves no display; None when nothing says so."""
        for kind, names, _ in _STAND_INS:
            if self.name and names.search(self.name):
                return kind
        return next((kind for kind, _, makers in _STAND_INS if self.maker in makers), None)


@dataclass(slots=True)
class _Extensions:
    modes: list[Mode]
    preferred: Mode | None = None
    is_cta: bool = False
    has_audio: bool = False
    channels: int = 0
    is_hdmi: bool = False
    display_id: str | None = None


def parse(data: bytes) -> Edid:
    """Raises ValueError naming the place. A wrong sum is told, not refused: the facts are often still right."""
    if len(data) < BLOCK:
        raise ValueError(f"EDID: {len(data)} bytes, a block has {BLOCK}")
    if data[:8] != _HEADER:
        raise ValueError("EDID: byte 0: no EDID begins like this")
    if data[18] != 1:
        raise ValueError(f"EDID: byte 18: version {data[18]} is not known")
    blocks = [data[start : start + BLOCK] for start in range(0, len(data) - BLOCK + 1, BLOCK)]
    base, texts, modes = blocks[0], _texts(blocks[0]), _timings(blocks[0], 54, 126)
    more = _extensions(blocks[1:])
    is_told = more.is_cta or base[126] == 0  # a display without extensions takes no sound
    width, height = base[21], base[22]
    serial, week, year = struct.unpack_from("<IBB", base, 12)
    names, serials = texts.get(0xFC, []), texts.get(0xFF, [])
    return Edid(
        maker=_maker(int.from_bytes(base[8:10], "big")),
        product_code=f"{int.from_bytes(base[10:12], 'little'):04x}",
        serial_number=serial,
        serial_text=next(filter(None, serials), None),
        name=next(filter(None, names), None),
        texts=tuple(texts.get(0xFE, [])),
        week=week if 1 <= week <= 54 else None,
        year=1990 + year,
        is_model_year=week == 255,
        version=f"{base[18]}.{base[19]}",
        is_digital=bool(base[20] & 0x80),
        interface=_INTERFACES.get(base[20] & 0x0F) if base[20] & 0x80 and base[19] >= 4 else None,
        # One of them 0 is an aspect ratio; both 0 a projector, whose picture has no fixed size.
        width_cm=width if width and height else None,
        height_cm=height if width and height else None,
        # The first descriptor is the preferred timing: by rule since 1.3, and where a laptop panel sets no flag too.
        preferred=modes[0] if modes else more.preferred,
        modes=tuple(dict.fromkeys((*modes, *more.modes))),  # blocks may come twice
        has_audio=more.has_audio if is_told else None,
        audio_channels=more.channels or None,
        is_hdmi=more.is_hdmi if is_told else None,
        display_id=more.display_id,
        extensions_promised=base[126],
        blocks_delivered=len(blocks),
        checksums_ok=tuple(sum(block) % 256 == 0 for block in blocks),
    )


def _maker(code: int) -> str | None:
    """Three letters of five bits, 1 is A."""
    numbers = [code >> shift & 31 for shift in (10, 5, 0)]
    return "".join(chr(64 + number) for number in numbers) if all(1 <= n <= 26 for n in numbers) else None


def _texts(block: bytes) -> dict[int, list[str]]:
    """The display descriptors that hold text, by tag: FC name, FE text, FF serial."""
    found: dict[int, list[str]] = {}
    for start in range(54, 126, _DETAILED):
        if block[start : start + 3] == b"\0\0\0" and block[start + 3] in (0xFC, 0xFE, 0xFF):
            text = block[start + 5 : start + _DETAILED].partition(b"\n")[0].decode("ascii", "replace")
            plain = "".join(c for c in text if c.isprintable()).strip()
            found.setdefault(block[start + 3], []).append(plain)
    return found


def _timings(block: bytes, start: int, end: int) -> list[Mode]:
    """Detailed timings one after the other, until one has no pixel clock."""
    modes = []
    for at in range(start, end - _DETAILED + 1, _DETAILED):
        if block[at : at + 2] == b"\0\0":
            if block[at : at + _DETAILED] == bytes(_DETAILED) and start != 54:
                break  # padding of an extension
            continue
        if mode := _timing(block[at : at + _DETAILED]):
            modes.append(mode)
    return modes


def _timing(row: bytes) -> Mode | None:
    width, blank_width = row[2] | (row[4] & 0xF0) << 4, row[3] | (row[4] & 0x0F) << 8
    height, blank_height = row[5] | (row[7] & 0xF0) << 4, row[6] | (row[7] & 0x0F) << 8
    clock_hertz = int.from_bytes(row[0:2], "little") * 10_000
    if not width or not height:
        return None
    if not row[17] & 0x80:
        return _mode(width, height, clock_hertz / ((width + blank_width) * (height + blank_height)))
    # Here the lines are those of one field, which lasts half a line longer.
    rate = clock_hertz / ((width + blank_width) * (height + blank_height + 0.5))
    return _mode(width, height * 2, rate, is_interlaced=True)


def _mode(width: int, height: int, rate_hertz: float, *, is_interlaced: bool = False) -> Mode:
    return Mode(width=width, height=height, rate_hertz=round(rate_hertz, 3), is_interlaced=is_interlaced)


def _extensions(blocks: list[bytes]) -> _Extensions:
    """Reads what it knows; a broken or unknown extension costs its own facts only."""
    more = _Extensions(modes=[])
    for block in blocks:
        if block[0] == _CTA:
            _cta(block, more)
        elif block[0] == _DISPLAY_ID:
            _display_id(block, more)
    return more


def _cta(block: bytes, more: _Extensions) -> None:
    more.is_cta = True
    timings = block[2]  # where they begin; 0: the block holds neither data nor timings
    if block[1] >= 2:
        more.has_audio = more.has_audio or bool(block[3] & 0x40)
    if not 4 <= timings <= BLOCK - 1:
        return
    at = 4
    while block[1] >= 3 and at < timings:
        tag, length = block[at] >> 5, block[at] & 31
        payload = block[at + 1 : min(at + 1 + length, timings)]
        if tag == 1:  # audio: three bytes a format
            more.has_audio = True
            more.channels = max(more.channels, *((first & 7) + 1 for first in payload[0::3]), 0)
        elif tag == 3 and len(payload) >= 3 and int.from_bytes(payload[:3], "little") in _HDMI:
            more.is_hdmi = True
        at += 1 + length
    more.modes += _timings(block, timings, BLOCK - 1)


def _display_id(block: bytes, more: _Extensions) -> None:
    version, length = block[1], block[2]
    more.display_id = more.display_id or f"{version >> 4}.{version & 15}"
    at, end = 5, min(5 + length, BLOCK - 2)  # a section's own sum and the block's come last
    # Detailed timings of 20 bytes: type I of version 1 in units of 10 kHz, type VII of version 2 of 1 kHz.
    units = {0x03: 10_000} if version < 0x20 else {0x22: 1_000}
    while at + 3 <= end:
        tag, size = block[at], block[at + 2]
        payload = block[at + 3 : min(at + 3 + size, end)]
        if tag in units:
            for start in range(0, len(payload) - 19, 20):
                _display_id_timing(payload[start : start + 20], units[tag], more)
        elif tag == 0 and size == 0:
            break  # padding
        at += 3 + size


def _display_id_timing(row: bytes, unit: int, more: _Extensions) -> None:
    clock = (int.from_bytes(row[0:3], "little") + 1) * unit
    # Every number is one less than it means; the lines are those of the whole picture, also when interlaced.
    width, blank_width, _, _, height, blank_height = (n + 1 for n in struct.unpack_from("<6H", row, 4))
    is_interlaced = bool(row[3] & 0x10)
    pictures = clock / ((width + blank_width) * (height + blank_height))
    mode = _mode(width, height, pictures * 2 if is_interlaced else pictures, is_interlaced=is_interlaced)
    more.modes.append(mode)
    if row[3] & 0x80 and more.preferred is None:
        more.preferred = mode
