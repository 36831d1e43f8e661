"""A ticket's two clocks in plain words: what is gone, when it is over in the site's time, why it stands still."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from collector.store.devices import Site
from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import sla
from console import clocks
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.decided import WEEK

MONDAY = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)  # 09:00 in Chicago


def shown(
    app: Flask, now: datetime, moves: list[tuple[datetime, dict[str, str]]] | None = None, **values: Any
) -> list[clocks.Shown]:
    """The clocks of a ticket of priority 3 (2 h and 9 h), opened on Monday at 09:00, site open 08–17."""
    with database(app).writer() as session:
        session.get_one(Site, world.COURT).hours = WEEK
        ticket = session.scalars(select(Ticket).where(Ticket.number == 1042)).one()
        for name, value in (
            {"opened_at": MONDAY, "sla": sla.shipped(), "site": world.COURT} | values
        ).items():
            setattr(ticket, name, value)
        events = [
            TicketEvent(device_id=ticket.device_id, id=str(n), ticket_id=ticket.id, at=at, who="x", kind="moved", data=data)
            for n, (at, data) in enumerate(moves or [])
        ]  # fmt: skip
        with app.test_request_context():
            return clocks.shown(session, ticket, events, now)


def after(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def test_a_clock_tells_what_is_gone_and_when_it_is_over_at_the_site(app: Flask) -> None:
    answer, solution = shown(app, after(1))
    assert (answer.name, answer.said, answer.width, answer.mark.word) == (
        "First answer",
        "1 h of 2 h",
        50,
        "running",
    )
    assert "Mon 9 Mar 2026 11:00 CDT" in answer.due
    assert "Tue 10 Mar 2026 09:00 CDT" in solution.due


def test_a_clock_that_is_nearly_over_warns_and_one_that_is_over_says_by_how_much(app: Flask) -> None:
    assert shown(app, after(1.75))[0].mark.word == "soon over"
    answer = shown(app, after(3.5))[0]
    assert (answer.mark.word, answer.said, answer.width) == (
        "overdue",
        "3 h 30 min of 2 h, 1 h 30 min too long",
        100,
    )


def test_outside_working_hours_it_stands_still_and_says_until_when(app: Flask) -> None:
    answer, solution = shown(app, after(9), touched_at=after(1))
    assert (solution.mark.word, solution.said) == ("soon over", "8 h of 9 h")
    assert answer.note == ""
    assert "until Tue 10 Mar 2026 08:00" in solution.note


def test_a_paused_clock_says_what_it_waits_for_and_has_no_due_time(app: Flask) -> None:
    moves = [(after(1), {"to": "pending", "reason": "site_access"})]
    solution = shown(
        app, after(5), moves, state="pending", pending_reason="site_access", touched_at=after(1)
    )[1]
    assert (solution.mark.word, solution.said, solution.due) == ("paused", "1 h of 9 h", "")
    assert "waiting for access to the site" in solution.note


@pytest.mark.parametrize(("hours", "word"), [(1, "in time"), (3, "too late")])
def test_a_clock_that_has_stopped_says_whether_it_was_kept(app: Flask, hours: int, word: str) -> None:
    answer = shown(app, after(30), touched_at=after(hours))[0]
    assert (answer.mark.word, answer.due, answer.note) == (word, "", "")


def test_a_ticket_without_a_policy_has_no_clocks(app: Flask) -> None:
    assert shown(app, after(1), sla={}) == []
    assert "First answer" not in signed_in(app).get("/tickets/1042").text


def test_hours_that_cannot_be_read_are_day_and_night_and_break_no_page(app: Flask) -> None:
    with database(app).writer() as session, session.begin():
        session.get_one(Site, world.COURT).hours = {"0": [["x", "y"]]}
        ticket = session.scalars(select(Ticket).where(Ticket.number == 1042)).one()
        ticket.sla, ticket.site = sla.shipped(), world.COURT
    assert "First answer" in signed_in(app).get("/tickets/1042").text


def test_the_page_shows_both_clocks_with_a_bar(county: Flask) -> None:
    text = signed_in(county).get("/tickets/1042").text
    assert len(re.findall(r'<svg class="bar', text)) == 2
    assert "First answer" in text and "Solution" in text


def test_an_escalation_stands_in_the_history(county: Flask, now: datetime) -> None:
    with database(county).writer() as session, session.begin():
        assert sla.escalate(session, now) > 0
    text = signed_in(county).get("/tickets/1044").text
    assert "time is running out" in text
    assert "100 % of the time to resolve has gone" in text
