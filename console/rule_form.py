"""The fields of an override: which numbers of a rule may be others, typed in people's units."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from collector.rules import words as rule_text
from collector.rules.rule import CRITICAL, WARNING, Rule
from collector.rules.rule_file import span
from console import rule_sentences, words
from console.forms import Mistake

# In the order people think of them. {metric} is the one the key is about.
_LABELS: Final = (
    ("raise_", "bad when {metric} is {how}"),
    ("first_raise_", "bad at first sight when {metric} is {how}"),
    ("grows_by", "bad when it grew by"),
    ("reaches_", "bad when {metric} will be {how}"),
    ("within", "… so soon"),
    ("older_than", "bad when older than"),
    ("times", "bad at so many times"),
    ("window", "counted over"),
    ("and_", "and when {second} is {how}"),
    ("clear_at_or_below_times", "well again at so many times"),
    ("clear_when_younger_than", "well again when younger than"),
    ("clear_beyond", "well again when not before"),
    ("clear_margin", "well again when so far from the limit"),
    ("clear_", "well again when {metric} is {how}"),
    ("and_clear_", "or when {second} is {how}"),
    ("steady_for", "well again when it stood still for"),
    ("hold", "it must last"),
)
_SPANS: Final = ("hold", "older_than", "clear_when_younger_than", "steady_for", "window", "within", "clear_beyond")  # fmt: skip
_SIZES: Final = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip
_LONGEST: Final = timedelta(days=3653)
_NUMBER: Final = re.compile(r"([+-]?[0-9]+(?:[.,][0-9]+)?)\s*(\S*)")
_LONG_SPAN: Final = re.compile(
    r"([0-9]+(?:\.[0-9]+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)"
)


@dataclass(frozen=True, slots=True)
class Field:
    key: str  # of the rule file
    label: str
    unit: str
    now: str  # what the rule says itself


def fields(rule: Rule) -> list[Field]:
    """Only numbers that this rule has: an override gives them another value, it invents none."""
    keys = [key for key in rule.source if _place(rule, key) is not None]
    if rule.kind not in ("growth", "age") and "hold" not in keys:
        keys.append("hold")
    return [_field(rule, key) for key in sorted(keys, key=lambda key: (_place(rule, key) or 0, key))]


def _place(rule: Rule, key: str) -> int | None:
    """Of its label; None for what an override cannot change by a number."""
    value = rule.source.get(key)
    if key.endswith(("_at", "_bits")) or isinstance(value, bool) or key == "and_metric":
        return None  # a state is what it is
    name = _named(rule, key)
    fitting = [
        (len(start), place)
        for place, (start, _) in enumerate(_LABELS)
        if name == start or (start.endswith("_") and name.startswith(start))
    ]
    return max(fitting)[1] if fitting else None


def _named(rule: Rule, key: str) -> str:
    return f"{key}_times" if rule.kind == "occurs" and key == "clear_at_or_below" else key


def _field(rule: Rule, key: str) -> Field:
    place = _place(rule, key)
    start, label = _LABELS[place if place is not None else -1]
    how = rule_text.how(key.removeprefix(start)) if start.endswith("_") else ""
    metric = rule.and_metric if start.startswith("and_") else rule.metric
    unit = _unit(rule, key, metric)
    text = label.format(
        metric=rule_sentences.low(words.metric(rule.metric)),
        second=rule_sentences.low(words.metric(metric)),
        how=how,
    )
    return Field(key, f"{text[:1].upper()}{text[1:]}", unit, _said(rule.source.get(key), unit))


def _unit(rule: Rule, key: str, metric: str) -> str:
    if key in _SPANS:
        return "span"
    if key == "times" or _named(rule, key).endswith("_times"):
        return "count"
    return metric.rsplit("_", 1)[-1]


def _said(value: object, unit: str) -> str:
    if value is None:
        return "at once" if unit == "span" else ""
    if isinstance(value, str):
        length = span(value)
        return rule_text.span(length) if length is not None else value
    if isinstance(value, int | float):
        return f"{value:g}" if unit == "state" else rule_text.say(float(value), unit)
    return ""


def changes(rule: Rule, form: Mapping[str, str]) -> dict[str, Any]:
    """What the form asks for; empty fields stay as they are. Raises Mistake."""
    made: dict[str, Any] = {}
    match form.get("enabled", ""):
        case "on":
            made["enabled"] = True
        case "off":
            made["enabled"] = False
    if form.get("severity") in (WARNING, CRITICAL):
        made["severity"] = form["severity"]
    for field in fields(rule):
        text = form.get(field.key, "").strip()
        if text:
            made[field.key] = parsed(text, field.unit, field.label)
    return made


def parsed(text: str, unit: str, label: str) -> float | int | str:
    """`95 %` of a ratio is 0.95, `20 GB` is 20e9, `3 days` is the span 3d. Raises Mistake."""
    if unit == "span":
        return _span(text, label)
    if unit == "seconds" and _LONG_SPAN.fullmatch(text.lower()):
        return _span(text, label)
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise Mistake(f"“{label}”: {text!r} is not a number")
    number, word = float(match[1].replace(",", ".")), match[2].lower()
    if unit == "ratio" and word == "%":
        # 95 % must become 0.95 and not 0.9500000000000001
        return round(number / 100, 6)
    if unit == "ratio" and not word and abs(number) > 1:
        raise Mistake(f"“{label}”: write {match[1]} % (or a share from 0 to 1)")
    if unit == "seconds" and word == "ms":
        return number / 1000
    if unit == "bytes" and word in _SIZES:
        return number * _SIZES[word]
    if word and word not in _WORDS.get(unit, ()):
        raise Mistake(
            f"“{label}”: {match[2]!r} is no unit that fits; {_EXAMPLES.get(unit, 'a number')} would"
        )
    return int(number) if number.is_integer() else number


_WORDS: Final = {"celsius": ("°c", "c", "celsius"), "rpm": ("rpm",), "count": ("times",), "ratio": ("%",)}
_EXAMPLES: Final = {"ratio": "95 %", "bytes": "20 GB", "span": "30 min", "seconds": "90 s", "celsius": "85 °C", "rpm": "400 rpm"}  # fmt: skip


def _span(text: str, label: str) -> str:
    match = _LONG_SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise Mistake(f"“{label}”: {text!r} is no length of time; 30 min, 9 h or 14 d would be")
    number, letter = (float(match[1]) * 7, "d") if match[2][0] == "w" else (float(match[1]), match[2][0])
    made = f"{number:.10g}{letter}"
    if number > 1e9 or (span(made) or _LONGEST) > _LONGEST:
        raise Mistake(f"“{label}”: {text} is longer than ten years")
    return made


def said(rule: Rule | None, made: Mapping[str, Any]) -> list[str]:
    """An override's changes in words: `it must last 2 hours`."""
    lines = []
    for key, value in made.items():
        if key == "enabled":
            lines.append("switched on" if value else "switched off")
        elif key == "severity":
            lines.append(f"severity {value}")
        elif rule is not None and _place(rule, key) is not None:
            field = _field(rule, key)
            lines.append(f"{rule_sentences.low(field.label)} {_said(value, field.unit)}")
        else:
            lines.append(f"{words.plain(key).lower()} {value}")
    return lines
