"""What holds of every room, whatever its devices say: nothing stops the judging, and an answer less makes none better."""

import ast
import inspect
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.rooms import items_listed, items_parts, readiness
from collector.rooms.item import FAIL, NOT_CHECKED, ORDER, PASS, WARN, Item, of_row
from collector.rules.load import load
from protos.catalogue import METRICS
from protos.sections import SECTIONS
from tests.collector.rooms.courtroom import (
    HOUR,
    NOW,
    Courtroom,
)

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0]), st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.one_of(st.sampled_from(["", "true", "false", "none", "1", "-1", "1e999", "1-1.1", "HDMI-A-1"]), st.text(max_size=20))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_a_device_can_say_stops_the_judging_of_rooms(data: st.DataObject) -> None:
    """The sweep that looks for silent devices ends the checks too: what one host says must not end it."""
    room = Courtroom().books(-HOUR, 2 * HOUR)
    for key in data.draw(st.lists(st.sampled_from(sorted(room.values)), max_size=12)):
        room.values[key] = data.draw(NUMBERS)
    metrics = st.sampled_from([metric.name for metric in METRICS])
    for metric, component, value in data.draw(st.lists(st.tuples(metrics, TEXTS, NUMBERS), max_size=8)):
        room.values[metric, component] = value
    for row in SECTIONS:
        if row.name in room.sections:
            for key in list(room.sections[row.name]):
                facts = data.draw(
                    st.dictionaries(st.sampled_from(sorted(row.names)), TEXTS, max_size=3), label=row.name
                )
                room.sections[row.name][key] |= facts
                room.expected[row.name][key] |= facts
    room.device.uptime_seconds = data.draw(NUMBERS)
    verdict = readiness.judge(room.known(), NOW)
    assert verdict.verdict in readiness.WORST_FIRST and verdict.reason
    assert verdict.verdict == readiness.of_items(verdict.items)


def test_every_rule_that_an_item_waits_for_is_shipped() -> None:
    """Its finding knows since when; a name nobody ships would never be found."""
    named: set[str] = set()
    for module in (items_parts, items_listed):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= {node.value} & {*re.findall(_RULE, node.value)}
    metrics_and_facts = {metric.name for metric in METRICS} | {n for row in SECTIONS for n in row.names}
    sections = {row.name for row in SECTIONS}
    shipped = {rule.name for rule in load()}
    assert named - metrics_and_facts - sections <= shipped
    assert {"display_missing", "projector_unreachable", "recorder_stopped"} <= named


_RULE = r"(?:display|camera|microphone|speaker|default|usb|audio|capture|projector|recorder|target)_[a-z_]+"


ITEMS = st.lists(
    st.builds(
        Item, name=st.sampled_from(ORDER), part=st.sampled_from(["", "a"]), reason=st.just("a: b"),
        result=st.sampled_from([PASS, WARN, FAIL, NOT_CHECKED]), mandatory=st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@given(ITEMS)
def test_the_verdict_is_the_worst_mandatory_item(items: list[Item]) -> None:
    verdict = readiness.of_items(items)
    results = {item.result for item in items if item.mandatory}
    if FAIL in results:
        assert verdict == "not_ready"
    elif NOT_CHECKED in results or not results:
        assert verdict == "unknown"
    else:
        # Never ready with a mandatory item not checked, nor with one that fails.
        assert verdict in ("ready", "degraded")
        assert (verdict == "ready") == (
            results == {PASS} and not any(i.result == FAIL for i in items if not i.mandatory)
        )
    assert verdict == readiness.of_items(reversed(items))
    assert [of_row(item.as_row()) for item in items] == items


@given(ITEMS, st.integers(0, 11))
def test_taking_an_answer_away_never_makes_a_room_better(items: list[Item], which: int) -> None:
    """An item that was well and is not checked any more: ready stays only if it was optional."""
    if which >= len(items):
        return
    without = list(items)
    one = items[which]
    without[which] = Item(name=one.name, part="", result=NOT_CHECKED, reason="", mandatory=one.mandatory)
    before, after = readiness.of_items(items), readiness.of_items(without)
    if one.mandatory:
        assert after in ("unknown", "not_ready")
    elif before != "ready":
        assert after == before or one.result == FAIL
