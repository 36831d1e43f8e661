"""A rule with other numbers for a part of the fleet, checked like the rule file it changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from collector.rules.load import rule_of
from collector.rules.rule import Rule, Rules
from collector.rules.rule_file import Row, RuleError, together

_PLAIN: Final = frozenset(
    {
        "enabled", "severity", "hold", "fresh_for", "grows_by", "older_than", "clear_when_younger_than", "steady_for",
        "times", "clear_at_or_below", "window", "within", "clear_beyond", "least_span", "clear_margin", "points", "every",
        "ticket_after", "urgent_hold", "urgent_severity",
    }
)  # fmt: skip
# One comparison of a kind decides: a new one takes the place of the old one, whatever its direction.
_COMPARISONS: Final = ("first_raise_", "and_clear_", "raise_", "clear_", "and_", "reaches_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Keys of the rule file with other values, for one component or (empty) for all of them."""

    rule: str
    changes: Mapping[str, Any]
    component: str = ""


def changed(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    """Raises RuleError that names every mistake by its key."""
    errors: list[RuleError] = []
    data = dict(rule.source)
    where = f"override of {rule.name}"
    for key, value in changes.items():
        family = _family(key)
        if not family and key not in _PLAIN:
            errors.append(RuleError(where, 0, key, "is not a key that an override may change"))
            continue
        for old in [old for old in data if family and _family(old) == family]:
            del data[old]
        data[key] = value
    made = rule_of(Row(data, where, 0, {}, errors))
    if errors:
        raise together(errors)
    return replace(made, file=rule.file, line=rule.line)


def _family(key: str) -> str:
    if key in _PLAIN or key == "and_metric":
        return ""
    return next((start for start in _COMPARISONS if key.startswith(start)), "")


def adapted(rules: Rules, changes: Iterable[Change]) -> Rules:
    """The rules as they hold for one device; later changes win over earlier ones, key by key.

    A change that no longer fits its rule (the rule file moved on) is left out: the rule as written is safer
    than none. Whoever shows overrides says so, by `changed`.
    """
    whole: dict[str, dict[str, Any]] = {}
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    for change in changes:
        if change.component:
            parts.setdefault((change.rule, change.component), {}).update(change.changes)
        else:
            whole.setdefault(change.rule, {}).update(change.changes)
    result = [_fitting(rule, whole.get(rule.name, {})) for rule in rules]
    by_name = {rule.name: rule for rule in result}
    components = {
        key: _fitting(by_name[key[0]], whole.get(key[0], {}) | values)
        for key, values in parts.items()
        if key[0] in by_name
    }
    return Rules(result, components)


def _fitting(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    if not changes:
        return rule
    try:
        return changed(rule, changes)
    except RuleError:
        return rule
