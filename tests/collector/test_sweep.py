"""What time alone brings about: silence, our own absence, requests from pages."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from collector.store import reader_maker, session_maker
from collector.store.devices import Device
from collector.store.installation import RefreshRequest
from collector.store.tickets import Ticket
from protos import intake_pb2 as wire
from tests.collector.world import NOON, Collector, filesystem

MINUTE = timedelta(minutes=1)


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


def presence(engine: Engine, device_id: str) -> str:
    with reader_maker(engine)() as session:
        device = session.get(Device, device_id)
        assert device is not None
        return device.presence


def tickets(engine: Engine) -> list[Ticket]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Ticket)))


def test_a_desktop_that_falls_silent_gets_one_ticket_that_ends_when_it_is_heard(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    desk.send(filesystem(0.5), NOON)
    collector.sweep(NOON)
    hours = 0
    for minute in range(1, 60 * 30):
        hours = minute / 60
        collector.sweep(NOON + minute * MINUTE)
        if tickets(engine):
            break

    assert presence(engine, desk.device_id) == "silent"
    assert len(tickets(engine)) == 1, f"no ticket after {hours} h"

    desk.heartbeat(NOON + 40 * 60 * MINUTE)
    assert presence(engine, desk.device_id) == "online"
    (ticket,) = tickets(engine)
    assert ticket.state == "resolved"


def test_a_laptop_never_gets_a_ticket_for_being_away(collector: Collector, engine: Engine) -> None:
    laptop = collector.enrol("laptop", device_class="laptop")
    laptop.send(filesystem(0.5), NOON)
    for hour in range(0, 24 * 14, 3):
        for second in (0, 30):
            collector.sweep(NOON + timedelta(hours=hour, seconds=second))

    assert tickets(engine) == []


@pytest.mark.parametrize("goodbye, state", [(wire.SUSPENDING, "asleep"), (wire.SHUTTING_DOWN, "shut_down")])
def test_a_device_that_said_goodbye_is_not_silent(
    collector: Collector, engine: Engine, goodbye: "wire.Goodbye", state: str
) -> None:
    desk = collector.enrol("desk")
    desk.heartbeat(NOON, goodbye=goodbye)
    for hour in range(72):
        collector.sweep(NOON + timedelta(hours=hour))

    assert presence(engine, desk.device_id) == state
    assert tickets(engine) == []


def test_after_our_own_absence_nobody_is_silent_until_there_was_time_to_be_heard(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    desk.send(filesystem(0.5), NOON)
    collector.sweep(NOON)

    later = NOON + timedelta(days=3)
    again = Collector(engine)
    for minute in range(10):
        again.sweep(later + minute * MINUTE)
    assert presence(engine, desk.device_id) == "unknown"
    assert tickets(engine) == []

    for second in range(0, 120, 10):
        again.sweep(later + 10 * MINUTE + timedelta(seconds=second))
    assert presence(engine, desk.device_id) == "silent"


def test_refresh_now_becomes_a_directive_and_is_answered_by_the_next_report(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    desk.send(filesystem(0.5), NOON)
    collector.desk.take(desk.device_id)
    with session_maker(engine)() as session, session.begin():
        session.add(
            RefreshRequest(
                id=uuid.uuid4().hex, device_id=desk.device_id, number=7, asked_by="ann", asked_at=NOON
            )
        )

    collector.sweep(NOON + timedelta(seconds=1))
    ack = desk.heartbeat(NOON + timedelta(seconds=2))
    assert [(d.kind, list(d.subjects), d.request) for d in ack.directives] == [
        (wire.COLLECT_NOW, [wire.EVERYTHING], 7)
    ]
    desk.send(filesystem(0.5), NOON + timedelta(seconds=3))

    with reader_maker(engine)() as session:
        (request,) = session.scalars(select(RefreshRequest)).all()
    assert request.sent_at == NOON + timedelta(seconds=1)
    assert request.answered_at == NOON + timedelta(seconds=3)


def test_heartbeats_are_written_by_the_sweep(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    desk.heartbeat(NOON)
    desk.heartbeat(NOON + MINUTE)
    collector.sweep(NOON + MINUTE)

    with reader_maker(engine)() as session:
        device = session.get(Device, desk.device_id)
    assert device is not None and device.seen_at == NOON + MINUTE


def test_of_two_collectors_one_sweeps(engine: Engine) -> None:
    one, other = Collector(engine), Collector(engine)
    desk = one.enrol("desk")
    one.sweep(NOON)
    other.sweep(NOON)
    desk.send(filesystem(0.995), NOON)

    other.sweep(NOON + timedelta(seconds=10))
    assert tickets(engine) == []
