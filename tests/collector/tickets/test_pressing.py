"""Which promises are broken or soon will be, in bulk: the same as a ticket's own clocks say."""

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select

from collector.store import session_maker
from collector.store.devices import Site
from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import sla
from collector.tickets.calendar import ALWAYS
from tests.collector.world import NOON, Collector

MINUTE = timedelta(minutes=1)
DAYS: dict[str, list[list[str]]] = {str(day): [["08:00", "12:00"], ["13:00", "17:00"]] for day in range(5)}


def _ticket(number: int, device_id: str, chance: random.Random) -> Ticket:
    opened = NOON - chance.choice((MINUTE * 5, MINUTE * 50, MINUTE * 200, MINUTE * 600, MINUTE * 9000)) * (
        0.5 + chance.random()
    )
    return Ticket(
        device_id=device_id, id=f"{number:032x}", number=number, group=f"g{number}", state="in_progress", severity="warning",
        priority=chance.randint(1, 5), title="x", opened_at=opened, site=chance.choice(("", "Tulsa")),
        touched_at=chance.choice((None, opened + MINUTE)), sla=sla.shipped(), version=1,
    )  # fmt: skip


def _move(ticket: Ticket, number: int, minutes: float, to: str, reason: str = "") -> TicketEvent:
    return TicketEvent(
        device_id=ticket.device_id, id=f"{ticket.number:016x}{number:016x}", ticket_id=ticket.id,
        at=ticket.opened_at + MINUTE * minutes, who="ana", kind="moved", data={"from": "", "to": to, "reason": reason},
    )  # fmt: skip


def _expected(clocks: tuple[sla.Clock, ...]) -> str:
    running = [clock for clock in clocks if clock.stopped_at is None]
    if any(clock.breached for clock in running):
        return sla.OVER
    close = any(clock.used >= sla.CLOSE and not clock.paused for clock in running)
    return sla.SOON if close else ""


def test_a_hundred_tickets_press_as_their_own_clocks_say(engine: Engine) -> None:
    chance = random.Random(7)
    desk = Collector(engine).enrol("desk", site="Tulsa").device_id
    with session_maker(engine)() as session, session.begin():
        session.get_one(Site, "Tulsa").hours = DAYS
        for number in range(1, 101):
            ticket = _ticket(number, desk, chance)
            session.add(ticket)
            if chance.random() < 0.4:
                session.add(_move(ticket, 1, 3, "pending", chance.choice(("user", "parts"))))
                if chance.random() < 0.6:
                    session.add(_move(ticket, 2, 40, "in_progress"))
    with session_maker(engine)() as session:
        found = sla.pressing(session, NOON)
        expected: dict[str, Any] = {}
        for ticket in session.scalars(select(Ticket)):
            events = session.scalars(
                select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.at)
            ).all()
            calendar = sla.calendar_for(session, ticket) if ticket.site else ALWAYS
            expected[ticket.id] = _expected(sla.clocks(ticket, events, calendar, NOON))
    assert {id: stands for id, stands in expected.items() if stands} == found
    assert {"", sla.SOON, sla.OVER} == set(expected.values())


def test_what_is_done_presses_nobody(engine: Engine) -> None:
    desk = Collector(engine).enrol("desk").device_id
    with session_maker(engine)() as session, session.begin():
        ticket = _ticket(1, desk, random.Random(1))
        ticket.opened_at, ticket.state = NOON - timedelta(days=90), "resolved"
        session.add(ticket)
        session.flush()
        assert sla.pressing(session, NOON) == {}
        ticket.state = "new"
        session.flush()
        assert sla.pressing(session, NOON) == {ticket.id: sla.OVER}
