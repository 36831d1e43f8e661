"""The long run's decisions, turn by turn on a clock moved by hand; no collector, no child process."""

from dataclasses import dataclass, field

import pytest

from agent.config import Settings
from agent.daemon import Agent
from agent.probe import Pace, Probe, Taken, reading
from protos import body as bodies
from protos.intake_pb2 import BACKFILL, COLLECT_NOW, DISK_HEALTH, LIVE, SET_INTERVALS, Directive, Policy
from protos.report_pb2 import FAILED, OK, TIMED_OUT


@dataclass
class World:
    """What the probes read."""

    errors: float = 0
    broken: bool = False
    hangs: bool = False
    reads: list[str] = field(default_factory=list)

    def disk(self, place):
        self.reads.append("disk_health")
        if self.broken:
            raise RuntimeError("smartctl spoke nonsense")
        if self.hangs:
            raise TimeoutError("smartctl did not answer within 10 s")
        return Taken([reading("disk_media_errors_total", self.errors, "S1")])

    def memory(self, place):
        self.reads.append("memory")
        return Taken([reading("memory_used_ratio", 0.5)])


@pytest.fixture
def world():
    return World()


@pytest.fixture
def agent(world, hand, tmp_path):
    probes = (
        Probe(name="disk_health", read=world.disk, pace=Pace.SAMPLE, limit_seconds=5),
        Probe(name="memory", read=world.memory, pace=Pace.SAMPLE, limit_seconds=5),
    )
    made = Agent(Settings(state_dir=tmp_path, root=tmp_path), probes, clock=hand.clock)
    yield made
    made._spool.close()


@pytest.fixture
def live(agent, hand):
    def pass_(seconds):
        until = hand.ticks + seconds
        while hand.ticks < until:
            hand.pass_(max(0.01, min(agent.turn(), until - hand.ticks)))
        agent.turn()

    return pass_


def reports(agent):
    waiting = agent._spool.offer(LIVE, reports=10_000, size=1 << 30)
    waiting += agent._spool.offer(BACKFILL, reports=10_000, size=1 << 30)
    return [bodies.unpack(envelope.body) for envelope in waiting]


def test_the_first_report_is_full_and_does_not_wait_for_the_interval(agent, live):
    live(1)
    (first,) = reports(agent)
    assert first.full
    assert {outcome.probe: outcome.outcome for outcome in first.outcomes} == {"disk_health": OK, "memory": OK}


def test_an_hour_makes_thirteen_reports(agent, live, world):
    live(3600)
    made = reports(agent)
    assert len(made) == 13
    assert [report.full for report in made] == [True] + [False] * 12
    assert {r.samples for report in made[1:] for r in report.readings} == {5}
    assert world.reads.count("memory") == 61


def test_a_disk_that_begins_to_fail_is_reported_with_the_sample_that_saw_it(agent, live, world):
    live(130)
    world.errors = 3
    live(60)
    told = reports(agent)[-1]
    assert len(reports(agent)) == 2
    assert [r.last for r in told.readings if r.metric == "disk_media_errors_total"] == [3]


def test_a_value_that_never_rests_is_reported_once_a_sample_and_not_more(agent, live, world):
    for _ in range(120):
        world.errors += 1
        live(5)
    assert len(reports(agent)) <= 11


def test_a_probe_that_breaks_is_reported_and_the_others_go_on(agent, live, world):
    live(10)
    world.broken = True
    live(70)
    last = reports(agent)[-1]
    told = {outcome.probe: outcome for outcome in last.outcomes}
    assert told["disk_health"].outcome == FAILED
    assert told["disk_health"].reason == "RuntimeError: smartctl spoke nonsense"
    assert told["memory"].outcome == OK


def test_a_probe_that_hangs_again_and_again_is_paused_and_says_so(agent, live, world):
    world.hangs = True
    live(1200)
    assert world.reads.count("disk_health") < 8
    reasons = [o.reason for report in reports(agent) for o in report.outcomes if o.outcome == TIMED_OUT]
    assert "smartctl did not answer within 10 s; paused after 4 time-outs, next try in 4 min" in reasons


def test_collect_now_runs_what_is_asked_and_answers_at_once(agent, live, world):
    live(10)
    before = len(world.reads)
    agent._directives([Directive(kind=COLLECT_NOW, subjects=[DISK_HEALTH])])
    live(6)
    assert world.reads[before:] == ["disk_health"]
    assert len(reports(agent)) == 2


def test_a_collector_that_asks_with_every_ack_does_not_drive_the_agent_in_circles(agent, live):
    live(1)
    for _ in range(600):
        agent._directives([Directive(kind=COLLECT_NOW, subjects=[DISK_HEALTH])])
        live(0.1)
    assert len(reports(agent)) <= 14


def test_a_directive_of_a_later_contract_has_no_effect(agent, live):
    agent._directives([Directive(kind=99, subjects=[77])])  # type: ignore[arg-type]
    agent._directives([Directive(kind=COLLECT_NOW, subjects=[77])])  # type: ignore[list-item]
    live(10)
    assert len(reports(agent)) == 1


def test_new_intervals_hold_over_a_restart(agent, live, hand, tmp_path, world):
    agent._directives([Directive(kind=SET_INTERVALS, policy=Policy(report_seconds=900))])
    live(1)
    agent._spool.close()
    again = Agent(Settings(state_dir=tmp_path, root=tmp_path), (), clock=hand.clock)
    assert again._schedule.intervals.report_seconds == 900
    again._spool.close()


def test_the_return_of_the_collector_is_answered_with_a_full_report(agent, live):
    from agent.daemon import _Returned

    live(20)
    agent._events.put(_Returned())
    live(1)
    assert [report.full for report in reports(agent)] == [True, True]
