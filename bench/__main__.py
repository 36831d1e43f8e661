"""`make bench`: the figures of docs/performance.md, as a table and as JSON.

Figures are medians, compared with something measured in the same run: machines differ and are noisy.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import agent_cost, av_host, beside_peers, here, ingest, pages, replays, stages, startup
from bench.figures import Figure, table
from bench.process import Ended

PARTS: Final[tuple[tuple[str, Callable[[Path], list[Figure]]], ...]] = (
    ("startup", startup.measure),
    ("stages", stages.measure),
    ("ingest", ingest.measure),
    ("pages", pages.measure),
    ("replay", replays.measure),
    ("agent", agent_cost.measure),
    ("room", av_host.measure),
    ("peers", beside_peers.measure),
)
_LONG: Final[dict[str, Callable[[Path], list[Figure]]]] = {
    "agent": lambda directory: agent_cost.measure(directory, 600.0),
    "replay": lambda directory: replays.measure(directory, replays.FLEET),
}
_SMALL: Final[dict[str, Callable[[Path], list[Figure]]]] = {"pages": pages.small}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("--only", action="append", choices=[name for name, _ in PARTS])
    arguments.add_argument(
        "--long",
        action="store_true",
        help="look at the agent for ten minutes instead of one, judge 1,000 devices again",
    )
    arguments.add_argument("--small", action="store_true", help="pages with 1,000 devices: a quick look")
    arguments.add_argument("--json", type=Path, default=Path("bench/results.json"), metavar="FILE")
    given = arguments.parse_args(argv)
    logging.basicConfig(level="ERROR", stream=sys.stderr)
    machine, figures = here.look(), list[Figure]()
    print(machine.words(), flush=True)
    for name, measure in PARTS:
        if given.only and name not in given.only:
            continue
        if given.long:
            measure = _LONG.get(name, measure)
        if given.small:
            measure = _SMALL.get(name, measure)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"tocsin-bench-{name}-") as directory:
            try:
                figures += measure(Path(directory))
            except Ended as error:
                print(f"{name}: left out: {error}", file=sys.stderr)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(figures))
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": asdict(machine),
        "figures": [figure.as_json() for figure in figures],
    }  # fmt: skip
    given.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
