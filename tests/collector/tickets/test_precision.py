"""How often a rule was right, by week."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from collector.store import reader_maker, session_maker
from collector.store.findings import Finding
from collector.store.tickets import Ticket
from collector.tickets import precision
from collector.tickets.precision import Tally
from tests.collector.world import NOON, Collector

DAY = timedelta(days=1)


def closed(
    engine: Engine, device_id: str, rule: str, outcomes: dict[str, int], at: datetime, part: str = ""
) -> None:
    """So many closed tickets, each with two findings of the rule."""
    with session_maker(engine)() as session, session.begin():
        for outcome, count in outcomes.items():
            for _ in range(count):
                ticket = Ticket(
                    device_id=device_id, id=uuid.uuid4().hex, number=1, group="desktop", state="closed",
                    severity="warning", title="", opened_at=at, closed_at=at, outcome=outcome, part_used=part,
                )  # fmt: skip
                session.add(ticket)
                for component in ("a", "b"):
                    session.add(
                        Finding(
                            device_id=device_id, id=uuid.uuid4().hex, rule=rule, rule_hash="1", component=component,
                            state="cleared", severity="warning", summary="", since_at=at, opened_at=at,
                            ticket_id=ticket.id,
                        )
                    )  # fmt: skip


def told(engine: Engine, count: int = 4) -> dict[tuple[str, str], Tally]:
    with reader_maker(engine)() as session:
        return {(t.rule, t.week): t for t in precision.weeks(session, NOON + 3 * DAY, count)}


def test_confirmed_are_the_real_ones_and_known_counts_apart(engine: Engine) -> None:
    device = Collector(engine).enrol("desk").device_id
    closed(engine, device, "disk_x", {"real": 9, "false": 2, "nothing_found": 1, "known": 5}, NOON, "Beta")
    tally = told(engine)["disk_x", "2026-W45"]
    assert (tally.real, tally.false, tally.nothing_found, tally.known, tally.n) == (9, 2, 1, 5, 12)
    assert tally.precision == pytest.approx(0.75)
    assert tally.parts_used == 17


def test_of_fewer_than_ten_no_percentage_is_made(engine: Engine) -> None:
    device = Collector(engine).enrol("desk").device_id
    closed(engine, device, "disk_x", {"real": 8, "false": 1}, NOON)
    closed(engine, device, "disk_x", {"real": 4}, NOON - 7 * DAY)
    rows = told(engine)
    assert rows["disk_x", "2026-W45"].precision is None
    assert (rows["disk_x", ""].n, rows["disk_x", ""].precision) == (13, pytest.approx(12 / 13))


def test_only_so_many_weeks_and_the_week_turns_on_monday_in_utc(engine: Engine) -> None:
    device = Collector(engine).enrol("desk").device_id
    sunday = datetime(2026, 11, 1, 23, 59, tzinfo=UTC)
    closed(engine, device, "disk_x", {"real": 1}, sunday)
    closed(engine, device, "disk_x", {"real": 1}, sunday + timedelta(minutes=1))
    closed(engine, device, "disk_x", {"real": 1}, sunday - 28 * DAY)
    assert [week for _, week in told(engine, 2)] == ["2026-W44", "2026-W45", ""]
    assert [week for _, week in told(engine, 1)] == ["2026-W45", ""]


def test_the_first_days_of_a_year_belong_to_the_week_they_lie_in() -> None:
    assert precision.week_of(datetime(2027, 1, 2, tzinfo=UTC)) == "2026-W53"
    assert precision.monday(datetime(2027, 1, 2, tzinfo=UTC)) == datetime(2026, 12, 28, tzinfo=UTC)
