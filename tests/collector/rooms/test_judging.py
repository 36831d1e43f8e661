"""An accepted baseline on its way through the collector: finding, watched, ticket, settled, replayed."""

import itertools
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from collector import decide, replay
from collector.store import reader_maker, session_maker
from collector.store.devices import Device, Site
from collector.store.findings import Finding
from collector.store.rooms import BaselinePart, Booking, Room
from collector.store.tickets import Ticket, TicketEvent
from protos.report_pb2 import Report
from tests.collector.rules.reports import reading, report
from tests.collector.rules.test_baselines import (
    CAMERA,
    HUB,
    MICROPHONE,
    ROOM_201,
    SPEAKER,
    Parts,
    shows,
    without,
)
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
    return machine


def accept(engine: Engine, host: Machine, parts: dict[str, Parts], now: datetime) -> None:
    ids = itertools.count()
    with session_maker(engine)() as session, session.begin():
        for row in session.scalars(select(BaselinePart).where(BaselinePart.ended_at.is_(None))):
            row.ended_at, row.ended_by = now, "ana"
        session.flush()
        session.add_all(
            BaselinePart(
                device_id=host.device_id, id=f"{now:%H%M%S}{next(ids)}", section=section, key=key,
                label=facts.get("model") or facts.get("name", key), facts=facts, why="as installed", who="ana", created_at=now,
            )
            for section, rows in parts.items()
            for key, facts in rows.items()
        )  # fmt: skip
        decide.changed(session)


def findings(engine: Engine, *, state: str = "open") -> dict[str, Finding]:
    with reader_maker(engine)() as session:
        return {row.rule: row for row in session.scalars(select(Finding).where(Finding.state == state))}


def tickets(engine: Engine) -> list[Ticket]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Ticket)))


def alive(
    collector: Collector,
    host: Machine,
    now: datetime,
    length: timedelta,
    told: Report | None = None,
    *others: Machine,
) -> datetime:
    """The host lives and tells the same; the collector sweeps each 20 s."""
    end = now + length
    while now < end:
        now += 20 * SECOND
        if told is not None and int((now - NOON) / (20 * SECOND)) % 15 == 0:
            copy = Report()
            copy.CopyFrom(told)
            host.send(copy, now)
        for machine in (host, *others):
            machine.heartbeat(now)
        collector.sweep(now)
    return now


def unplugged(collector: Collector, host: Machine, engine: Engine, *keys: str) -> datetime:
    """The room is accepted, then these are pulled. Returns when the collector heard of it."""
    host.send(shows(ROOM_201), NOON)
    collector.sweep(NOON)
    accept(engine, host, ROOM_201, NOON)
    collector.sweep(NOON + 5 * SECOND)
    host.send(shows(ROOM_201), NOON + 10 * SECOND)
    now = alive(collector, host, NOON + 10 * SECOND, 2 * MINUTE)
    host.send(shows(without(*keys)), now)
    return now


def test_the_collector_asks_for_whole_sections_when_a_baseline_was_accepted(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    host.send(shows(ROOM_201), NOON)
    collector.sweep(NOON)
    collector.desk.take(host.device_id)
    accept(engine, host, ROOM_201, NOON)
    collector.sweep(NOON + SECOND)
    (asked,) = collector.desk.take(host.device_id)
    assert len(asked.subjects) == 4, "displays, cameras, audio, usb"


def test_a_camera_is_a_finding_at_once_and_a_ticket_only_if_nobody_puts_it_back(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    heard_at = unplugged(collector, host, engine, CAMERA, "1-4.1")
    now = alive(collector, host, heard_at, MINUTE)
    found = findings(engine)["camera_missing"]
    assert found.opened_at - heard_at < MINUTE
    assert found.suppressed == "watching"
    now = alive(collector, host, now, 8 * MINUTE, shows(without(CAMERA, "1-4.1"), unchanged=True))
    assert tickets(engine) == []
    alive(collector, host, now, 3 * MINUTE)
    (ticket,) = tickets(engine)
    assert (ticket.title, ticket.group) == ("Camera gone: Logitech BRIO (at 1-4.1)", "av")


def test_what_is_put_back_while_it_is_watched_never_was_a_ticket(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    heard_at = unplugged(collector, host, engine, CAMERA, "1-4.1")
    now = alive(collector, host, heard_at, 5 * MINUTE)
    host.send(shows(ROOM_201), now)
    alive(collector, host, now, 15 * MINUTE)
    assert tickets(engine) == []
    assert findings(engine) == {}


def test_a_hub_with_three_parts_is_one_finding_and_one_ticket(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    heard_at = unplugged(collector, host, engine, HUB, CAMERA, MICROPHONE, SPEAKER, "1-4.1", "1-4.2")
    alive(collector, host, heard_at, 8 * MINUTE)
    assert findings(engine).keys() == {"usb_branch_missing"}
    (ticket,) = tickets(engine)
    assert "1-4 (" in ticket.title


def test_accepting_the_room_as_it_is_resolves_the_ticket(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    heard_at = unplugged(collector, host, engine, CAMERA, "1-4.1")
    now = alive(collector, host, heard_at, 12 * MINUTE)
    assert [ticket.state for ticket in tickets(engine)] == ["new"]
    accept(engine, host, without(CAMERA, "1-4.1"), now)
    alive(collector, host, now, MINUTE)
    assert findings(engine) == {}
    assert findings(engine, state="cleared")["camera_missing"].cleared_reason == "accepted"
    assert [ticket.state for ticket in tickets(engine)] == ["resolved"]


def test_out_of_the_room_s_hours_a_display_may_sleep_and_a_booking_opens_the_room(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    with session_maker(engine)() as session, session.begin():
        closed = {str(day): [["08:00", "10:00"]] for day in range(7)}  # it is noon
        session.add(Room(site="Tulsa", name="201", hours=closed, created_at=NOON))
        starts = NOON + 30 * MINUTE
        session.add(
            Booking(
                id="b1", site="Tulsa", room="201", starts_at=starts, ends_at=starts + HOUR, source="court#1",
                created_at=NOON,
            )
        )  # fmt: skip
    heard_at = unplugged(collector, host, engine, "EPS1234")
    told = shows({"displays": without("EPS1234")["displays"]}, unchanged=True)
    now = alive(collector, host, heard_at, 20 * MINUTE, told)
    assert findings(engine) == {}
    alive(collector, host, now, 18 * MINUTE, told)
    assert findings(engine).keys() == {"display_missing"}


def test_a_second_host_of_the_room_adds_to_its_ticket_and_gets_its_own_when_that_is_done(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    other = collector.enrol("rec-201", group="av", device_class="av_host", site="Tulsa")
    with session_maker(engine)() as session, session.begin():
        session.get_one(Device, other.device_id).room = "201"
    heard_at = unplugged(collector, host, engine, CAMERA, "1-4.1")
    now = alive(collector, host, heard_at, 12 * MINUTE)
    (ticket,) = tickets(engine)
    for _ in range(3):
        other.send(report(reading("service_failed_state", 1, "ftr.service")), now)
        now = alive(collector, host, now, 5 * MINUTE, None, other)
    (ticket,) = tickets(engine)
    assert findings(engine)["service_failed"].suppressed == "room_ticket"
    with reader_maker(engine)() as session:
        told = [
            event.text
            for event in session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket.id))
        ]
    assert "also in this room, on rec-201: Service ftr.service failed" in told
    host.send(shows(ROOM_201), now)
    alive(collector, host, now, MINUTE, None, other)
    assert {(one.device_id, one.state) for one in tickets(engine)} == {
        (host.device_id, "resolved"), (other.device_id, "new"),
    }  # fmt: skip


def test_replay_tells_what_was_told_live_of_a_room(
    collector: Collector, host: Machine, engine: Engine
) -> None:
    heard_at = unplugged(collector, host, engine, CAMERA, "1-4.1")
    now = alive(collector, host, heard_at, 12 * MINUTE)
    host.send(report(reading("audio_muted_state", 1, MICROPHONE)), now)
    now = alive(collector, host, now, 5 * MINUTE)
    host.send(shows(ROOM_201), now)
    host.send(report(reading("audio_muted_state", 0, MICROPHONE)), now + SECOND)
    now = alive(collector, host, now + SECOND, 2 * MINUTE)
    with reader_maker(engine)() as session:
        device = session.get_one(Device, host.device_id)
        live = replay.recorded(session, collector.bench.rules, device.id, NOON, now)
        told = replay.replay(session, collector.bench.rules, device, NOON, now).told
    assert {change.rule for change in live} == {"camera_missing", "audio_muted"}
    assert replay.differences(live, told) == ([], [])
