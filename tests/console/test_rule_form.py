"""A rule's numbers in words, and other numbers typed in people's units."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rules import load
from collector.rules.override import changed
from collector.rules.rule import Rule
from console import rule_form, rule_sentences
from console.forms import Mistake

RULES = load.load()


def rule(name: str) -> Rule:
    return RULES.by_name[name]


@pytest.mark.parametrize(
    ("name", "bad", "well"),
    [
        ("battery_worn", "Battery health below 60 %, as the median of the last 3", "another serial in its place"),
        ("filesystem_nearly_full", "Filesystem used above 90 % and filesystem free below 10 GB, unless filesystem size below 5 GB, for 30 minutes", "below 85 %, or filesystem free above 12 GB"),
        ("security_updates_missing", "Security updates missing for longer than 14 days", "younger than 7 days"),
        ("device_silent", "not heard of for 30 minutes", "as soon as it is heard of again"),
        ("filesystem_filling_up", "Filesystem used will be at or above 98 % within 14 days", "not before 24 days"),
        ("disk_self_assessment_failed", "Disk's own verdict is “FAILED”", "another serial in its place"),
        ("disk_cable", "Disk CRC errors grew by 50 or more since first seen; at first sight at or above 100", "no further growth for 7 days"),
        ("probe_hangs_again_and_again", "Agent probe timeouts: 6 times or more within 24 hours", "0 times or fewer"),
    ],
)  # fmt: skip
def test_a_rule_is_told_in_a_sentence(name: str, bad: str, well: str) -> None:
    assert (rule_sentences.bad(rule(name)), rule_sentences.well(rule(name))) == (bad, well)


def test_every_shipped_rule_can_be_told_and_overridden_field_by_field() -> None:
    for one in RULES:
        assert rule_sentences.bad(one) and rule_sentences.well(one)
        assert "{" not in rule_sentences.template(one.title + one.meaning + one.advice + one.bring)
        for field in rule_form.fields(one):
            assert field.label and field.now, (one.name, field)


def test_every_field_takes_what_it_shows() -> None:
    """What stands in grey can be typed, and is a rule again."""
    for one in RULES:
        for field in rule_form.fields(one):
            if field.now != "at once":
                changed(one, rule_form.changes(one, {field.key: field.now}))


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("95 %", "ratio", 0.95), ("95%", "ratio", 0.95), ("0.95", "ratio", 0.95), ("99,5 %", "ratio", 0.995), ("20 GB", "bytes", 20_000_000_000),
        ("2 GiB", "bytes", 2**31), ("1000", "bytes", 1000), ("30 min", "span", "30m"), ("9 h", "span", "9h"), ("14 days", "span", "14d"),
        ("2 weeks", "span", "14d"), ("90 s", "seconds", "90s"), ("0.5", "seconds", 0.5), ("85 °C", "celsius", 85), ("-5", "celsius", -5), ("400 rpm", "rpm", 400),
        ("7", "count", 7), ("500 ms", "seconds", 0.5), ("1.5", "load", 1.5),
    ],
)  # fmt: skip
def test_people_type_in_their_units(text: str, unit: str, value: object) -> None:
    assert rule_form.parsed(text, unit, "x") == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [("95", "ratio"), ("lots", "ratio"), ("nan", "ratio"), ("inf", "bytes"), ("5 GB", "count"), ("10 %", "celsius"), ("soon", "span"), ("10", "span"), ("1e9", "bytes"), ("٣ d", "span"), ("9999999999999 d", "span"), ("11 years", "span"), ("600 weeks", "span")],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_field_named(text: str, unit: str) -> None:
    with pytest.raises(Mistake, match="“It must last”"):
        rule_form.parsed(text, unit, "It must last")


@given(
    st.text(max_size=30), st.sampled_from(["ratio", "bytes", "span", "seconds", "celsius", "count", "load"])
)
def test_nothing_typed_breaks_the_form(text: str, unit: str) -> None:
    with suppress(Mistake):
        rule_form.parsed(text, unit, "x")
