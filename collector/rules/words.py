"""How a rule's numbers are said to people."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collector.rules.rule import Limit, Rule

PLACEHOLDERS: Final = ("label", "component", "value", "limit", "baseline", "grown", "days")
_HOW: Final = {
    "above": "above",
    "at_or_above": "at or above",
    "below": "below",
    "at_or_below": "at or below",
    "at": "equal to",
    "bits": "any bit of",
}
_DURING: Final = {
    "hours": "in the room's hours",
    "out_of_hours": "out of the room's hours",
    "wanted": "in the room's hours, or within an hour of a session",
    "session": "while the room is booked",
    "near_session": "within an hour before a session, or during it",
    "before_session": "within 12 hours before a session, or during it",
}
_SIZES: Final = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_SPANS: Final = ((172_800, 86_400, "days"), (7_200, 3_600, "hours"), (120, 60, "minutes"), (1, 1, "seconds"))


def say(value: float | None, unit: str) -> str:
    """`93 %`, `4.1 GB`, `9 days`, `71 °C`, `3,118,119`."""
    if value is None:
        return "unknown"
    match unit:
        case "ratio":
            return _percent(value)
        case "bytes":
            return _bytes(value)
        case "seconds":
            return _span(value)
        case "celsius":
            return f"{value:.0f} °C"
        case "rpm":
            return f"{value:,.0f} rpm"
        case "load":
            return f"{value:.1f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _percent(ratio: float) -> str:
    percent = ratio * 100
    if 0 < abs(percent) < 1:
        return f"{percent:.1f} %"
    if 99 < percent < 100:  # never call full what is not
        return "99 %"
    return f"{percent:.0f} %"


def _bytes(value: float) -> str:
    for size, name in _SIZES:
        if abs(value) >= size:
            number = value / size
            shown = f"{number:.1f}".removesuffix(".0") if abs(number) < 99.95 else f"{number:.0f}"
            return f"{shown} {name}"
    return f"{value:.0f} bytes"


def _span(seconds: float) -> str:
    for least, size, name in _SPANS:
        if abs(seconds) >= least:
            number = seconds / size
            shown = (
                f"{number:.0f}"
                if abs(number) >= 10 or number == int(number)
                else f"{number:.1f}".removesuffix(".0")
            )
            return f"{shown} {name.removesuffix('s') if shown in ('1', '-1') else name}"
    return f"{seconds * 1000:.0f} ms" if seconds else "0 seconds"


def span(length: timedelta) -> str:
    return _span(length.total_seconds())


def limit(bound: "Limit", unit: str) -> str:
    """`above 90 %`."""
    return f"{_HOW[bound.how]} {say(bound.value, unit)}"


def during(when: str) -> str:
    """`while the room is booked`."""
    return _DURING.get(when, "")


def how(name: str) -> str:
    return _HOW[name]


def metric(name: str) -> str:
    """`filesystem used` for filesystem_used_ratio: the unit is said by the number."""
    return name.rsplit("_", 1)[0].replace("_", " ") if "_" in name else name


def unknown_placeholders(template: str) -> list[str]:
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError:
        return [template]
    return [name for name in names if name not in PLACEHOLDERS]


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """What a ticket says of a finding."""

    title: str
    meaning: str
    advice: str
    bring: str


def fill(
    rule: "Rule",
    template: str,
    *,
    component: str,
    label: str,
    value: float | None,
    limit: float | None,
    baseline: float | None,
    lasted: timedelta,
) -> str:
    """The template with its placeholders said in words."""
    unit = rule.unit
    seconds = value if unit == "seconds" and value is not None else lasted.total_seconds()
    facts: Mapping[str, str] = {
        "component": component,
        "label": label or component or "this device",
        "value": say(abs(value) if unit == "seconds" and value is not None else value, unit),
        "limit": say(limit, unit),
        "baseline": say(baseline, unit),
        "grown": say(value - baseline if value is not None and baseline is not None else None, unit),
        "days": f"{abs(seconds) / 86_400:.0f}",
    }
    return template.format_map(facts)
