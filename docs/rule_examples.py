"""The words of a rule's ticket as a person would get them: its templates filled with numbers just past the limit."""

from datetime import timedelta
from typing import Final

from collector.rules import words
from collector.rules.rule import ROOM, Limit, Rule
from protos.catalogue import BY_NAME

# What people call a component of each kind (the catalogue's own word for it).
_LABELS: Final = {
    "disk serial": "sda (Alpha 500)",
    "battery serial": "BAT0",
    "disk serial, else the log's name": "sda",
    "device or drive letter": "D:",
    "filesystem UUID, else mount point": "/home",
    "chip and label": "Package id 0",
    "memory slot": "DIMM_A1",
    "volume": "C:",
    "array": "md0",
    "pool": "vg0/pool0",
    "unit or service": "nginx.service",
    "profile or program": "ufw",
    "PnP device": "USB Video Device",
    "method": "restic",
    "update": "KB5031455",
    "display": "EPSON PJ",
    "sound endpoint": "Shure MXA310",
    "camera": "Logitech BRIO",
    "capture input": "Magewell Pro Capture",
    "USB socket": "Logitech BRIO (at 1-4.1)",
    "recorder": "FTR",
    "projector": "front (PT-RZ470)",
    "target": "recording server",
}
_PARTS: Final = {"disk": "sda (Alpha 500)", "memory": "DIMM_A1"}
_OF_ROOMS: Final = {
    "missing": "Logitech BRIO (at 1-4.1)",
    "swapped": "EPSON PJ → BenQ PJ",
    "branch": "1-4 (Logitech BRIO, Shure MXA310)",
    "changed": "Microphone: Shure MXA310 → Webcam C920",
}
_CHANGED: Final = {
    "width_pixels": "EPSON PJ: 1920 → 1024",
    "speed_bits_per_second": "Logitech BRIO: 5000000000 → 480000000",
}
_BASELINE: Final = 2.0
# Limits that a sensor tells itself, by the unit.
_OWN: Final = {"celsius": 95.0, "ratio": 0.10}
_LONG: Final = timedelta(days=3)


def ticket(rule: Rule) -> words.Texts:
    """Title, meaning, advice and what to bring."""
    value, limit, baseline = _numbers(rule)
    label = _LABELS.get(BY_NAME[rule.metric].component, "") if rule.metric in BY_NAME else ""
    if "_fan_" in rule.metric:
        label = "CPU fan"
    if rule.kind == "absence":
        label = _PARTS.get(rule.name.partition("_")[0], "the part")
    if rule.kind in ROOM:
        label = _CHANGED.get(rule.fact) or _OF_ROOMS[rule.kind]
    texts = [
        words.fill(
            rule, template, component=label, label=label, value=value, limit=limit, baseline=baseline,
            lasted=max(rule.waits, _LONG),
        )
        for template in (rule.title, rule.meaning, rule.advice, rule.bring)
    ]  # fmt: skip
    return words.Texts(title=texts[0], meaning=texts[1], advice=texts[2], bring=texts[3])


def _numbers(rule: Rule) -> tuple[float | None, float | None, float | None]:
    """(value, limit, baseline)."""
    if rule.kind == "growth":
        grown = _BASELINE + (rule.grows_by or 0)
        return (
            max(grown, rule.first.value if rule.first and rule.grows_by is None else grown),
            grown,
            _BASELINE,
        )
    if rule.kind == "occurs":
        return rule.times, rule.times, None
    for length, factor in ((rule.within, 0.5), (rule.older_than, 1.2)):
        if length is not None:
            return length.total_seconds() * factor, length.total_seconds(), None
    if rule.kind == "silence":
        return 2 * rule.hold.total_seconds(), rule.hold.total_seconds(), None
    if rule.compare_metric:
        limit = _OWN.get(rule.unit, 10.0)
        return _past(Limit(rule.compare, limit), rule.unit), limit, None
    if rule.raises is None:
        return (
            (1.0, None, None) if rule.and_raises is None else (_past(rule.and_raises, rule.unit), None, None)
        )
    return _past(rule.raises, rule.unit), rule.raises.value, None


def _past(limit: Limit, unit: str) -> float:
    """A little further on the bad side of it."""
    if limit.how in ("at", "bits"):
        return limit.value
    if limit.value <= 0 and not limit.upwards:
        return limit.value - _LONG.total_seconds() * 10
    if unit == "ratio":
        return limit.value + (1 - limit.value) / 2 if limit.upwards else limit.value * 0.8
    if unit in ("count", "total", "state"):
        return limit.value + 8 if limit.upwards else max(limit.value - 1, 0)
    return limit.value * (1.1 if limit.upwards else 0.8)
