"""The running agent opens no port, and no secret reaches a log."""

from pathlib import Path

import psutil
import pytest

from collector.store.reports import StoredReport
from tests.end_to_end.running import RunningAgent, RunningCollector, eventually

pytestmark = pytest.mark.xdist_group("waiting")


def test_the_agent_listens_nowhere_and_logs_hold_no_secret(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector:
        token = collector.token()
        agent = RunningAgent(tmp_path, collector, TOCSIN_LOG_LEVEL="debug")
        enrolled = agent.command("enrol", "--collector", f"127.0.0.1:{collector.enrolment}", "--token", token)
        assert enrolled.returncode == 0, enrolled.stderr
        agent.start()
        try:
            eventually(lambda: len(collector.rows(StoredReport)) >= 2, 60, "the agent reports")
            process = psutil.Process(agent.running.process.pid)
            family = [process, *process.children(recursive=True)]
            kinds = [one.status for member in family for one in member.net_connections("inet")]
        finally:
            agent.running.stop()
    assert kinds, "it has a connection to the collector"
    assert psutil.CONN_LISTEN not in kinds

    words = (
        agent.running.log.read_text() + collector.running.log.read_text() + enrolled.stdout + enrolled.stderr
    )
    key = next((tmp_path / "agent").rglob("key.pem")).read_text().splitlines()[1]
    assert token.split(".")[1] not in words
    assert key not in words
    assert "PRIVATE KEY" not in words
