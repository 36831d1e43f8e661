"""A short form of `make chaos`: real processes, killed for real."""

import sys
from pathlib import Path

import pytest

from bench import fsync_order, kill_agent, kill_collector
from bench.process import Collector

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="kill -9 and /proc"),
    pytest.mark.timeout(300),
    # Each of these keeps two cores busy: side by side they would only slow each other down.
    pytest.mark.xdist_group("heavy"),
]

# On each database; a restart of the collector takes a second of a core, the load between two another. `make chaos` does 250.
KILLS = 12


def test_kills_of_the_collector_lose_nothing_and_open_each_ticket_once(
    tmp_path: Path, database_url: str
) -> None:
    database = "" if database_url.startswith("sqlite") else database_url
    outcome = kill_collector.run(tmp_path, kills=KILLS, devices=12, database=database, limit=120)

    found = outcome.comparison
    assert outcome.kills >= 10, "too slow a machine to say anything"
    assert found.acked > 10 * outcome.kills
    assert (found.lost, found.changed) == ([], []), "acknowledged and not readable"
    assert (found.twice, found.unknown, found.holes) == ([], [], [])
    assert outcome.broken_promises == []
    assert outcome.faults > outcome.kills
    assert outcome.ticket_problems == []


def test_kills_of_the_agent_lose_nothing_it_had_spooled(tmp_path: Path) -> None:
    outcome = kill_agent.kills(tmp_path, count=26, limit=160)

    assert outcome.kills >= 20, "too slow a machine to say anything"
    assert outcome.notes == []
    assert outcome.broken_spools == 0
    assert (outcome.lost, outcome.holes) == ([], [])
    assert outcome.spools == 1, "a kill made the agent begin a new spool"
    assert outcome.acked >= outcome.kills // 4


def test_after_an_absence_of_the_collector_the_newest_state_comes_first_and_all_the_rest_follows(
    tmp_path: Path,
) -> None:
    result = kill_agent.collector_away(tmp_path, seconds=8)

    assert result.spooled >= 4
    assert result.arrived >= result.spooled
    assert result.first_was_live
    assert result.first_was_newest
    assert (result.lost, result.holes) == ([], [])


def test_a_copied_state_directory_is_found_out_and_nothing_of_it_is_merged(tmp_path: Path) -> None:
    result = kill_agent.copied_state(tmp_path, copies=2)

    assert result.clone_spools == 2
    assert result.standing_current == 1
    assert result.merged == 0
    assert result.open_findings == 1


@pytest.mark.skipif(not fsync_order.available(), reason="strace is not installed")
def test_no_ack_leaves_before_the_disk_has_the_report(tmp_path: Path) -> None:
    try:
        outcome = fsync_order.run(tmp_path, 200)
    except PermissionError as error:
        pytest.skip(f"tracing is not allowed here: {error}")
    assert outcome.acks == 200
    assert outcome.violations == 0


def test_a_killed_collector_is_ready_again_within_five_seconds(tmp_path: Path) -> None:
    collector = Collector(tmp_path)
    try:
        collector.start_ready()
        collector.kill()
        assert collector.start_ready() < 5
    finally:
        collector.kill()
