"""A real small filesystem, filled and freed: one ticket, named, in time, resolved by itself."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.findings import Finding
from collector.store.reports import StoredReport
from collector.store.tickets import Evidence, Ticket
from tests.conftest import REPOSITORY
from tests.end_to_end.running import RunningAgent, RunningCollector, eventually

SAMPLING_SECONDS = 1.0
MEGABYTE = 1_000_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 16 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a filesystem needs root")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def impatient(tmp_path: Path) -> Path:
    """The shipped rules of space, without their hold."""
    text = (REPOSITORY / "collector/rules/space.toml").read_text()
    lines = ['hold = "0s"' if line.startswith("hold = ") else line for line in text.splitlines()]
    file = tmp_path / "space.toml"
    file.write_text("\n".join(lines))
    return file


def fill(place: Path) -> None:
    (place / "recording").write_bytes(b"\0" * int(16.6 * MEGABYTE))


def free(place: Path) -> None:
    (place / "recording").unlink()


@pytest.mark.xdist_group("waiting")
def test_a_filesystem_filled_past_its_limit_opens_one_ticket_in_time_and_resolves_by_itself(
    tmp_path: Path, small: Path, impatient: Path
) -> None:
    with (
        RunningCollector(tmp_path, rules=impatient) as collector,
        RunningAgent(tmp_path, collector, TOCSIN_EXTRA_FILESYSTEMS=str(small)),
    ):
        eventually(lambda: len(collector.rows(StoredReport)) >= 2, 60, "the agent reports")
        assert collector.rows(Ticket) == []

        fill(small)
        filled_at = time.monotonic()
        (ticket,) = eventually(
            lambda: [t for t in collector.rows(Ticket) if t.state == "new"], SAMPLING_SECONDS + 2, "a ticket"
        )
        print(f"fault to ticket: {time.monotonic() - filled_at:.2f} s")
        assert str(small) in ticket.title

        free(small)
        eventually(
            lambda: [t for t in collector.rows(Ticket) if t.state == "resolved"],
            SAMPLING_SECONDS + 2,
            "its end",
        )
        moments = {e.moment for e in collector.rows(Evidence)}
        assert moments == {"opening", "resolution"}

        for _ in range(10):
            fill(small)
            time.sleep(1.3)
            free(small)
            time.sleep(1.3)
        tickets = collector.rows(Ticket)
        assert len(tickets) == 1
        findings = [f for f in collector.rows(Finding) if f.component.endswith("small")]
        assert len({f.ticket_id for f in findings}) == 1
        explained = collector.command("tickets", "explain", "1", "--json")
        assert explained["findings"][0]["clauses"]
