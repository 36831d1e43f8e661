"""What holds for all probes together."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from agent.probe import Busy, Place, Probe, Taken, Unavailable
from agent.probes.table import PROBES
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS

LABELS = ("Source", "Rights", "Cost", "Unavailable")


def named(probe: Probe) -> str:
    return probe.name


def module_of(probe: Probe) -> str:
    """The module a probe's read function, or the object it belongs to, was written in."""
    owner = getattr(probe.read, "__self__", None)
    return type(owner).__module__ if owner is not None else probe.read.__module__


def test_the_resident_agent_does_not_load_what_runs_apart() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, agent.daemon, agent.probes; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    # Those with their row in agent/probes/__init__.py; some others run apart on Windows only.
    apart = {probe.read.__module__ for probe in PROBES if probe.read.__qualname__.startswith("_apart")}
    assert len(apart) >= 8
    # hardware is loaded once at start, for the hash that tells a copied state directory.
    assert apart & set(told) <= {"agent.probes.hardware"}


def test_every_probe_has_its_own_name() -> None:
    assert len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=named)
def test_a_probe_is_documented_where_it_is_written(probe: Probe) -> None:
    text = import_module(module_of(probe)).__doc__ or ""
    first, _, rest = text.partition("\n")
    assert first.endswith(".")
    assert re.findall(r"^([A-Z][a-z]+): ", rest, re.MULTILINE) == list(LABELS)


@pytest.mark.parametrize("probe", PROBES, ids=named)
def test_a_probe_says_only_what_the_catalogue_knows(probe: Probe) -> None:
    try:
        taken = probe.read(Place())
    except (Unavailable, Busy) as why:
        pytest.skip(f"{probe.name}: {why}")
    check(probe, taken)


@pytest.mark.parametrize("probe", PROBES, ids=named)
def test_a_captured_tree_is_never_answered_with_this_machine(probe: Probe, tmp_path: Path) -> None:
    if probe.name == "agent":
        return  # it is about its own process, wherever the rest is read
    try:
        taken = probe.read(Place(root=tmp_path))
    except Unavailable as why:
        assert str(why)
        return
    assert taken.readings == []
    assert all(not dict(item.facts) for items in taken.sections.values() for item in items)


def check(probe: Probe, taken: Taken) -> None:
    seen = set()
    for reading in taken.readings:
        assert BY_NAME[reading.metric].probe == probe.name
        assert bool(reading.component) == bool(BY_NAME[reading.metric].component), reading.metric
        assert (reading.metric, reading.component) not in seen
        seen.add((reading.metric, reading.component))
        if reading.metric.endswith("_ratio"):
            assert reading.last >= 0
    for name, items in taken.sections.items():
        assert SECTIONS[name].probe == probe.name
        assert {fact for item in items for fact in item.facts} <= SECTIONS[name].names, name
        assert len({item.key for item in items}) == len(items)
        assert all(value for item in items for value in item.facts.values())
