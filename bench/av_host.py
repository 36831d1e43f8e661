"""What looking at a room each minute costs its computer: the probes at that pace, each in its own process."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

from agent.probe import Pace
from agent.probes.apart import APART
from bench.figures import Figure, of_runs
from bench.process import ROOT

_RUNS: Final = 5
PROBES: Final = tuple(probe.name for probe in APART.values() if probe.pace is Pace.PRESENCE)


def measure(directory: Path) -> list[Figure]:
    """On this machine's own tree, with an empty room.toml: nearly all of it is starting Python."""
    room = directory / "room.toml"
    room.touch()
    bare = [_cost([sys.executable, "-c", "import agent.probe"]) * 1000 for _ in range(_RUNS)]
    figures = [of_runs("A/V host", "a process with a probe's contract and no probe, processor", bare, "ms")]
    sums = [sum(_cost(_child(name, room)) for name in PROBES) for _ in range(_RUNS)]
    note = f"{len(PROBES)} processes: {', '.join(PROBES)}"
    figures.append(of_runs("A/V host", "what is plugged in, processor a minute", sums, "s", "≤ 0.6", note))
    return figures


def _child(name: str, room: Path) -> list[str]:
    return [sys.executable, "-m", "agent.child", name, "/", str(room)]


def _cost(command: list[str]) -> float:
    """Processor seconds of a process and of what it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
