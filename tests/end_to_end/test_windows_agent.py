"""The Windows agent on a Windows Python under wine, against the collector: enrol, run, report over mutual TLS."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.store import open_engine, session_maker
from collector.store.devices import Device
from collector.store.installation import RefreshRequest
from collector.store.reports import ProbeResult, Spool, StoredReport
from tests.conftest import REPOSITORY
from tests.end_to_end.running import RunningCollector, eventually

PYTHON = REPOSITORY / ".windows" / "python"
QUICK = {
    "TOCSIN_SAMPLE_SECONDS": "1",
    "TOCSIN_REPORT_SECONDS": "2",
    "TOCSIN_HEARTBEAT_SECONDS": "1",
    "TOCSIN_RETRY_BASE_SECONDS": "0.2",
    "TOCSIN_RETRY_CAP_SECONDS": "1",
}
pytestmark = [
    pytest.mark.xdist_group("heavy"),
    pytest.mark.skipif(
        not (REPOSITORY / ".windows" / "stamp").exists(),
        reason="there is no Windows lane in this checkout: `make windows` builds it where wine can be had",
    ),
]


class WindowsAgent:
    def __init__(self, directory: Path, collector: RunningCollector) -> None:
        self.collector, self.log = collector, directory / "agent.log"
        self.state = directory / "agent"
        self._processes: list[subprocess.Popen[bytes]] = []

    def command(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._words(*words), cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=os.environ | environment, check=False, timeout=120,
        )  # fmt: skip

    def enrol(self) -> None:
        where = f"127.0.0.1:{self.collector.enrolment}"
        ended = self.command("enrol", "--collector", where, "--token", self.collector.token())
        assert ended.returncode == 0, ended.stderr + ended.stdout

    def start(self) -> None:
        # A plain file as standard error would end it at once under this wine: `cat` makes it a pipe.
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["bash", "-c", '"$@" 2>&1 | cat', "-", *self._words("run")], cwd=REPOSITORY,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=os.environ | QUICK,
            )  # fmt: skip
        self._processes.append(process)

    def kill(self) -> None:
        """All of it at once, as a power cut would."""
        process = self._processes[-1]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def _words(self, *words: str) -> list[str]:
        return [str(PYTHON), "-m", "agent", "--state-dir", f"Z:{self.state}", *words]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    with RunningCollector(tmp_path) as running:
        yield running


@pytest.fixture
def agent(tmp_path: Path, collector: RunningCollector) -> Iterator[WindowsAgent]:
    made = WindowsAgent(tmp_path, collector)
    yield made
    made.end()


def results(collector: RunningCollector) -> dict[str, ProbeResult]:
    return {result.probe: result for result in collector.rows(ProbeResult)}


def test_a_windows_device_is_known_with_its_readings(
    collector: RunningCollector, agent: WindowsAgent
) -> None:
    agent.enrol()
    agent.start()
    eventually(
        lambda: {"cpu", "memory", "filesystem", "agent"} <= results(collector).keys(),
        60,
        "the first report of a Windows device",
    )
    (device,) = collector.rows(Device)
    assert device.os_family == "windows"
    assert device.host_name
    assert device.uptime_seconds

    found = results(collector)
    assert {found[name].outcome for name in ("cpu", "memory", "filesystem", "agent")} == {"ok"}
    metrics = {str(row[0]) for result in found.values() for row in result.readings}
    assert {
        "filesystem_available_bytes",
        "memory_size_bytes",
        "memory_available_bytes",
        "memory_used_ratio",
        "agent_memory_bytes",
    } <= metrics
    # Whatever a Windows without most of its sources lacks is said, with a reason.
    for result in found.values():
        assert result.outcome == "ok" or result.reason, result.probe

    told = agent.command("probes", "--json")
    assert told.returncode == 0
    doctor = agent.command("doctor")
    assert "ok       intake" in doctor.stdout, doctor.stdout + doctor.stderr

    # Refresh now reaches it, over the stream or the next ack.
    engine = open_engine(collector.url)
    with session_maker(engine)() as session, session.begin():
        now = datetime.now(UTC)
        session.add(
            RefreshRequest(id=uuid.uuid4().hex, device_id=device.id, number=1, asked_by="ann", asked_at=now)
        )
    engine.dispose()
    eventually(
        lambda: collector.rows(RefreshRequest)[0].answered_at is not None, 60, "the answer to a refresh"
    )


def test_a_killed_windows_agent_goes_on_with_its_spool(
    collector: RunningCollector, agent: WindowsAgent
) -> None:
    agent.enrol()
    agent.start()
    eventually(lambda: len(collector.rows(StoredReport)) >= 2, 60, "reports")
    collector.running.stop()
    time.sleep(4)  # reports that nobody takes wait in its spool
    agent.kill()
    waiting = agent.command("status").stdout
    assert "running                  False" in waiting, waiting
    before = {(report.lane, report.seq) for report in collector.rows(StoredReport)}
    collector.start()
    agent.start()
    eventually(
        lambda: len({(r.lane, r.seq) for r in collector.rows(StoredReport)} - before) >= 3,
        60,
        "the spooled reports",
    )
    (spool,) = collector.rows(Spool)
    assert spool.standing == "current"
    for lane in {lane for lane, _seq in before}:
        seqs = sorted(r.seq for r in collector.rows(StoredReport) if r.lane == lane)
        assert seqs == list(range(1, len(seqs) + 1)), "no number is missing, none was given twice"
