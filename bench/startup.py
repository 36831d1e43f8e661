"""How soon the collector listens, and the commands answer."""

import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure, of_runs
from bench.process import ROOT, Collector


def measure(directory: Path, runs: int = 5) -> list[Figure]:
    collector = Collector(directory / "collector")
    ready = []
    for number in range(runs + 1):
        seconds = collector.start_ready()
        collector.stop()
        if number:  # the first one makes the authority and the tables
            ready.append(seconds)
    figures = [of_runs("start-up", "collector ready, ports open", ready, "s", "≤ 2")]
    bare = [_help() for _ in range(runs)]
    figures.append(of_runs("start-up", "python alone", [seconds * 1000 for seconds in bare], "ms"))
    for name in ("agent", "collector", "console"):
        taken = [_help(name) for _ in range(runs)]
        figures.append(of_runs("start-up", f"tocsin-{name} --help", [s * 1000 for s in taken], "ms", "≤ 150"))
    return figures


def _help(module: str = "") -> float:
    command = [sys.executable, "-m", module, "--help"] if module else [sys.executable, "-c", "pass"]
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    return time.perf_counter() - began
