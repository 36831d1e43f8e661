"""The page a technician is sent to: only the web, named by the rule or by the house."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from collector.rules import runbook
from collector.rules.load import load
from collector.rules.rule import RuleError, Rules
from collector.store import reader_maker
from collector.store.findings import Finding
from collector.store.tickets import Ticket
from tests.collector.rules.test_rule_files import GOOD
from tests.collector.world import NOON, Collector, filesystem

WIKI = "https://wiki.example/runbooks/{rule}"


def loaded(tmp_path: Path, line: str) -> Rules:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + line + "\n", encoding="utf-8")
    return load([path])


@pytest.mark.parametrize(
    "page", ["https://wiki.example/disk?id=1#top", "http://10.0.0.1:8080/a", "disks/replace", "a.md"]
)
def test_a_rule_may_name_a_page(tmp_path: Path, page: str) -> None:
    rule = loaded(tmp_path, f'runbook = "{page}"').by_name["too_hot"]
    assert rule.runbook == page
    assert rule.hash == replace(rule, runbook="").hash, "another link makes no other rule"


@pytest.mark.parametrize(
    "page",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", "file:///etc/passwd", "//evil.example/x", "/etc/passwd",
        "../up", "a/../b", "data:text/html,x", "https://", "https://user:pw@wiki.example/", "https://wiki.example/a b",
        "https://wiki.example/'x", "ftp://wiki.example/x", " https://wiki.example",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_file_line_and_key(tmp_path: Path, page: str) -> None:
    with pytest.raises(RuleError) as caught:
        loaded(tmp_path, f'runbook = "{page}"')
    error = caught.value
    assert (error.file, error.key) == ("mine.toml", "runbook")
    assert error.line == len(GOOD.splitlines()) + 1
    assert "web address" in error.problem


@given(st.text(max_size=60))
def test_no_text_becomes_a_link_that_is_not_of_the_web(text: str) -> None:
    if not runbook.problem(text):
        found = runbook.page(text, "too_hot", WIKI)
        assert found.startswith(("http://", "https://"))
        assert not set(found) & set(" \"'<>\n\r")


def test_the_house_names_a_page_for_every_rule() -> None:
    assert runbook.page("", "disk_failing", WIKI) == "https://wiki.example/runbooks/disk_failing"
    assert (
        runbook.page("disks/replace", "disk_failing", WIKI) == "https://wiki.example/runbooks/disks/replace"
    )
    assert runbook.page("https://other.example/", "disk_failing", WIKI) == "https://other.example/"
    assert runbook.page("disks/replace", "disk_failing", "") == "disks/replace"
    assert runbook.page("", "disk_failing", "") == ""


@pytest.mark.parametrize(
    "template", ["https://wiki.example/", "javascript:{rule}", "wiki/{rule}", "https://{rule}{rule}/"]
)
def test_a_template_that_leads_nowhere_is_refused(template: str) -> None:
    assert "{rule}" in runbook.template_problem(template)
    assert not runbook.template_problem(WIKI)


def test_the_ticket_says_it_and_the_finding_keeps_it(engine: Engine) -> None:
    collector = Collector(engine)
    collector.bench.runbook_url = WIKI
    desk = collector.enrol("desk")
    for minute in (0, 5, 10, 15):
        desk.send(filesystem(0.995), NOON.replace(minute=minute))
    with reader_maker(engine)() as session:
        finding, ticket = session.scalars(select(Finding)).one(), session.scalars(select(Ticket)).one()
    page = f"https://wiki.example/runbooks/{finding.rule}"
    assert finding.texts["runbook"] == page
    assert f"\nRunbook: {page}" in ticket.body
