"""Why a ticket is there or not: what held it back, what people decided, how its clocks stand."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector import decide
from collector.store import reader_maker, session_maker
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.overrides import RuleHold
from collector.store.tickets import Ticket
from collector.tickets import explain, lifecycle
from tests.collector.rules.reports import reading, report
from tests.collector.world import NOON, Collector, Machine, filesystem

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


def write(engine: Engine, work: Callable[[Session], object]) -> None:
    with session_maker(engine)() as session, session.begin():
        work(session)


def why_not(collector: Collector, machine: Machine, rule: str, now: datetime) -> str:
    with reader_maker(collector.engine)() as session:
        device = session.get_one(Device, machine.device_id)
        return " ".join(explain.why_not(session, collector.bench.rules, device, rule, now))


def full(machine: Machine, start: datetime = NOON) -> datetime:
    for minute in range(0, 16, 5):
        machine.send(filesystem(0.99), start + minute * MINUTE)
    return start + 16 * MINUTE


def test_planned_work_is_named_with_its_end_its_reason_and_who(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    write(
        engine,
        lambda s: decide.plan(
            s, starts_at=NOON, ends_at=NOON + 2 * HOUR, why="new switch", who="ana", now=NOON
        ),
    )
    now = full(desk)
    told = why_not(collector, desk, "filesystem_full", now)
    assert (
        "no ticket because planned work is under way until 2026-11-02 14:00 UTC, by ana: new switch" in told
    )
    assert "Planned work is under way" in why_not(collector, desk, "battery_worn", now)


def test_a_storm_is_named_by_its_number(collector: Collector, engine: Engine) -> None:
    fleet = collector.enrol_many([f"pc-{n}" for n in range(12)])
    for minute in (0, 5, 11):
        for machine in fleet:
            machine.send(filesystem(0.99), NOON + minute * MINUTE)
    now = NOON + 12 * MINUTE
    told = [why_not(collector, machine, "filesystem_full", now) for machine in fleet]
    assert sum("too many tickets within an hour: situation 11" in text for text in told) == 2


def test_a_held_rule_says_on_how_many_it_would_open(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    rule = collector.bench.rules.by_name["filesystem_full"]
    write(
        engine,
        lambda s: s.add(RuleHold(rule=rule.name, rule_hash=rule.hash, held_at=NOON, devices=312, of=900)),
    )
    now = full(desk)
    assert "waits for a person's word: it would open on 312 of 900 devices" in why_not(
        collector, desk, "filesystem_full", now
    )


def test_an_accepted_value_and_who_accepted_it_are_told(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    for day, errors in enumerate((10, 80)):
        desk.send(report(reading("disk_crc_errors_total", errors, "S1", "sda")), NOON + day * DAY)
    with reader_maker(engine)() as session:
        finding = session.scalars(select(Finding)).one()
    now = NOON + DAY + MINUTE
    write(
        engine,
        lambda s: decide.accept(
            s, device_id=desk.device_id, finding_id=finding.id, why="old cable", who="ana", now=now
        ),
    )
    collector.sweep(now + MINUTE)
    desk.send(report(reading("disk_crc_errors_total", 80, "S1", "sda")), now + HOUR)
    told = why_not(collector, desk, "disk_cable", now + HOUR)
    assert "The value 80 of S1 was accepted for rule disk_cable by ana on 2026-11-03: old cable" in told


def test_an_override_decides_and_is_told_with_its_end(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk", site="Tulsa")
    write(
        engine,
        lambda s: decide.override(
            s, collector.bench.rules, rule="filesystem_full", scope="site", site="Tulsa", changes={"enabled": False},
            why="disks are ordered", who="ana", now=NOON - DAY, until_at=NOON + 10 * DAY,
        ),
    )  # fmt: skip
    now = full(desk)
    told = why_not(collector, desk, "filesystem_full", now)
    assert told.startswith("The rule is disabled.")
    assert "(enabled = False; site Tulsa), by ana: disks are ordered, until 2026-11-12 12:00 UTC" in told


def test_a_ticket_tells_its_clocks_its_priority_and_what_held_it_back(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    write(
        engine,
        lambda s: decide.plan(
            s, starts_at=NOON, ends_at=NOON + 2 * HOUR, why="new switch", who="ana", now=NOON
        ),
    )
    for minute in range(130):
        if minute % 5 == 0:
            desk.send(filesystem(0.99), NOON + minute * MINUTE)
        collector.sweep(NOON + minute * MINUTE)
    with reader_maker(engine)() as session:
        ticket = session.scalars(select(Ticket)).one()
    assert ticket.opened_at <= NOON + 130 * MINUTE, "the report after the end decides, not the next hour"
    write(
        engine,
        lambda s: lifecycle.set_priority(
            s, ticket.device_id, ticket.id, priority=1, why="a judge's desk", who="ana", version=ticket.version,
            now=NOON + 3 * HOUR,
        ),
    )  # fmt: skip
    with reader_maker(engine)() as session:
        ticket = session.scalars(select(Ticket)).one()
        around = explain.circumstances(session, collector.bench.rules, ticket, NOON + 5 * HOUR)
        finding, *_ = explain.explain(session, collector.bench.rules, ticket.device_id, ticket.id)
    assert (around["priority"], around["priority_by"], around["priority_why"]) == (1, "ana", "a judge's desk")
    respond, resolve = around["clocks"]
    assert respond["clock"] == "respond" and respond["stopped_at"] == NOON + 3 * HOUR
    assert resolve["breached"] and "overdue since" in resolve["text"]
    assert finding["waited"] and "planned work is under way" in finding["waited"][0]
