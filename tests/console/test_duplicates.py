"""Devices that may be one machine twice: shown side by side, and decided on by an administrator."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from collector import decide
from collector.store.devices import Device
from collector.store.enrolment import Credential
from collector.store.people import AuditEntry
from collector.store.tickets import Ticket
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.test_lists import counted

OLD, NEW = "0c7be3a9d4f15862", "5f" * 8


@pytest.fixture
def pair(app: Flask, now: datetime) -> Flask:
    """A clerk's computer, and one that enrolled with its serial and another board."""
    with database(app).writer() as session, session.begin():
        old = session.get_one(Device, OLD)
        old.seen_at = now - timedelta(days=3)
        world.device(
            session, NEW, "tul-clerk-014b", now, system_serial=old.system_serial, asset_tag="", possible_duplicate_of=OLD,
            enrolled_at=now - timedelta(hours=1),
        )  # fmt: skip
        for device_id in (OLD, NEW):
            session.add(
                Credential(fingerprint=device_id * 4, device_id=device_id, serial_number="1", issued_at=now, expires_at=now, token_id="")
            )  # fmt: skip
    return app


def _decide(app: Flask, decision: str, **other: str) -> int:
    form = {"device": NEW, "other": OLD, "decision": decision} | other
    return signed_in(app).post("/duplicates", data=form).status_code


def _device(app: Flask, device_id: str) -> Device:
    with database(app).reader() as session:
        return session.get_one(Device, device_id)


def _audited(app: Flask) -> list[tuple[str, str, str]]:
    with database(app).reader() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.action)).all()
        return [(row.who, row.action, row.subject) for row in rows]


def _refused(app: Flask) -> set[str]:
    with database(app).reader() as session:
        return set(session.scalars(select(Credential.device_id).where(Credential.revoked_at.is_not(None))))


def test_the_page_says_what_is_the_same_what_differs_and_what_is_not_known(pair: Flask) -> None:
    text = " ".join(signed_in(pair).get("/duplicates").text.split())
    rows = {row.split("</th>")[0]: row.split("</th>")[1] for row in text.split('<tr><th scope="row">')[1:]}
    assert ">same<" in rows["System serial"] and ">0C7BE3A<" in rows["System serial"]
    assert ">differs<" in rows["Name"] and "tul-clerk-014b" in rows["Name"]
    assert "not known of both" in rows["Asset tag"]
    assert "Both were heard in the last 10 minutes" not in text


def test_two_that_are_both_heard_now_are_said_to_be_two(pair: Flask, now: datetime) -> None:
    with database(pair).writer() as session, session.begin():
        session.get_one(Device, OLD).seen_at = datetime.now(now.tzinfo)
        session.get_one(Device, NEW).seen_at = datetime.now(now.tzinfo)
    assert "Both were heard in the last 10 minutes" in signed_in(pair).get("/duplicates").text


def test_not_the_same_clears_the_mark_and_touches_nothing_else(pair: Flask) -> None:
    assert _decide(pair, "two") == 302
    assert _device(pair, NEW).possible_duplicate_of == ""
    assert _device(pair, OLD).revoked_at is None and _refused(pair) == set()
    assert _audited(pair) == [("admin.one", "not the same machine", NEW)]
    assert "None. When a machine enrols" in signed_in(pair).get("/duplicates").text


def test_the_page_says_before_what_would_go_along_and_what_would_end(pair: Flask, now: datetime) -> None:
    with database(pair).writer() as session, session.begin():
        decide.plan(
            session, starts_at=now, ends_at=now + timedelta(days=2), why="new disk", who="lee", now=now, device_id=OLD
        )  # fmt: skip
    text = " ".join(signed_in(pair).get("/duplicates").text.split())
    assert "Goes along</dt><dd>1 planned work" in text
    assert "1 ticket is cancelled as a duplicate; 2 open findings end. No repair is counted" in text


def test_the_same_lives_on_and_its_tickets_are_cancelled(pair: Flask) -> None:
    assert _decide(pair, "same") == 302
    assert _device(pair, NEW).possible_duplicate_of == "" and _device(pair, NEW).revoked_at is None
    assert _device(pair, OLD).lives_on_as == NEW
    assert _device(pair, OLD).revoked_at is not None and _refused(pair) == {OLD}
    with database(pair).reader() as session:
        states = set(session.scalars(select(Ticket.state).where(Ticket.device_id == OLD)))
    assert "new" not in states and "cancelled" in states
    assert [row for row in _audited(pair) if row[1] in ("device revoked", "devices merged")] == [
        ("admin.one", "device revoked", OLD),
        ("admin.one", "devices merged", OLD),
    ]


def test_the_old_one_leads_to_the_new_one_by_page_label_and_search(pair: Flask) -> None:
    _decide(pair, "same")
    client = signed_in(pair, "viewer")
    assert "This is an earlier enrolment." in client.get(f"/devices/{OLD}").text
    answer = client.get(f"/d/{OLD[:12]}", follow_redirects=True)
    assert answer.request.path == f"/devices/{NEW}"
    assert "This label is of an earlier enrolment, tul-clerk-014." in answer.text
    assert "Earlier enrolments" in answer.text and f"/devices/{OLD}#tickets" in answer.text
    for text in (OLD[:10], "tul-clerk-014"):
        found = client.get("/devices", query_string={"q": text}).text
        assert f"/devices/{NEW}" in found and f'href="/devices/{OLD}"' not in found
        assert "earlier tul-clerk-014" in found


def test_a_merge_can_be_taken_back_once(pair: Flask) -> None:
    _decide(pair, "same")
    client = signed_in(pair)
    assert "Take the merge back" in client.get("/duplicates").text
    assert (
        signed_in(pair, "lead").post("/duplicates/undo", data={"device": OLD, "other": NEW}).status_code
        == 403
    )
    assert client.post("/duplicates/undo", data={"device": "x", "other": NEW}).status_code == 404
    answer = client.post("/duplicates/undo", data={"device": OLD, "other": NEW}, follow_redirects=True)
    assert "What was carried stays with the new one" in answer.text
    assert _device(pair, OLD).lives_on_as == "" and _device(pair, OLD).revoked_at is not None
    assert client.post("/duplicates/undo", data={"device": OLD, "other": NEW}).status_code == 409


def test_a_pair_is_decided_on_once(pair: Flask) -> None:
    assert _decide(pair, "two") == 302
    assert _decide(pair, "same") == 409
    assert _refused(pair) == set()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"decision": "x"}, 400),
        ({"other": "1b22c8f04e6a9d31"}, 409),  # not the one it is marked with
        ({"other": "nobody"}, 404),
        ({"device": OLD, "other": NEW}, 409),
        ({"device": "\x00"}, 404),
    ],
)
def test_a_decision_on_no_marked_pair_changes_nothing(
    pair: Flask, change: dict[str, str], status: int
) -> None:
    assert _decide(pair, change.pop("decision", "same"), **change) == status
    assert _refused(pair) == set() and _audited(pair) == []
    assert _device(pair, NEW).possible_duplicate_of == OLD


def test_one_whose_old_device_was_revoked_by_hand_still_waits_for_a_word(pair: Flask, now: datetime) -> None:
    with database(pair).writer() as session, session.begin():
        session.get_one(Device, OLD).revoked_at = now
    assert "revoked" in signed_in(pair).get("/duplicates").text
    assert _decide(pair, "same") == 302
    assert _device(pair, OLD).revoked_at == now


def test_only_an_administrator_decides(pair: Flask) -> None:
    lead = signed_in(pair, "lead")
    assert lead.get("/duplicates").status_code == 403
    assert lead.post("/duplicates", data={"device": NEW, "other": OLD, "decision": "same"}).status_code == 403
    assert ">Duplicates<" not in lead.get("/devices").text


def test_the_page_costs_the_same_for_one_pair_and_for_many(pair: Flask, now: datetime) -> None:
    client, costs = signed_in(pair), set()
    for begin in (0, 110):
        with counted(database(pair).engine) as statements:
            assert client.get("/duplicates").status_code == 200
        costs.add(len(statements))
        with database(pair).writer() as session, session.begin():
            for number in range(begin, 110):
                world.device(session, f"ee{number:014x}", f"n{number}", now, possible_duplicate_of=OLD)
    assert len(costs) == 1
    assert "11 more after these." in client.get("/duplicates").text
