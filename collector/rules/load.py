"""From the rows of *.toml to rules, each value checked against the catalogue."""

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from collector.rules import baselines, runbook, updates, when, words
from collector.rules.rule import (
    CRITICAL,
    PART_KINDS,
    PATCH_STATE,
    POINTS,
    PRESENCE,
    ROOM,
    WARNING,
    Excuse,
    Limit,
    Rule,
    Rules,
    part_kind,
)
from collector.rules.rule_file import Row, RuleError, read, together
from protos import catalogue, sections

KINDS: Final = (
    "threshold", "growth", "state", "age", "silence", "occurs", "forecast", "median", "absence", *ROOM,
)  # fmt: skip
CLEARS: Final = ("observation", "part_replaced", "steady")
VERDICTS: Final = ("failing", "wearing_out", "cable")
CLASSES: Final = ("desktop", "laptop", "av_host", "server", "virtual", "unknown")
_OPEN: Final = ("above", "at_or_above", "below", "at_or_below")
_BY_KIND: Final = {
    "threshold": ("above", "at_or_above", "below", "at_or_below", "bits"),
    "state": ("at", "bits"),
}
_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{2,63}$")
_FRESH: Final = timedelta(minutes=15)  # three reports at the default pace


def shipped() -> list[Path]:
    """The rule files that come with the collector."""
    return sorted(Path(__file__).parent.glob("*.toml"))


def load(paths: Iterable[Path] | None = None) -> Rules:
    """All rules of these files, by default the shipped ones. Raises one RuleError that names every mistake."""
    return _shipped_rules() if paths is None else _load(paths)


@cache
def _shipped_rules() -> Rules:
    """They change with an update of the program, and then it starts anew."""
    return _load(shipped())


def _load(paths: Iterable[Path]) -> Rules:
    errors: list[RuleError] = []
    rules: list[Rule] = []
    seen: dict[str, Row] = {}
    for path in paths:
        for row in read(path, errors):
            rule = rule_of(row)
            if rule.name in seen:
                first = seen[rule.name]
                row.problem("name", f"{rule.name!r} is already the rule at {first.file}, line {first.line}")
            seen.setdefault(rule.name, row)
            rules.append(rule)
    if errors:
        raise together(errors)
    return Rules(rules)


def rule_of(row: Row) -> Rule:
    """The rule of one row; its mistakes are with the row."""
    kind = row.choice("kind", KINDS)
    values: dict[str, Any] = {"kind": kind, "metric": _metric(row, kind), "file": row.file, "line": row.line}
    values["source"] = row.data
    _identity(row, values)
    unit = "seconds" if kind in ("age", "silence") else _unit(values["metric"])
    values["fresh_for"] = row.span("fresh_for", _FRESH)
    values["unless"] = tuple(_excuse(row, table) for table in row.tables("unless"))
    if kind in _BY_KIND:
        _threshold(row, values, unit)
    elif kind == "growth":
        _growth(row, values, unit)
    elif kind == "age":
        _age(row, values)
    elif kind == "occurs":
        _occurs(row, values)
    elif kind == "forecast":
        _forecast(row, values, unit)
    elif kind == "median":
        _median(row, values, unit)
    elif kind == "absence":
        _absence(row, values)
    elif kind in ROOM:
        _room(row, values)
    if kind not in ("growth", "age"):
        values["hold"] = row.span("hold", timedelta(0))
    _clearing(row, values)
    when.take(row, values)
    row.finish()
    return Rule(**values)


def _identity(row: Row, values: dict[str, Any]) -> None:
    name = values["name"] = row.text("name", required=True)
    if name and not _NAME.match(name):
        row.problem("name", f"must be small letters, digits and underscores, not {name!r}")
    values["severity"] = row.choice("severity", (WARNING, CRITICAL))
    for key in ("title", "meaning", "advice", "bring"):
        values[key] = row.text(key, required=key != "bring")
        for unknown in words.unknown_placeholders(values[key]):
            row.problem(key, f"knows no {{{unknown}}}; there are {', '.join(words.PLACEHOLDERS)}")
    values["runbook"] = row.text("runbook")
    if values["runbook"] and (fault := runbook.problem(values["runbook"])):
        row.problem("runbook", fault)
    values["enabled"] = row.flag("enabled", default=True)
    values["classes"] = row.texts("classes")
    for word in values["classes"]:
        if word not in CLASSES:
            row.problem("classes", f"{word!r} is no class of device; there are {', '.join(CLASSES)}")
    values["verdict"] = row.choice("verdict", VERDICTS, "") if row.has("verdict") else ""


def _metric(row: Row, kind: str) -> str:
    if kind == "absence" or kind in ROOM:
        return ""
    metric = row.text("metric", required=True)
    if metric and (metric == PRESENCE) != (kind == "silence"):
        row.problem("metric", f"a rule of kind {kind} does not watch {metric!r}")
    elif metric not in ("", PRESENCE, PATCH_STATE):
        _known(row, "metric", metric)
    return metric


def _known(row: Row, key: str, metric: object) -> str:
    if not isinstance(metric, str) or metric not in catalogue.BY_NAME:
        row.problem(key, f"{metric!r} is no metric of the catalogue")
        return ""
    return metric


def _unit(metric: str) -> str:
    return metric.rsplit("_", 1)[-1]


def _limit(row: Row, prefix: str, ways: tuple[str, ...], unit: str) -> Limit | None:
    given = [how for how in ways if row.has(f"{prefix}_{how}")]
    values = [row.number(f"{prefix}_{how}", unit) for how in given]
    if len(given) > 1:
        row.problem(f"{prefix}_{given[1]}", f"stands beside {prefix}_{given[0]}; only one of them can decide")
    if not values or values[0] is None:
        return None
    how, value = given[0], values[0]
    if how == "bits" and (value <= 0 or value != int(value)):
        row.problem(f"{prefix}_bits", f"must be a mask of bits, not {value!r}")
    return Limit(how, value)


def _threshold(row: Row, values: dict[str, Any], unit: str) -> None:
    raises = values["raises"] = _limit(row, "raise", _BY_KIND[values["kind"]], unit)
    clear = values["clear"] = _limit(row, "clear", _OPEN, unit)
    _side(row, "clear", raises, clear)
    values["compare_metric"] = (
        _known(row, "compare_metric", row.take("compare_metric")) if row.has("compare_metric") else ""
    )
    if values["compare_metric"]:
        values["compare"] = row.choice("compare", ("at_or_above", "at_or_below"))
        values["clear_margin"] = row.number("clear_margin", unit) or 0.0
        if values["clear_margin"] < 0:
            row.problem("clear_margin", "must not be negative: it lies on the good side")
        if raises:
            row.problem("compare_metric", "stands beside a raise_ limit; only one of them can decide")
    elif raises is None and not any(row.has(f"raise_{how}") for how in _BY_KIND[values["kind"]]):
        ways = " or ".join(f"raise_{how}" for how in _BY_KIND[values["kind"]])
        row.problem(f"raise_{_BY_KIND[values['kind']][0]}", f"is missing ({ways}, or compare_metric)")
    _second(row, values)
    values["magnitude"] = row.flag("magnitude", default=False)
    if values["magnitude"] and not (raises and raises.upwards):
        row.problem("magnitude", "needs a raise_above or raise_at_or_above")
    if row.has("since_metric"):
        values["since_metric"] = _known(row, "since_metric", row.take("since_metric"))
        if values["since_metric"] and _unit(values["since_metric"]) != "seconds":
            row.problem("since_metric", "must be a metric in seconds")


def _second(row: Row, values: dict[str, Any]) -> None:
    metric = values["and_metric"] = (
        _known(row, "and_metric", row.take("and_metric")) if row.has("and_metric") else ""
    )
    if not metric:
        return
    values["and_raises"] = _limit(row, "and", _OPEN, _unit(metric))
    values["and_clear"] = _limit(row, "and_clear", _OPEN, _unit(metric))
    if values["and_raises"] is None:
        row.problem("and_above", "is missing (and_above, and_at_or_above, and_below or and_at_or_below)")
    _side(row, "and_clear", values["and_raises"], values["and_clear"])


def _side(row: Row, prefix: str, raises: Limit | None, clear: Limit | None) -> None:
    """A clear limit lies on the other side, at or beyond the limit: else a value could be bad and well."""
    if raises is None or clear is None:
        return
    key = f"{prefix}_{clear.how}"
    if raises.how in ("at", "bits"):
        row.problem(key, "a state is well again as soon as it is another; it has no clear limit")
        return
    facing = clear.how in (("below", "at_or_below") if raises.upwards else ("above", "at_or_above"))
    beyond = clear.value <= raises.value if raises.upwards else clear.value >= raises.value
    both = clear.value == raises.value and raises.how.startswith("at_or") and clear.how.startswith("at_or")
    if not facing or not beyond or both:
        row.problem(key, f"{clear.how} {clear.value:g} is on the wrong side of {raises.how} {raises.value:g}")


def _growth(row: Row, values: dict[str, Any], unit: str) -> None:
    values["grows_by"] = row.number("grows_by", unit)
    if not row.has("grows_by"):
        row.problem("grows_by", "is missing")
    elif values["grows_by"] is not None and values["grows_by"] <= 0:
        row.problem("grows_by", "must be more than 0")
    values["first"] = _limit(row, "first_raise", ("above", "at_or_above"), unit)


def _age(row: Row, values: dict[str, Any]) -> None:
    values["older_than"] = row.span("older_than")
    values["younger_than"] = row.span("clear_when_younger_than", values["older_than"])
    if not row.has("older_than"):
        row.problem("older_than", "is missing")
    elif values["older_than"] and values["younger_than"] > values["older_than"]:
        row.problem("clear_when_younger_than", "is on the wrong side of older_than")
    if values["metric"] not in ("", updates.COUNT):
        row.problem("metric", f"an age is known of {updates.COUNT} only")


def _occurs(row: Row, values: dict[str, Any]) -> None:
    values["times"] = row.number("times", "count")
    values["clear_times"] = row.number("clear_at_or_below", "count") or 0.0
    values["window"] = row.span("window")
    for key in ("times", "window"):
        if not row.has(key):
            row.problem(key, "is missing")
    if values["times"] is not None and values["times"] < 1:
        row.problem("times", "must be at least 1")
    if values["times"] is not None and not 0 <= values["clear_times"] < values["times"]:
        row.problem("clear_at_or_below", "must be less than times")
    if values["metric"] and not values["metric"].endswith("_total"):
        row.problem("metric", "must be a counter, a metric that ends with _total")


def _forecast(row: Row, values: dict[str, Any], unit: str) -> None:
    values["raises"] = _limit(row, "reaches", ("at_or_above", "at_or_below"), unit)
    for key in ("within", "window", "least_span"):
        values[key] = row.span(key)
        if not row.has(key):
            row.problem(key, "is missing")
    values["clear_beyond"] = row.span("clear_beyond", values["within"])
    values["rhythm"] = row.span("rhythm")
    if values["rhythm"] and values["least_span"] and values["least_span"] < 2 * values["rhythm"]:
        row.problem("least_span", "must be at least twice the rhythm")
    if not any(row.has(f"reaches_{how}") for how in ("at_or_above", "at_or_below")):
        row.problem("reaches_at_or_above", "is missing (reaches_at_or_above or reaches_at_or_below)")
    if values["within"] and values["clear_beyond"] < values["within"]:
        row.problem("clear_beyond", "is on the wrong side of within")
    if values["window"] and values["least_span"]:
        if values["least_span"] > values["window"]:
            row.problem("least_span", "is longer than the window")
        # A point comes each sixtieth of the window; the next one is the next observation.
        if not row.has("fresh_for"):
            values["fresh_for"] = 3 * values["window"] / POINTS


def _median(row: Row, values: dict[str, Any], unit: str) -> None:
    raises = values["raises"] = _limit(row, "raise", _OPEN, unit)
    values["clear"] = _limit(row, "clear", _OPEN, unit)
    _side(row, "clear", raises, values["clear"])
    if not any(row.has(f"raise_{how}") for how in _OPEN):
        row.problem(
            "raise_above", "is missing (raise_above, raise_at_or_above, raise_below or raise_at_or_below)"
        )
    points = row.number("points", "count")
    for key in ("every", "window"):
        values[key] = row.span(key)
    for key in ("points", "every", "window"):
        if not row.has(key):
            row.problem(key, "is missing")
    if points is not None and (points != int(points) or not 3 <= points <= POINTS):
        row.problem("points", f"must be a whole number from 3 to {POINTS}")
    values["points"] = int(points or 0)
    if values["every"] and values["window"] and values["every"] * values["points"] > values["window"]:
        row.problem("window", "is too short for so many points")


def _absence(row: Row, values: dict[str, Any]) -> None:
    _section(row, values, "present_fact", "ignore_fact")


def _section(row: Row, values: dict[str, Any], *keys: str) -> None:
    section = values["section"] = row.text("section", required=True)
    known = sections.BY_NAME.get(section)
    if section and known is None:
        row.problem("section", f"{section!r} is no section of the inventory")
    for key in keys:
        fact = values[key] = row.text(key) if row.has(key) else ""
        if fact and known is not None and fact not in known.names:
            row.problem(key, f"{fact!r} is no fact of {section}")


def _room(row: Row, values: dict[str, Any]) -> None:
    kind = values["kind"]
    keys = {
        "missing": ("present_fact", "place_fact", "same_fact"),
        "swapped": ("place_fact",),
        "changed": ("fact", "same_fact"),
    }
    _section(row, values, *keys.get(kind, ()))
    for key, needed in (("place_fact", "swapped"), ("fact", "changed")):
        if kind == needed and not row.has(key):
            row.problem(key, "is missing")
    if row.has("where"):
        values["where"] = _where(row, values["section"])
    if kind == "changed":
        values["worse"] = row.choice("worse", ("lower",), "") if row.has("worse") else ""
    if kind == "branch" and values["section"] not in ("", baselines.LINKS):
        row.problem("section", f"a branch is one of {baselines.LINKS}")


def _where(row: Row, section: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`where = { flow = "microphone" }`: of the expected part's facts, or of its `key`."""
    told, known = row.take("where"), sections.BY_NAME.get(section)
    if not isinstance(told, dict) or not told:
        row.problem("where", f"must be a table of facts, not {told!r}")
        return ()
    found = []
    for fact, wanted in told.items():
        texts = [wanted] if isinstance(wanted, str) else wanted
        if known is not None and fact != "key" and fact not in known.names:
            row.problem("where", f"{fact!r} is no fact of {section}")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            row.problem("where", f"{fact} must be a text or a list of texts, not {wanted!r}")
            continue
        found.append((fact, tuple(texts)))
    return tuple(found)


def _clearing(row: Row, values: dict[str, Any]) -> None:
    growth = values["kind"] == "growth"
    values["clears"] = row.choice("clears", CLEARS, "observation")
    values["steady_for"] = row.span("steady_for")
    values["clears_when_gone"] = row.flag("clears_when_gone", default=False)
    kind = part_kind(values["metric"])
    if values["clears"] == "part_replaced" and not kind:
        row.problem(
            "clears", f"{values['metric']!r} is not about a part with a serial ({', '.join(PART_KINDS)})"
        )
    if growth and values["clears"] == "observation":
        row.problem("clears", "a counter that grew stays grown: part_replaced, or steady with steady_for")
    if (values["clears"] == "steady") != (values["steady_for"] is not None):
        row.problem("steady_for", 'belongs to clears = "steady", and that needs it')
    if values["clears"] == "steady" and not growth:
        row.problem("clears", "steady is for growth")
    if values["verdict"] and kind != PART_KINDS[0]:
        row.problem("verdict", "is said of disks only")


def _excuse(row: Row, table: dict[str, Any]) -> Excuse:
    metric = _known(row, "unless", table.get("metric"))
    ways = [key for key in table if key != "metric"]
    if len(ways) != 1:
        row.problem("unless", f"each needs metric and one comparison, not {sorted(table)}")
        return Excuse(metric=metric, how="at")
    (way,) = ways
    how = way.removesuffix("_metric")
    if how not in (*_OPEN, "equals"):
        row.problem("unless", f"{way!r} is no comparison")
        return Excuse(metric=metric, how="at")
    how = "at" if how == "equals" else how
    if way.endswith("_metric"):
        return Excuse(metric=metric, how=how, other=_known(row, "unless", table[way]))
    value = row.as_number("unless", table[way], _unit(metric))
    return Excuse(metric=metric, how=how, value=value or 0.0)
