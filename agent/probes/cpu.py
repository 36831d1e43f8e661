"""Processor: how busy, how long the queue, how often slowed by heat.

Source: Linux /proc/stat, /proc/loadavg and the thermal_throttle counters under /sys/devices/system/cpu; Windows psutil.
Rights: none.
Cost: under 1 ms; the very first sample waits a quarter of a second.
Unavailable: /proc/stat cannot be read.
"""

import time

from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading
from agent.probes import kernel_files

_FIRST_WAIT_SECONDS = 0.25


class Sampler:
    """Remembers the counters of the last sample: /proc/stat counts since boot, the share needs two of them.

    The one instance below belongs to this probe alone; the runner calls a probe from one thread at a time.
    """

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def read(self, place: Place) -> Taken:
        taken = Taken()
        used = self._used_ratio(place)
        if used is not None:
            taken.readings.append(reading("cpu_used_ratio", used))
        if place.is_windows:
            return (
                taken  # Windows has no run queue to read, and psutil's stand-in needs hours to mean anything
            )
        load = parse_load(kernel_files.text(place.path("/proc/loadavg")) or "")
        if load is not None:
            taken.readings.append(reading("cpu_run_queue_load", load))
        throttled = _throttled(place)
        if throttled is not None:
            taken.readings.append(reading("cpu_throttled_total", throttled))
        return taken

    def _used_ratio(self, place: Place) -> float | None:
        now = _times(place)
        if self._last is None and place.is_live:
            # The first sample has nothing to compare with, and `once` never takes a second.
            time.sleep(_FIRST_WAIT_SECONDS)
            self._last, now = now, _times(place)
        last, self._last = self._last, now
        return used_ratio(last, now) if last is not None else None


def used_ratio(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """Share not idle between two (busy, total). None when no time passed.

    iowait may count backwards, and so may everything after a core was taken away.
    """
    busy, total = after[0] - before[0], after[1] - before[1]
    return min(1.0, max(0.0, busy / total)) if total > 0 else None


def parse_stat(text: str) -> tuple[float, float]:
    """(busy, total) ticks of all cores from /proc/stat."""
    for line in text.splitlines():
        name, *fields = line.split()[:9] or [""]
        if name == "cpu" and len(fields) >= 4:
            ticks = [float(field) for field in fields]  # guest time, field 9 on, is already in user
            idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0.0)  # waiting for a disk is idle
            return sum(ticks) - idle, sum(ticks)
    raise ValueError("no line `cpu` in /proc/stat")


def parse_load(text: str) -> float | None:
    try:
        load = float(text.split()[0])
    except (IndexError, ValueError):
        return None
    return load if 0 <= load < 2**32 else None


def _times(place: Place) -> tuple[float, float]:
    if place.is_windows:
        if not place.is_live:
            raise Unavailable("captured answers hold no counters of the processor")
        import psutil

        times = psutil.cpu_times()
        total = float(times.user + times.system + times.idle)  # interrupt and dpc are within system
        return total - float(times.idle), total
    content = kernel_files.text(place.path("/proc/stat"))
    if content is None:
        raise Unavailable("/proc/stat cannot be read")
    try:
        return parse_stat(content)
    except ValueError as error:
        raise Unavailable(f"/proc/stat was not understood: {error}") from None


def _throttled(place: Place) -> int | None:
    counters = place.path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    counts = [count for count in map(kernel_files.number, counters) if count is not None]
    return sum(counts) if counts else None


PROBE = Probe(
    name="cpu", read=Sampler().read, pace=Pace.SAMPLE, limit_seconds=5, platforms=("linux", "win32")
)
