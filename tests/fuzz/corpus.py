"""What a row of the table is: a parser, how it is called, and what its input looks like."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.conftest import REPOSITORY, SAMPLES

_DATA: Final = REPOSITORY / "tests" / "agent" / "probes" / "data"
NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG: Final = b"9" * 5000  # more digits than Python makes a number of
_WHOLE: Final = 16 * 1024  # larger files are cut in the bounded test


@dataclass(frozen=True, kw_only=True)
class Parser:
    name: str  # `probes.smart.parse`
    call: Callable[[bytes], object]
    corpus: tuple[
        str, ...
    ] = ()  # globs below ../shared/samples, or below tests/agent/probes/data with `data/`
    seeds: tuple[bytes, ...] = ()
    allowed: tuple[type[Exception], ...] = (ValueError,)
    runs: int = 300  # of the bounded test; fewer where a call writes files

    def inputs(self, largest: int | None = _WHOLE) -> list[bytes]:
        """The whole corpus; with a limit the small files, or the heads of large ones."""
        found = [path.read_bytes() for glob in self.corpus for path in _files(glob)] + list(self.seeds)
        if largest is not None:
            found = [data for data in found if len(data) <= largest] or [data[:largest] for data in found]
        return found or [b""]


def _files(glob: str) -> list[Path]:
    folder, pattern = (_DATA, glob[5:]) if glob.startswith("data/") else (SAMPLES, glob)
    return sorted(path for path in folder.glob(pattern) if path.name not in ("EXPECTED.json", "SOURCES.md"))


def text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """As agent/commands.py and kernel_files.py hand it over."""
    return lambda data: parse(data.decode("utf-8", "replace"))


def lines(parse: Callable[[Any], Any]) -> Callable[[bytes], object]:
    """As a file opened with errors="replace" gives them; what is an iterator is used up."""
    return lambda data: list(parse(io.StringIO(data.decode("utf-8", "replace"), newline=None)))


def used_up(parse: Callable[[str], Any]) -> Callable[[bytes], object]:
    return lambda data: list(parse(data.decode("utf-8", "replace")))


def pairs(data: bytes) -> dict[str, str]:
    """`name=value` lines as the facts of a folder of attribute files."""
    split = (line.partition("=") for line in data.decode("utf-8", "replace").split("\n"))
    return {name: value for name, equals, value in split if equals}
