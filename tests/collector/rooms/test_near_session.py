"""A session comes near on its way through the collector: finding, ticket, readiness, replay, as one thing."""

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from collector import decide, replay
from collector.rooms import readiness
from collector.rooms.room import rooms
from collector.store import reader_maker, session_maker
from collector.store.devices import Device, Site
from collector.store.rooms import Booking
from collector.store.tickets import OutboxRow, TicketEvent
from tests.collector.rooms.test_judging import accept, findings, tickets
from tests.collector.rules.reports import reading, report
from tests.collector.world import NOON, Collector, Machine

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


@pytest.fixture
def host(collector: Collector, engine: Engine) -> Machine:
    machine = collector.enrol("av-201", group="av", device_class="av_host", site="Tulsa")
    with session_maker(engine)() as session, session.begin():
        session.get_one(Device, machine.device_id).room = "201"
        session.get_one(Site, "Tulsa").time_zone = "UTC"
    accept(engine, machine, {"projectors": {"front": {"name": "front"}}}, NOON)
    collector.sweep(NOON)
    return machine


def book(engine: Engine, begins: datetime, ends: datetime, now: datetime) -> None:
    with session_maker(engine)() as session, session.begin():
        session.add(
            Booking(
                id=uuid.uuid4().hex, site="Tulsa", room="201", starts_at=begins, ends_at=ends, source="court#1",
                created_at=now,
            )
        )  # fmt: skip
        decide.changed(session)


def cancel(engine: Engine, now: datetime) -> None:
    with session_maker(engine)() as session, session.begin():
        for row in session.scalars(select(Booking).where(Booking.cancelled_at.is_(None))):
            row.cancelled_at = now
        decide.changed(session)


def alive(collector: Collector, host: Machine, now: datetime, length: timedelta) -> datetime:
    """It lives and tells nothing new; the collector sweeps as seldom as keeps it from being silent."""
    end = now + length
    while now < end:
        now = min(now + 4 * MINUTE, end)
        host.heartbeat(now)
        collector.sweep(now)
    return now


def polls(
    collector: Collector, host: Machine, now: datetime, length: timedelta, reachable: float = 0
) -> datetime:
    """The projector is asked each five minutes."""
    end = now + length
    while now < end:
        host.send(report(reading("projector_reachable_state", reachable, "front", "front")), now)
        now = alive(collector, host, now, min(5 * MINUTE, end - now))
    return now


def verdict(engine: Engine, now: datetime) -> str:
    with reader_maker(engine)() as session:
        (found,) = readiness.verdicts(session, rooms(session), now).values()
        return found.verdict


def test_a_projector_that_is_gone_is_one_finding_and_one_ticket_whose_weight_follows_the_sessions(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    now = polls(collector, host, NOON, 20 * MINUTE)
    before = findings(engine)["projector_unreachable"]
    (ticket,) = tickets(engine)
    assert (before.severity, ticket.severity) == ("warning", "warning")
    assert verdict(engine, now) != "not_ready"
    usual = ticket.priority

    book(engine, NOON + 90 * MINUTE, NOON + 2 * HOUR, now)
    now = polls(collector, host, now, 5 * MINUTE)
    assert findings(engine)["projector_unreachable"].severity == "warning", "it is 65 minutes away"
    # Nothing is told any more but that the host lives: the clock alone brings the session near.
    now = alive(collector, host, now, 6 * MINUTE)
    found, (ticket,) = findings(engine), tickets(engine)
    assert found.keys() == {"projector_unreachable"}
    assert found["projector_unreachable"].id == before.id
    assert (found["projector_unreachable"].severity, ticket.severity) == ("critical", "critical")
    assert ticket.priority < usual
    assert verdict(engine, now) == "not_ready"
    with reader_maker(engine)() as session:
        device = session.get_one(Device, host.device_id)
        assert device.worst_severity == "critical"
        events = [row.text for row in session.scalars(select(TicketEvent).order_by(TicketEvent.at))]
        told = [row.body["severity"] for row in session.scalars(select(OutboxRow).order_by(OutboxRow.seq))]
    assert any("within an hour before a session, or during it: it is critical now" in text for text in events)
    assert told == ["warning", "critical"], "who works in another system hears of it too"

    cancel(engine, now)
    now = polls(collector, host, now, MINUTE)
    found, (ticket,) = findings(engine), tickets(engine)
    assert (found["projector_unreachable"].severity, ticket.severity) == ("warning", "warning")
    assert ticket.priority == usual
    assert verdict(engine, now) != "not_ready"


def test_a_ticket_that_opens_near_a_session_is_urgent_from_the_first(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    book(engine, NOON + HOUR, NOON + 2 * HOUR, NOON)
    polls(collector, host, NOON, 20 * MINUTE)
    (ticket,) = tickets(engine)
    assert ticket.severity == "critical"
    with reader_maker(engine)() as session:
        assert [row.verb for row in session.scalars(select(OutboxRow))] == ["create"]


def test_a_room_s_computer_is_missed_sooner_when_a_session_is_booked_while_it_is_silent(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    host.heartbeat(NOON)
    for seconds in range(0, 9 * 60, 60):
        collector.sweep(NOON + seconds * SECOND)
    assert findings(engine) == {}
    book(engine, NOON + 30 * MINUTE, NOON + HOUR, NOON + 9 * MINUTE)
    collector.sweep(NOON + 9 * MINUTE + SECOND)
    assert findings(engine)["room_silent"].opened_at == NOON + 9 * MINUTE
    assert verdict(engine, NOON + 10 * MINUTE) == "unknown", "never green, never red"


def test_a_restart_that_waits_is_told_twelve_hours_before_the_session(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    book(engine, NOON + 13 * HOUR, NOON + 15 * HOUR, NOON)
    waits = report(reading("reboot_pending_state", 1))
    host.send(waits, NOON + MINUTE)
    now = alive(collector, host, NOON + MINUTE, 58 * MINUTE)
    assert findings(engine) == {}
    alive(collector, host, now, 2 * MINUTE)
    (ticket,) = tickets(engine)
    assert findings(engine)["room_restart_pending"].opened_at == NOON + HOUR
    assert "Restart it tonight" in ticket.body


def test_replay_tells_what_was_told_live_of_a_room_that_is_booked_late_and_cancelled(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    now = polls(collector, host, NOON, 12 * MINUTE)
    # Made while it is held back, near at once: it opens as critical.
    book(engine, NOON + 40 * MINUTE, NOON + HOUR, now)
    now = polls(collector, host, now, 8 * MINUTE)
    cancel(engine, now + 7 * SECOND)
    now = polls(collector, host, now, 10 * MINUTE)
    book(engine, NOON + 2 * HOUR, NOON + 3 * HOUR, now)
    host.send(report(reading("reboot_pending_state", 1)), now)
    now = polls(collector, host, now, 40 * MINUTE)
    now = polls(collector, host, now, 5 * MINUTE, reachable=1)
    with reader_maker(engine)() as session:
        device = session.get_one(Device, host.device_id)
        live = replay.recorded(session, collector.bench.rules, device.id, NOON, now)
        told = replay.replay(session, collector.bench.rules, device, NOON, now).told
    reasons = [change.reason for change in live if change.rule == "projector_unreachable"]
    assert reasons == ["raised", "eased", "urgent", "cleared"]
    assert "room_restart_pending" in {change.rule for change in live}
    assert replay.differences(live, told) == ([], [])
