"""When probes are due."""

from agent.config import Settings
from agent.probe import Pace, Probe, Taken
from agent.schedule import Intervals, Schedule, in_words, intervals
from protos.intake_pb2 import Policy
from protos.report_pb2 import BUSY, OK, TIMED_OUT


def probe(name, pace):
    return Probe(name=name, read=lambda place: Taken(), pace=pace, limit_seconds=5)


def schedule():
    return Schedule(
        [probe("cpu", Pace.SAMPLE), probe("smart", Pace.SLOW), probe("software", Pace.INVENTORY)], Intervals()
    )


def due(one, tick):
    return [p.name for p in one.due(tick)]


def finish(one, name, kind, tick):
    one.started(name, tick)
    return one.ended(name, kind, tick)


def test_everything_is_due_at_the_start_and_then_at_its_pace():
    one = schedule()
    assert due(one, 0) == ["cpu", "smart", "software"]
    for name in ("cpu", "smart", "software"):
        finish(one, name, OK, 0)
    assert due(one, 59) == []
    assert due(one, 60) == ["cpu"]
    assert due(one, 3600) == ["cpu", "software"]
    assert due(one, 14400) == ["cpu", "smart", "software"]


def test_a_probe_that_still_runs_is_not_started_again():
    one = schedule()
    one.started("cpu", 0)
    assert "cpu" not in due(one, 1000)


def test_three_time_outs_pause_a_probe_longer_each_time():
    one = schedule()
    said = [finish(one, "smart", TIMED_OUT, 0) for _ in range(5)]
    assert said[:2] == ["", ""]
    assert said[2] == "paused after 3 time-outs, next try in 8 h"
    assert said[3] == "paused after 4 time-outs, next try in 16 h"
    assert one.timeouts_total == 5
    assert finish(one, "smart", OK, 0) == ""
    assert "smart" in due(one, 14400)


def test_a_pause_ends_when_somebody_asks():
    one = schedule()
    for _ in range(5):
        finish(one, "smart", TIMED_OUT, 0)
    assert "smart" not in due(one, 1)
    assert one.hurry({"smart", "no such"}) == {"smart"}
    assert "smart" in due(one, 1)


def test_a_locked_source_is_tried_again_soon():
    one = schedule()
    finish(one, "smart", BUSY, 0)
    assert "smart" in due(one, 300)


def test_a_policy_stays_within_its_bounds():
    assert intervals(Policy(sample_seconds=1_000_000, slow_seconds=1), Settings()) == Intervals(
        sample_seconds=3600, slow_seconds=5
    )
    assert intervals(Policy(), Settings()) == Intervals()


def test_a_local_setting_wins_over_the_policy():
    chosen = intervals(Policy(report_seconds=900), Settings(report_seconds=30))
    assert chosen.report_seconds == 30


def test_a_shorter_interval_counts_from_the_last_run():
    one = schedule()
    finish(one, "software", OK, 0)
    one.set_intervals(Intervals(inventory_seconds=600), 100)
    assert "software" not in due(one, 599)
    assert "software" in due(one, 600)


def test_spans_in_words():
    assert [in_words(s) for s in (40, 60, 90, 300, 7200, 3600, 172800)] == [
        "40 s", "1 min", "90 s", "5 min", "2 h", "1 h", "2 d",
    ]  # fmt: skip
