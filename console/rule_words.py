"""What the pages need of the rules: their words with a finding's numbers, and the limits drawn in pictures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from collector.rules import load
from collector.rules import words as say
from collector.rules.rule import Rule, Rules
from collector.store.findings import Finding
from console import pictures, words

_DRAWN: Final = ("above", "at_or_above", "below", "at_or_below")


@cache
def all_rules() -> Rules:
    return load.load()


def of(name: str) -> Rule | None:
    """The rule, or None for one that is gone."""
    return all_rules().by_name.get(name)


def texts(
    finding: Finding, clauses: Sequence[Mapping[str, Any]], label: str, now: datetime
) -> dict[str, str]:
    """Meaning, advice and what to bring, with the numbers of this finding in their places."""
    rule = of(finding.rule)
    if rule is None:
        return {}
    first: Mapping[str, Any] = clauses[0] if clauses else {}
    templates = {"meaning": rule.meaning, "advice": rule.advice, "bring": rule.bring}
    return {
        name: say.fill(
            rule,
            template,
            component=finding.component,
            label=label,
            value=finding.value,
            limit=first.get("limit"),
            baseline=first.get("baseline"),
            lasted=(finding.cleared_at or now) - finding.since_at,
        )
        for name, template in templates.items()
        if template
    }


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
