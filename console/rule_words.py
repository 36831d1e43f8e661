"""What the pages need of the rules: the limits drawn in pictures, a judged value in its unit."""

from functools import cache
from typing import Final

from collector.rules import load
from collector.rules import words as rule_text
from collector.rules.rule import Rule, Rules
from console import pictures, words

_DRAWN: Final = ("above", "at_or_above", "below", "at_or_below")


@cache
def all_rules() -> Rules:
    return load.load()


def of(name: str) -> Rule | None:
    """The rule, or None for one that is gone."""
    return all_rules().by_name.get(name)


def judged(value: float, name: str) -> str:
    """A value as this rule judges it: `93 %`, `9 days`."""
    rule = of(name)
    return rule_text.say(value, rule.unit if rule is not None else "")


def limits(metric: str) -> tuple[pictures.Limit, ...]:
    """Where the rules for this metric begin to speak; one line a number and severity."""
    found: dict[tuple[float, str], list[str]] = {}
    for row in all_rules():
        if row.metric == metric and row.enabled and row.raises is not None and row.raises.how in _DRAWN:
            found.setdefault((row.raises.value, row.severity), []).append(words.plain(row.name).lower())
    return tuple(
        pictures.Limit(value, f"{severity}: {', '.join(names)}", severity)
        for (value, severity), names in sorted(found.items())
    )
