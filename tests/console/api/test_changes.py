"""Changes through the API: only of what was seen, creations only once, and as the pages would."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from collector import retention
from collector.store.enrolment import EnrolmentToken
from collector.store.overrides import Override
from collector.store.people import AuditEntry, Creation
from collector.store.situations import Maintenance
from collector.store.tickets import Ticket, TicketEvent
from console import create_app, devices, tickets
from console.config import Config
from tests.console import decided, world
from tests.console.api import keys
from tests.console.conftest import database
from tests.console.decided import FULL, RECORDER, audited, every

T1041 = "/api/v1/tickets/1041"
WORK = {
    "site": world.COURT,
    "starts_at": "2199-01-01T08:00:00-06:00",
    "ends_at": "2199-01-01T12:00:00-06:00",
    "why": "Switches",
}
OVERRIDE = {
    "scope": "device",
    "device_id": RECORDER,
    "changes": {"hold": "3h"},
    "why": "Recordings are moved at night",
}
TOKEN = {"site": "A new one", "group": "av", "uses": 3}


@pytest.fixture
def county(county: Flask) -> Flask:
    keys.make(county)
    return county


def tag(program: keys.Caller, path: str) -> str:
    return str(program.get(path).headers["ETag"])


def test_a_ticket_is_moved_by_who_has_seen_it(county: Flask) -> None:
    program = keys.Caller(county, "technician")
    answer = program.patch(
        "/api/v1/tickets/1042",
        {"state": "in_progress", "assignee": "me"},
        tag(program, "/api/v1/tickets/1042"),
    )
    assert answer.status_code == 200, answer.json
    assert (answer.json["state"], answer.json["assignee"]) == ("in_progress", "technician.one")
    assert answer.headers["ETag"] == tag(program, "/api/v1/tickets/1042")
    assert audited(county, "ticket moved to in_progress").subject == "ticket 1042"


def test_without_if_match_nothing_is_changed(county: Flask) -> None:
    program = keys.Caller(county)
    answer = program.patch(T1041, {"state": "resolved"})
    assert answer.status_code == 428 and "If-Match" in answer.json["detail"]
    assert program.patch(T1041, {"state": "resolved"}, "*").status_code == 428
    assert program.get(T1041).json["state"] == "in_progress"


def test_who_has_not_seen_what_happened_since_changes_nothing(county: Flask) -> None:
    program = keys.Caller(county)
    seen = tag(program, T1041)
    assert program.post(f"{T1041}/notes", {"text": "The disk is on its way"}).status_code == 201
    answer = program.patch(T1041, {"state": "resolved"}, seen)
    assert answer.status_code == 412 and "read it again" in answer.json["detail"].casefold()
    assert program.patch(T1041, {"state": "resolved"}, f"W/{tag(program, T1041)}").status_code == 412
    assert program.get(T1041).json["state"] == "in_progress"


def test_who_has_it_already_is_sent_nothing(county: Flask) -> None:
    program = keys.Caller(county)
    answer = program.get(T1041, {"If-None-Match": tag(program, T1041)})
    assert answer.status_code == 304 and answer.data == b""


def test_an_illegal_move_is_refused_with_what_is_legal(county: Flask) -> None:
    program = keys.Caller(county)
    answer = program.patch(T1041, {"state": "closed", "outcome": "real"}, tag(program, T1041))
    assert answer.status_code == 409 and answer.json["legal"] == ["pending", "resolved"]


def test_a_move_and_a_priority_are_both_done_or_none(county: Flask) -> None:
    program = keys.Caller(county)
    both = {"state": "resolved", "note": "Replaced", "priority": 2}
    assert program.patch(T1041, both, tag(program, T1041)).status_code == 409  # no word why
    assert program.get(T1041).json["state"] == "in_progress"
    answer = program.patch(T1041, {**both, "why": "The judge waits"}, tag(program, T1041))
    assert (answer.json["state"], answer.json["priority"], answer.json["version"]) == ("resolved", 2, 5)


def test_cancelling_is_for_a_lead_and_a_viewer_gets_no_tickets(county: Flask) -> None:
    technician, lead, path = (
        keys.Caller(county, "technician"),
        keys.Caller(county, "lead"),
        "/api/v1/tickets/1042",
    )
    cancelled = {"state": "cancelled", "reason": "test"}
    assert technician.patch(path, cancelled, tag(technician, path)).status_code == 403
    given = {"state": "assigned", "assignee": "viewer.one"}
    assert technician.patch(path, given, tag(technician, path)).status_code == 409
    assert lead.patch(path, cancelled, tag(lead, path)).json["state"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body"), ({"state": "in_progress", "colour": "red"}, "body.colour"), ({"state": 5}, "body.state"), ({"priority": "2"}, "body.priority"),
        ({"state": "resolved", "note": "a\x00b"}, "body.note"), ({"state": "pending", "follow_up_at": "2026-01-01T00:00:00"}, "body.follow_up_at"),
        ({"state": "pending", "follow_up_at": "0001-01-01T00:00:00Z"}, "body.follow_up_at"), ({"priority": True}, "body.priority"), ([], "body"),
        ({"assignee": "me"}, "body"), ({"state": "resolved", "part_used": "x" * 101}, "body.part_used"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(county: Flask, body: object, where: str) -> None:
    program = keys.Caller(county)
    answer = program.patch(T1041, body, tag(program, T1041))
    assert answer.status_code == 422
    assert answer.json["errors"][0]["where"].startswith(where)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [(b"{", "application/json", 422), (b'{"text":"\\ud800"}', "application/json", 422), (b"text=x", "application/x-www-form-urlencoded", 415),
     (b'{"text":"x"}', "text/plain", 415), (b"", "application/json", 422), (b'{"text":"' + b"x" * 70_000 + b'"}', "application/json", 413)],
)  # fmt: skip
def test_a_body_that_is_none_is_refused(county: Flask, data: bytes, kind: str, status: int) -> None:
    answer = keys.Caller(county).call("POST", f"{T1041}/notes", {"Content-Type": kind}, data=data)
    assert answer.status_code == status and answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [("/api/v1/planned-work", WORK, Maintenance), ("/api/v1/rules/filesystem_nearly_full/overrides", OVERRIDE, Override),
     (f"{T1041}/notes", {"text": "Once"}, TicketEvent)],
)  # fmt: skip
def test_a_creation_with_a_name_happens_once(
    county: Flask, path: str, body: dict[str, Any], model: Any
) -> None:
    program, name = keys.Caller(county, "lead"), {"Idempotency-Key": "import-17"}
    before = len(every(county, model))
    first, second = program.post(path, body, name), program.post(path, dict(reversed(body.items())), name)
    assert first.status_code == second.status_code == 201 and first.data == second.data
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (
        None,
        "true",
    )
    assert len(every(county, model)) == before + 1
    third = program.post(path, body | {"why": "Another"} if "why" in body else {"text": "Another"}, name)
    assert third.status_code == 422 and "another request" in third.json["detail"]
    assert program.post(path, body, {"Idempotency-Key": "import-18"}).status_code == 201


def test_a_name_is_its_persons_own_and_no_endless_text(county: Flask) -> None:
    name = {"Idempotency-Key": "same"}
    for role in ("technician", "lead"):
        assert (
            "Idempotency-Replayed"
            not in keys.Caller(county, role).post("/api/v1/planned-work", WORK, name).headers
        )
    for bad in ("", "x" * 101, "with blank", "bl\xf6d"):
        answer = keys.Caller(county).post("/api/v1/planned-work", WORK, {"Idempotency-Key": bad})
        assert answer.status_code == 422 and answer.json["errors"][0]["where"] == "header.Idempotency-Key"


def test_what_was_refused_may_be_mended_and_sent_again_under_its_name(county: Flask) -> None:
    program, name = keys.Caller(county), {"Idempotency-Key": "mended"}
    assert program.post("/api/v1/planned-work", WORK | {"site": "Nowhere"}, name).status_code == 422
    assert program.post("/api/v1/planned-work", WORK, name).status_code == 201


def test_a_tokens_secret_is_answered_once_and_kept_nowhere(county: Flask) -> None:
    program, name = keys.Caller(county, "lead"), {"Idempotency-Key": "tokens-1"}
    first = program.post("/api/v1/enrolment-tokens", TOKEN, name)
    secret = first.json["token"].split(".")[1]
    assert first.status_code == 201 and first.json["url"] == first.headers["Location"]
    again = program.post("/api/v1/enrolment-tokens", TOKEN, name)
    assert again.status_code == 409 and first.json["url"] in again.json["detail"]
    assert secret not in again.text + "".join(row.body for row in every(county, Creation))
    assert len(every(county, EnrolmentToken, EnrolmentToken.site == "A new one")) == 1
    assert "token" not in program.get(first.json["url"]).json


def test_answers_to_creations_are_kept_for_two_days(county: Flask, now: datetime) -> None:
    keys.Caller(county).post("/api/v1/planned-work", WORK, {"Idempotency-Key": "old"})
    assert retention.prune(database(county).engine, now + timedelta(hours=47), 30)["creation"] == 0
    assert retention.prune(database(county).engine, now + timedelta(hours=49), 30)["creation"] == 1


@pytest.mark.parametrize(
    ("made_at", "body", "verb", "ended"),
    [("/api/v1/planned-work", WORK, "call-off", "ended_at"), ("/api/v1/rules/filesystem_nearly_full/overrides", OVERRIDE, "end", "ended_at"),
     ("/api/v1/enrolment-tokens", TOKEN, "revoke", "revoked_at"),
     (f"/api/v1/devices/{RECORDER}/accepted-values", {"finding_id": FULL, "why": "Known"}, "end", "ended_at")],
)  # fmt: skip
def test_what_was_made_is_ended_once_by_who_has_seen_it(
    county: Flask, made_at: str, body: dict[str, Any], verb: str, ended: str
) -> None:
    program = keys.Caller(county, "lead")
    made = program.post(made_at, body)
    assert made.status_code == 201, made.json
    url = made.json["url"]
    seen = tag(program, url)
    assert program.post(f"{url}/{verb}").status_code == 428
    over = program.post(f"{url}/{verb}", None, {"If-Match": seen})
    assert over.status_code == 200 and over.json[ended] is not None
    assert program.post(f"{url}/{verb}", None, {"If-Match": seen}).status_code == 412
    assert program.post(f"{url}/{verb}", None, {"If-Match": over.headers["ETag"]}).status_code == 409
    assert program.get(url).json[ended] == over.json[ended]


@pytest.mark.parametrize(
    ("body", "said"),
    [(OVERRIDE | {"scope": "site"}, "needs site"), (OVERRIDE | {"changes": {"metric": "x"}}, "not a key that an override may change"),
     (OVERRIDE | {"changes": {"hold": "soon"}}, "hold"), (OVERRIDE | {"device_id": "gone"}, "no device 'gone'"),
     ({"scope": "device_class", "device_class": "toaster", "changes": {"enabled": False}, "why": "x"}, "one of desktop"),
     (OVERRIDE | {"until_at": "2001-01-01T00:00:00Z"}, "past"), (OVERRIDE | {"changes": {}}, "changes")],
)  # fmt: skip
def test_an_override_that_does_not_hold_together_is_refused_in_words(
    county: Flask, body: dict[str, Any], said: str
) -> None:
    answer = keys.Caller(county).post("/api/v1/rules/filesystem_nearly_full/overrides", body)
    assert answer.status_code == 422 and said in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [(WORK | {"time_zone": "America"}, "time zone"), (WORK | {"time_zone": "x" * 100}, "time zone"), (WORK | {"rule": "none_such"}, "rule"),
     (WORK | {"site": "", "room": "2"}, "site"), (WORK | {"ends_at": WORK["starts_at"]}, "before it begins"),
     (WORK | {"until_at": "2199-02-01T00:00:00Z"}, "weekly"), (WORK | {"why": " \n"}, "why")],
)  # fmt: skip
def test_planned_work_that_does_not_hold_together_is_refused_in_words(
    county: Flask, body: dict[str, Any], said: str
) -> None:
    answer = keys.Caller(county).post("/api/v1/planned-work", body)
    assert answer.status_code == 422 and said in answer.json["detail"]


def test_a_room_is_asked_once_while_it_waits(county: Flask) -> None:
    program = keys.Caller(county, "technician")
    room = program.get("/api/v1/rooms?q=courtroom").json["items"][0]["url"]
    first, second = program.post(f"{room}/checks"), program.post(f"{room}/checks")
    assert first.status_code == second.status_code == 201 and first.json["url"] == second.json["url"]
    assert program.get(first.json["url"]).json["verdict"] == ""


# Two at the same moment, as only PostgreSQL lets them be.


@pytest.fixture
def racing(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[Flask]:
    app = create_app(Config(state_dir=tmp_path, database=engine.url.render_as_string(hide_password=False)))
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        decided.build(session, now)
    keys.make(app, now)
    yield app
    database(app).engine.dispose()


def both(app: Flask, method: str, path: str, bodies: list[Any], headers: dict[str, str]) -> list[int]:
    together = threading.Barrier(len(bodies))

    def call(body: Any) -> int:
        program = keys.Caller(app, "lead")
        together.wait(10)
        return program.call(method, path, headers, json=body).status_code

    with ThreadPoolExecutor(len(bodies)) as threads:
        return sorted(threads.map(call, bodies))


def test_every_list_in_every_order_and_every_change_works_on_both_databases(racing: Flask) -> None:
    program, wrong = keys.Caller(racing), {}
    orders = [f"devices?sort={key}" for key in devices.SORTS] + [
        f"tickets?state=any&sort=-{key}" for key in tickets.SORTS
    ]
    narrow = ("findings?severity=critical&suppressed=0&sort=device", f"findings?state=any&device={RECORDER}", "overrides?state=any",
              "overrides?state=over&rule=x", "planned-work?state=any&site=x", "enrolment-tokens?state=any&sort=expires", "rooms?q=court",
              "situations?state=any", "coverage", "sites", "rules", f"devices/{RECORDER}", "tickets/1041", "devices?q=S4EV&newly=1&probe=x&reason=y")  # fmt: skip
    for path in (*orders, *narrow):
        url = f"/api/v1/{path}"
        while url:
            answer = program.get(
                url
                + (
                    ""
                    if "after" in url or "/" in path or path in ("coverage", "rules")
                    else f"{'&' if '?' in url else '?'}limit=3"
                )
            )
            if answer.status_code != 200:
                wrong[path] = answer.json
                break
            url = answer.json.get("next")
    assert wrong == {}
    for path, body in (
        ("planned-work", WORK),
        ("rules/filesystem_nearly_full/overrides", OVERRIDE),
        ("enrolment-tokens", TOKEN),
    ):
        for _ in range(2):
            answer = program.post(f"/api/v1/{path}", body, {"Idempotency-Key": path.replace("/", ".")})
        assert answer.status_code == (409 if body is TOKEN else 201)


def test_of_two_at_once_one_changes_and_the_other_hears_that_it_was_late(racing: Flask) -> None:
    program = keys.Caller(racing, "lead")
    bodies = [{"state": "resolved", "note": f"by {n}"} for n in range(2)]
    assert both(racing, "PATCH", T1041, bodies, {"If-Match": tag(program, T1041)}) == [200, 412]
    with database(racing).reader() as session:
        ticket = session.scalars(select(Ticket).where(Ticket.number == 1041)).one()
        assert ticket.version == 4
    made = program.post("/api/v1/rules/filesystem_nearly_full/overrides", OVERRIDE).json["url"]
    assert both(racing, "POST", f"{made}/end", [None, None], {"If-Match": tag(program, made)}) == [200, 412]
    assert len(every(racing, AuditEntry, AuditEntry.action == "override ended")) == 1


def test_of_two_creations_under_one_name_one_happens(racing: Flask) -> None:
    before = len(every(racing, Maintenance))
    assert both(racing, "POST", "/api/v1/planned-work", [WORK, WORK], {"Idempotency-Key": "twins"}) == [
        201,
        201,
    ]
    assert len(every(racing, Maintenance)) == before + 1


def test_of_two_who_accept_the_same_value_neither_sees_an_error_of_the_database(racing: Flask) -> None:
    path, body = f"/api/v1/devices/{RECORDER}/accepted-values", {"finding_id": FULL, "why": "Known"}
    assert set(both(racing, "POST", path, [body, body], {})) <= {201, 409}
    assert len(keys.Caller(racing).get(path).json["items"]) == 1
