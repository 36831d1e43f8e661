"""docs/privacy.md names everything that leaves a device."""

import ast
from collections.abc import Iterator
from pathlib import Path

import agent.probes
from docs import build
from protos.catalogue import METRICS
from protos.sections import SECTIONS

PROBES = Path(agent.probes.__file__).parent
# Makers of items: agent.probe.item, and what hands its facts on to it.
MAKERS = ("item", "fact")


def facts_written_in(path: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of every fact that is named where an item is made."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in MAKERS:
                yield from ((node.lineno, word.arg) for word in node.keywords if word.arg)


def test_every_fact_a_probe_writes_is_in_the_table_of_sections() -> None:
    named = {name for row in SECTIONS for name in row.names}
    found = [(path.name, *fact) for path in sorted(PROBES.glob("*.py")) for fact in facts_written_in(path)]
    assert len(found) > 100
    assert [fact for fact in found if fact[-1] not in named] == []


def test_every_section_names_its_facts_once() -> None:
    for row in SECTIONS:
        assert row.facts, f"{row.name} names no facts: none of them would leave the device"
        assert len(row.facts.split()) == len(row.names), row.name


def test_the_page_names_every_section_fact_and_number() -> None:
    page = build.privacy()
    for row in SECTIONS:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{row.name}` |")]
        assert all(f"`{fact}`" in line for fact in row.names), row.name
    for metric in METRICS:
        assert metric.probe == "collector" or f"`{metric.name}`" in page, metric.name


def test_no_fact_is_about_a_person() -> None:
    # A path of files may hold a user's name; the one of USB is sockets, `1-1.5`.
    names = {name for row in SECTIONS for name in row.names} - {"usb_path"}
    words = {word for name in names for word in name.split("_")}
    assert not words & {
        "user",
        "users",
        "person",
        "account",
        "login",
        "owner",
        "password",
        "path",
    }
