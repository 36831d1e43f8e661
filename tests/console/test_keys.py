"""API keys on their page: shown once, never stronger than who made them, revoked, ended."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from collector.roles import ROLES
from collector.store.people import ApiKey, User
from console import keys
from console.sessions import digest
from tests.console.api.keys import Caller
from tests.console.api.keys import make as make_keys
from tests.console.conftest import database, signed_in
from tests.console.decided import audited, every


def made(app: Flask, who: str, /, **typed: str) -> str:
    """The secret that the page showed."""
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    answer = signed_in(app, who).post(
        "/keys", data={"title": "Wall display", "role": who, "until": until} | typed
    )
    assert answer.status_code == 200, answer.text
    found = re.search(r'<pre id="secret">(tocsin_[A-Za-z0-9_-]{43})</pre>', answer.text)
    assert found is not None
    return found[1]


def changed(app: Flask, model: Any, key: str, **values: object) -> None:
    with database(app).writer() as session, session.begin():
        row = session.get_one(model, key)
        for name, value in values.items():
            setattr(row, name, value)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(empty: Flask) -> None:
    secret = made(empty, "technician")
    assert secret not in signed_in(empty, "technician").get("/keys").text
    (row,) = every(empty, ApiKey)
    assert row.token_hash == digest(secret) and secret not in str(vars(row))
    assert Caller(empty, bearer=secret).get("/api/v1/devices").status_code == 200
    assert audited(empty, "API key made").who == "technician.one"


@pytest.mark.parametrize("role", ROLES)
def test_a_key_may_have_its_makers_role_or_a_lower_one(empty: Flask, role: str) -> None:
    page = signed_in(empty, role).get("/keys").text
    offered = set(re.findall(r"<option(?: selected)?>(\w+)</option>", page))
    assert offered == set(ROLES[: ROLES.index(role) + 1])
    answers = {
        other: signed_in(empty, role).post("/keys", data={"title": "x", "role": other}).status_code
        for other in (*ROLES, "root")
    }
    assert {other for other, status in answers.items() if status == 200} == offered
    assert {row.role for row in every(empty, ApiKey)} == offered


@pytest.mark.parametrize(
    ("typed", "said"),
    [({"title": " "}, "say what the key is for"), ({"until": "2020-01-01"}, "at most a year away"),
     ({"until": "2199-01-01"}, "at most a year away"), ({"until": "soon"}, "is no day")],
)  # fmt: skip
def test_what_is_wrong_with_a_wish_is_said_and_the_rest_stays_typed(
    empty: Flask, typed: dict[str, str], said: str
) -> None:
    answer = signed_in(empty, "lead").post(
        "/keys", data={"title": "Figures", "role": "viewer", "until": ""} | typed
    )
    assert answer.status_code == 400 and said.casefold() in answer.text.casefold()
    assert "<option selected>viewer</option>" in answer.text and every(empty, ApiKey) == []


def test_without_a_day_a_key_lasts_ninety_days(empty: Flask) -> None:
    made(empty, "viewer", until="")
    (row,) = every(empty, ApiKey)
    assert row.expires_at - row.created_at == timedelta(days=90)


def test_nobody_hoards_keys(empty: Flask, now: datetime) -> None:
    with database(empty).writer() as session, session.begin():
        session.add_all(
            ApiKey(id=f"k{n}", token_hash=str(n), title="x", user="lead.one", role="lead", created_at=now,
                   expires_at=now + timedelta(days=9)) for n in range(keys.MOST)
        )  # fmt: skip
    answer = signed_in(empty, "lead").post("/keys", data={"title": "One more", "role": "lead", "until": ""})
    assert answer.status_code == 400 and "revoke those that nobody uses" in answer.text


@pytest.mark.parametrize(
    ("model", "row", "values", "said"),
    [
        (ApiKey, "kadmin", {"revoked_at": datetime(2020, 1, 1, tzinfo=UTC)}, "revoked"),
        (ApiKey, "kadmin", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
        (User, "admin.one", {"disabled_at": datetime(2020, 1, 1, tzinfo=UTC)}, "cannot sign in any more"),
        (ApiKey, "kadmin", {"token_hash": "other"}, "not known"),
    ],
)  # fmt: skip
def test_a_dead_key_opens_nothing_and_is_told_why(
    app: Flask, model: Any, row: str, values: dict[str, object], said: str
) -> None:
    make_keys(app)
    changed(app, model, row, **values)
    answer = Caller(app).get("/api/v1/devices")
    assert answer.status_code == 401 and said in answer.json["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Bearer tocsin_", "Basic dG9jc2lu", "tocsin_" + "a" * 43, "Bearer tocsin_\xff" + "a" * 43, "Bearer " + "a" * 9000])  # fmt: skip
def test_what_is_no_key_opens_nothing(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/v1/devices", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401


def test_a_key_can_do_what_its_maker_may_do_now_and_no_more(county: Flask) -> None:
    make_keys(county)
    program, tokens = Caller(county, "admin"), "/api/v1/enrolment-tokens"
    assert program.get(tokens).status_code == 200
    changed(county, User, "admin.one", role="technician")
    assert program.get(tokens).status_code == 403
    assert program.post("/api/v1/tickets/1041/notes", {"text": "still a technician"}).status_code == 201
    changed(county, User, "admin.one", role="viewer")
    assert program.post("/api/v1/tickets/1041/notes", {"text": "no more"}).status_code == 403
    changed(county, User, "admin.one", role="root")  # a role of a newer version is no role of ours
    assert program.get("/api/v1/devices").status_code == 403


def test_a_key_of_a_lower_role_gains_nothing_by_its_maker(county: Flask) -> None:
    secret = made(county, "admin", role="viewer")
    assert Caller(county, bearer=secret).post("/api/v1/tickets/1041/notes", {"text": "x"}).status_code == 403


def test_one_revokes_ones_own_and_an_administrator_all(empty: Flask) -> None:
    make_keys(empty)
    lead = signed_in(empty, "lead")
    assert lead.post("/keys/kviewer/revoke").status_code == 404
    assert lead.post("/keys/klead/revoke").status_code == 302
    assert lead.post("/keys/klead/revoke").status_code == 409
    assert Caller(empty, "lead").get("/api/v1/devices").status_code == 401
    assert signed_in(empty, "admin").post("/keys/kviewer/revoke").status_code == 302
    assert audited(empty, "API key revoked").data == {"made by": "viewer.one"}


def test_one_sees_ones_own_keys_and_an_administrator_all(empty: Flask) -> None:
    make_keys(empty)
    own, all_of_them = signed_in(empty, "lead").get("/keys").text, signed_in(empty, "admin").get("/keys").text
    assert "lead&#39;s figures" in own and "viewer&#39;s figures" not in own
    assert all(f"{role}&#39;s figures" in all_of_them for role in ROLES)
    csv = signed_in(empty, "lead").get("/keys.csv?state=any&maker=viewer.one").text
    assert "figures" not in csv


def test_a_demoted_makers_key_says_what_it_counts_as(empty: Flask) -> None:
    make_keys(empty)
    changed(empty, User, "lead.one", role="viewer")
    assert "counts as viewer" in signed_in(empty, "admin").get("/keys").text


def test_its_last_use_is_written_at_most_each_five_minutes(empty: Flask, now: datetime) -> None:
    make_keys(empty)
    changed(empty, ApiKey, "kviewer", seen_at=None)
    Caller(empty, "viewer").get("/api/v1/devices")
    (first,) = every(empty, ApiKey, ApiKey.id == "kviewer")
    Caller(empty, "viewer").get("/api/v1/devices")
    (second,) = every(empty, ApiKey, ApiKey.id == "kviewer")
    assert first.seen_at is not None and first.seen_at == second.seen_at


def test_history_and_audit_name_the_key_beside_its_maker(county: Flask) -> None:
    make_keys(county)
    Caller(county, "technician").post("/api/v1/tickets/1041/notes", {"text": "by a program"})
    assert audited(county, "note written").who == "technician.one (technician's figures)"
    assert (
        "technician.one (technician&#39;s figures)" in signed_in(county, "viewer").get("/tickets/1041").text
    )
