"""Is one number bad, well, or between the limits? Pure arithmetic: no time, no memory."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from collector.rules.rule import ROOM, Limit, Rule

BAD, WELL, BETWEEN = "bad", "well", "between"
Others = Mapping[tuple[str, str], float]  # (metric, component) → value, of the same report
_OPPOSITE: Final = {"at_or_above": "below", "at_or_below": "above"}


class Judgement(NamedTuple):
    mood: str
    value: float
    limit: float | None  # what `value` was held against
    second: float | None = None
    baseline: float | None = None
    excused: bool = False  # bad, but for a reason the rule names
    accepted: bool = False  # bad, but no worse than a person accepted


def judge(
    rule: Rule,
    component: str,
    value: float,
    others: Others,
    baseline: float | None = None,
    accepted: float | None = None,
) -> Judgement | None:
    """None when a number the rule needs beside this one is not there: then nothing is known."""
    if not math.isfinite(value):
        return None
    if rule.kind == "growth":
        return _growth(rule, value, baseline, accepted)
    found = _first(rule, component, abs(value) if rule.magnitude else value, others)
    if found is not None and rule.and_metric:
        found = _second(rule, found, others.get((rule.and_metric, component)))
    if found is None or found.mood == WELL:
        return found
    if rule.unless and _excused(rule, component, others):
        return found._replace(mood=WELL, excused=True)
    if accepted is not None and not worse(rule, found.value, accepted):
        return found._replace(mood=WELL, accepted=True)
    return found


def worse(rule: Rule, value: float, accepted: float) -> bool:
    """Whether the value is further into the bad than what a person accepted."""
    if rule.kind in ("growth", "occurs"):
        return value > accepted
    if rule.kind == "forecast":
        return value < accepted  # sooner
    if rule.kind == "absence" or rule.kind in ROOM:
        return False  # gone is gone
    how = rule.compare or (rule.raises.how if rule.raises else "at")
    if how == "bits":
        return bool(int(value) & ~int(accepted))
    if how == "at":
        return value != accepted
    return value > accepted if how.endswith("above") else value < accepted


def _growth(rule: Rule, value: float, baseline: float | None, accepted: float | None) -> Judgement:
    if baseline is None:
        limit = rule.first.value if rule.first else None
        bad = rule.first is not None and rule.first.holds(value)
        if bad and accepted is not None and value <= accepted:
            return Judgement(WELL, value, limit, accepted=True)
        return Judgement(BAD if bad else WELL, value, limit)
    base = baseline if accepted is None or value < accepted else max(baseline, accepted)
    limit = base + (rule.grows_by or 0.0)
    return Judgement(BAD if value >= limit else WELL, value, limit, baseline=base)


def _first(rule: Rule, component: str, value: float, others: Others) -> Judgement | None:
    if rule.compare_metric:
        bound = others.get((rule.compare_metric, component))
        if bound is None or not math.isfinite(bound):
            return None
        upwards = rule.compare == "at_or_above"
        if Limit(rule.compare, bound).holds(value):
            return Judgement(BAD, value, bound)
        clear = bound - rule.clear_margin if upwards else bound + rule.clear_margin
        return Judgement(
            WELL if Limit(_OPPOSITE[rule.compare], clear).holds(value) else BETWEEN, value, bound
        )
    raises = rule.raises
    if raises is None:
        return None
    if raises.holds(value):
        return Judgement(BAD, value, raises.value)
    return Judgement(WELL if rule.clear is None or rule.clear.holds(value) else BETWEEN, value, raises.value)


def _second(rule: Rule, first: Judgement, other: float | None) -> Judgement | None:
    if other is None or rule.and_raises is None or not math.isfinite(other):
        return None
    holds = rule.and_raises.holds(other)
    well = rule.and_clear.holds(other) if rule.and_clear else not holds
    if first.mood == WELL or well:
        return first._replace(mood=WELL, second=other)
    return first._replace(mood=BAD if first.mood == BAD and holds else BETWEEN, second=other)


def _excused(rule: Rule, component: str, others: Others) -> bool:
    """All of `unless` hold. A number that is not there excuses nothing."""
    for excuse in rule.unless:
        value = others.get((excuse.metric, component))
        bound = others.get((excuse.other, component)) if excuse.other else excuse.value
        if value is None or bound is None or not Limit(excuse.how, bound).holds(value):
            return False
    return True
