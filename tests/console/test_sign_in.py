"""Signing in and out, sessions, and the lock-out."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from collector.store.people import AuditEntry, SignInFailure, SignInSession, User
from console import guard, lockout, passwords
from tests.console import world
from tests.console.conftest import database, make_app, signed_in


def enter(
    client: FlaskClient, name: str = "admin.one", password: str = world.PASSWORD, **more: str
) -> TestResponse:
    return client.post("/sign-in", data={"name": name, "password": password, **more})


def test_the_right_password_opens_the_first_page(empty: Flask) -> None:
    client = empty.test_client()
    answer = enter(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_the_cookie_is_for_the_server_only_and_the_database_keeps_only_its_hash(empty: Flask) -> None:
    client = empty.test_client()
    cookie = next(c for c in enter(client).headers.getlist("Set-Cookie") if c.startswith("tocsin="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    token = cookie.removeprefix("tocsin=").split(";")[0]
    with database(empty).reader() as session:
        assert session.scalars(select(SignInSession.token_hash)).all() == [sha256(token.encode()).hexdigest()]


def test_over_https_the_cookies_are_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    app = make_app(tmp_path, https=True)
    with database(app).writer() as session, session.begin():
        from datetime import UTC, datetime

        world.people(session, datetime.now(UTC))
    answer = enter(app.test_client())
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(c.startswith("__Host-tocsin=") for c in cookies)
    assert all("Secure" in c for c in cookies if "Max-Age=0" not in c)
    assert answer.headers["Strict-Transport-Security"]
    database(app).engine.dispose()


def test_signing_in_gives_a_new_token_and_ends_the_old_session(empty: Flask) -> None:
    client = empty.test_client()
    client.set_cookie("tocsin", "chosen-by-an-attacker")
    enter(client)
    first = client.get_cookie("tocsin")
    enter(client)
    second = client.get_cookie("tocsin")
    assert first is not None and second is not None
    assert len({"chosen-by-an-attacker", first.value, second.value}) == 3
    with database(empty).reader() as session:
        assert len(session.scalars(select(SignInSession)).all()) == 1


@pytest.mark.parametrize(("name", "password"), [("admin.one", "wrong"), ("nobody", world.PASSWORD), ("", ""), ("admin.one", "x" * 50_000)])  # fmt: skip
def test_a_wrong_name_or_password_says_the_same(empty: Flask, name: str, password: str) -> None:
    answer = enter(empty.test_client(), name, password)
    assert answer.status_code == 401
    assert "do not go together" in answer.text
    assert not any(c.startswith("tocsin=") for c in answer.headers.getlist("Set-Cookie"))


def test_an_unknown_name_costs_what_a_known_one_does(empty: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: one hash of the same cost is checked for either."""
    checked: list[Parameters] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            checked.append(extract_parameters(str(hash)))
            return super().verify(hash, password)

    monkeypatch.setattr(
        passwords, "_HASHER", Counting.from_parameters(extract_parameters(passwords._nobody()))
    )
    for name in ("admin.one", "nobody-here"):
        assert enter(empty.test_client(), name, "wrong").status_code == 401
    known, unknown = checked
    assert known == unknown


def test_five_failures_lock_the_name_even_for_the_right_password(empty: Flask) -> None:
    client = empty.test_client()
    for _ in range(lockout.PER_NAME):
        assert enter(client, password="wrong").status_code == 401
    answer = enter(client)
    assert answer.status_code == 429
    assert "15 minutes" in answer.text
    assert enter(client, "lead.one").status_code == 302


def test_twenty_failures_lock_the_address(empty: Flask) -> None:
    client = empty.test_client()
    for number in range(lockout.PER_ADDRESS):
        enter(client, f"guess{number}", "wrong")
    assert enter(client).status_code == 429
    other = client.post("/sign-in", data={"name": "admin.one", "password": world.PASSWORD}, environ_base={"REMOTE_ADDR": "10.9.9.9"})  # fmt: skip
    assert other.status_code == 302


def test_the_lock_out_ends_after_fifteen_minutes_and_holds_over_processes(empty: Flask) -> None:
    client = empty.test_client()
    for _ in range(lockout.PER_NAME):
        enter(client, password="wrong")
    with database(empty).writer() as session, session.begin():
        assert len(session.scalars(select(SignInFailure)).all()) == lockout.PER_NAME
        session.execute(update(SignInFailure).values(at=SignInFailure.at))
        for row in session.scalars(select(SignInFailure)):
            row.at -= lockout.WINDOW + timedelta(seconds=1)
    assert enter(client).status_code == 302


def test_a_right_password_forgets_the_failures_before_it(empty: Flask) -> None:
    client = empty.test_client()
    for _ in range(3):
        for _ in range(lockout.PER_NAME - 1):
            enter(client, password="wrong")
        assert enter(client).status_code == 302


def test_a_disabled_user_neither_signs_in_nor_stays(empty: Flask) -> None:
    client = signed_in(empty, "lead")
    assert client.get("/").status_code == 200
    with database(empty).writer() as session, session.begin():
        user = session.get_one(User, "lead.one")
        user.disabled_at = user.created_at
    assert client.get("/").status_code == 302
    assert enter(empty.test_client(), "lead.one").status_code == 401


@pytest.mark.parametrize("column", ["seen_at", "expires_at"])
def test_a_session_ends_by_idleness_and_by_age(empty: Flask, column: str) -> None:
    client = signed_in(empty)
    with database(empty).writer() as session, session.begin():
        row = session.scalars(select(SignInSession)).one()
        setattr(row, column, row.created_at - timedelta(hours=8, minutes=1))
    assert client.get("/").headers["Location"].startswith("/sign-in")


def test_use_keeps_a_session_alive(empty: Flask) -> None:
    client = signed_in(empty)
    with database(empty).writer() as session, session.begin():
        row = session.scalars(select(SignInSession)).one()
        before = row.seen_at = row.seen_at - timedelta(hours=7)
    client.get("/")
    with database(empty).reader() as session:
        assert session.scalars(select(SignInSession.seen_at)).one() > before + timedelta(hours=6)


def test_signing_out_ends_the_session_in_the_database(empty: Flask) -> None:
    client = signed_in(empty)
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    with database(empty).reader() as session:
        assert session.scalars(select(SignInSession)).all() == []
        assert "signed out" in session.scalars(select(AuditEntry.action)).all()


def test_one_can_end_another_browser_of_ones_own_but_nobody_elses(empty: Flask) -> None:
    mine, other, hers = signed_in(empty, "lead"), signed_in(empty, "lead"), signed_in(empty, "viewer")
    tokens = {name: client.get_cookie("tocsin").value for name, client in (("other", other), ("hers", hers))}  # type: ignore[union-attr]
    for token in tokens.values():
        mine.post(f"/account/sessions/{sha256(token.encode()).hexdigest()}/end")
    assert other.get("/").status_code == 302
    assert hers.get("/").status_code == 200


def test_a_changed_password_signs_other_browsers_out(empty: Flask) -> None:
    mine, other = signed_in(empty, "lead"), signed_in(empty, "lead")
    mine.post("/account/password", data={"current": world.PASSWORD, "new": "another long sentence"})
    assert mine.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert enter(empty.test_client(), "lead.one", "another long sentence").status_code == 302


@pytest.mark.parametrize("new", ["short", "aaaaaaaaaaaaaaa", "x" * 2000])
def test_a_weak_password_is_refused_in_words(empty: Flask, new: str) -> None:
    client = signed_in(empty, "lead")
    client.post("/account/password", data={"current": world.PASSWORD, "new": new})
    assert "password" in client.get("/account").text
    assert enter(empty.test_client(), "lead.one").status_code == 302


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "http:/evil.example", "/\tevil", "/ok\r\nSet-Cookie: x=y", " //evil.example", "evil", "",
    ],
)  # fmt: skip
def test_next_never_leaves_the_console(empty: Flask, wanted: str) -> None:
    with empty.test_request_context():
        assert guard.safe_next(wanted) == "/"
    assert enter(empty.test_client(), next=wanted).headers["Location"] == "/"


def test_next_leads_back_to_the_page_one_wanted(empty: Flask) -> None:
    client = empty.test_client()
    door = client.get("/devices?presence=silent&sort=-age").headers["Location"]
    assert 'value="/devices?presence=silent&amp;sort=-age"' in client.get(door).text
    answer = enter(client, next="/devices?presence=silent&sort=-age")
    assert answer.headers["Location"] == "/devices?presence=silent&sort=-age"


def test_without_users_the_door_says_how_to_make_the_first(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    assert "tocsin-console user add NAME --role admin" in app.test_client().get("/sign-in").text
    database(app).engine.dispose()
