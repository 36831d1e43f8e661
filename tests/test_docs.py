"""What the docs say is what the code does."""

import re
from pathlib import Path

import pytest

from agent.probes.table import PROBES
from collector.rules.load import load
from docs import build
from protos.catalogue import BY_NAME
from protos.intake_pb2 import Subject
from protos.sections import SECTIONS

ROOT = Path(build.__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "name, text", build.pages().items(), ids=lambda value: value if value.endswith((".md", ".8")) else ""
)
def test_generated_pages_are_fresh(name: str, text: str) -> None:
    assert (ROOT / name).read_text() == text, f"{name} is out of date: make docs"


def test_every_probe_says_source_rights_cost_and_what_unavailable_means() -> None:
    text = build.probes()
    for probe in PROBES:
        part = text.split(f"## {probe.name}\n")[1].split("\n## ")[0]
        for label in ("Source", "Rights", "Cost", "Unavailable"):
            assert f"**{label}:**" in part, f"{probe.name} does not say its {label.lower()}"


def test_every_probe_can_be_asked_for_by_name() -> None:
    assert {probe.name for probe in PROBES} <= {name.lower() for name, _number in Subject.items()}


def test_every_metric_belongs_to_a_probe_or_to_the_collector() -> None:
    names = {probe.name for probe in PROBES} | {"collector"}
    assert {metric.probe for metric in BY_NAME.values()} <= names
    assert {section.probe for section in SECTIONS} <= names


def test_every_rule_has_its_words_and_a_reason_above_its_numbers() -> None:
    for rule in load():
        assert rule.title and rule.meaning and rule.advice, rule.name
        block = (ROOT / "collector/rules" / rule.file).read_text().splitlines()[rule.line - 1 :]
        end = next((i for i, line in enumerate(block[1:], 1) if line.startswith("[[")), len(block))
        assert any(line.startswith("#") for line in block[:end]), f"{rule.name} gives no reason"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
