"""Tickets that wait in the outbox, and a clock of the test's own."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from collector.store import reader_maker, session_maker
from collector.store.tickets import OutboxRow, Ticket
from collector.tickets import lifecycle
from tests.collector.world import NOON, Collector, Machine, filesystem

MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOON + timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.now


def full_disks(engine: Engine, *names: str) -> list[Machine]:
    collector = Collector(engine)
    machines = collector.enrol_many(list(names))
    for minute in (0, 5, 10, 15):
        for machine in machines:
            machine.send(filesystem(0.995), NOON + minute * MINUTE)
    return machines


def note(engine: Engine, text: str, at: datetime) -> None:
    with session_maker(engine)() as session, session.begin():
        ticket = session.scalars(select(Ticket)).one()
        lifecycle.note(session, ticket.device_id, ticket.id, who="ann", text=text, now=at)


def rows(engine: Engine) -> list[OutboxRow]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(OutboxRow).order_by(OutboxRow.created_at, OutboxRow.seq)))
