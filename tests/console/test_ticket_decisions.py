"""Closing with one tap, another priority, the proof of a repair."""

import pytest
from flask import Flask
from sqlalchemy import select

from collector.store.tickets import Ticket
from tests.console.conftest import database, signed_in
from tests.console.decided import audited, every


def resolved(app: Flask) -> Ticket:
    (row,) = every(app, Ticket, Ticket.number == 1039)
    return row  # type: ignore[no-any-return]


@pytest.mark.parametrize("outcome", ["real", "false", "known", "nothing_found"])
def test_a_resolved_ticket_is_closed_with_one_tap(app: Flask, outcome: str) -> None:
    client = signed_in(app, "technician")
    text = client.get("/tickets/1039").text
    assert f'<button name="outcome" value="{outcome}">' in text
    client.post(
        "/tickets/1039/move", data={"to": "closed", "outcome": outcome, "version": 1, "part_used": ""}
    )
    assert (resolved(app).state, resolved(app).outcome, resolved(app).part_used) == ("closed", outcome, "")


def test_the_part_that_was_used_is_kept(app: Flask) -> None:
    client = signed_in(app, "technician")
    client.post("/tickets/1039/move", data={"to": "closed", "outcome": "real", "version": 1, "part_used": " Battery 02DL019\n"})  # fmt: skip
    assert resolved(app).part_used == "Battery 02DL019"
    assert "part used: <bdi>Battery 02DL019" in client.get("/tickets/1039").text


def test_another_priority_keeps_who_and_why_and_can_be_given_back(app: Flask) -> None:
    client = signed_in(app, "technician")
    client.post("/tickets/1042/priority", data={"priority": "1", "why": "Trial on Monday", "version": 1})
    (row,) = every(app, Ticket, Ticket.number == 1042)
    assert (row.priority, row.priority_by, row.priority_why) == (1, "technician.one", "Trial on Monday")
    assert audited(app, "ticket priority set").subject == "ticket 1042"
    text = client.get("/tickets/1042").text
    assert "set by technician.one" in text and "Trial on Monday" in text
    client.post("/tickets/1042/priority", data={"priority": "computed", "why": "It was moved", "version": 2})
    (row,) = every(app, Ticket, Ticket.number == 1042)
    assert row.priority_by == ""


@pytest.mark.parametrize(
    ("form", "status"),
    [({"priority": "0"}, 400), ({"priority": "9"}, 400), ({"priority": "1", "why": " "}, 302), ({"version": "7"}, 409), ({"version": "x"}, 400)],
)  # fmt: skip
def test_a_priority_without_reason_number_or_version_changes_nothing(app: Flask, form: dict[str, str], status: int) -> None:  # fmt: skip
    data = {"priority": "2", "why": "x", "version": "1"} | form
    assert signed_in(app).post("/tickets/1042/priority", data=data).status_code == status
    (row,) = every(app, Ticket, Ticket.number == 1042)
    assert (row.priority, row.version) == (3, 1)


def test_the_proof_of_repair_stands_on_the_ticket(app: Flask) -> None:
    with database(app).writer() as session, session.begin():
        session.scalars(select(Ticket).where(Ticket.number == 1042)).one().proof = "serial A1 gave way to B2"
    assert "Proof of repair: <bdi>serial A1 gave way to B2" in signed_in(app).get("/tickets/1042").text
