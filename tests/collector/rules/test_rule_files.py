"""A mistake in a rule file is named with its file, line and key, and all of them at once."""

from pathlib import Path

import pytest

from collector.rules.load import load
from collector.rules.rule import RuleError, Rules

GOOD = """
[[rule]]
name = "too_hot"
kind = "threshold"
metric = "disk_temperature_celsius"
raise_above = 60
clear_below = 55
severity = "warning"
title = "{label} is hot: {value}"
meaning = "Hot."
advice = "Cool it."
"""


def _load(tmp_path: Path, text: str) -> Rules:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load([path])


def _mistakes(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(RuleError) as caught:
        _load(tmp_path, text)
    error = caught.value
    assert all(one.file == "mine.toml" for one in (error, *error.others))
    return [(one.line, one.key, one.problem) for one in (error, *error.others)]


def test_a_good_file_loads_and_has_defaults(tmp_path: Path) -> None:
    rules = _load(tmp_path, GOOD)
    rule = rules.by_name["too_hot"]
    assert (len(rules), rules.by_metric["disk_temperature_celsius"]) == (1, (rule,))
    assert rule.enabled
    assert (rule.fresh_for.total_seconds(), rule.hold.total_seconds(), rule.clears) == (900, 0, "observation")


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "problem"),
    [
        ("clear_below = 55", "clear_below = 61", 7, "clear_below", "wrong side"),
        ("clear_below = 55", "clear_above = 55", 7, "clear_above", "wrong side"),
        ("clear_below = 55", "clear_under = 55", 7, "clear_under", "is not a key"),
        ("raise_above = 60", 'raise_above = "hot"', 6, "raise_above", "must be a number"),
        ("raise_above = 60", "raise_above = true", 6, "raise_above", "must be a number"),
        ("raise_above = 60", "raise_above = nan", 6, "raise_above", "must be a number"),
        ("raise_above = 60\n", "", 2, "raise_above", "is missing"),
        ("raise_above = 60", "raise_above = 60\nraise_below = 3", 7, "raise_below", "only one"),
        ("disk_temperature_celsius", "disk_temperature_kelvin", 5, "metric", "no metric of the catalogue"),
        ("disk_temperature_celsius", "disk_spare_ratio", 6, "raise_above", "is a ratio"),
        ('severity = "warning"', 'severity = "bad"', 8, "severity", "one of warning, critical"),
        ('severity = "warning"\n', "", 2, "severity", "is missing"),
        ("{value}", "{number}", 9, "title", "{number}"),
        ("{value}", "{value", 9, "title", "knows no"),
        ('advice = "Cool it."', "advice = 3", 11, "advice", "must be text"),
        ('name = "too_hot"', 'name = "Too hot"', 3, "name", "small letters"),
        ('kind = "threshold"', 'kind = "trend"', 4, "kind", "one of threshold"),
        ("clear_below = 55", 'hold = "soon"', 7, "hold", "must be a span"),
        ("clear_below = 55", "hold = 600", 7, "hold", "must be a span"),
        ("clear_below = 55", 'enabled = "yes"', 7, "enabled", "true or false"),
        ("clear_below = 55", 'classes = ["tablet"]', 7, "classes", "'tablet' is no class"),
        ("clear_below = 55", 'verdict = "tired"', 7, "verdict", "one of failing"),
        ("clear_below = 55", 'clears = "never"', 7, "clears", "one of observation"),
        ("clear_below = 55", 'clears = "steady"', 2, "steady_for", "needs it"),
        ("clear_below = 55", 'and_metric = "disk_spare_ratio"', 2, "and_above", "is missing"),
        ("clear_below = 55", "unless = []", 7, "unless", "list of tables"),
        ("clear_below = 55", 'unless = [{ metric = "x", equals = 1 }]', 7, "unless", "no metric"),
        ("clear_below = 55", 'unless = [{ metric = "disk_spare_ratio", near = 1 }]', 7, "unless", "no comparison"),
        ("clear_below = 55", 'compare_metric = "disk_spare_ratio"', 7, "compare_metric", "only one"),
        ("raise_above = 60", "raise_below = 60", 7, "clear_below", "wrong side"),
        ("raise_above = 60\nclear_below = 55", "raise_below = 60\nmagnitude = true", 7, "magnitude", "needs a raise_above"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, line: int, key: str, problem: str) -> None:
    assert old in GOOD
    found = _mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert any(at == line and of == key and problem in text for at, of, text in found), found


def test_all_mistakes_of_a_file_are_named_together(tmp_path: Path) -> None:
    second = GOOD.replace("clear_below = 55", "clear_below = 70").replace(
        'title = "{label} is hot: {value}"\n', ""
    )
    found = _mistakes(tmp_path, GOOD.replace("raise_above", "rise_above") + second)
    assert [(line, key) for line, key, _ in found] == [
        (2, "raise_above"), (6, "rise_above"), (13, "title"), (14, "name"), (18, "clear_below"),
    ]  # fmt: skip


def test_the_text_of_the_error_names_file_line_and_key(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"^mine\.toml, line 7, clear_below: "):
        _load(tmp_path, GOOD.replace("clear_below = 55", "clear_below = 70"))


def test_a_name_is_used_once_over_all_files(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(
        RuleError, match=r"b\.toml, line 3, name: 'too_hot' is already the rule at a\.toml, line 2"
    ):
        load(sorted(tmp_path.glob("*.toml")))


def test_what_is_no_toml_names_its_line(tmp_path: Path) -> None:
    ((line, key, _),) = _mistakes(tmp_path, GOOD.replace('kind = "threshold"', "kind = threshold"))
    assert (line, key) == (4, "TOML")


def test_a_key_outside_of_a_rule_is_named(tmp_path: Path) -> None:
    ((line, key, _),) = _mistakes(tmp_path, 'colour = "red"\n' + GOOD)
    assert (line, key) == (1, "colour")


GROWING = GOOD.replace("raise_above = 60\nclear_below = 55", 'grows_by = 5\nclears = "part_replaced"').replace(
    "disk_temperature_celsius", "disk_reallocated_sectors_total"
).replace('kind = "threshold"', 'kind = "growth"')  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("grows_by = 5", "grows_by = 0", "grows_by", "more than 0"),
        ("grows_by = 5\n", "", "grows_by", "is missing"),
        ("grows_by = 5", 'grows_by = 5\nhold = "1h"', "hold", "not a key"),
        ('clears = "part_replaced"\n', "", "clears", "stays grown"),
        ("disk_reallocated_sectors_total", "agent_quarantined_total", "clears", "part with a serial"),
    ],
)
def test_growth_has_its_own_mistakes(tmp_path: Path, old: str, new: str, key: str, problem: str) -> None:
    assert len(_load(tmp_path, GROWING)) == 1
    found = _mistakes(tmp_path, GROWING.replace(old, new, 1))
    assert any(of == key and problem in text for _, of, text in found), found


def test_the_hash_changes_with_any_number_and_any_word_but_not_with_its_place(tmp_path: Path) -> None:
    first = _load(tmp_path, GOOD)
    assert _load(tmp_path, "# moved down\n\n" + GOOD).hash == first.hash
    for old, new in (("60", "61"), ("Cool it.", "Cool it!"), ('"warning"', '"critical"')):
        other = _load(tmp_path, GOOD.replace(old, new))
        assert other.hash != first.hash
        assert other.by_name["too_hot"].hash != first.by_name["too_hot"].hash
