"""docs/rules.md shows each rule's ticket as a person would get it."""

import pytest

from collector.rules.load import load
from collector.rules.rule import Rule
from docs import build, rule_examples


@pytest.mark.parametrize("rule", list(load()), ids=lambda rule: rule.name)
def test_each_ticket_is_told_with_numbers_and_without_placeholders(rule: Rule) -> None:
    said = rule_examples.ticket(rule)
    text = " ".join((said.title, said.meaning, said.advice, said.bring))
    assert "{" not in text
    assert "unknown" not in text or "unknown" in rule.title + rule.meaning + rule.advice + rule.bring
    assert said.title in build.rules()


def test_the_page_says_what_to_do_and_what_to_bring() -> None:
    part = build.rules().split("## disk_pending_sectors\n")[1].split("\n## ")[0]
    assert "> **Disk sda (Alpha 500) cannot read 8 of its sectors**" in part
    assert "> What to do: Copy the user's data first" in part
    assert "> Bring: A replacement drive" in part
