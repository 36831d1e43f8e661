"""The ticket page offers legal moves only, and refuses the others in words."""

import re
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from collector.store.findings import Finding
from collector.store.people import AuditEntry
from collector.store.tickets import Ticket, TicketEvent
from collector.tickets import lifecycle
from tests.console.conftest import database, signed_in


def one(app: Flask, number: int) -> Ticket:
    with database(app).reader() as session:
        return session.scalars(select(Ticket).where(Ticket.number == number)).one()


def in_state(app: Flask, state: str) -> Ticket:
    with database(app).writer() as session, session.begin():
        row = session.scalars(select(Ticket).where(Ticket.number == 1042)).one()
        row.state = state
        return row


def offered(html: str) -> set[str]:
    """The moves the page has a button for."""
    found = set(re.findall(r'name="to" value="(\w+)"', html))
    if "/acknowledge" in html:
        found.add("in_progress")
    if "/cancel" in html:
        found.add("cancelled")
    return found


@pytest.mark.parametrize("state", sorted(lifecycle.LEGAL))
def test_the_page_offers_exactly_the_legal_moves(app: Flask, state: str) -> None:
    in_state(app, state)
    assert offered(signed_in(app, "lead").get("/tickets/1042").text) == set(lifecycle.LEGAL[state])


@pytest.mark.parametrize("state", sorted(lifecycle.LEGAL))
def test_an_illegal_move_is_refused_with_the_legal_ones_named(app: Flask, state: str) -> None:
    row = in_state(app, state)
    for to in sorted(set(lifecycle.LEGAL) - set(lifecycle.LEGAL[state]) - {"cancelled"}):
        answer = signed_in(app, "technician").post(
            "/tickets/1042/move",
            data={"to": to, "version": row.version, "assignee": "lead.one", "reason": "user", "follow_up": "2030-01-01", "outcome": "real"},
        )  # fmt: skip
        assert answer.status_code == 409, to
        if lifecycle.LEGAL[state]:
            assert "From here it can become" in answer.text
        assert one(app, 1042).state == state


def test_acknowledging_takes_the_ticket(app: Flask) -> None:
    signed_in(app, "technician").post("/tickets/1042/acknowledge", data={"version": 1})
    row = one(app, 1042)
    assert (row.state, row.assignee) == ("in_progress", "technician.one")


def test_a_change_from_a_stale_page_overwrites_nothing(app: Flask) -> None:
    signed_in(app, "lead").post("/tickets/1042/acknowledge", data={"version": 1})
    answer = signed_in(app, "technician").post("/tickets/1042/acknowledge", data={"version": 1})
    assert answer.status_code == 409
    assert one(app, 1042).assignee == "lead.one"


def test_two_people_on_one_page_cannot_both_win(app: Flask) -> None:
    signed_in(app, "lead").post(
        "/tickets/1042/move", data={"to": "assigned", "assignee": "lead.one", "version": 1}
    )
    answer = signed_in(app, "technician").post(
        "/tickets/1042/move", data={"to": "resolved", "note": "done", "version": 1}
    )
    assert answer.status_code == 409
    assert "Nothing was overwritten" in answer.text


def test_waiting_needs_a_reason_and_a_day(app: Flask) -> None:
    client = signed_in(app, "technician")
    in_state(app, "assigned")
    assert client.post("/tickets/1042/move", data={"to": "pending", "version": 1}).status_code == 409
    assert client.post("/tickets/1042/move", data={"to": "pending", "version": 1, "reason": "parts", "follow_up": "soon"}).status_code == 400  # fmt: skip
    client.post(
        "/tickets/1042/move",
        data={"to": "pending", "version": 1, "reason": "parts", "follow_up": "2030-02-03"},
    )
    row = one(app, 1042)
    assert row.follow_up_at is not None
    assert (row.state, row.pending_reason, row.follow_up_at.date().isoformat()) == (
        "pending",
        "parts",
        "2030-02-03",
    )
    assert "for parts" in client.get("/tickets/1042").text


def test_closing_asks_for_the_outcome_with_one_tap(app: Flask) -> None:
    client = signed_in(app, "technician")
    buttons = re.findall(r'<button name="outcome" value="(\w+)"', client.get("/tickets/1039").text)
    assert set(buttons) == set(lifecycle.OUTCOMES)
    assert client.post("/tickets/1039/move", data={"to": "closed", "version": 1}).status_code == 409
    client.post("/tickets/1039/move", data={"to": "closed", "version": 1, "outcome": "real"})
    row = one(app, 1039)
    assert (row.state, row.outcome) == ("closed", "real")


def test_only_a_lead_cancels(app: Flask) -> None:
    assert signed_in(app, "technician").post("/tickets/1042/cancel", data={"version": 1, "reason": "noise"}).status_code == 403  # fmt: skip
    answer = signed_in(app, "technician").post("/tickets/1042/move", data={"version": 1, "to": "cancelled", "reason": "noise"})  # fmt: skip
    assert answer.status_code == 403
    signed_in(app, "lead").post("/tickets/1042/cancel", data={"version": 1, "reason": "noise"})
    assert one(app, 1042).state == "cancelled"


@pytest.mark.parametrize("assignee", ["", "nobody.here", "viewer.one"])
def test_a_ticket_is_assigned_only_to_somebody_who_can_work_on_it(app: Flask, assignee: str) -> None:
    answer = signed_in(app, "lead").post(
        "/tickets/1042/move", data={"to": "assigned", "assignee": assignee, "version": 1}
    )
    assert answer.status_code == 409


def test_a_note_is_kept_with_its_author_and_in_the_audit_list(app: Flask) -> None:
    client = signed_in(app, "technician")
    client.post("/tickets/1042/note", data={"text": "  the fan is loud\nand hot  "})
    with database(app).reader() as session:
        note = session.scalars(select(TicketEvent).where(TicketEvent.kind == "note", TicketEvent.who == "technician.one").order_by(TicketEvent.at.desc())).first()  # fmt: skip
        assert note is not None and note.text == "the fan is loud\nand hot"
        assert "note written" in session.scalars(select(AuditEntry.action)).all()


def test_a_viewer_looks_and_has_no_buttons(app: Flask) -> None:
    text = signed_in(app, "viewer").get("/tickets/1042").text
    assert offered(text) == set()
    assert "a technician can change it" in text


def test_the_page_shows_evidence_explanation_and_history(app: Flask) -> None:
    text = signed_in(app).get("/tickets/1041").text
    for words in (
        "Evidence at opening", "Disk pending sectors is 8, above 0", "It means", "Bring", "Why this opened, and when",
        "disk_pending_sectors", "new → in progress", "A new SSD is in the van", "2.5 inch",
    ):  # fmt: skip
        assert words in text, words
    assert text.count('<svg class="picture"') == 1


def test_the_evidence_is_one_file_that_needs_nothing_else(app: Flask) -> None:
    answer = signed_in(app).get("/tickets/1041/evidence.html")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert not re.search(r'(src|href)="(?!/devices/)', answer.text)
    assert len(answer.data) < 300_000
    assert "--accent" in answer.text


def test_what_it_is_now_stands_beside_what_it_was(app: Flask, now: datetime) -> None:
    row = re.search(
        r"Disk pending sectors is 8, above 0.*?</tr>", signed_in(app).get("/tickets/1041").text, re.S
    )
    assert row is not None
    assert re.findall(r'<td class="number">\s*(\d+)\s*</td>', row[0]) == ["8", "0", "40"]


def with_runbook(app: Flask, page: str, kind: str = "threshold") -> str:
    """The ticket's page when the rule of its findings names this page."""
    row = one(app, 1042)
    with database(app).writer() as session, session.begin():
        for finding in session.scalars(select(Finding).where(Finding.ticket_id == row.id)):
            finding.texts = {**finding.texts, "runbook": page}
            finding.kind = kind
    return signed_in(app, "technician").get("/tickets/1042").text


def test_the_runbook_is_a_link_when_it_leads_to_the_web(app: Flask) -> None:
    assert '<a href="https://wiki.example/disk" rel="noreferrer">' in with_runbook(
        app, "https://wiki.example/disk"
    )
    for page in ("disks/replace", "javascript:alert(1)"):  # the second can only come past the checks
        shown = with_runbook(app, page)
        assert f"<bdi>{page}</bdi>" in shown
        assert f'href="{page}"' not in shown


def test_an_age_offers_planned_work_instead_of_acceptance(app: Flask) -> None:
    assert "Accept this value" in with_runbook(app, "", "threshold")
    shown = with_runbook(app, "", "age")
    assert "Accept this value" not in shown
    assert "Plan work until a date" in shown
