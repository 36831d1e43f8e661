"""Pruning takes what is past its time and nothing else."""

from datetime import timedelta

from sqlalchemy import Engine, func, select

from collector import retention
from collector.store import reader_maker
from collector.store.findings import Finding
from collector.store.reports import StoredReport
from collector.store.tickets import Evidence, Ticket
from protos.intake_pb2 import DUPLICATE
from tests.collector.world import NOON, Collector, filesystem


def count(engine: Engine, model: type) -> int:
    with reader_maker(engine)() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_old_reports_go_and_tickets_with_their_evidence_stay(engine: Engine) -> None:
    collector = Collector(engine)
    desk = collector.enrol("desk")
    for day in range(60):
        desk.send(filesystem(0.995), NOON + timedelta(days=day))
        desk.send(filesystem(0.995), NOON + timedelta(days=day, minutes=11))
    now = NOON + timedelta(days=60)

    removed = retention.prune(engine, now, report_days=30)

    assert removed["report"] == 60
    assert count(engine, StoredReport) == 60
    assert (count(engine, Ticket), count(engine, Finding) > 0, count(engine, Evidence) > 0) == (1, True, True)
    assert retention.prune(engine, now, report_days=30)["report"] == 0


def test_a_report_that_was_pruned_is_still_a_duplicate(engine: Engine) -> None:
    collector = Collector(engine)
    desk = collector.enrol("desk")
    desk.send(filesystem(0.5), NOON)
    desk.send(filesystem(0.5), NOON + timedelta(minutes=5))
    retention.prune(engine, NOON + timedelta(days=90), report_days=30)

    desk.seq = 0
    assert desk.send(filesystem(0.5), NOON + timedelta(days=90)).receipts[0].verdict == DUPLICATE
    assert count(engine, StoredReport) == 0
