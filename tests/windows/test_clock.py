"""The time service's settings written into the prefix, and a stand-in for w32tm, which wine lacks (its words are
documented; see tests/agent/probes/test_clock_windows.py)."""

import os
import sys
from pathlib import Path

import pytest

from agent.probe import Place, Unavailable
from agent.probes import clock
from tests.agent.probes.test_clock_windows import ENGLISH
from tests.windows.prefix import Kinds, written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\W32Time"


def settings(kind: str, start: int = 3) -> dict[str, Kinds]:
    return {
        SERVICE: {"Start": start},
        SERVICE + r"\Parameters": {"Type": kind, "NtpServer": "time.example,0x9"},
    }


@pytest.fixture
def w32tm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What it prints stands in the file."""
    words = tmp_path / "words.txt"
    (tmp_path / "w32tm.cmd").write_text(f'@type "{words}"\n')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return words


def test_the_status_is_asked_and_read(w32tm: Path) -> None:
    w32tm.write_text(ENGLISH)
    with written(settings("NTP")):
        taken = clock.read(Place())
    assert {reading.metric: reading.last for reading in taken.readings} == {
        "clock_synchronised_state": 1,
        "clock_offset_seconds": -0.0117411,
    }
    assert dict(taken.sections["time_service"][0].facts) == {
        "service": "W32Time", "start": "enabled", "type": "NTP", "servers": "time.example",
    }  # fmt: skip


def test_a_service_that_does_not_run_is_unknown(w32tm: Path) -> None:
    w32tm.write_text("The following error occurred: The service has not been started. (0x80070426)\n")
    with written(settings("NTP")), pytest.raises(Unavailable, match="does not run at the moment"):
        clock.read(Place())


def test_switched_off_is_not_asked(w32tm: Path) -> None:
    with written(settings("NoSync")):
        taken = clock.read(Place())
    assert taken.readings == []
    assert "switched off" in taken.reason
