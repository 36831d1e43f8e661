"""Which part numbers fit: pure, from what is known of the part that fails.

What is not known never matches a row that asks for it. Only `*` in a model stands for other letters.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

# What a row of the map may be about.
PARTS: Final = (
    "drive", "memory", "battery", "lamp", "filter", "projector", "display", "camera", "microphone", "speaker",
    "power supply", "fan",
)  # fmt: skip

# A disk of 512 GB on its box holds 512,110,190,592 bytes; what is sold under one size differs by less than that
# (IDEMA LBA1-03 rounds up to 0.06 % at 32 GB).
_AS_SOLD: Final = 1.001
_SPEED: Final = re.compile(r"(.+?)-(\d{3,6})", re.ASCII)  # DDR4-3200


class Row(Protocol):
    """A row of the compatibility map (FittingPart)."""

    @property
    def part(self) -> str: ...
    @property
    def form_factor(self) -> str: ...
    @property
    def interface(self) -> str: ...
    @property
    def at_least_bytes(self) -> int | None: ...
    @property
    def model(self) -> str: ...
    @property
    def part_number(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is known of the part that is to be replaced; empty or None: not known."""

    part: str  # one of PARTS
    form_factor: str = ""
    interface: str = ""  # of memory its type
    speed: int | None = None  # of memory, MT/s
    capacity_bytes: int | None = None
    models: tuple[str, ...] = ()  # names of the device, projector, camera: any of them may match
    # What the part calls itself: a spare of that very number fits. A projector names its lamp so.
    own_numbers: tuple[str, ...] = ()
    is_told: bool = False  # its own number is one to order by


@dataclass(frozen=True, slots=True)
class Fits:
    numbers: tuple[str, ...]  # the most specific first
    unknown: tuple[str, ...]  # when nothing fits for certain: the facts that would decide


def fits(rows: Iterable[Row], wanted: Wanted) -> Fits:
    found: list[tuple[tuple[int, int, int, str], str]] = []
    open_questions: dict[str, None] = {}
    for row in rows:
        if row.part.casefold() != wanted.part:
            continue
        answers = _answers(row, wanted)
        if False in answers.values():
            continue
        unknown = [fact for fact, answer in answers.items() if answer is None]
        if unknown:
            open_questions.update(dict.fromkeys(unknown))
        else:
            found.append((_rank(row, len(answers)), row.part_number))
    numbers = dict.fromkeys(number for _rank_of, number in sorted(found))
    return Fits(tuple(numbers), () if numbers else tuple(open_questions))


def _answers(row: Row, wanted: Wanted) -> dict[str, bool | None]:
    """Each thing that the row asks for: yes, no, not known."""
    answers: dict[str, bool | None] = {}
    if row.form_factor:
        answers["form factor"] = _begins(wanted.form_factor, row.form_factor)
    if row.interface:
        kind, speed = row.interface, None
        with_speed = _SPEED.fullmatch(row.interface.strip())
        if wanted.part == "memory" and with_speed:
            kind, speed = with_speed[1], int(with_speed[2])
        answers["interface" if wanted.part != "memory" else "type"] = _begins(wanted.interface, kind)
        if speed is not None:
            answers["speed"] = None if wanted.speed is None else speed >= wanted.speed
    if row.at_least_bytes is not None:
        has = wanted.capacity_bytes
        answers["capacity"] = None if not has else row.at_least_bytes * _AS_SOLD >= has
    if row.model:
        known = [model for model in wanted.models if model.strip()]
        answers["model"] = any(matches(row.model, model) for model in known) if known else None
    return answers


def _rank(row: Row, asks: int) -> tuple[int, int, int, str]:
    letters = len(row.model.replace("*", ""))
    return -asks, -letters, row.at_least_bytes or 2**63, row.part_number


def _begins(fact: str, asked: str) -> bool | None:
    """`SATA 3.3, 6.0 Gb/s` is SATA. `M.2` may be an M.2 2280: not known."""
    known, wanted = _words(fact), _words(asked)
    if known[: len(wanted)] == wanted:
        return True
    return None if wanted[: len(known)] == known else False


def _words(text: str) -> list[str]:
    # 2.5" and 2.5-inch are 2.5 inch; an SO-DIMM is a SODIMM.
    said = re.sub(r"[\"”]|[\s-]inch(es)?", " inch ", text.casefold()).replace("-", "")
    return re.findall(r"[^\s,;()]+", said)


def matches(pattern: str, text: str) -> bool:
    """The whole text; `*` is any letters, also none; case and the number of blanks do not matter. In linear time."""
    first, *rest = _folded(pattern).split("*")
    told = _folded(text)
    if not rest:
        return first == told
    last = rest.pop()
    if not told.startswith(first):
        return False
    at, ends = len(first), len(told) - len(last)
    for piece in rest:
        found = told.find(piece, at, ends)
        if found < 0:
            return False
        at = found + len(piece)
    return at <= ends and told.endswith(last)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
