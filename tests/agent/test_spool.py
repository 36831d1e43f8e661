"""The spool on its own: numbers, room, damage, kills."""

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from agent.spool import Agreement
from agent.spool_file import NAME, connect
from protos import body as bodies
from protos.intake_pb2 import (
    AFTER_CORRUPTION,
    AFTER_FORK,
    BACKFILL,
    FIRST,
    LIVE,
    REFUSED,
    STORED,
    TOO_MANY,
    HighWater,
    Receipt,
)
from protos.report_pb2 import CORRUPT, EVICTED, QUARANTINED
from tests.agent.conftest import report


@pytest.fixture
def fill(hand):
    def put(spool, *names, octets=0):
        for name in names:
            hand.pass_(300)
            assert spool.append(report(hand, name, octets))

    return put


def names(envelopes):
    return [bodies.unpack(envelope.body).host_name for envelope in envelopes]


def take(spool, lane, verdict=STORED):
    """Offer and have the collector's word on all of it."""
    offered = spool.offer(lane)
    spool.settle(Receipt(lane=lane, seq=one.seq, verdict=verdict) for one in offered)
    return offered


def gaps(spool):
    """(reason, count) that travel in the reports still waiting."""
    return [
        (gap.reason, gap.reports)
        for lane in (LIVE, BACKFILL)
        for envelope in spool.offer(lane, reports=10_000, size=1 << 40)
        for gap in bodies.unpack(envelope.body).gaps
    ]


def test_a_report_has_no_number_before_it_is_offered(open_spool, fill):
    spool = open_spool()
    fill(spool, "a", "b", "c")
    assert spool.state.next_live == 1
    spool.settle_backlog()
    assert names(spool.offer(LIVE)) == ["c"]
    assert names(spool.offer(BACKFILL)) == ["a", "b"]


def test_a_number_once_given_is_kept_over_a_restart(open_spool, fill):
    spool = open_spool()
    fill(spool, "a", "b", "c")
    first = [(e.lane, e.seq, e.body) for e in spool.offer(LIVE)]
    spool.close()
    spool = open_spool()
    fill(spool, "d")
    spool.settle_backlog()
    again = [(e.lane, e.seq, e.body) for e in spool.offer(LIVE)]
    assert again[:3] == first
    assert [seq for _, seq, _ in again] == [1, 2, 3, 4]


def test_a_new_spool_is_born_first_and_keeps_its_id(open_spool):
    spool = open_spool()
    assert (spool.state.birth, len(spool.state.spool_id)) == (FIRST, 32)
    spool.close()
    assert open_spool().state.spool_id == spool.state.spool_id


def test_a_batch_has_at_least_one_report_however_big(open_spool, fill):
    spool = open_spool()
    fill(spool, "a", "b", octets=5000)
    assert names(spool.offer(LIVE, size=10)) == ["a"]


def test_an_acknowledged_report_is_kept_48_hours(open_spool, fill, hand):
    spool = open_spool()
    fill(spool, "a")
    take(spool, LIVE)
    hand.pass_(47 * 3600)
    spool.prune()
    assert spool.compare([HighWater(lane=LIVE, seq=0)]) is Agreement.BEHIND
    take(spool, LIVE)
    hand.pass_(49 * 3600)
    spool.prune()
    assert spool.compare([HighWater(lane=LIVE, seq=0)]) is Agreement.AGREED
    assert spool.offer(LIVE) == []


def test_a_full_spool_gives_up_acknowledged_reports_first_and_says_nothing(open_spool, fill):
    spool = open_spool(max_bytes=1_000_000)
    fill(spool, *(f"a{i}" for i in range(40)), octets=10_000)
    take(spool, LIVE)
    fill(spool, *(f"b{i}" for i in range(60)), octets=10_000)
    assert spool.counts().evicted == 0
    assert names(spool.offer(LIVE, reports=100, size=1 << 30)) == [f"b{i}" for i in range(60)]


def test_what_a_full_spool_gives_up_is_told_with_count_and_times(open_spool, fill):
    spool = open_spool(max_bytes=1_000_000)
    fill(spool, *(f"r{i}" for i in range(200)), octets=10_000)
    counts = spool.counts()
    assert counts.bytes < 1_000_000
    assert counts.evicted + counts.unsent == 200
    told = [gap for gap in gaps(spool) if gap[0] == EVICTED]
    assert sum(count for _, count in told) == counts.evicted
    assert names(spool.offer(LIVE, reports=500, size=1 << 30))[-1] == "r199"


def test_the_file_never_passes_its_cap(open_spool, fill, tmp_path):
    spool = open_spool(max_bytes=1_000_000)
    for round_ in range(20):
        fill(spool, *(f"r{round_}.{i}" for i in range(20)), octets=random.Random(round_).randrange(60_000))
        used = sum(path.stat().st_size for path in (tmp_path / "state").glob(NAME + "*"))
        assert used <= 1_000_000 + 1_100_000, "the cap and the write-ahead log"


def test_a_gap_in_a_report_that_is_refused_travels_in_the_next(open_spool, fill):
    spool = open_spool()
    fill(spool, "bad")
    take(spool, LIVE, REFUSED)
    fill(spool, "also bad")
    assert gaps(spool) == [(QUARANTINED, 1)]
    take(spool, LIVE, REFUSED)
    fill(spool, "good")
    assert gaps(spool) == [(QUARANTINED, 2)]
    take(spool, LIVE)
    fill(spool, "later")
    assert gaps(spool) == []


def test_a_refused_report_is_kept_with_the_reason_and_never_offered(open_spool, fill, tmp_path):
    spool = open_spool()
    fill(spool, "bad", "good")
    bad, _ = spool.offer(LIVE)
    spool.settle([Receipt(lane=LIVE, seq=bad.seq, verdict=REFUSED, refusal=TOO_MANY)])
    assert names(spool.offer(LIVE)) == ["good"]
    with connect(tmp_path / "state" / NAME, read_only=True) as db:
        assert db.execute("SELECT quarantined FROM report WHERE quarantined NOTNULL").fetchall() == [
            ("refused: TOO_MANY",)
        ]
    db.close()


def test_a_fork_renumbers_what_waits_and_forgets_what_was_taken(open_spool, fill):
    spool = open_spool()
    fill(spool, "taken")
    take(spool, LIVE)
    fill(spool, "a", "b")
    spool.offer(LIVE)
    old = spool.state.spool_id
    assert spool.compare([HighWater(lane=LIVE, seq=9, hash=1)]) is Agreement.FORKED
    spool.fork()
    assert (spool.state.birth, spool.state.previous_spool_id) == (AFTER_FORK, old)
    offered = spool.offer(LIVE)
    assert [(names([one])[0], one.seq) for one in offered] == [("a", 1), ("b", 2)]
    spool.close()
    assert open_spool().state.previous_spool_id == old


def test_other_content_under_the_same_number_is_a_fork(open_spool, fill):
    spool = open_spool()
    fill(spool, "a")
    take(spool, LIVE)
    assert spool.compare([HighWater(lane=LIVE, seq=1, hash=12345)]) is Agreement.FORKED


def test_a_lane_of_a_later_contract_is_no_fork(open_spool):
    assert open_spool().compare([HighWater(lane=7, seq=5, hash=1)]) is Agreement.AGREED  # type: ignore[arg-type]


@pytest.mark.parametrize("harm", ["zero", "cut", "empty", "gone", "text"])
def test_a_damaged_file_is_set_aside_and_told(open_spool, fill, tmp_path, harm):
    spool = open_spool()
    fill(spool, *(f"r{i}" for i in range(30)), octets=3000)
    old = spool.state.spool_id
    spool.close()
    path = tmp_path / "state" / NAME
    data = path.read_bytes()
    if harm == "zero":
        path.write_bytes(data[:4096] + bytes(8192) + data[12288:])
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if harm == "empty" else b"not a spool" * 1000)
    spool = open_spool()
    assert spool.state.birth == AFTER_CORRUPTION
    assert spool.state.previous_spool_id == old
    fill(spool, "next")
    assert gaps(spool) == [(CORRUPT, 0)]
    assert len(list((tmp_path / "state").glob(NAME + ".corrupt-*"))) == (harm != "gone")


def test_a_damaged_file_is_closed_before_it_is_set_aside(tmp_path):
    """Windows moves no file that is open; on Linux the open files of this process tell the same."""
    (tmp_path / NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(
        sqlite3.DatabaseError
    ) as kept:  # the traceback keeps the connection alive, as in open_spool
        connect(tmp_path / NAME)
    if sys.platform == "linux":
        assert (tmp_path / NAME) not in {
            descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir()
        }
    (tmp_path / NAME).replace(tmp_path / "aside")
    assert kept.value is not None


def test_only_the_newest_damaged_file_is_kept(open_spool, hand, tmp_path):
    for _ in range(3):
        open_spool().close()
        hand.pass_(10)
        (tmp_path / "state" / NAME).write_bytes(b"damage" * 1000)
    open_spool()
    assert len(list((tmp_path / "state").glob("*corrupt*"))) == 1


def test_flipped_bits_never_crash_and_never_pass_as_a_report(open_spool, fill, tmp_path):
    spool = open_spool()
    fill(spool, *(f"r{i}" for i in range(20)), octets=2000)
    sound = {one.body for one in spool.offer(LIVE, reports=100)}
    spool.close()
    path = tmp_path / "state" / NAME
    data = path.read_bytes()
    chance = random.Random(4)
    for round_ in range(150):
        folder = tmp_path / f"flip{round_}"
        folder.mkdir()
        harmed = bytearray(data)
        harmed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (folder / NAME).write_bytes(harmed)
        (folder / "spool.id").write_bytes((tmp_path / "state/spool.id").read_bytes())
        spool = open_spool(folder)
        fill(spool, f"after{round_}")
        for one in spool.offer(LIVE, reports=100):
            assert one.body in sound or names([one]) == [f"after{round_}"]
        spool.close()


def test_damage_found_while_running_costs_no_crash(open_spool, fill, tmp_path):
    spool = open_spool()
    fill(spool, *(f"r{i}" for i in range(300)), octets=3000)
    spool.prune()
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "state" / NAME
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(os.urandom(size - 8192))
    spool._db.execute("PRAGMA shrink_memory")
    fill(spool, "next", "and next")
    if spool.state.birth == FIRST:  # sqlite has not read a damaged page yet: it does at the next start
        spool.close()
        spool = open_spool()
    assert spool.state.birth == AFTER_CORRUPTION


def test_a_full_disk_loses_no_more_than_it_must_and_says_so(open_spool, fill, hand):
    spool = open_spool()
    fill(spool, *(f"r{i}" for i in range(50)), octets=4000)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    fill(spool, *(f"s{i}" for i in range(30)), octets=4000)
    counts = spool.counts()
    assert counts.evicted + counts.unsent == 80
    assert names(spool.offer(LIVE, reports=100, size=1 << 30))[-1] == "s29"
    assert sum(count for reason, count in gaps(spool) if reason == EVICTED) == counts.evicted


def test_a_disk_that_takes_nothing_is_told_when_it_takes_again(open_spool, fill, hand, monkeypatch):
    spool = open_spool()
    fill(spool, "a")
    spool._db.execute("PRAGMA query_only = 1")
    for name in ("lost1", "lost2"):
        assert spool.append(report(hand, name)) is False
    spool._db.execute("PRAGMA query_only = 0")
    fill(spool, "b")
    assert gaps(spool) == [(EVICTED, 2)]
    assert spool.counts().evicted == 2


def test_a_spool_that_another_holds_is_not_called_damaged(open_spool, tmp_path, monkeypatch):
    open_spool().close()

    def locked(*_):
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    monkeypatch.setattr("agent.spool_file.load_state", locked)
    with pytest.raises(sqlite3.OperationalError):
        open_spool()
    assert not list((tmp_path / "state").glob("*corrupt*"))


_WRITER = """
    import sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from agent.spool import Spool
    from protos import body as bodies
    from protos.intake_pb2 import LIVE, STORED, Receipt
    from protos.report_pb2 import Report
    spool = Spool(Path(sys.argv[1]), now=lambda: datetime.now(UTC), max_bytes=10**9, keep_acked_for=timedelta(1))
    for number in range(10**9):
        name = f"{sys.argv[2]}.{number}"
        spool.append(Report(host_name=name, collected_at=datetime.now(UTC)))
        print("kept", name, flush=True)
        if number % 3 == 0:
            for one in spool.offer(LIVE):
                print("offered", one.seq, bodies.unpack(one.body).host_name, flush=True)
        if number % 7 == 0:
            spool.settle([Receipt(lane=LIVE, seq=one.seq, verdict=STORED) for one in spool.offer(LIVE)[:2]])
"""


def test_kill_9_in_the_middle_of_writing_loses_and_renumbers_nothing(open_spool, tmp_path):
    """The ledger is on the killed side's output: every report it was told was kept, every number it offered."""
    folder = tmp_path / "state"
    kept: set[str] = set()
    offered: dict[int, str] = {}
    chance = random.Random(9)
    for round_ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_WRITER), str(folder), str(round_)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        first = writer.stdout.readline()  # it is under way
        time.sleep(chance.random() * 0.1)
        writer.kill()
        lines = (first + writer.stdout.read()).decode().splitlines(keepends=True)
        writer.wait()
        writer.stdout.close()
        for line in lines:
            words = line.split()
            if not line.endswith("\n"):
                continue  # cut by the kill
            if words[0] == "kept":
                kept.add(words[1])
            else:
                assert offered.setdefault(int(words[1]), words[2]) == words[2], "a number has two reports"
    spool = open_spool(folder)
    assert spool.state.birth == FIRST, "no kill is taken for damage"
    rows = spool._db.execute("SELECT seq, body FROM report").fetchall()
    here = {bodies.unpack(body).host_name: seq for seq, body in rows}
    # Enough of them to prove something. wine kills and starts slowly: there one a round must do.
    assert len(kept) > (50 if os.name == "posix" else 11)
    assert kept <= here.keys()
    assert all(here[name] == seq for seq, name in offered.items())
    seqs = sorted(seq for seq in here.values() if seq)
    assert seqs == list(range(1, len(seqs) + 1))
