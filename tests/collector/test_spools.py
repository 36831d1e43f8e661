"""Copies, roll-backs and lost spools: nothing is merged that belongs to another machine."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from collector import history
from collector.pipeline import Call
from collector.store import reader_maker
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.reports import Spool, StoredReport
from protos import body
from protos import intake_pb2 as wire
from tests.collector.world import NOON, Collector, Machine, filesystem

MINUTE = timedelta(minutes=1)


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


def standings(engine: Engine) -> dict[str, str]:
    with reader_maker(engine)() as session:
        return {spool.id: spool.standing for spool in session.scalars(select(Spool))}


def open_findings(engine: Engine) -> list[Finding]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Finding).where(Finding.state != "cleared")))


def forked(machine: Machine) -> Machine:
    """What the agent on a copy does once it learns that its numbers are taken: it opens a new spool."""
    return Machine(machine.collector, machine.device_id, spool_id=uuid.uuid4().hex, birth=wire.AFTER_FORK)


def test_a_copy_of_a_living_device_is_not_merged_and_is_one_finding(
    collector: Collector, engine: Engine
) -> None:
    original = collector.enrol("original")
    original.send(filesystem(0.5), NOON)
    copy = forked(original)

    first = copy.send(
        filesystem(0.99), NOON + 1 * MINUTE, birth=wire.AFTER_FORK, previous_spool_id=original.spool_id
    )
    original.heartbeat(NOON + 2 * MINUTE)
    for minute in range(3, 30, 3):
        refused = copy.send(filesystem(0.99), NOON + minute * MINUTE)
        original.send(filesystem(0.5), NOON + (minute + 1) * MINUTE)

    assert first.standing == wire.ON_PROBATION
    assert refused.standing == wire.CLONE
    assert list(refused.receipts) == []
    assert standings(engine) == {original.spool_id: "current", copy.spool_id: "clone"}
    (finding,) = open_findings(engine)
    assert "device_clones_count" in str(collector.bench.rules.by_name[finding.rule].metric)
    with reader_maker(engine)() as session:
        judged = session.scalars(select(StoredReport.spool_id).where(StoredReport.judged)).all()
    assert set(judged) == {original.spool_id}


def test_a_copy_is_told_of_while_it_calls_and_forgotten_after_a_quiet_week(
    collector: Collector, engine: Engine
) -> None:
    original = collector.enrol("original")
    original.send(filesystem(0.5), NOON)
    copy = forked(original)
    copy.heartbeat(NOON + MINUTE)
    original.heartbeat(NOON + 2 * MINUTE)
    for hour in range(1, 10 * 24):
        now = NOON + timedelta(hours=hour)
        if hour < 48:
            copy.heartbeat(now)
        original.send(filesystem(0.5), now + MINUTE)
        if hour in (12, 47, 8 * 24):
            (finding,) = open_findings(engine)
            assert finding.stale_at is None

    assert open_findings(engine) == []


def test_a_device_that_calls_twice_in_one_commit_costs_nobody_a_second_try(
    collector: Collector, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    desks = [collector.enrol(f"desk-{n}") for n in range(4)]
    calls = []
    acks: list[object] = []
    for seq in (1, 2):
        for desk in desks:
            envelope = wire.Envelope(lane=wire.LIVE, seq=seq, body=body.pack(filesystem(0.5)))
            batch = wire.ReportBatch(spool_id=desk.spool_id, reports=[envelope])
            calls.append(Call(desk.device_id, batch, "192.0.2.7", NOON, acks.append))
    collector.pipeline._commit(calls)

    assert "one by one" not in caplog.text
    assert len(acks) == 8
    for desk in desks:
        desk.seq = 2
        assert desk.send(filesystem(0.5), NOON + MINUTE).receipts[0].verdict == wire.STORED


def test_what_a_copy_sent_is_in_no_picture_of_the_device(collector: Collector, engine: Engine) -> None:
    original = collector.enrol("original")
    original.send(filesystem(0.5), NOON)
    copy = forked(original)
    copy.send(filesystem(0.99), NOON + MINUTE)
    original.send(filesystem(0.5), NOON + 2 * MINUTE)

    with reader_maker(engine)() as session:
        points = history.series(session, original.device_id, NOON, NOON + 10 * MINUTE)
    assert {value for _at, value, _low, _high in points["filesystem_used_ratio", "f-1"]} == {0.5}


def test_fifty_copies_are_one_finding_and_one_device(collector: Collector, engine: Engine) -> None:
    original = collector.enrol("original")
    original.send(filesystem(0.5), NOON)
    copies = [forked(original) for _ in range(50)]

    for copy in copies:
        copy.send(filesystem(0.99), NOON + MINUTE)
    original.heartbeat(NOON + 2 * MINUTE)
    answers = [copy.heartbeat(NOON + 3 * MINUTE).standing for copy in copies]

    assert answers == [wire.CLONE] * 50
    assert len(open_findings(engine)) == 1


def test_a_rolled_back_device_takes_over_when_its_old_spool_stays_quiet(
    collector: Collector, engine: Engine
) -> None:
    before = collector.enrol("snapshot")
    before.send(filesystem(0.5), NOON)
    after = forked(before)

    assert after.send(filesystem(0.6), NOON + MINUTE).standing == wire.ON_PROBATION
    assert after.heartbeat(NOON + 2 * MINUTE).standing == wire.ON_PROBATION
    ack = after.send(filesystem(0.7), NOON + 4 * MINUTE)

    assert ack.standing == wire.CURRENT
    assert [d.kind for d in ack.directives] == [wire.COLLECT_NOW]
    assert [finding.rule for finding in open_findings(engine)] == ["state_rolled_back"]
    after.send(filesystem(0.7), NOON + timedelta(days=1, minutes=2))
    assert open_findings(engine) == []
    assert standings(engine) == {before.spool_id: "superseded", after.spool_id: "current"}
    with reader_maker(engine)() as session:
        assert len(session.scalars(select(StoredReport)).all()) == 4, "what came on probation is kept"


def test_a_spool_that_was_replaced_and_speaks_again_is_a_second_machine(
    collector: Collector, engine: Engine
) -> None:
    old = collector.enrol("twin")
    old.send(filesystem(0.5), NOON)
    new = forked(old)
    new.send(filesystem(0.6), NOON + MINUTE)
    new.send(filesystem(0.6), NOON + 5 * MINUTE)

    assert old.heartbeat(NOON + 60 * MINUTE).standing == wire.CLONE
    assert len(open_findings(engine)) == 1


def test_what_a_copy_says_is_no_sign_of_life_of_the_device(collector: Collector, engine: Engine) -> None:
    original = collector.enrol("original")
    original.send(filesystem(0.5), NOON)
    copy = forked(original)
    copy.heartbeat(NOON + MINUTE)
    original.heartbeat(NOON + 2 * MINUTE)

    for minute in range(3, 60):
        collector.sweep(NOON + minute * MINUTE)
        copy.heartbeat(NOON + minute * MINUTE)

    with reader_maker(engine)() as session:
        device = session.get(Device, original.device_id)
    assert device is not None and device.presence == "silent"


def test_standings_survive_the_collector(collector: Collector, engine: Engine) -> None:
    original = collector.enrol("original")
    original.send(filesystem(0.5), NOON)
    copy = forked(original)
    copy.heartbeat(NOON + MINUTE)
    original.heartbeat(NOON + 2 * MINUTE)

    again = Collector(engine)
    copy.collector = original.collector = again
    assert copy.heartbeat(NOON + 3 * MINUTE).standing == wire.CLONE
    assert original.heartbeat(NOON + 3 * MINUTE, hello=True).high_water[0].seq == 1
