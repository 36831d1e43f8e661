"""The machine a figure was measured on: without it a figure says little."""

import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    cores: int
    processor: str
    system: str
    python: str
    filesystem: str
    fsync_ms: float
    load: float  # over one minute, when it was looked at: others may share the machine

    def words(self) -> str:
        return (
            f"{self.cores} cores ({self.processor}), {self.system}, Python {self.python}; state on {self.filesystem}, "
            f"fsync {self.fsync_ms:.2f} ms (median); load {self.load:.1f} at the start"
        )


def look(directory: Path | None = None) -> Machine:
    place = directory or Path(tempfile.gettempdir())
    return Machine(
        os.cpu_count() or 1, _processor(), f"{platform.system()} {platform.release().split('-')[0]}",
        platform.python_version(), _filesystem(place), fsync_seconds(place) * 1000, os.getloadavg()[0],
    )  # fmt: skip


def fsync_seconds(directory: Path, times: int = 60) -> float:
    """Median time of writing 4 KiB and waiting until the disk has it."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(times):
            began = time.perf_counter()
            os.write(file.fileno(), b"\0" * 4096)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.machine()


def _filesystem(directory: Path) -> str:
    """Type of the filesystem the directory lies on."""
    best, kind = "", "unknown"
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return kind
    for line in lines:
        _, mount_point, found, *_ = line.split(" ")
        if directory.resolve().is_relative_to(mount_point) and len(mount_point) >= len(best):
            best, kind = mount_point, found
    return kind


def cpu_seconds(pid: int, children: bool = False) -> float:
    """Processor time of a process so far, user and system, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    if children:
        ticks += int(fields[13]) + int(fields[14])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> dict[str, int]:
    """RSS, PSS and anonymous memory of a process."""
    wanted = {"Rss": "rss", "Pss": "pss", "Anonymous": "anonymous"}
    found = dict.fromkeys(wanted.values(), 0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in wanted:
            found[wanted[name]] = int(rest.split()[0]) * 1024
    return found
