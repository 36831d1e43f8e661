"""What lasts by itself, an age or a silence, has no value to accept: a person knows of it until a day."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from collector import decide
from collector.store import reader_maker, session_maker
from collector.store.findings import CLEARED, Finding
from collector.store.situations import Maintenance
from collector.store.tickets import WORKING_STATES, Ticket
from collector.tickets import lifecycle
from protos.report_pb2 import MISSING
from tests.collector.rules.reports import patches
from tests.collector.world import NOON, Collector, Machine, filesystem

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
OPENED = NOON + 15 * DAY


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


@pytest.fixture
def unpatched(collector: Collector) -> Machine:
    """A device whose oldest security update waits for 15 days."""
    desk = collector.enrol("desk")
    for day in range(16):
        desk.send(patches(MISSING, 1, {"openssl": "3.0.2"}), NOON + day * DAY)
    return desk


def working(engine: Engine) -> list[Ticket]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Ticket).where(Ticket.state.in_(WORKING_STATES))))


def closed_as_known(engine: Engine, at: datetime) -> None:
    (ticket,) = working(engine)
    with session_maker(engine)() as session, session.begin():
        for to, outcome in (("resolved", ""), ("closed", "known")):
            version = session.get_one(Ticket, (ticket.device_id, ticket.id)).version
            lifecycle.move(
                session,
                ticket.device_id,
                ticket.id,
                to=to,
                who="ann",
                version=version,
                now=at,
                outcome=outcome,
            )


def test_an_age_is_not_accepted_and_the_refusal_says_what_to_do(
    collector: Collector, engine: Engine, unpatched: Machine
) -> None:
    with session_maker(engine)() as session:
        finding = session.scalars(select(Finding).where(Finding.state != CLEARED)).one()
        assert finding.kind == "age"
        with pytest.raises(decide.Refused, match=r"plan work .* security_updates_missing until a date"):
            decide.accept(
                session, device_id=finding.device_id, finding_id=finding.id, why="x", who="ann", now=OPENED
            )


def test_an_age_closed_as_known_is_quiet_for_two_weeks_and_then_a_ticket_again(
    collector: Collector, engine: Engine, unpatched: Machine
) -> None:
    closed_as_known(engine, OPENED)
    with reader_maker(engine)() as session:
        window = session.scalars(select(Maintenance)).one()
    assert (window.device_id, window.rule) == (unpatched.device_id, "security_updates_missing")
    assert window.ends_at == OPENED + decide.KNOWN_FOR

    for day in range(1, 16):
        at = OPENED + day * DAY
        unpatched.send(patches(MISSING, 1, {"openssl": "3.0.2"}), at)
        collector.sweep(at + MINUTE)
        assert bool(working(engine)) == (at + MINUTE > window.ends_at), f"day {day}"
    (ticket,) = working(engine)
    assert ticket.recurrence_of


def test_another_fault_of_the_same_device_is_not_kept_quiet(
    collector: Collector, engine: Engine, unpatched: Machine
) -> None:
    closed_as_known(engine, OPENED)
    collector.sweep(OPENED + MINUTE)
    for minute in range(5, 40, 5):
        unpatched.send(filesystem(0.995), OPENED + minute * MINUTE)
    assert [ticket.title for ticket in working(engine)] != []


def test_a_silence_closed_as_known_stays_closed(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    desk.send(filesystem(0.5), NOON)
    at = NOON
    while not working(engine):
        at += MINUTE
        collector.sweep(at)
        assert at < NOON + 2 * DAY
    closed_as_known(engine, at)
    for _ in range(6 * 60):
        at += MINUTE
        collector.sweep(at)
    assert working(engine) == []
