"""The link and the spool together, against a fake collector over real gRPC and TLS."""

import shutil

import grpc
import pytest

from agent.spool import BATCH_BYTES
from protos import body as bodies
from protos.intake_pb2 import (
    AFTER_FORK,
    BACKFILL,
    CLONE,
    COLLECT_NOW,
    CURRENT,
    GOODBYE_NONE,
    LIVE,
    STOPPING,
    SUSPENDING,
    Directive,
    HighWater,
)
from protos.report_pb2 import QUARANTINED


def test_the_first_call_is_a_hello_without_reports(device, collector):
    one = device()
    one.append("a")
    one.step()
    assert [(b.hello, len(b.reports)) for b in collector.intake.batches] == [(True, 0)]
    one.step()
    assert collector.intake.names() == ["a"]
    assert collector.intake.batches[0].machine_hash == 7


def test_a_lost_ack_makes_no_duplicate(device, collector):
    one = device()
    one.append("a", "b")
    collector.intake.script.lose_acks = 2
    one.live(60)
    assert sorted(collector.intake.names()) == ["a", "b"]
    assert one.spool.counts().unsent == 0
    assert len([b for b in collector.intake.batches if b.reports]) > 2, "it was sent again"


def test_an_hours_outage_arrives_newest_first_and_whole(device, collector):
    one = device()
    one.append("before")
    one.live(10)
    collector.intake.script.abort = [(grpc.StatusCode.UNAVAILABLE, "away", ())]
    one.hand.pass_(60)
    one.step()
    one.append(*(f"old{i:02}" for i in range(60)))
    one.append("newest")
    one.hand.pass_(600)
    one.live(5)
    assert collector.intake.names(LIVE) == ["before", "newest"]
    assert collector.intake.names(BACKFILL) == [f"old{i:02}" for i in range(60)]
    assert collector.intake.names()[1] == "newest", "today's state comes before history"
    assert collector.intake.seqs(LIVE) == [1, 2]
    assert collector.intake.seqs(BACKFILL) == list(range(1, 61))
    assert len(one.returns) == 1, "the agent is asked for a full report"


def test_while_connected_every_report_is_live(device, collector):
    one = device()
    one.live(5)
    one.append("a", "b", "c")
    one.live(5)
    assert collector.intake.names(LIVE) == ["a", "b", "c"]


def test_history_is_throttled_and_lets_live_pass(device, collector):
    one = device(backfill=10.0)
    one.append(*(f"old{i}" for i in range(130)), "new")
    one.live(1)
    assert len(collector.intake.names(BACKFILL)) == 64
    one.append("fresh")
    one.live(1)
    assert collector.intake.names()[-1] == "fresh"
    one.live(25)
    assert len(collector.intake.names(BACKFILL)) == 130


def test_a_restored_collector_gets_again_what_it_lost(device, collector):
    one = device()
    for name in "abcde":
        one.append(name)
        one.live(1)
    for key in [key for key in collector.intake.stored if key[2] > 2]:
        del collector.intake.stored[key]
        collector.intake.order.remove(key)
    one.link.reconnect()
    one.live(5)
    assert collector.intake.names() == list("abcde")
    assert collector.intake.seqs(LIVE) == [1, 2, 3, 4, 5]


def test_a_rolled_back_state_opens_a_new_spool_and_loses_nothing(device, collector, open_spool, tmp_path):
    one = device()
    one.append("a")
    one.live(1)
    one.spool.close()
    shutil.copytree(tmp_path / "state", tmp_path / "snapshot")
    one = device(open_spool(tmp_path / "state"))
    one.append("b", "c")
    one.live(2)
    back = device(open_spool(tmp_path / "snapshot"))
    old = back.spool.state.spool_id
    back.append("d")
    back.live(2)
    assert back.spool.state.birth == AFTER_FORK
    assert back.spool.state.previous_spool_id == old
    assert back.spool.state.spool_id != old
    assert sorted(collector.intake.names()) == ["a", "b", "c", "d"]
    assert collector.intake.seqs(LIVE, back.spool.state.spool_id) == [1]


def test_the_same_number_with_other_content_opens_a_new_spool(device, collector, open_spool, tmp_path):
    one = device()
    one.live(1)
    one.spool.close()
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    first, second = device(open_spool(tmp_path / "state")), device(open_spool(tmp_path / "copy"))
    first.append("a")
    first.live(1)
    # The copy took number 1 too, before it could hear that it was given.
    second.append("z")
    second.spool.offer(LIVE)
    second.live(2)
    assert second.spool.state.birth == AFTER_FORK
    assert collector.intake.names() == ["a", "z"]


def test_a_collector_that_calls_everything_a_fork_is_left_in_peace(device, collector):
    one = device()
    one.append("a")
    collector.intake._high_water = lambda spool_id, lane: HighWater(lane=lane, seq=99, hash=1)
    one.live(600)
    assert len(collector.intake.batches) < 60
    assert one.spool.counts().unsent == 1


def test_poison_does_not_block_and_is_told_as_a_gap(device, collector):
    one = device()
    collector.intake.script.poison = b"bad"
    one.live(1)
    one.append("a", "bad", "c")
    one.live(2)
    assert collector.intake.names() == ["a", "c"]
    assert one.spool.counts().quarantined == 1
    one.append("d")
    one.live(2)
    last = bodies.unpack(collector.intake.stored[collector.intake.order[-1]])
    assert [(gap.reason, gap.reports) for gap in last.gaps] == [(QUARANTINED, 1)]


def test_a_report_that_breaks_the_collector_is_found_and_set_aside(device, collector):
    one = device()
    collector.intake.script.breaks_on = b"bad"
    one.live(1)
    one.append("a", "bad", "c", "d")
    one.live(120)
    assert collector.intake.names() == ["a", "c", "d"]
    assert one.spool.counts().quarantined == 1


def test_a_collector_that_cannot_write_costs_no_report(device, collector):
    one = device()
    collector.intake.script.breaks_on = b""
    one.append("a", "b", "c")
    one.live(3600)
    assert one.spool.counts().quarantined == 0
    collector.intake.script.breaks_on = b"\0never\0"
    one.live(600)
    assert sorted(collector.intake.names()) == ["a", "b", "c"]


def test_one_report_too_big_for_the_collector_is_set_aside(device, collector):
    one = device()
    one.live(1)
    one.append("a")
    one.append("huge", octets=1_200_000)
    one.append("c")
    one.live(60)
    assert collector.intake.names() == ["a", "c"]
    assert one.spool.counts().quarantined == 1


def test_batches_stay_below_their_size(device, collector):
    one = device()
    one.live(1)
    one.append(*(f"r{i}" for i in range(12)), octets=300_000)
    one.live(5)
    sizes = [batch.ByteSize() for batch in collector.intake.batches if batch.reports]
    assert len(sizes) == 6
    assert max(sizes) < BATCH_BYTES
    assert collector.intake.seqs(LIVE) == list(range(1, 13))


def test_an_overloaded_collector_is_given_the_time_it_asks_for(device, collector):
    one = device(chance=0.0)
    one.append("a")
    collector.intake.script.retry_after = [30]
    one.step()
    assert one.waits == [30.0]
    one.hand.pass_(29.0)
    one.step()
    assert len(collector.intake.batches) == 1
    one.live(5)
    assert collector.intake.names() == ["a"]


def test_the_wait_in_the_metadata_is_honoured_too(device, collector):
    one = device(chance=0.0)
    busy = (grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", (("tocsin-retry-after", "45"),))
    collector.intake.script.abort = [busy]
    one.append("a")
    one.step()
    assert one.waits == [45.0]
    assert one.spool.counts().quarantined == 0


def test_failures_wait_longer_each_time_and_at_most_five_minutes(device, collector):
    one = device(chance=1.0)
    collector.intake.script.abort = [(grpc.StatusCode.UNAVAILABLE, "away", ())] * 10
    for _ in range(10):
        one.step()
        one.hand.pass_(one.waits[-1])
    assert one.waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize("reason", ["revoked", "unknown-certificate"])
def test_a_refused_certificate_is_kept_and_tried_slowly(device, collector, reason):
    one = device()
    refusal = (grpc.StatusCode.PERMISSION_DENIED, "no", (("tocsin-reason", reason),))
    collector.intake.script.abort = [refusal]
    one.append("a")
    one.step()
    assert one.waits == [300.0]
    assert "certificate" in one.board.status.barred
    one.live(600)
    assert collector.intake.names() == ["a"], "it was a mistake of the collector, and is over"
    assert one.board.status.barred == ""


def test_a_copy_of_another_devices_state_sends_nothing_but_slow_heartbeats(device, collector):
    one = device()
    one.append("a")
    collector.intake.script.standing = CLONE
    one.live(3000)
    assert collector.intake.names() == []
    assert len(collector.intake.batches) <= 12
    assert one.board.status.standing == "clone"
    assert "enrol this machine anew" in one.board.sentence()


def test_a_copy_that_is_cleared_goes_on_with_a_hello(device, collector):
    one = device()
    collector.intake.script.standing = CLONE
    one.append("a")
    one.live(400)
    collector.intake.script.standing = CURRENT
    one.live(400)
    assert collector.intake.names() == ["a"]
    assert sum(batch.hello for batch in collector.intake.batches) == 2


def test_a_heartbeat_goes_when_nothing_else_does(device, collector):
    one = device()
    one.live(600)
    assert [len(b.reports) for b in collector.intake.batches] == [0] * 10
    assert sum(b.hello for b in collector.intake.batches) == 1


def test_a_goodbye_says_why(device, collector):
    one = device()
    one.live(1)
    one.link.goodbye(STOPPING)
    assert collector.intake.batches[-1].goodbye == STOPPING


def test_nothing_follows_the_goodbye_before_a_suspend_until_it_had_its_time(device, collector):
    one = device()
    one.step()
    one.link.goodbye(SUSPENDING, rest_seconds=20)
    calls = len(collector.intake.batches)
    one.append("taken just before the sleep")
    one.live(18)
    assert len(collector.intake.batches) == calls
    one.live(60)
    assert len(collector.intake.batches) > calls
    assert collector.intake.batches[-1].goodbye == GOODBYE_NONE


def test_no_goodbye_is_owed_to_a_collector_that_is_away(device, collector):
    one = device()
    collector.intake.script.abort = [(grpc.StatusCode.UNAVAILABLE, "away", ())]
    one.step()
    one.link.goodbye(STOPPING)
    assert len(collector.intake.batches) == 1


def test_directives_ride_on_the_ack(device, collector):
    one = device()
    collector.intake.script.directives = [Directive(kind=COLLECT_NOW)]
    one.live(1)
    assert [directive.kind for directive in one.directives] == [COLLECT_NOW]


def test_a_collector_of_another_ca_is_not_talked_to(device, collector):
    from tests.agent.certificates import authority

    collector.stop()
    collector.authority = authority()
    collector.start(collector.port)
    one = device()
    one.append("a")
    one.step()
    assert collector.intake.batches == []
    assert one.spool.counts().unsent == 1


def test_a_collector_that_restarts_is_found_again(device, collector):
    one = device()
    one.append("a")
    one.live(1)
    collector.stop()
    one.append("b")
    one.step()
    assert one.board.status.connected is False
    collector.start(collector.port)
    one.live(60)
    assert collector.intake.names() == ["a", "b"]
