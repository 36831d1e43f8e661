"""Memory: size, what can be had, swap, and whether tasks wait for it.

Source: Linux /proc/meminfo and /proc/pressure/memory (PSI); Windows psutil.
Rights: none.
Cost: under 1 ms.
Unavailable: /proc/meminfo cannot be read. Pressure alone is left out on kernels without PSI, swap where Windows' performance counters do not answer.
"""

import re

from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading
from agent.probes import kernel_files


def read(place: Place) -> Taken:
    if place.is_windows:
        return _read_windows(place)
    content = kernel_files.text(place.path("/proc/meminfo"))
    if content is None:
        raise Unavailable("/proc/meminfo cannot be read")
    table = parse_meminfo(content)
    pressure = parse_pressure(kernel_files.text(place.path("/proc/pressure/memory")) or "")
    return taken(
        table.get("MemTotal"), available_bytes(table), table.get("SwapTotal"), table.get("SwapFree"), pressure
    )


def _read_windows(place: Place) -> Taken:
    if not place.is_live:
        raise Unavailable("captured answers hold no counters of memory")
    import psutil

    memory = psutil.virtual_memory()
    try:
        swap = psutil.swap_memory()
    except (OSError, RuntimeError) as error:  # asks performance counters, which may be broken or switched off
        result = taken(memory.total, memory.available, None, None, None)
        result.reason = f"swap: {error}"
        return result
    return taken(memory.total, memory.available, swap.total, swap.free, None)


def taken(
    size: int | None, available: int | None, swap: int | None, swap_free: int | None, pressure: float | None
) -> Taken:
    result = Taken()
    if size:
        result.readings.append(reading("memory_size_bytes", size))
    if available is not None:
        result.readings.append(reading("memory_available_bytes", available))
    if size and available is not None:
        # Available is an estimate of the kernel and may pass the size on tiny systems.
        result.readings.append(reading("memory_used_ratio", max(0.0, 1 - available / size)))
    if swap and swap_free is not None:
        result.readings.append(reading("swap_used_ratio", max(0.0, 1 - swap_free / swap)))
    if pressure is not None:
        result.readings.append(reading("memory_pressure_ratio", pressure))
    return result


def parse_meminfo(text: str) -> dict[str, int]:
    """Bytes by name; the file says kB and means KiB."""
    pairs = re.findall(r"^(\w+):\s+(\d{1,16}) kB$", text, re.MULTILINE | re.ASCII)
    return {name: int(kibibytes) * 1024 for name, kibibytes in pairs}


def available_bytes(table: dict[str, int]) -> int | None:
    """MemAvailable; before Linux 3.14 there was none, and free plus caches is too rosy to stand in for it."""
    return table.get("MemAvailable")


def parse_pressure(text: str) -> float | None:
    """Share of the last 60 s in which some task waited for memory."""
    found = re.search(r"^some .*\bavg60=(\d+(?:\.\d+)?)\b", text, re.MULTILINE | re.ASCII)
    return min(1.0, float(found[1]) / 100) if found else None


PROBE = Probe(name="memory", read=read, pace=Pace.SAMPLE, limit_seconds=5, platforms=("linux", "win32"))
