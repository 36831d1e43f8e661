"""Refresh now: from a row in the store to new data, with a live agent."""

import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.store import open_engine, session_maker
from collector.store.devices import Device
from collector.store.installation import RefreshRequest
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult, StoredReport
from tests.end_to_end.running import RunningAgent, RunningCollector, eventually

pytestmark = pytest.mark.xdist_group("heavy")
# Nothing would be reported by itself while the test looks.
QUIET = {
    "TOCSIN_SAMPLE_SECONDS": "3600",
    "TOCSIN_REPORT_SECONDS": "86400",
    "TOCSIN_HEARTBEAT_SECONDS": "3600",
}


def test_new_data_is_there_within_three_seconds_of_being_asked_for(tmp_path: Path) -> None:
    with RunningCollector(tmp_path) as collector, RunningAgent(tmp_path, collector, **QUIET):
        sections = {"software", "system"}
        eventually(
            lambda: sections <= {s.section for s in collector.rows(InventorySection)},
            60,
            "the first inventory",
        )
        # The collector asked for what it lacked; let those reports end.
        eventually(
            lambda: {r.probe for r in collector.rows(ProbeResult)} >= {"patches", "software"},
            60,
            "all probes",
        )
        time.sleep(2)
        (device,) = collector.rows(Device)
        engine = open_engine(collector.url)
        with session_maker(engine)() as session, session.begin():
            now = datetime.now(UTC)
            session.add(
                RefreshRequest(
                    id=uuid.uuid4().hex, device_id=device.id, number=1, asked_by="ann", asked_at=now
                )
            )
        engine.dispose()
        before, asked = len(collector.rows(StoredReport)), time.monotonic()

        eventually(lambda: len(collector.rows(StoredReport)) > before, 3, "a new report")
        print(f"refresh now: {time.monotonic() - asked:.2f} s")
        eventually(lambda: collector.rows(RefreshRequest)[0].answered_at is not None, 1, "the answer")
