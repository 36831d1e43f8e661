"""The head of a report: which start of which machine speaks, and with what."""

import contextlib
import functools
import platform
import sys
from datetime import datetime
from pathlib import Path

from agent.probe import Place
from protos.report_pb2 import Report


@functools.cache
def version() -> str:
    """Of the installed distribution, read from its directory's name: `tocsin-0.1.0.dist-info`."""
    # importlib.metadata would cost every device 3 MB of memory for this one word.
    for folder in sys.path:
        for found in Path(folder or ".").glob("tocsin-*.dist-info"):
            return found.name.removeprefix("tocsin-").removesuffix(".dist-info")
    return "unknown"


def build() -> str:
    """`linux-x86_64-3.11.7`: enough to tell which package a device runs."""
    return f"{sys.platform}-{platform.machine()}-{platform.python_version()}"


def empty_report(place: Place, now: datetime) -> Report:
    """A report with its header and nothing else."""
    report = Report(collected_at=now, agent_version=version(), build=build(), host_name=_host_name(place))
    if place.is_windows:
        if place.is_live:
            report.uptime_seconds = _windows_uptime(now)
        return report
    report.boot_id = _first_word(place, "/proc/sys/kernel/random/boot_id")
    uptime = _first_word(place, "/proc/uptime")
    with contextlib.suppress(ValueError):
        report.uptime_seconds = float(uptime)
    return report


def _windows_uptime(now: datetime) -> float:
    """Since the kernel started: with Fast Startup that is not when somebody last switched the device on."""
    import psutil

    return max(0.0, now.timestamp() - psutil.boot_time())


def _host_name(place: Place) -> str:
    if place.is_live:
        return platform.node()
    return _first_word(place, "/proc/sys/kernel/hostname") or _first_word(place, "/etc/hostname")


def _first_word(place: Place, path: str) -> str:
    """Empty where there is no such file: on Windows and in a sparse captured tree."""
    try:
        words = place.path(path).read_text(encoding="utf-8", errors="replace").split(maxsplit=1)
    except OSError:
        return ""
    return words[0] if words else ""
