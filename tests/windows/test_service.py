"""The service, through the service manager: installed, started, stopped, removed. Against the fake collector.

Always with a manual start: wine starts an automatic one with its first program.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protos import body as bodies
from protos.intake_pb2 import STOPPING
from tests.agent.certificates import Authority, authority
from tests.agent.fake_collector import FakeCollector

QUICK = 'sample_seconds = 1\nreport_seconds = 2\nheartbeat_seconds = 1\nroot = "C:/nothing-to-read"\n'


def tocsin(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "agent", *words], capture_output=True, text=True, timeout=90, check=False
    )


def service(*words: str) -> str:
    done = tocsin("service", *words)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


def status() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(tocsin("service", "status", "--json").stdout)
    return told


@pytest.fixture
def removed() -> Iterator[None]:
    service("remove")
    yield
    service("remove")


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority()


@pytest.fixture
def collector(ca: Authority) -> Iterator[FakeCollector]:
    fake = FakeCollector(ca)
    yield fake
    fake.stop()


def test_the_service_runs_reports_says_goodbye_and_is_gone(
    removed: None, collector: FakeCollector, tmp_path: Path
) -> None:
    state, settings = tmp_path / "state", tmp_path / "agent.toml"
    settings.write_text(QUICK)
    done = tocsin(
        "enrol", "--collector", f"127.0.0.1:{collector.enrolment_port}", "--token", collector.token,
        "--state-dir", str(state),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    service("install", "--start", "manual", "--config", str(settings), "--state-dir", str(state))
    told = status()
    assert (told["installed"], told["running"], told["start"]) == (True, False, "manual")
    assert told["account"] == "LocalSystem"
    assert str(state) in told["command"]

    assert service("start") == "TocsinAgent is running"
    assert service("start") == "TocsinAgent is running already"
    collector.intake.wait_for(lambda intake: len(intake.order) >= 2, seconds=40)
    first = bodies.unpack(collector.intake.stored[collector.intake.order[0]])
    assert first.full
    assert "agent" in {outcome.probe for outcome in first.outcomes}
    for _ in range(30):  # status.json is written every 10 s
        if json.loads((state / "status.json").read_bytes())["connected"]:
            break
        time.sleep(0.5)
    assert tocsin("status", "--state-dir", str(state)).returncode == 0

    assert service("stop") == "TocsinAgent is stopped"
    assert collector.intake.batches[-1].goodbye == STOPPING
    assert status()["exit_status"] == 0
    assert "level=error" not in (state / "agent.log").read_text()
    assert service("remove").startswith("TocsinAgent is removed")
    assert status()["state"] == "not installed"
    assert (state / "device.json").exists()


def test_a_service_that_cannot_work_stops_with_the_reason(removed: None, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    service("install", "--start", "manual", "--state-dir", str(state))
    done = tocsin("service", "start")
    assert done.returncode == 1
    assert "with 5" in done.stderr, "5 is the exit status for a missing credential"
    assert "not enrolled" in (state / "agent.log").read_text()


def test_what_is_not_installed_is_neither_started_nor_stopped(removed: None) -> None:
    for word in ("start", "stop"):
        done = tocsin("service", word)
        assert done.returncode == 1
        assert "not installed" in done.stderr
    assert tocsin("service", "status").returncode == 1


def test_an_unknown_word_is_a_usage_problem() -> None:
    assert tocsin("service", "explode").returncode == 2
