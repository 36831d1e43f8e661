"""From smartctl's words to a verdict: every captured drive, through the probe and the rules."""

import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.probe import Place
from agent.probes import disk_health
from collector.rules.disks import verdict
from collector.rules.evaluate import DeviceContext, evaluate
from collector.rules.load import load
from collector.rules.state import DeviceState
from protos.report_pb2 import OK, Outcome, Report
from tests.agent.windows.captured import Captured
from tests.conftest import SAMPLES

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
EXPECTED = SAMPLES / "smartctl" / "EXPECTED.json"
DRIVES = (
    {name: row for name, row in json.loads(EXPECTED.read_text()).items() if row["kind"] == "device"}
    if EXPECTED.exists()
    else {}
)
# This machine, and a Windows device that has nothing but smartctl.
PLACES = [
    pytest.param(
        Place(), id="linux", marks=pytest.mark.skipif(sys.platform == "win32", reason="a Windows Python")
    ),
    pytest.param(Place(windows=Captured()), id="windows"),
]


@pytest.fixture
def smartctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "FakeSmartctl":
    fake = FakeSmartctl(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return fake


class FakeSmartctl:
    """A program on PATH that prints a captured answer: no real drive of these is here."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._program = directory / ("smartctl.cmd" if sys.platform == "win32" else "smartctl")

    def prints(self, sample: Path) -> None:
        answer = json.loads(sample.read_text())
        device = answer.get("device") or {"name": "/dev/sda", "type": "sat", "protocol": "ATA"}
        (self._program.parent / "scan.json").write_text(json.dumps({"devices": [device]}))
        status = answer.get("smartctl", {}).get("exit_status", 0)
        folder = self._program.parent
        if sys.platform == "win32":
            self._program.write_text(
                f'@echo off\nif "%1"=="--scan" goto scan\ntype "{sample}"\nexit /b {status}\n'
                f':scan\ntype "{folder / "scan.json"}"\n'
            )
            return
        self._program.write_text(
            f'#!/bin/sh\ncase "$*" in *--scan*) cat {folder}/scan.json; exit 0;; esac\ncat "{sample}"; exit {status}\n'
        )
        self._program.chmod(self._program.stat().st_mode | stat.S_IXUSR)


def first_report(readings: list) -> Report:
    return Report(outcomes=[Outcome(probe="disk_health", outcome=OK)], readings=readings)


@pytest.mark.skipif(
    not DRIVES, reason="the captured samples are not beside this checkout (../shared/samples)"
)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", sorted(DRIVES))
def test_a_captured_drive_comes_to_its_verdict_at_first_sight(
    name: str, place: Place, smartctl: FakeSmartctl
) -> None:
    smartctl.prints(SAMPLES / "smartctl" / name)
    taken = disk_health.read(place)
    disks = {row.key: row.facts for row in taken.sections["disks"] if row.facts.get("kind") != "virtual"}
    ((component, facts),) = disks.items()

    state, transitions = evaluate(load(), DeviceState(), first_report(taken.readings), NOW, DeviceContext())

    readable = facts.get("readable") == "true"
    assert verdict(load(), state, component, readable=readable) in DRIVES[name]["verdict_ok"]
    if not readable:
        assert transitions == []


@pytest.mark.skipif(
    not DRIVES, reason="the captured samples are not beside this checkout (../shared/samples)"
)
def test_a_drive_that_cannot_be_read_any_more_stays_as_it_was(smartctl: FakeSmartctl) -> None:
    smartctl.prints(SAMPLES / "smartctl" / "scrutiny_smart-fail2.json")
    failing = disk_health.read(Place(windows=Captured()))
    state, opened = evaluate(load(), DeviceState(), first_report(failing.readings), NOW, DeviceContext())
    assert {t.new for t in opened} == {"open"}
    component = opened[0].component

    unreadable = [r for r in failing.readings if r.metric == "disk_readable_state"]
    unreadable[0].last = 0
    state, after = evaluate(load(), state, first_report(unreadable), NOW, DeviceContext())

    assert [t for t in after if t.new == "cleared"] == []
    assert verdict(load(), state, component, readable=False) == "failing"
