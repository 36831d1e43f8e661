"""The outbox: what waits, what could not be sent and why, and what an administrator does about it."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from collector.outbound import outbox
from collector.store.installation import Lease
from collector.store.people import AuditEntry
from collector.store.tickets import OutboxRow
from tests.console.conftest import database, signed_in
from tests.console.test_exports import rows

DISK = "0c7be3a9d4f15862"
REFUSED = "550 <desk@example.gov>: user unknown <script>alert(1)</script>"


def _row(session: object, number: int, now: datetime, **more: object) -> None:
    values: dict[str, object] = {
        "id": f"{number:032x}", "key": f"{DISK}:{'7' * 32}", "seq": number, "verb": "update", "created_at": now,
        "body": {"number": 1041, "title": "A disk", "text": "body text"}, "state": "waiting", "attempts": 0,
    }  # fmt: skip
    session.add(OutboxRow(**(values | more)))  # type: ignore[attr-defined]


DEAD, PUT_OFF, FRESH, FLYING, GONE = (f"{number:032x}" for number in range(1, 6))


@pytest.fixture
def post(app: Flask, now: datetime) -> Flask:
    """A dead letter, one put off, one that waits, one that is being sent, one that went."""
    with database(app).writer() as session, session.begin():
        _row(session, 1, now - timedelta(days=6), state="failed", attempts=9, error=REFUSED, verb="create")
        _row(session, 2, now, attempts=2, error="421 later", next_at=now + timedelta(minutes=4))
        _row(session, 3, now)
        _row(session, 4, now, attempts=1, next_at=now + timedelta(minutes=3))
        _row(session, 5, now, state="sent", attempts=1, sent_at=now - timedelta(hours=2), remote="<a@b>")
    return app


def _state(app: Flask, row_id: str) -> tuple[str, str]:
    with database(app).reader() as session:
        row = session.get_one(OutboxRow, row_id)
        return row.state, row.error


def _audited(app: Flask) -> list[tuple[str, str, str]]:
    with database(app).reader() as session:
        return [(row.who, row.action, row.subject) for row in session.scalars(select(AuditEntry))]


def test_dead_letters_come_first_with_the_error_and_nothing_of_it_runs(post: Flask) -> None:
    text = signed_in(post).get("/outbox").text
    assert text.index("user unknown") < text.index("421 later")
    assert "<script>alert" not in text and "body text" not in text
    assert "1 not sent" in text and "1 put off" in text and "2 waiting" in text and "1 sent" in text


def test_filters_and_csv_show_the_same(post: Flask) -> None:
    client = signed_in(post)
    for query, count in (("", 4), ("state=failed", 1), ("state=paused", 1), ("state=waiting", 2), ("state=any", 5), ("q=421", 1), ("q=1041", 4), ("q=1042", 0)):  # fmt: skip
        found = rows(client.get(f"/outbox.csv?{query}").text)
        assert len(found) == count, query
        shown = client.get(f"/outbox?{query}").text
        assert (f">{count} change" in shown) == (count > 0), query
    assert {row["state"] for row in rows(client.get("/outbox.csv").text)} == {"failed", "paused", "waiting"}


def test_what_is_no_ticket_leads_to_no_ticket(post: Flask, now: datetime) -> None:
    with database(post).writer() as session, session.begin():
        _row(
            session, 6, now, key="situation:1", body={"kind": "situation", "number": 1050, "title": "A site"}
        )
        _row(
            session, 7, now, key="rooms:1", body={"kind": "rooms", "number": 0, "title": "Rooms this morning"}
        )
    text = signed_in(post).get("/outbox").text
    assert 'href="/situations/1050"' in text and "/tickets/1050" not in text and "/tickets/0" not in text


def test_a_dead_letter_is_tried_again(post: Flask) -> None:
    client = signed_in(post)
    assert client.post(f"/outbox/{DEAD}/retry", data={"attempts": "9"}).status_code == 302
    assert _state(post, DEAD)[0] == "waiting"
    with database(post).reader() as session:
        assert DEAD in outbox.due(session, datetime.now(UTC))
    assert _audited(post) == [("admin.one", "outbox tried again", "ticket 1041, create")]


def test_one_that_is_dropped_lets_the_next_of_its_ticket_go(post: Flask) -> None:
    client = signed_in(post)
    client.post(f"/outbox/{PUT_OFF}/drop", data={"attempts": "2", "why": ""})
    assert _state(post, PUT_OFF)[0] == "waiting" and _audited(post) == []
    assert (
        client.post(f"/outbox/{PUT_OFF}/drop", data={"attempts": "2", "why": "told by phone"}).status_code
        == 302
    )
    assert _state(post, PUT_OFF) == ("dropped", "dropped: told by phone (admin.one)")
    with database(post).reader() as session:
        assert outbox.due(session, datetime.now(UTC)) == [FRESH]
    assert _audited(post) == [("admin.one", "outbox dropped", "ticket 1041, update")]


@pytest.mark.parametrize("what", ["retry", "drop"])
@pytest.mark.parametrize(
    ("row_id", "attempts", "status"),
    [(FLYING, "1", 409), (GONE, "1", 409), (DEAD, "8", 409), (DEAD, "x", 409), ("nobody", "1", 404)],
)
def test_what_is_under_way_or_changed_since_is_left_alone(
    post: Flask, what: str, row_id: str, attempts: str, status: int
) -> None:
    before = _state(post, row_id) if status == 409 else None
    answer = signed_in(post).post(f"/outbox/{row_id}/{what}", data={"attempts": attempts, "why": "x"})
    assert answer.status_code == status
    assert before is None or _state(post, row_id) == before
    assert _audited(post) == []


def test_only_an_administrator_sees_it_and_today_tells_them(post: Flask) -> None:
    lead = signed_in(post, "lead")
    assert lead.get("/outbox").status_code == 403 and lead.get("/outbox.csv").status_code == 403
    assert lead.post(f"/outbox/{DEAD}/retry", data={"attempts": "9"}).status_code == 403
    assert "could not be sent outside" not in lead.get("/").text
    assert "1 change could not be sent outside" in " ".join(signed_in(post).get("/").text.split())


def test_an_empty_one_says_whether_mail_is_set_up(app: Flask, now: datetime) -> None:
    client = signed_in(app)
    assert "Mail is not set up" in client.get("/outbox").text
    with database(app).writer() as session, session.begin():
        session.add(Lease(name=outbox.LEASE, holder="x", until_at=datetime.now(UTC) + timedelta(minutes=3)))
    assert "nothing has been sent yet" in client.get("/outbox").text
    with database(app).writer() as session, session.begin():
        _row(session, 5, now, state="sent", sent_at=now - timedelta(hours=2))
    assert "Nothing waits and nothing failed." in client.get("/outbox").text
    with database(app).writer() as session, session.begin():
        session.get_one(Lease, outbox.LEASE).until_at = now - timedelta(minutes=1)
    assert "No collector that sends is at work right now." in client.get("/outbox").text
