"""One parser under atheris: mutations that reach new lines are kept and mutated further.

`python -m tests.fuzz.guided NAME SECONDS`, started by `python -m tests.fuzz`. What it learned stays in
var/fuzz/corpus/NAME for the next time. Defects do not end the run: each kind is kept once.
"""

import os
import random
import sys
import time
from pathlib import Path

import atheris  # the dependency group `fuzz`

with atheris.instrument_imports(include=["agent", "collector", "protos"]):
    import agent.probes  # noqa: F401
    from tests.fuzz.parsers import table

from tests.conftest import REPOSITORY
from tests.fuzz import engine
from tests.fuzz.mutate import mutated


def main() -> None:
    parser = next(parser for parser in table() if parser.name == sys.argv[1])
    seeds = parser.inputs(64 * 1024)
    seconds = float(sys.argv[2])
    result, began = engine.Result(parser.name), time.perf_counter()
    folder = REPOSITORY / "var" / "fuzz"
    corpus = folder / "corpus" / parser.name.replace(" ", "_")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)

    def one(data: bytes) -> None:
        engine.attempt(parser, data, result)
        if time.perf_counter() - began > seconds:
            finish()

    def ours_or_theirs(data: bytes, most: int, seed: int) -> bytes:
        """Half of them as tests/fuzz/mutate.py spoils, half as libFuzzer does."""
        if seed % 2:
            return bytes(atheris.Mutate(data, len(data)))[:most]
        return mutated(random.Random(seed), [data, *seeds])[:most]

    def finish() -> None:
        result.seconds = time.perf_counter() - began
        print(result, flush=True)
        for path, defect in zip(engine.save(result, folder), result.defects.values(), strict=True):
            print(f"    {defect.signature}, {defect.times} times: {path}", flush=True)
        os._exit(bool(result.defects))  # libFuzzer's own end calls no handlers

    arguments = [sys.argv[0], "-verbosity=0", f"-max_len={64 * 1024}"]
    arguments += [f"-timeout={int(engine.TOO_LONG_SECONDS)}", f"-artifact_prefix={folder}{os.sep}"]
    atheris.Setup([*arguments, str(Path(corpus))], one, custom_mutator=ours_or_theirs)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
