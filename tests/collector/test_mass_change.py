"""A change of rules that would open hundreds of tickets waits for a person."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from collector import decide, mass_change
from collector.changes import table_of
from collector.rules.load import load
from collector.rules.override import changed as other
from collector.rules.rule import Rules
from collector.store import reader_maker, session_maker
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.overrides import RuleHold
from collector.store.reports import ProbeResult
from collector.store.tickets import Ticket
from tests.collector.world import NOON, Collector, Machine, filesystem

MINUTE = timedelta(minutes=1)
SHIPPED = load()
# The rule without its second condition, and from 70 % on: the mistake somebody makes on a Friday.
TIGHT: Mapping[str, Any] = {
    "raise_above": 0.70,
    "clear_below": 0.60,
    "and_below": 9e12,
    "and_clear_above": 9.1e12,
}


def with_rule(name: str, changes: Mapping[str, Any]) -> Rules:
    return Rules([other(rule, changes) if rule.name == name else rule for rule in SHIPPED])


def fleet(engine: Engine, count: int, nearly_full: int) -> list[str]:
    """Devices whose last word on /home was 75 % or 40 %, written past the pipeline: a thousand take a second."""
    ids = [uuid.uuid4().hex for _ in range(count)]
    results = []
    for n, device_id in enumerate(ids):
        made = filesystem(0.75 if n < nearly_full else 0.40)
        rows = [[r.metric, r.component, r.last, r.label] for r in made.readings]
        results.append(
            {
                "device_id": device_id, "probe": "filesystem", "outcome": "ok", "reason": "", "took_seconds": 0.0,
                "received_at": NOON, "ok_at": NOON, "readings": json.dumps(rows),
            }
        )  # fmt: skip
    with engine.begin() as connection:
        connection.execute(
            insert(table_of(Device)),
            [
                {"id": i, "host_name": f"pc-{n}", "device_class": "laptop", "enrolled_at": NOON, "reported_at": NOON}
                for n, i in enumerate(ids)
            ],
        )  # fmt: skip
        connection.execute(insert(table_of(ProbeResult)), results)
    return ids


def look(engine: Engine, rules: Rules) -> list[RuleHold]:
    with session_maker(engine)() as session, session.begin():
        return mass_change.look(session, rules, NOON)


def write(engine: Engine, work: Callable[[Session], object]) -> None:
    with session_maker(engine)() as session, session.begin():
        work(session)


def tickets(engine: Engine) -> list[Ticket]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Ticket)))


def test_a_switch_of_rule_that_would_open_300_tickets_waits_for_a_person(engine: Engine) -> None:
    ids = fleet(engine, 1000, nearly_full=300)
    assert look(engine, SHIPPED) == [], "the first start is no change"
    tight = with_rule("filesystem_nearly_full", TIGHT)
    (hold,) = look(engine, tight)
    assert (hold.rule, hold.devices, hold.of) == ("filesystem_nearly_full", 300, 1000)

    collector = Collector(engine, tight)
    machines = [Machine(collector, device_id) for device_id in ids[:20]]
    now = NOON
    while now <= NOON + tight.by_name["filesystem_nearly_full"].hold + 20 * MINUTE:
        now += 10 * MINUTE
        for machine in machines:
            machine.send(filesystem(0.75), now)
        collector.sweep(now)
    assert tickets(engine) == []
    with reader_maker(engine)() as session:
        assert set(session.scalars(select(Finding.suppressed))) == {"held_rule"}

    write(
        engine,
        lambda s: decide.release_rule(s, hold.rule, hold.rule_hash, who="ana", now=now, why="they are full"),
    )
    collector.bench.brake = type(collector.bench.brake)(tickets_an_hour=0)
    collector.sweep(now + MINUTE)
    assert len(tickets(engine)) == 20
    assert look(engine, tight) == [], "a person has let this version: it is not asked again"


@pytest.mark.parametrize("count, full, held", [(1000, 50, 0), (1000, 51, 1), (40, 9, 0), (40, 10, 1)])
def test_held_is_more_than_a_twentieth_and_at_least_ten(
    engine: Engine, count: int, full: int, held: int
) -> None:
    fleet(engine, count, nearly_full=full)
    look(engine, SHIPPED)
    assert len(look(engine, with_rule("filesystem_nearly_full", TIGHT))) == held


def test_what_the_former_version_has_open_already_does_not_count(engine: Engine) -> None:
    ids = fleet(engine, 100, nearly_full=30)
    look(engine, SHIPPED)
    with session_maker(engine)() as session, session.begin():
        session.add_all(
            Finding(
                device_id=device_id, id=uuid.uuid4().hex, rule="filesystem_nearly_full", rule_hash="0",
                component="f-1", state="open", severity="warning", summary="", since_at=NOON, opened_at=NOON,
            )
            for device_id in ids[:25]
        )  # fmt: skip
    assert look(engine, with_rule("filesystem_nearly_full", TIGHT)) == []


def test_a_new_rule_is_counted_and_a_growing_one_cannot_be(engine: Engine) -> None:
    fleet(engine, 100, nearly_full=100)
    look(engine, SHIPPED)
    rule = other(SHIPPED.by_name["filesystem_nearly_full"], TIGHT)
    new = replace(rule, name="filesystem_my_own", raises=rule.raises)
    (hold,) = look(engine, Rules([*SHIPPED, new]))
    assert hold.rule == "filesystem_my_own"


def test_overrides_are_honoured(engine: Engine) -> None:
    fleet(engine, 100, nearly_full=100)
    look(engine, SHIPPED)
    tight = with_rule("filesystem_nearly_full", TIGHT)
    write(
        engine,
        lambda s: decide.override(
            s, tight, rule="filesystem_nearly_full", scope="device_class", name="laptop",
            changes={"enabled": False}, why="laptops are small", who="ana", now=NOON,
        ),
    )  # fmt: skip
    assert look(engine, tight) == []


def test_a_mended_rule_takes_the_place_of_the_held_one_and_what_is_well_by_it_never_is_a_ticket(
    engine: Engine,
) -> None:
    ids = fleet(engine, 100, nearly_full=30)
    look(engine, SHIPPED)
    tight = with_rule("filesystem_nearly_full", dict(TIGHT) | {"hold": "0s"})
    assert look(engine, tight)
    collector = Collector(engine, tight)
    machines = [Machine(collector, device_id) for device_id in ids[:3]]
    for machine in machines:
        machine.send(filesystem(0.75), NOON + MINUTE)
    assert tickets(engine) == []

    mended = with_rule("filesystem_nearly_full", {"raise_above": 0.88})
    assert look(engine, mended) == []
    with reader_maker(engine)() as session:
        (row,) = session.scalars(select(RuleHold))
    assert row.released_by.startswith("tocsin: version")
    again = Collector(engine, mended)
    for minute in range(2, 5):
        again.sweep(NOON + minute * MINUTE)
    assert tickets(engine) == [], "the version in force has not seen a report yet"
    for machine in machines:
        Machine(again, machine.device_id, machine.spool_id, machine.seq).send(
            filesystem(0.40), NOON + 5 * MINUTE
        )
    again.sweep(NOON + 6 * MINUTE)
    assert tickets(engine) == []
    assert look(engine, tight), "back to the mistake: no person had let it"
