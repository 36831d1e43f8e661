"""The outputs of the X server, as `xrandr --query` and `xrandr --prop` print them. Pure: text in, facts out.

Source: xrandr in the user's session, LC_ALL=C; the fallback where the kernel's driver shows no connectors
(NVIDIA without modeset). Sizes are pixels of the picture and millimetres of the glass, rates hertz.

Traps this reader knows: connected is not switched on: an output with a display and no geometry shows nothing;
`unknown connection` is neither connected nor disconnected; the names of outputs change with the driver.
"""

import re
from dataclasses import dataclass
from typing import Final

_OUTPUT = re.compile(
    r"^(?P<name>\S+) (?P<state>connected|disconnected|unknown connection)(?P<primary> primary)?"
    r"(?: (?P<geometry>\d{1,5}x\d{1,5}[+-]\d{1,5}[+-]\d{1,5}))?(?P<rest>(?: .*)?)$",
    re.ASCII,
)
_GLASS = re.compile(r" (\d{1,5})mm x (\d{1,5})mm$", re.ASCII)
_MODE = re.compile(r"^ {2,}(\d{1,5})x(\d{1,5})(i?)\S*\s+(\d.*)$", re.ASCII)
_RATE = re.compile(r"(\d{1,4}\.\d{1,3})(\*?)\s?(\+?)", re.ASCII)
_STATES: Final = {"connected": True, "disconnected": False, "unknown connection": None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mode:
    width: int
    height: int
    rate_hertz: float
    is_interlaced: bool
    is_current: bool
    is_preferred: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    name: str
    is_connected: bool | None  # None: the driver does not know
    is_primary: bool
    geometry: str | None  # `1920x1080+0+0`; None: shows nothing, also when connected
    width_mm: int | None
    height_mm: int | None
    modes: tuple[Mode, ...]
    edid: bytes | None

    @property
    def current(self) -> Mode | None:
        return next((mode for mode in self.modes if mode.is_current), None)

    @property
    def preferred(self) -> Mode | None:
        return next((mode for mode in self.modes if mode.is_preferred), None)


def parse(text: str) -> list[Output]:
    """Raises ValueError naming the line where the output of another program begins."""
    outputs: list[Output] = []
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _OUTPUT.match(line)]
    if not any(line.startswith("Screen ") for line in lines[: (starts or [len(lines)])[0]]):
        raise ValueError("xrandr: line 1: no `Screen` before the outputs")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        found = _OUTPUT.match(lines[start])
        if found is not None:
            outputs.append(_output(found, lines[start + 1 : end], start + 1))
    return outputs


def _output(found: re.Match[str], lines: list[str], number: int) -> Output:
    glass = _GLASS.search(found["rest"])
    width, height = (int(glass[1]), int(glass[2])) if glass else (0, 0)
    return Output(
        name=found["name"],
        is_connected=_STATES[found["state"]],
        is_primary=found["primary"] is not None,
        geometry=found["geometry"],
        width_mm=width or None,
        height_mm=height or None,
        modes=tuple(mode for line in lines for mode in _modes(line)),
        edid=_edid(lines, number),
    )


def _modes(line: str) -> list[Mode]:
    """`   1920x1080     60.03*+  59.93`: a star at what is shown, a plus at what the display prefers."""
    found = _MODE.match(line)
    if found is None:
        return []
    return [
        Mode(
            width=int(found[1]),
            height=int(found[2]),
            rate_hertz=float(rate),
            is_interlaced=found[3] == "i",
            is_current=star == "*",
            is_preferred=plus == "+",
        )
        for rate, star, plus in _RATE.findall(found[4])
    ]


def _edid(lines: list[str], number: int) -> bytes | None:
    """The lines of hexadecimal digits below `EDID:`."""
    start = next((at for at, line in enumerate(lines) if line.strip() == "EDID:"), None)
    if start is None:
        return None
    digits = ""
    for line in lines[start + 1 :]:
        if not re.fullmatch(r"\s+[0-9a-fA-F]{2,64}\s*", line, re.ASCII):
            break
        digits += line.strip()
    if len(digits) % 2:
        raise ValueError(f"xrandr: line {number + start + 1}: EDID: an odd number of digits")
    return bytes.fromhex(digits) or None
