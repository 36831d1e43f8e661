"""Numbers and times in people's units. Everything else in Tocsin keeps base units; only this file turns them.

The unit is the last word of a metric's or fact's name. What is not known is `UNKNOWN`, never 0.
"""

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from markupsafe import Markup, escape

from console import words

UNKNOWN: Final = "?"

_DECIMAL: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def value(metric: str, number: float | None) -> str:
    """A reading, by the unit its metric's name ends with."""
    if number is None or not math.isfinite(number):
        return UNKNOWN
    if metric in words.STATES:
        return words.STATES[metric].get(int(number), f"{number:g}")
    if metric == "disk_critical_warning_state":
        return words.critical_warning(int(number))
    if metric.endswith("_seconds_total"):  # lamps and filters are ordered by their hours
        return f"{number / 3600:,.0f} h"
    match metric.rpartition("_")[2]:
        case "ratio":
            return percent(number)
        case "bytes":
            return size(number)
        case "seconds":
            return duration(number)
        case "celsius":
            return f"{number:.0f} °C"
        case "rpm":
            return f"{number:,.0f} rpm"
        case "total" | "count":
            return f"{number:,.0f}"
        case "load":
            return f"{number:.2f}"
        case "state":
            return {0: "no", 1: "yes"}.get(int(number), f"{number:g}")
    return f"{number:,g}"


def fact(name: str, text: str) -> str:
    """A fact of an inventory section: text, with the unit in its name when it is a number."""
    unit = name.rpartition("_")[2]
    if name.endswith("bits_per_second"):
        return bit_rate(text)
    if unit in ("bytes", "seconds", "ratio", "celsius", "rpm", "count", "total"):
        try:
            number = float(text)
        except ValueError:
            return text
        return value(name, number)
    return {"true": "yes", "false": "no"}.get(text, text)


def bit_rate(text: str) -> str:
    """`480 Mb/s`, `5 Gb/s`, as on the box of a cable."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return UNKNOWN
    return f"{number / 1e9:g} Gb/s" if number >= 1e9 else f"{number / 1e6:g} Mb/s"


def percent(ratio: float) -> str:
    share = ratio * 100
    # 99.96 % must not read as full, nor 0.04 % as empty.
    if 0 < abs(share) < 1 or 99 < share < 100:
        return f"{share:.1f} %".replace("100.0", "99.9").replace("0.0 ", "<0.1 ")
    return f"{share:.0f} %"


def size(count: float) -> str:
    """`512 GB` as on the box of a disk; `16 GiB` for what is made in powers of two (memory, virtual disks)."""
    base, names = (1024, _BINARY) if count >= 2**28 and count % 2**28 == 0 else (1000, _DECIMAL)
    step = 0
    while abs(count) >= base and step < len(names) - 1:
        count /= base
        step += 1
    digits = 0 if abs(count) >= 100 or count == int(count) else 1
    return f"{count:.{digits}f} {names[step]}"


def duration(seconds: float) -> str:
    """The two largest parts: `3 d 4 h`."""
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    if days < 14:
        return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
    if days < 730:
        return f"{days} d"
    return f"{days / 365.25:.1f} years"


def span(seconds: float) -> str:
    """One part, for ages: `3 min`, `2 days`."""
    for limit, step, name in (
        (90, 1, "s"),
        (90 * 60, 60, "min"),
        (36 * 3600, 3600, "h"),
        (60 * 86400, 86400, "days"),
    ):
        if seconds < limit:
            return f"{max(seconds / step, 0):.0f} {name}"
    if seconds < 730 * 86400:
        return f"{seconds / 86400 / 30.44:.0f} months"
    return f"{seconds / 86400 / 365.25:.0f} years"


def ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    if seconds < -5:
        return f"in {span(-seconds)}"
    if seconds < 5:
        return "just now"
    return f"{span(seconds)} ago"


def exact(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S %Z}"


def day(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M}"


def iso(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else ""


def time_tag(at: datetime | None, text: str, zone: tzinfo, *, stale: bool = False) -> Markup:
    """The words people read, with the exact time behind them."""
    if at is None:
        return Markup('<span class="unknown">{}</span>').format(text)
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
        iso(at), exact(at, zone), Markup(' class="stale"') if stale else "", escape(text)
    )


# How long a fact speaks for the present: three of the collector's usual intervals.
FRESH_REPORT: Final = timedelta(minutes=15)
_FRESH: Final = {
    "disk_health": timedelta(hours=18),
    "patches": timedelta(hours=18),
    "operating_system": timedelta(hours=18),
    "hardware": timedelta(hours=18),
    "software": timedelta(hours=18),
    "reboot_pending": timedelta(hours=18),
    # Each minute on Linux, each hour on Windows, where they need a process of their own.
    "services": timedelta(hours=4),
    "battery": timedelta(hours=4),
    "clock": timedelta(hours=4),
    "sensors": timedelta(hours=4),
}


def is_stale(at: datetime | None, now: datetime, probe: str = "") -> bool:
    return at is None or now - at > _FRESH.get(probe, FRESH_REPORT)
