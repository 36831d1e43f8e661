"""The comparison at the end of a chaos run finds what it is there to find."""

from pathlib import Path

import pytest

from bench.fsync_order import ended_syncs, violations
from bench.ledger import Ledger, compare, holes, upper_bound
from collector.unpack import content_hash

BODIES = {seq: f"report {seq}".encode() for seq in range(1, 5)}


@pytest.fixture
def known(tmp_path: Path) -> dict[tuple[str, str, int, int], tuple[int, bool]]:
    ledger = Ledger(tmp_path / "ledger.db")
    for seq, body in BODIES.items():
        ledger.offered(("d", "s", 1, seq), body)
        if seq < 4:
            ledger.acknowledged(("d", "s", 1, seq), duplicate=False)
    return ledger.rows()


def stored(*seqs: int) -> dict[tuple[str, str, int, int], int]:
    return {("d", "s", 1, seq): content_hash(BODIES[seq]) for seq in seqs}


def test_a_report_stored_and_not_acknowledged_is_no_difference(
    known: dict[tuple[str, str, int, int], tuple[int, bool]],
) -> None:
    assert compare(known, stored(1, 2, 3, 4)).clean
    assert compare(known, stored(1, 2, 3)).clean


def test_a_report_acknowledged_and_not_stored_is_lost_and_leaves_a_hole(
    known: dict[tuple[str, str, int, int], tuple[int, bool]],
) -> None:
    found = compare(known, stored(1, 3))
    assert found.lost == [("d", "s", 1, 2)]
    assert found.holes == [("d", "s", 1, 2)]
    assert not found.clean


def test_one_content_under_two_numbers_is_a_duplicate(
    known: dict[tuple[str, str, int, int], tuple[int, bool]],
) -> None:
    rows = stored(1, 2, 3) | {("d", "s", 1, 4): content_hash(BODIES[3])}
    found = compare(known, rows)
    assert found.twice == [("d", "s", 1, 4)]
    assert found.changed == [("d", "s", 1, 4)]


def test_what_was_never_offered_is_unknown(known: dict[tuple[str, str, int, int], tuple[int, bool]]) -> None:
    assert compare(known, stored(1, 2, 3) | {("x", "s", 1, 1): 5}).unknown == [("x", "s", 1, 1)]


def test_lanes_are_numbered_apart() -> None:
    assert holes([("d", "s", 1, 1), ("d", "s", 2, 2)]) == [("d", "s", 2, 1)]


def test_the_bound_of_no_failure_in_a_thousand_is_three_in_a_thousand() -> None:
    assert upper_bound(1000) == pytest.approx(0.003, abs=1e-4)


TRACE = """\
812   100.000500 fdatasync(7) = 0 <0.000300>
812   101.000100 fdatasync(7 <unfinished ...>
813   101.000200 fdatasync(9) = -1 EIO (Input/output error) <0.000100>
812   101.000900 <... fdatasync resumed>) = 0 <0.000800>
""".splitlines()


def test_syncs_are_read_from_a_trace_also_when_interrupted_and_only_if_they_succeeded() -> None:
    assert ended_syncs(TRACE) == [(100.0005, pytest.approx(100.0008)), (101.0001, 101.0009)]


@pytest.mark.parametrize(
    ("sent", "acked", "expected"),
    [
        (100.0, 100.1, 0),
        (100.0, 100.0007, 1),  # the ack came before the sync had ended
        (101.0002, 101.1, 1),  # the sync had begun before the report was sent
        (102.0, 102.1, 1),  # no sync at all
    ],
)
def test_an_ack_needs_a_sync_that_began_and_ended_in_its_time(
    sent: float, acked: float, expected: int
) -> None:
    assert violations([(sent, acked)], ended_syncs(TRACE)) == expected
