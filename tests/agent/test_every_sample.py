"""Every file of ../shared/samples is read and gives exactly the facts its EXPECTED.json tells, on both systems."""

import json
from typing import Any, Final

import pytest

from agent.probes import pipewire
from tests.agent.sample_facts import READERS
from tests.conftest import SAMPLES

TOLD: Final[dict[str, dict[str, dict[str, Any]]]] = {
    path.parent.name: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(SAMPLES.glob("*/EXPECTED.json"))
}
FILES = [(folder, name) for folder, files in TOLD.items() for name in files]
# What was said about a sample by who collected it, and stands not in it: judgements are tested with the rules
# (tests/collector/rules/test_disk_verdicts.py), exit statuses with the probes.
REMARKS: Final = {"kind", "note", "command", "exit_code", "verdict", "verdict_ok", "power_on_hours_ok"}
# Shows the shape of a table and holds no fact.
WITHOUT_FACTS: Final = {("updates", "puppet_zypper-search-uninstalled.out")}

# The same server seen by other programs, without facts of their own: they must agree with those that have some.
BESIDE: Final = {
    "pipewire": {
        "pactl_info.txt",
        "wpctl_status.txt",
        "pw-dump.json",
        "degraded_pw-dump.json",
        "degraded_pactl_list_sources.json",
    }
}

needs_samples = pytest.mark.skipif(
    not TOLD, reason="the captured samples are not beside this checkout (../shared/samples)"
)


def as_told(read: Any, told: Any) -> Any:
    """Of each row only the fields that were told: a microphone's description is told, its monitor's is not."""
    if isinstance(told, list) and isinstance(read, list) and len(read) == len(told):
        return [as_told(one, other) for one, other in zip(read, told, strict=True)]
    if isinstance(told, dict) and isinstance(read, dict):
        return {name: as_told(read.get(name, "not read"), value) for name, value in told.items()}
    return read


@needs_samples
@pytest.mark.parametrize(("folder", "name"), FILES or [("none", "none")])
def test_a_sample_gives_exactly_its_facts(folder: str, name: str) -> None:
    told = {fact: value for fact, value in TOLD[folder][name].items() if fact not in REMARKS}
    read = READERS[folder](SAMPLES / folder / name, TOLD[folder][name])
    assert {fact: as_told(read.get(fact, "not read"), value) for fact, value in told.items()} == told
    assert told or (folder, name) in WITHOUT_FACTS


@needs_samples
def test_every_folder_and_every_file_is_read() -> None:
    folders = {path.name for path in SAMPLES.iterdir() if path.is_dir()}
    assert folders == set(TOLD) == set(READERS)
    for folder, files in TOLD.items():
        there = {path.name for path in (SAMPLES / folder).iterdir()} - {"EXPECTED.json", "SOURCES.md"}
        assert set(files) <= there
        assert there - set(files) <= BESIDE.get(folder, set()), f"{folder}: no facts are told of these"


@needs_samples
def test_three_programs_say_the_same_of_one_sound_server() -> None:
    def text(name: str) -> str:
        return (SAMPLES / "pipewire" / name).read_text(encoding="utf-8")

    told = pipewire.parse_info(text("pactl_info.json"))
    assert pipewire.parse_info_text(text("pactl_info.txt")) == told
    graph, endpoints = pipewire.parse_dump(text("pw-dump.json"))
    assert (graph.default_sink, graph.default_source) == (told.default_sink, told.default_source)
    listed = pipewire.parse_endpoints(text("pactl_list_sinks.json"), "sink") + [
        each
        for each in pipewire.parse_endpoints(text("pactl_list_sources.json"), "source")
        if not each.is_monitor
    ]
    facts = {(each.name, each.description, each.flow, each.is_muted, each.volume_ratio) for each in listed}
    assert {(e.name, e.description, e.flow, e.is_muted, e.volume_ratio) for e in endpoints} == facts
    rows = pipewire.parse_wpctl_status(text("wpctl_status.txt"))
    assert {(row.description, row.flow, row.is_muted, row.volume_ratio) for row in rows} == {
        fact[1:] for fact in facts
    }
    assert all(row.is_default for row in rows)


@needs_samples
def test_a_server_without_endpoints_has_none_in_its_graph() -> None:
    folder = SAMPLES / "pipewire"
    graph, endpoints = pipewire.parse_dump((folder / "degraded_pw-dump.json").read_text(encoding="utf-8"))
    assert (graph.has_no_speaker, graph.has_no_microphone) == (True, True)
    sources = pipewire.parse_endpoints(
        (folder / "degraded_pactl_list_sources.json").read_text(encoding="utf-8"), "source"
    )
    assert not any(each.is_real for each in [*endpoints, *sources])


def test_a_fact_that_nobody_reads_is_a_difference() -> None:
    assert as_told([{"name": "a", "x": 1}], [{"name": "a"}]) == [{"name": "a"}]
    assert as_told([{"name": "a"}], [{"name": "a", "muted": None}]) != [{"name": "a", "muted": None}]
    assert as_told([1, 2], [1]) == [1, 2]
