"""From report to ticket, inside one collector, on both databases."""

from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from collector.store import reader_maker
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.reports import ProbeResult, StoredReport
from collector.store.tickets import Evidence, OutboxRow, Ticket
from protos import body
from protos.intake_pb2 import (
    DUPLICATE,
    FORKED,
    LIVE,
    REFUSED,
    SET_INTERVALS,
    STORED,
    Envelope,
    Policy,
    ReportBatch,
)
from protos.report_pb2 import Reading, Report
from tests.collector.world import NOON, Collector, filesystem, report

MINUTE = timedelta(minutes=1)


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


def rows(engine: Engine, model: type) -> list:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(model)))


def test_a_full_disk_opens_one_ticket_and_room_on_it_resolves_it(
    collector: Collector, engine: Engine
) -> None:
    laptop = collector.enrol("laptop")

    for minute in range(0, 31, 5):
        laptop.send(filesystem(0.995), NOON + minute * MINUTE)
    (ticket,) = rows(engine, Ticket)

    assert ticket.state == "new"
    assert "/home" in ticket.title

    laptop.send(filesystem(0.40), NOON + 40 * MINUTE)
    (ticket,) = rows(engine, Ticket)
    assert ticket.state == "resolved"
    assert ticket.resolved_by == "tocsin"
    assert {e.moment for e in rows(engine, Evidence)} == {"opening", "resolution"}
    resolution = next(
        e
        for e in rows(engine, Evidence)
        if e.moment == "resolution" and "filesystem_used_ratio" in e.body["series"]
    )
    values = [value for _at, value in resolution.body["series"]["filesystem_used_ratio"]]
    assert max(values) == pytest.approx(0.995)
    assert values[-1] == pytest.approx(0.40)


def test_a_hold_that_runs_out_opens_without_another_report(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    laptop.send(filesystem(0.995), NOON)
    assert rows(engine, Ticket) == []

    hold = max(
        r.hold
        for r in collector.bench.rules
        if r.metric == "filesystem_used_ratio" and r.severity == "critical"
    )
    collector.sweep(NOON + hold + timedelta(seconds=1))

    (ticket,) = rows(engine, Ticket)
    (finding,) = [f for f in rows(engine, Finding) if f.severity == "critical"]
    assert finding.opened_at == NOON + hold
    assert ticket.severity == "critical"


def test_the_same_report_sent_twice_is_stored_once(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    packed = body.pack(filesystem(0.5))
    batch = ReportBatch(spool_id="a" * 32, reports=[Envelope(lane=LIVE, seq=1, body=packed)])

    first = collector.call(laptop.device_id, batch, NOON)
    again = collector.call(laptop.device_id, batch, NOON + MINUTE)
    collector.pipeline.memory.clear()
    third = collector.call(laptop.device_id, batch, NOON + 2 * MINUTE)

    assert [ack.receipts[0].verdict for ack in (first, again, third)] == [STORED, DUPLICATE, DUPLICATE]
    assert len(rows(engine, StoredReport)) == 1


def test_another_report_under_a_taken_number_is_a_fork(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    laptop.send(filesystem(0.5), NOON)
    laptop.send(filesystem(0.51), NOON + MINUTE)

    for seq in (1, 2):
        batch = ReportBatch(spool_id=laptop.spool_id, reports=[Envelope(lane=LIVE, seq=seq, body=b"")])
        ack = collector.call(laptop.device_id, batch, NOON + 2 * MINUTE)
        assert ack.receipts[0].verdict == FORKED
        assert ack.high_water[0].seq == 2


def test_a_poisoned_report_is_refused_and_the_others_are_kept(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    good = body.pack(filesystem(0.5))
    batch = ReportBatch(
        spool_id="b" * 32,
        reports=[
            Envelope(lane=LIVE, seq=1, body=good),
            Envelope(lane=LIVE, seq=2, body=b"\xff\xff not a report"),
            Envelope(lane=LIVE, seq=3, body=good),
            Envelope(lane=7, seq=4, body=good),
        ],
    )

    ack = collector.call(laptop.device_id, batch, NOON)

    assert [r.verdict for r in ack.receipts] == [STORED, REFUSED, STORED, REFUSED]
    assert len(rows(engine, StoredReport)) == 2


def test_a_number_that_is_none_costs_only_itself(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    sick = filesystem(0.5)
    sick.readings.append(Reading(metric="cpu_used_ratio", last=float("nan"), samples=1))
    sick.readings.append(Reading(metric="cpu_run_queue_load", last=float("inf"), samples=1))
    sick.readings.append(Reading(metric="memory_used_ratio", component="a\x00b", last=0.5, samples=1))
    sick.host_name = "<script>alert(1)</script>\u202e\x00"

    ack = laptop.send(sick, NOON)

    assert ack.receipts[0].verdict == STORED
    assert ack.receipts[0].refused_fields == 4
    result = {r.probe: r for r in rows(engine, ProbeResult)}
    assert "cpu_used_ratio: not a finite number" in result["report"].reason
    assert [r[0] for r in result["filesystem"].readings] == [
        "filesystem_used_ratio", "filesystem_size_bytes", "filesystem_available_bytes",
    ]  # fmt: skip
    (device,) = rows(engine, Device)
    assert device.host_name == "<script>alert(1)</script>"


def test_filled_and_freed_ten_times_stays_one_ticket(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    now = NOON
    for _ in range(10):
        for used in (0.995, 0.30):
            for _ in range(7):
                now += 5 * MINUTE
                laptop.send(filesystem(used), now)

    (ticket,) = rows(engine, Ticket)
    assert ticket.reopened >= 1


def test_a_ticket_that_a_person_touched_is_not_resolved_by_the_machine(
    collector: Collector, engine: Engine
) -> None:
    from collector.tickets import lifecycle

    laptop = collector.enrol("laptop")
    for minute in range(0, 31, 5):
        laptop.send(filesystem(0.995), NOON + minute * MINUTE)
    (ticket,) = rows(engine, Ticket)
    with Session(engine) as session, session.begin():
        lifecycle.move(
            session,
            ticket.device_id,
            ticket.id,
            to="in_progress",
            who="ann",
            version=ticket.version,
            now=NOON,
        )

    laptop.send(filesystem(0.40), NOON + 40 * MINUTE)

    (ticket,) = rows(engine, Ticket)
    assert ticket.state == "in_progress"
    assert "evidence attached" in ticket.proposal


def test_every_change_of_a_ticket_is_in_the_outbox_with_it(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    for minute in range(0, 31, 5):
        laptop.send(filesystem(0.995), NOON + minute * MINUTE)
    laptop.send(filesystem(0.40), NOON + 40 * MINUTE)

    verbs = [row.verb for row in rows(engine, OutboxRow)]
    assert verbs[0] == "create"
    assert verbs[-1] == "resolve"


def test_a_probe_that_cannot_read_keeps_its_last_numbers_and_says_why(
    collector: Collector, engine: Engine
) -> None:
    laptop = collector.enrol("laptop")
    laptop.send(filesystem(0.5), NOON)
    laptop.send(report("filesystem", outcome=2, reason="no rights"), NOON + 5 * MINUTE)

    (result,) = rows(engine, ProbeResult)
    assert (result.outcome, result.reason) == ("unavailable", "no rights")
    assert result.ok_at == NOON
    assert len(result.readings) == 3


def test_disks_that_do_not_tell_their_health_are_counted_on_the_device(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    readable = [
        Reading(metric="disk_readable_state", component=name, last=ok, samples=1)
        for name, ok in (("a", 1), ("b", 0))
    ]
    desk.send(report("disk_health", *readable), NOON)
    assert rows(engine, Device)[0].unreadable_disks == 1

    desk.send(filesystem(0.5), NOON + MINUTE)
    assert rows(engine, Device)[0].unreadable_disks == 1

    readable[1].last = 1
    desk.send(report("disk_health", *readable), NOON + 2 * MINUTE)
    assert rows(engine, Device)[0].unreadable_disks == 0


def test_two_collectors_never_judge_the_same_state(engine: Engine) -> None:
    one, other = Collector(engine), Collector(engine)
    laptop = one.enrol("laptop")
    for minute in range(0, 60, 2):
        now = NOON + minute * MINUTE
        laptop.collector = one
        laptop.send(filesystem(0.995), now)
        laptop.collector = other
        laptop.send(filesystem(0.995), now + MINUTE)

    with reader_maker(engine)() as session:
        assert session.scalar(select(func.count()).select_from(Ticket)) == 1
        assert session.scalar(select(func.count()).select_from(StoredReport)) == 60
        device = session.get(Device, laptop.device_id)
        assert device is not None and device.version == 60


def test_a_device_that_says_hello_is_told_the_policy_in_force(engine: Engine) -> None:
    collector = Collector(engine)
    collector.pipeline._policy = Policy(report_seconds=60)
    laptop = collector.enrol("laptop")

    assert [d.kind for d in laptop.heartbeat(NOON, hello=True).directives][:1] == [SET_INTERVALS]
    assert SET_INTERVALS not in [d.kind for d in laptop.heartbeat(NOON + MINUTE).directives]


@pytest.mark.parametrize(
    "off", [timedelta(days=-365), timedelta(minutes=-5), timedelta(days=1), timedelta(days=365 * 12)]
)
def test_a_wrong_clock_is_a_finding_and_costs_no_report(
    collector: Collector, engine: Engine, off: timedelta
) -> None:
    laptop = collector.enrol("laptop")
    for minute in range(0, 41, 5):
        now = NOON + minute * MINUTE
        wrong = filesystem(0.5)
        wrong.collected_at.FromDatetime(now + off)
        sent = Timestamp()
        sent.FromDatetime(now + off)
        assert laptop.send(wrong, now, sent_at=sent).receipts[0].verdict == STORED

    (finding,) = rows(engine, Finding)
    assert (finding.rule, finding.opened_at) == ("clock_differs_from_the_collector", NOON + 30 * MINUTE)
    assert rows(engine, Device)[0].presence == "online"
    assert all(stored.collected_at <= stored.received_at for stored in rows(engine, StoredReport))
    assert {stored.skew_seconds for stored in rows(engine, StoredReport)} == {off.total_seconds()}


def test_words_of_a_later_contract_read_as_unknown(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    newer = filesystem(0.5)
    newer.outcomes[0].outcome = 99  # type: ignore[assignment]
    newer.patches.state = 77  # type: ignore[assignment]

    assert laptop.send(newer, NOON).receipts[0].verdict == STORED
    assert rows(engine, ProbeResult)[0].outcome == "unknown"
    assert rows(engine, Device)[0].patch_state == "unknown"


def test_an_empty_report_is_a_report(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop")
    assert laptop.send(Report(), NOON).receipts[0].verdict == STORED
