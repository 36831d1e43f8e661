"""Several collectors on one PostgreSQL. `make chaos` runs 10,000 races; here are enough to find a wrong lock."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, create_engine, select

from bench.races import race
from collector.store import reader_maker
from collector.store.tickets import Ticket, TicketEvent
from tests.collector.world import NOON, Collector

MINUTE = timedelta(minutes=1)

RACES = 60


def test_three_collectors_that_judge_at_once_open_one_finding_and_one_ticket(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nobody races")
    told: list[str] = []
    result = race(engine, RACES, devices=5, tell=told.append)
    assert (result.findings, result.doubled, result.openings) == (RACES, 0, RACES)
    assert result.tickets == 5
    assert result.lost == 0
    assert (len(told), told[-1].split(",")[0]) == (20, "60 of 60 races")


def test_three_collectors_that_sweep_at_once_tell_each_silence_and_each_step_once(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nobody races")
    first = Collector(engine)
    desks, others = (first.enrol_many([f"{name}-{n}" for n in range(4)]) for name in ("desk", "other"))
    first.heartbeats([*desks, *others], NOON)
    engines = [create_engine(engine.url) for _ in range(3)]
    collectors = [Collector(each) for each in engines]
    started, failures = threading.Barrier(3), list[BaseException]()

    def run(collector: Collector) -> None:
        for minute in range(1, 200):
            try:
                started.wait(30)
                if collector is collectors[0]:
                    # Two desks are silent, which is no outage; the others keep calling, whoever sweeps.
                    collector.heartbeats([*desks[2:], *others], NOON + minute * MINUTE)
                collector.sweep(NOON + minute * MINUTE)
            except BaseException as failure:
                failures.append(failure)
                started.abort()
                return

    threads = [threading.Thread(target=run, args=(collector,)) for collector in collectors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in engines:
        each.dispose()
    assert failures == []
    with reader_maker(engine)() as session:
        tickets = session.scalars(select(Ticket)).all()
        steps = session.scalars(select(TicketEvent).where(TicketEvent.kind == "escalated")).all()
    assert sorted(ticket.device_id for ticket in tickets) == sorted(desk.device_id for desk in desks[:2])
    told = [(event.ticket_id, event.data["clock"], event.data["step"]) for event in steps if event.data]
    assert told, [(t.opened_at, t.state, t.priority, t.sla, t.resolved_at, t.title) for t in tickets]
    assert len(told) == len(set(told))
