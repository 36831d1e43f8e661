"""Feeds one parser spoiled input and keeps what it should not have done."""

import contextlib
import random
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from tests.fuzz.mutate import DEEPEN, mutated
from tests.fuzz.parsers import Parser

TOO_LONG_SECONDS: Final = 5.0  # of one call, in the long run; inputs are at most 256 KiB
_DEEP_EVERY: Final = 400


class TooLong(Exception):
    """One call took longer than a probe should for its whole reading."""


@dataclass
class Defect:
    """One kind of failure: the exception and the line it came from."""

    signature: str
    trace: str
    data: bytes
    times: int = 1


@dataclass
class Result:
    name: str
    runs: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    defects: dict[str, Defect] = field(default_factory=dict)

    def __str__(self) -> str:
        rate = self.runs / self.seconds if self.seconds else 0
        return (
            f"{self.name:44} {self.runs:>10,} runs {self.refused / max(1, self.runs):>6.0%} refused {rate:>9,.0f} /s "
            f"slowest {self.slowest_seconds * 1000:>7.1f} ms  defects {len(self.defects)}"
        )


def attempt(parser: Parser, data: bytes, result: Result) -> None:
    """One call; an exception that the parser's row does not allow is a defect."""
    began = time.perf_counter()
    try:
        parser.call(data)
    except parser.allowed:
        result.refused += 1
    except Exception as error:
        _keep(result, error, data)
    took = time.perf_counter() - began
    result.runs += 1
    result.slowest_seconds = max(result.slowest_seconds, took)


def run(
    parser: Parser,
    *,
    seed: int,
    runs: int | None,
    seconds: float | None,
    seeds: list[bytes],
    watched: bool = False,
) -> Result:
    """Mutations of the seeds, until either limit. Not watched in a test: pytest has the alarm for itself."""
    chance = random.Random(f"{seed} {parser.name}")
    result = Result(parser.name)
    began = time.perf_counter()
    with _alarm() if watched else contextlib.nullcontext():
        for data in seeds:
            attempt(parser, data, result)
        while runs is None or result.runs < runs:
            if seconds is not None and time.perf_counter() - began > seconds:
                break
            deep = result.runs % _DEEP_EVERY == _DEEP_EVERY - 1
            attempt(parser, DEEPEN(chance, seeds[0], seeds) if deep else mutated(chance, seeds), result)
    result.seconds = time.perf_counter() - began
    return result


def save(result: Result, folder: Path) -> list[Path]:
    """The first input of each defect, with its traceback beside it."""
    saved = []
    for number, defect in enumerate(result.defects.values(), 1):
        into = folder / result.name.replace(" ", "_").replace("(", "").replace(")", "")
        into.mkdir(parents=True, exist_ok=True)
        path = into / f"defect-{number}.bin"
        path.write_bytes(defect.data)
        path.with_suffix(".txt").write_text(
            f"{defect.signature}\n{defect.times} times\n\n{defect.trace}", encoding="utf-8", errors="replace"
        )
        saved.append(path)
    return saved


def _keep(result: Result, error: Exception, data: bytes) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/tests/" not in frame.filename.replace("\\", "/")]
    last = (own or frames)[-1]
    signature = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    known = result.defects.get(signature)
    if known is not None:
        known.times += 1
        known.data = min(known.data, data, key=len)
        return
    result.defects[signature] = Defect(signature, "".join(traceback.format_exception(error))[-4000:], data)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Ends a call that hangs, where the system can; it is a timer anew for each signal, so a run may hang twice."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    last: list[FrameType | None] = [None]

    def ring(number: int, frame: FrameType | None) -> None:
        # Twice in the same call: a frame lives as long as its call.
        if frame is not None and any(each is last[0] for each in _calls(frame)):
            last[0] = None
            raise TooLong(f"more than {TOO_LONG_SECONDS} s in one call")
        last[0] = next((each for each in _calls(frame) if each.f_code is attempt.__code__), None)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, TOO_LONG_SECONDS, TOO_LONG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _calls(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
