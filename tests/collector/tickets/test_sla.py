"""A ticket's clocks: what has gone, what is left, and who is told once."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from collector.store import reader_maker, session_maker
from collector.store.devices import Site
from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import lifecycle, sla
from tests.collector.tickets.test_calendar import OFFICE
from tests.collector.world import NOON, Collector, filesystem

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MONDAY = datetime(2026, 3, 9, 8, 0, tzinfo=ZoneInfo("America/Chicago"))


def ticket(priority: int = 2, **values: object) -> Ticket:
    return Ticket(priority=priority, opened_at=MONDAY, sla=sla.shipped(), **values)


def moved(after: timedelta, to: str, reason: str = "") -> TicketEvent:
    return TicketEvent(at=MONDAY + after, kind="moved", data={"to": to, "reason": reason})


def both(made: Ticket, events: list[TicketEvent], after: timedelta) -> dict[str, sla.Clock]:
    return {clock.name: clock for clock in sla.clocks(made, events, OFFICE, MONDAY + after)}


def test_four_working_hours_from_eight_are_due_at_noon() -> None:
    clock = both(ticket(), [], HOUR)["resolve"]
    assert (clock.elapsed, clock.due_at, clock.breached) == (HOUR, MONDAY + 4 * HOUR, False)
    assert both(ticket(), [], 5 * HOUR)["resolve"].breached


def test_nights_do_not_count_but_for_the_first_priority() -> None:
    assert both(ticket(4), [], 24 * HOUR)["resolve"].elapsed == 9 * HOUR
    assert both(ticket(1), [], 24 * HOUR)["resolve"].elapsed == 24 * HOUR


def test_waiting_for_the_user_is_not_the_desks_time_and_waiting_for_a_part_is() -> None:
    def after(reason: str) -> timedelta:
        events = [moved(HOUR, "pending", reason), moved(3 * HOUR, "in_progress")]
        return both(ticket(), events, 4 * HOUR)["resolve"].elapsed

    assert after("user") == 2 * HOUR
    assert after("parts") == 4 * HOUR


def test_while_it_waits_nothing_is_due() -> None:
    clock = both(ticket(), [moved(HOUR, "pending", "user")], 2 * HOUR)["resolve"]
    assert (clock.due_at, clock.paused, clock.elapsed) == (None, True, HOUR)


def test_a_reopened_ticket_goes_on_and_does_not_begin_anew() -> None:
    events = [moved(HOUR, "resolved"), TicketEvent(at=MONDAY + 3 * HOUR, kind="reopened", data=None)]
    assert both(ticket(), events, 4 * HOUR)["resolve"].elapsed == 2 * HOUR


def test_the_first_hand_on_it_stops_the_clock_to_respond() -> None:
    clock = both(ticket(touched_at=MONDAY + 30 * MINUTE), [], 9 * HOUR)["respond"]
    assert (clock.elapsed, clock.breached) == (30 * MINUTE, False)
    assert clock.stopped_at == MONDAY + 30 * MINUTE


def test_a_ticket_keeps_the_policy_it_was_opened_under() -> None:
    made = ticket()
    made.sla = {
        **made.sla,
        "targets": {**made.sla["targets"], "2": {"respond": 60, "resolve": 120, "always": False}},
    }
    assert both(made, [], 3 * MINUTE)["resolve"].breached
    assert sla.clocks(Ticket(priority=2, opened_at=MONDAY, sla={}), [], OFFICE, MONDAY) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[priority.1]\nrespond = 'soon'\nresolve = '2h'\n", "priority.1.respond"),
        ("[priority.1]\nrespond = '15m'\n", "priority.1.resolve"),
        (
            "pauses = ['weather']\n"
            + "".join(f"[priority.{n}]\nrespond='1h'\nresolve='2h'\n" for n in range(1, 6)),
            "weather",
        ),
        ("pauses = [", "policy.toml"),
    ],
)
def test_a_mistake_in_a_policy_names_its_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(sla.PolicyError, match=words):
        sla.load(file)


def test_each_step_is_told_once_also_by_two_collectors(engine: Engine) -> None:
    collector = Collector(engine)
    desk = collector.enrol("desk", site="Tulsa")
    with session_maker(engine)() as session, session.begin():
        session.get_one(Site, "Tulsa").hours = {str(day): [["00:00", "24:00"]] for day in range(7)}
    for minute in (0, 5, 11):
        desk.send(filesystem(0.99), NOON + minute * MINUTE)
    with reader_maker(engine)() as session:
        (made,) = session.scalars(select(Ticket))
    opened = made.opened_at
    assert made.priority == 3  # two hours to respond, nine to resolve

    def steps() -> list[tuple[str, int]]:
        with reader_maker(engine)() as session:
            events = session.scalars(
                select(TicketEvent).where(TicketEvent.kind == "escalated").order_by(TicketEvent.at)
            )
            return [(event.data["clock"], event.data["step"]) for event in events if event.data]

    for minute in (30, 61, 62, 95, 121, 125):
        for _ in range(2):
            with session_maker(engine)() as session, session.begin():
                sla.escalate(session, opened + minute * MINUTE)
    assert steps() == [("respond", 50), ("respond", 75), ("respond", 100)]

    with session_maker(engine)() as session, session.begin():
        found = session.get_one(Ticket, (made.device_id, made.id))
        lifecycle.move(
            session,
            made.device_id,
            made.id,
            to="in_progress",
            who="ana",
            version=found.version,
            now=opened + 130 * MINUTE,
        )
    with session_maker(engine)() as session, session.begin():
        sla.escalate(session, opened + 8 * HOUR)
    assert steps()[3:] == [("resolve", 75)], "after an absence of ours the highest step says it all"


def test_the_sweep_escalates_by_itself(engine: Engine) -> None:
    collector = Collector(engine)
    desk = collector.enrol("desk")
    for minute in range(0, 200, 5):
        desk.send(filesystem(0.99), NOON + minute * MINUTE)
        collector.sweep(NOON + minute * MINUTE)
    with reader_maker(engine)() as session:
        told = session.scalars(select(TicketEvent).where(TicketEvent.kind == "escalated")).all()
    assert len(told) == 3
