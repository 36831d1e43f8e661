"""Few tickets: outages, storms, planned work, accepted values and other limits."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector import decide, decisions
from collector.judge import Bench
from collector.store import reader_maker, session_maker
from collector.store.devices import Site
from collector.store.findings import Finding
from collector.store.situations import Maintenance, Situation
from collector.store.tickets import Ticket
from collector.sweep import Pace, Sweep
from tests.collector.world import NOON, Collector, Machine, filesystem

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FULL, WELL = filesystem(0.99), filesystem(0.5)


@pytest.fixture
def collector(engine: Engine) -> Collector:
    return Collector(engine)


def tickets(engine: Engine, *states: str) -> list[Ticket]:
    with reader_maker(engine)() as session:
        found = session.scalars(select(Ticket).order_by(Ticket.number))
        return [ticket for ticket in found if not states or ticket.state in states]


def situations(engine: Engine, state: str = "open") -> list[Situation]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Situation).where(Situation.state == state)))


def suppressed(engine: Engine) -> list[str]:
    with reader_maker(engine)() as session:
        return list(session.scalars(select(Finding.suppressed).where(Finding.state != "cleared")))


def write(engine: Engine, work: Callable[[Session], object]) -> None:
    with session_maker(engine)() as session, session.begin():
        work(session)


def run(
    collector: Collector, start: datetime, length: timedelta, alive: list[Machine], step: timedelta = MINUTE
) -> datetime:
    """Let time pass: the devices that are alive send a heartbeat, the collector sweeps."""
    now = start
    while now < start + length:
        now += MINUTE
        if alive:
            collector.heartbeats(alive, now)
        for _ in range(3):
            collector.sweep(now)
    return now


def _size(engine: Engine, full: int, small: int) -> int:
    """The whole fleet on SQLite; on PostgreSQL, where each commit waits for another process, enough of one."""
    return full if engine.dialect.name == "sqlite" else small


# outages


def test_a_site_that_falls_silent_is_one_situation_and_those_that_stay_away_get_their_own_tickets(
    collector: Collector, engine: Engine
) -> None:
    size = _size(engine, 500, 50)
    tulsa = collector.enrol_many([f"tulsa-{n}" for n in range(size)], site="Tulsa")
    other = collector.enrol_many([f"enid-{n}" for n in range(size // 2)], site="Enid")
    collector.heartbeats([*tulsa, *other], NOON)
    now = run(collector, NOON, 45 * MINUTE, other)
    (outage,) = situations(engine)
    assert outage.kind == "site_outage"
    assert "Tulsa" in outage.title
    assert len(outage.data["devices"]) == size
    assert tickets(engine) == []
    assert suppressed(engine).count("site_outage") == size

    run(collector, now, 20 * MINUTE, [*tulsa[:-10], *other])
    assert situations(engine) == []
    (ended,) = situations(engine, "resolved")
    assert f"{size - 10} of {size}" in ended.data["ended"]
    open_tickets = tickets(engine)
    assert {ticket.device_id for ticket in open_tickets} == {machine.device_id for machine in tulsa[-10:]}
    assert {ticket.state for ticket in open_tickets} == {"new"}


def test_everything_silent_at_once_is_our_own_fault_first(collector: Collector, engine: Engine) -> None:
    for site in ("Tulsa", "Enid", "Lawton"):
        for machine in collector.enrol_many([f"{site}-{n}" for n in range(5)], site=site):
            machine.heartbeat(NOON)
    run(collector, NOON, 60 * MINUTE, [])
    assert [one.kind for one in situations(engine)] == ["everything_silent"]
    assert tickets(engine) == []


def test_two_desks_switched_off_are_no_outage(collector: Collector, engine: Engine) -> None:
    desks = collector.enrol_many([f"desk-{n}" for n in range(5)], site="Tulsa")
    for machine in desks:
        machine.heartbeat(NOON)
    run(collector, NOON, 60 * MINUTE, desks[2:])
    assert situations(engine) == []
    assert len(tickets(engine)) == 2


def test_a_collector_that_was_away_an_hour_blames_no_device(collector: Collector, engine: Engine) -> None:
    size = _size(engine, 2000, 80)
    fleet = collector.enrol_many([f"pc-{n}" for n in range(size)], site="Tulsa")
    collector.heartbeats(fleet, NOON)
    collector.sweep(NOON)
    again = Collector(engine)
    now = NOON + HOUR
    again.sweep(now)
    for n, machine in enumerate(fleet):
        Machine(again, machine.device_id, machine.spool_id, machine.seq).heartbeat(
            now + timedelta(seconds=n / 20)
        )
    for minute in range(1, 5):
        again.sweep(now + minute * MINUTE)
    assert tickets(engine) == []
    assert situations(engine) == []


def test_a_silent_device_opens_nothing_else(collector: Collector, engine: Engine) -> None:
    desk, *others = collector.enrol_many([f"desk-{n}" for n in range(6)])
    desk.send(FULL, NOON)
    run(collector, NOON, 8 * MINUTE, others)
    assert tickets(engine) == [], "ten minutes it must be so"
    run(collector, NOON + 8 * MINUTE, 12 * MINUTE, others)
    assert [ticket.title for ticket in tickets(engine)] == []


# storms


def test_the_eleventh_ticket_within_an_hour_waits_and_the_storm_drains(
    collector: Collector, engine: Engine
) -> None:
    fleet = collector.enrol_many([f"pc-{n}" for n in range(14)])
    for minute in (0, 5, 11):
        for machine in fleet:
            machine.send(FULL, NOON + minute * MINUTE)
    assert len(tickets(engine)) == 10
    now = run(collector, NOON + 11 * MINUTE, 4 * MINUTE, [])
    (storm,) = situations(engine)
    assert (storm.kind, storm.scope) == ("storm", "rule filesystem_full")
    assert suppressed(engine).count("storm") == 4

    fleet[13].send(WELL, now)
    for minute in range(5, 75, 5):
        for machine in fleet:
            machine.send(WELL if machine is fleet[13] else FULL, now + minute * MINUTE)
        collector.sweep(now + minute * MINUTE)
    assert len(tickets(engine)) == 13, "what ended while it waited never was a ticket"
    assert suppressed(engine).count("storm") == 0
    collector.sweep(now + 76 * MINUTE)
    assert situations(engine) == []


def test_without_a_limit_there_is_no_brake(engine: Engine) -> None:
    collector = Collector(engine)
    collector.bench.brake = type(collector.bench.brake)(tickets_an_hour=0)
    fleet = collector.enrol_many([f"pc-{n}" for n in range(14)])
    for minute in (0, 5, 11):
        for machine in fleet:
            machine.send(FULL, NOON + minute * MINUTE)
    assert len(tickets(engine)) == 14


# planned work


def _plan(engine: Engine, begins: datetime, ends: datetime, **where: object) -> None:
    write(
        engine,
        lambda s: decide.plan(
            s, starts_at=begins, ends_at=ends, why="new switch", who="ana", now=NOON, **where
        ),  # type: ignore[arg-type]
    )


def test_what_begins_and_ends_inside_planned_work_is_nothing(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    _plan(engine, NOON, NOON + 2 * HOUR)
    for minute in range(0, 60, 5):
        desk.send(FULL, NOON + minute * MINUTE)
    collector.sweep(NOON + HOUR)
    assert suppressed(engine)
    assert set(suppressed(engine)) == {"maintenance"}
    for minute in range(60, 180, 5):
        desk.send(WELL, NOON + minute * MINUTE)
        collector.sweep(NOON + minute * MINUTE)
    assert tickets(engine) == []


def test_what_is_still_bad_at_the_end_is_one_ticket_that_says_what_held_it_back(
    collector: Collector, engine: Engine
) -> None:
    desk = collector.enrol("desk")
    _plan(engine, NOON, NOON + 2 * HOUR)
    for minute in range(0, 150, 5):
        desk.send(FULL, NOON + minute * MINUTE)
        collector.sweep(NOON + minute * MINUTE)
        if minute < 120:
            assert tickets(engine) == []
    (ticket,) = tickets(engine)
    assert ticket.opened_at >= NOON + 2 * HOUR
    assert suppressed(engine).count("maintenance") == 0


def test_at_the_end_a_fresh_report_decides(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk")
    _plan(engine, NOON, NOON + 2 * HOUR)
    for minute in range(0, 120, 5):
        desk.send(FULL, NOON + minute * MINUTE)
    collector.sweep(NOON + 121 * MINUTE)
    assert tickets(engine) == [], "the last word is from before the end"
    desk.send(WELL, NOON + 122 * MINUTE)
    collector.sweep(NOON + 133 * MINUTE)
    assert tickets(engine) == []


def test_planned_work_elsewhere_holds_nothing_back(collector: Collector, engine: Engine) -> None:
    desk = collector.enrol("desk", site="Tulsa")
    collector.enrol("other", site="Enid")
    _plan(engine, NOON, NOON + 2 * HOUR, site="Enid")
    _plan(engine, NOON, NOON + 2 * HOUR, rule="battery_worn")
    for minute in range(0, 15, 5):
        desk.send(FULL, NOON + minute * MINUTE)
    assert len(tickets(engine)) == 1


def test_weekly_work_keeps_its_local_time_over_the_change_of_clocks() -> None:
    zone = ZoneInfo("America/Chicago")
    begins = datetime(2026, 10, 24, 22, 0, tzinfo=zone)
    window = Maintenance(
        starts_at=begins.astimezone(UTC), ends_at=(begins + 2 * HOUR).astimezone(UTC), weekly=True,
        time_zone="America/Chicago", until_at=None, ended_at=None,
    )  # fmt: skip
    for week in range(1, 6):
        local = datetime.combine(begins.date() + timedelta(weeks=week), time(22, 30), zone)
        assert decisions.under_way(window, local.astimezone(UTC)), local
        assert not decisions.under_way(window, (local - HOUR).astimezone(UTC))
        assert not decisions.under_way(window, (local + 2 * HOUR).astimezone(UTC))


def test_a_large_outage_keeps_no_ticket_back_elsewhere(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("the same statement on both; one large fleet is enough")
    collector = Collector(engine)
    away = collector.enrol_many([f"tulsa-{n}" for n in range(520)], site="Tulsa")
    others = collector.enrol_many([f"enid-{n}" for n in range(140)], site="Enid")
    collector.heartbeats([*away, *others], NOON)
    now = run(collector, NOON, 36 * MINUTE, others)
    assert suppressed(engine).count("site_outage") == 520
    _plan(engine, now, now + 30 * MINUTE, site="Enid")
    for minute in range(0, 45, 5):
        others[0].send(FULL, now + minute * MINUTE)
        collector.heartbeats(others, now + minute * MINUTE)
        collector.sweep(now + minute * MINUTE)
    assert [ticket.device_id for ticket in tickets(engine)] == [others[0].device_id]


# accepted values and other limits


def test_an_accepted_value_is_silent_until_it_grows(collector: Collector, engine: Engine) -> None:
    from tests.collector.rules.reports import reading, report

    desk = collector.enrol("desk")

    def crc(value: float, day: int) -> None:
        desk.send(report(reading("disk_crc_errors_total", value, "S1")), NOON + day * timedelta(days=1))
        collector.sweep(NOON + day * timedelta(days=1))

    crc(10, 0)
    crc(80, 1)
    (ticket,) = tickets(engine)
    with reader_maker(engine)() as session:
        finding = session.scalars(select(Finding)).one()
    write(
        engine,
        lambda s: decide.accept(
            s,
            device_id=desk.device_id,
            finding_id=finding.id,
            why="old cable, quiet since",
            who="ana",
            now=NOON,
        ),
    )
    collector.sweep(NOON + timedelta(days=1, seconds=5))
    assert [t.state for t in tickets(engine)] == ["resolved"]
    for day in range(2, 30):
        crc(80, day)
    assert len(tickets(engine)) == 1
    crc(200, 30)
    assert [t.state for t in tickets(engine)] == ["resolved", "new"]
    assert tickets(engine)[1].recurrence_of == ticket.id


def test_an_override_changes_one_device_and_not_its_neighbour(collector: Collector, engine: Engine) -> None:
    recorder, desk = collector.enrol("recorder"), collector.enrol("desk")
    write(
        engine,
        lambda s: decide.override(
            s, collector.bench.rules, rule="filesystem_full", scope="device", name=recorder.device_id,
            changes={"enabled": False}, why="the recorder rotates its own files", who="ana", now=NOON,
        ),
    )  # fmt: skip
    write(
        engine,
        lambda s: decide.override(
            s, collector.bench.rules, rule="filesystem_nearly_full", scope="component", name=recorder.device_id,
            component="f-1", changes={"raise_above": 0.995, "clear_below": 0.99}, why="same", who="ana", now=NOON,
        ),
    )  # fmt: skip
    collector.sweep(NOON)
    for minute in range(0, 60, 5):
        for machine in (recorder, desk):
            machine.send(FULL, NOON + minute * MINUTE)
    assert [ticket.device_id for ticket in tickets(engine)] == [desk.device_id]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rule": "no_such"}, "no rule"),
        ({"changes": {"raise_above": "much"}}, "raise_above"),
        ({"changes": {"title": "mine"}}, "title"),
        ({"changes": {"raise_above": 0.5}}, "wrong side"),
        ({"why": " "}, "say why"),
        ({"scope": "planet"}, "scope"),
        ({"scope": "site", "site": "Nowhere"}, "no site"),
        ({"scope": "device", "name": "nobody"}, "no device"),
    ],
)
def test_a_wrong_override_is_refused_with_its_place(
    collector: Collector, engine: Engine, given: dict[str, object], words: str
) -> None:
    right = {
        "rule": "filesystem_full",
        "scope": "all",
        "changes": {"hold": "1h"},
        "why": "x",
        "who": "ana",
        "now": NOON,
    }
    with pytest.raises(decide.Refused, match=words):
        write(engine, lambda s: decide.override(s, collector.bench.rules, **(right | given)))  # type: ignore[arg-type]


# expected hours


def test_a_desk_that_is_off_at_night_is_not_missed_before_the_morning(
    collector: Collector, engine: Engine
) -> None:
    desk, *_ = collector.enrol_many(["desk"], site="Tulsa")
    hours = {str(day): [["08:00", "17:00"]] for day in range(5)}
    write(engine, lambda s: setattr(s.get_one(Site, "Tulsa"), "expected_hours", hours))
    write(engine, decide.changed)
    evening = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)  # 17:30 in Tulsa, a Monday
    desk.heartbeat(evening)
    # Swept every ten minutes only: that is no absence of ours here.
    collector.sweeper = Sweep(collector.bench, collector.desk, Pace(gap=HOUR))
    now = evening
    while now < datetime(2026, 11, 3, 18, 0, tzinfo=UTC):
        now += 10 * MINUTE
        collector.sweep(now)
        if tickets(engine):
            break
    (ticket,) = tickets(engine)
    assert (
        datetime(2026, 11, 3, 14, 0, tzinfo=UTC) < ticket.opened_at < datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
    )


def test_a_bench_knows_its_decisions_before_the_first_sweep(engine: Engine) -> None:
    collector = Collector(engine)
    assert isinstance(collector.bench, Bench)
    desk = collector.enrol("desk")
    _plan(engine, NOON - HOUR, NOON + 2 * HOUR)
    for minute in (0, 5, 11):
        desk.send(FULL, NOON + minute * MINUTE)
    assert set(suppressed(engine)) == {"maintenance"}
    assert tickets(engine) == []
