"""python -m tests.fuzz: every parser for a while, or one for long.

Guided by coverage where atheris is installed (`pip install --group fuzz`, Linux), else by mutation alone. Prints
runs, refusals and rates; an input that broke something stays in var/fuzz. The exit status is the number of parsers
with defects.
"""

import argparse
import importlib.util
import random
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.fuzz import engine
from tests.fuzz.parsers import Parser, table

FOLDER = REPOSITORY / "var" / "fuzz"
_LARGEST_SEED = 64 * 1024  # a mutation of 300 KB costs more than it finds


def main() -> int:
    wanted = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    wanted.add_argument(
        "--minutes", type=float, help="for each parser; a third of one when --runs is not given"
    )
    wanted.add_argument("--runs", type=int, help="for each parser")
    wanted.add_argument("--only", default="", help="parsers whose name holds this")
    wanted.add_argument("--seed", type=int, default=None, help="the same seed gives the same mutations")
    wanted.add_argument("--engine", choices=("auto", "guided", "mutation"), default="auto")
    wanted.add_argument(
        "--again", type=Path, help="run the one input of this file through the parser of --only"
    )
    told = wanted.parse_args()
    chosen = [parser for parser in table() if told.only in parser.name]
    if not chosen:
        print(f"no parser has {told.only!r} in its name", file=sys.stderr)
        return 2
    if told.again is not None:
        print(chosen[0].call(told.again.read_bytes()))
        return 0
    has_atheris = importlib.util.find_spec("atheris") is not None
    guided = told.engine == "guided" or (told.engine == "auto" and has_atheris and told.runs is None)
    seed = random.randrange(2**32) if told.seed is None else told.seed
    seconds = told.minutes * 60 if told.minutes else None if told.runs else 20.0
    print(
        f"{len(chosen)} parsers, {'guided by coverage' if guided else f'mutations, seed {seed}'}", flush=True
    )
    broken = 0
    for parser in chosen:
        broken += _guided(parser, seconds or 20.0) if guided else _mutated(parser, seed, told.runs, seconds)
    print(f"{broken} of {len(chosen)} parsers with defects" + (f", inputs in {FOLDER}" if broken else ""))
    return min(broken, 100)


def _mutated(parser: Parser, seed: int, runs: int | None, seconds: float | None) -> bool:
    result = engine.run(
        parser, seed=seed, runs=runs, seconds=seconds, seeds=parser.inputs(_LARGEST_SEED), watched=True
    )
    print(result, flush=True)
    for path, defect in zip(engine.save(result, FOLDER), result.defects.values(), strict=True):
        print(f"    {defect.signature}, {defect.times} times: {path}")
    return bool(result.defects)


def _guided(parser: Parser, seconds: float) -> bool:
    """In a process of its own: libFuzzer never returns."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{parser.name.replace(' ', '_')}.log"
    command = [sys.executable, "-m", "tests.fuzz.guided", parser.name, str(seconds)]
    with log.open("wb") as told:
        status = subprocess.run(command, cwd=REPOSITORY, check=False, stderr=told).returncode
    if status not in (0, 1):
        print(f"{parser.name}: the fuzzer itself ended with {status}: {log}", flush=True)
    return status != 0


if __name__ == "__main__":
    sys.exit(main())
