"""A difference from the baseline is accepted in the room, nowhere else: from the click to the finding that ends."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from collector import decide
from collector.rooms import baseline
from collector.store.findings import Finding
from collector.store.overrides import Acceptance
from collector.store.tickets import Ticket
from collector.tickets import lifecycle
from tests.collector.rooms.court import BRIO, COUNTED, COURTROOM, Court, show, without
from tests.collector.world import NOON, Machine

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HERE = ("Tulsa", "Courtroom 3")
UNPLUGGED = without(COURTROOM, cameras=BRIO, usb_links="1-4.1")


@pytest.fixture
def court(engine: Engine) -> Court:
    return Court(engine)


@pytest.fixture
def host(court: Court) -> Machine:
    """Its room is accepted, then its camera is unplugged, and that lasts until a ticket is there."""
    made = court.host()
    show(made, COURTROOM, NOON)
    accept(court, NOON)
    court.collector.sweep(NOON + SECOND)
    show(made, COURTROOM, NOON + 2 * SECOND)
    show(made, UNPLUGGED, NOON + MINUTE)
    alive(court, made, NOON + MINUTE, 13 * MINUTE)
    return made


def accept(court: Court, now: datetime) -> baseline.Accepted:
    return court.write(lambda s: baseline.accept(s, *HERE, why="as it is", who="ana", now=now))


def alive(court: Court, machine: Machine, now: datetime, length: timedelta) -> None:
    end = now + length
    while now < end:
        now += 30 * SECOND
        machine.heartbeat(now)
        court.collector.sweep(now)


def camera(court: Court) -> Finding:
    return court.read(lambda s: s.scalars(select(Finding).where(Finding.rule == "camera_missing")).one())


def test_a_missing_camera_ends_when_the_room_is_accepted_without_it(court: Court, host: Machine) -> None:
    found = camera(court)
    assert (found.state, found.kind, found.component) == ("open", "missing", BRIO)
    assert found.ticket_id
    assert accept(court, NOON + 20 * MINUTE) == baseline.Accepted(ended=2, same=COUNTED - 2)
    alive(court, host, NOON + 20 * MINUTE, MINUTE)
    assert (camera(court).state, camera(court).cleared_reason) == ("cleared", "accepted")
    assert court.read(lambda s: s.scalars(select(Ticket)).one().state) == "resolved"


def test_accepting_the_finding_itself_says_where_that_is_done(court: Court, host: Machine) -> None:
    found = camera(court)
    with pytest.raises(decide.Refused, match="rooms baseline SITE ROOM --accept"):
        court.write(
            lambda s: decide.accept(
                s, device_id=host.device_id, finding_id=found.id, why="sold", who="ana", now=NOON + 20 * MINUTE
            )
        )  # fmt: skip


@pytest.mark.parametrize("outcome", ["known", "false"])
def test_its_ticket_is_closed_as_known_without_accepting_anything(
    court: Court, host: Machine, outcome: str
) -> None:
    ticket = court.read(lambda s: s.scalars(select(Ticket)).one())
    for to, told in (("resolved", ""), ("closed", outcome)):
        ticket = court.write(
            lambda s, to=to, told=told, was=ticket: lifecycle.move(
                s, host.device_id, was.id, to=to, who="ana", version=was.version, now=NOON + 20 * MINUTE, outcome=told
            )
        )  # fmt: skip
    assert ticket.state == "closed"
    assert court.read(lambda s: list(s.scalars(select(Acceptance)))) == []
    assert camera(court).state == "open", "the room's difference still shows it"
