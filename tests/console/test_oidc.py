"""Signing in by an identity provider: one of the tests' own, over real HTTP, honest and lying."""

import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select
from werkzeug.test import TestResponse

from collector.store.people import AuditEntry, SignInFailure, SignInSession, User
from console import admission, create_app, oidc, passwords
from console.config import Config
from console.provider import Provider
from tests.console import world
from tests.console.conftest import TEMPLATES, database, signed_in
from tests.console.identity_provider import CLIENT, SECRET, IdentityProvider, new_key, served

GROUPS = {"Tocsin.Viewer": "viewer", "Tocsin.Technician": "technician", "Tocsin.Admin": "admin"}


@pytest.fixture(scope="module")
def _server() -> Iterator[IdentityProvider]:
    with served() as provider:
        yield provider


@pytest.fixture
def idp(_server: IdentityProvider) -> IdentityProvider:
    _server.truth()
    return _server


def console_of(tmp_path: Path, idp: IdentityProvider, url: str, **settings: Any) -> Flask:
    secret = tmp_path / "client-secret"
    secret.write_text(f"{SECRET}\n")
    config = Config(
        state_dir=tmp_path, database=url, oidc_issuer=idp.issuer, oidc_client_id=CLIENT,
        oidc_client_secret_file=str(secret), **{"oidc_groups": GROUPS, "oidc_title": "the County", **settings},
    )  # fmt: skip
    app = create_app(config)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    app.jinja_env.bytecode_cache = TEMPLATES
    return app


@pytest.fixture(scope="module")
def _console(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path], _server: IdentityProvider
) -> Iterator[Flask]:
    place = tmp_path_factory.mktemp("console")
    (place / "t.db").write_bytes(files["empty"].read_bytes())
    app = console_of(place, _server, f"sqlite:///{place}/t.db")
    yield app
    database(app).engine.dispose()


@pytest.fixture
def desk(_console: Flask, idp: IdentityProvider) -> Flask:
    """A console whose people come by the provider, with one local user a role; nobody has come yet."""
    _console.extensions["provider"] = Provider(_console.extensions["config"])
    with database(_console).writer() as session, session.begin():
        session.execute(delete(User).where(User.subject.is_not(None)))
        for table in (SignInSession, SignInFailure, AuditEntry):
            session.execute(delete(table))
    return _console


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def sent_back(begun: TestResponse) -> str:
    """The path with which the provider sends the browser back."""
    assert begun.status_code == 302, begun.text
    try:
        urllib.request.build_opener(_Stay).open(begun.headers["Location"], timeout=5)
    except urllib.error.HTTPError as answer:
        there = urlsplit(answer.headers["Location"])
        answer.close()
    assert there.hostname == "localhost"
    return f"{there.path}?{there.query}"


def enter(client: FlaskClient, wanted: str = "") -> TestResponse:
    return client.get(
        sent_back(client.get("/sign-in/provider", query_string={"next": wanted} if wanted else {}))
    )


def people_of(app: Flask) -> dict[str, User]:
    with database(app).reader() as session:
        return {user.name: user for user in session.scalars(select(User)) if user.subject}


def sessions_of(app: Flask) -> int:
    with database(app).reader() as session:
        return len(session.scalars(select(SignInSession)).all())


def actions(app: Flask) -> list[tuple[str, str]]:
    with database(app).reader() as session:
        return [(row.who, row.action) for row in session.scalars(select(AuditEntry).order_by(AuditEntry.at))]


def test_a_person_of_the_provider_comes_in_with_the_role_of_their_group(
    desk: Flask, idp: IdentityProvider
) -> None:
    client = desk.test_client()
    answer = enter(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    ada = people_of(desk)["ada@court.example"]
    assert (ada.role, ada.subject, ada.password_hash) == ("technician", f"{idp.issuer}#0a1b", "")
    assert ("identity provider", "user added") in actions(desk)
    assert ("ada@court.example", "signed in") in actions(desk)
    assert client.get("/people").status_code == 403


def test_the_page_they_wanted_is_the_page_they_get(desk: Flask) -> None:
    client = desk.test_client()
    door = client.get("/devices?presence=silent").headers["Location"]
    assert 'href="/sign-in/provider?next=/devices?presence%3Dsilent"' in client.get(door).text
    assert enter(client, "/devices?presence=silent").headers["Location"] == "/devices?presence=silent"


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "/" + "x" * 900]
)
def test_next_never_leaves_the_console(desk: Flask, wanted: str) -> None:
    assert enter(desk.test_client(), wanted).headers["Location"] == "/"


def test_the_role_is_that_of_today(desk: Flask, idp: IdentityProvider) -> None:
    enter(desk.test_client())
    idp.person["roles"] = ["Tocsin.Viewer", "Tocsin.Admin", "Something.Else"]
    client = desk.test_client()
    enter(client)
    assert people_of(desk)["ada@court.example"].role == "admin"
    assert client.get("/people").status_code == 200
    idp.person["roles"] = "Tocsin.Viewer"  # one value may come as a text
    enter(desk.test_client())
    assert client.get("/people").status_code == 403  # also where they are signed in already
    assert actions(desk).count(("identity provider", "role changed")) == 2


def test_who_they_are_is_their_subject_and_not_their_name(desk: Flask, idp: IdentityProvider) -> None:
    enter(desk.test_client())
    idp.person["preferred_username"] = "ada.married@court.example"
    enter(desk.test_client())
    assert list(people_of(desk)) == ["ada@court.example"]


LIES = [
    ("none", {}), ("HS256 with the public key", {}), ("an unknown key", {}), ("another key under the same name", {}),
    ("changed afterwards", {}), ("", {"nonce": "another"}), ("", {"nonce": None}), ("", {"aud": "somebody-else"}), ("", {"aud": "somebody-else", "azp": CLIENT}),
    ("", {"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"}), ("", {"iss": "https://evil.example"}), ("", {"iss": None}),
    ("", {"exp": 1_500_000_000}), ("", {"exp": None}), ("", {"nbf": 4_000_000_000}), ("", {"iat": 4_000_000_000}), ("", {"sub": None}),
    ("", {"sub": ""}), ("", {"sub": "x" * 256}), ("", {"sub": "a\nb"}), ("", {"sub": 7}), ("", {"at_hash": "AAAA"}),
    ("token elsewhere", {}), ("token is a page", {}), ("token is a list", {}), ("token without an ID token", {}),
    ("token 500", {}), ("token without end", {}),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "claims"), LIES)
def test_a_lie_lets_nobody_in_and_no_secret_into_the_log(
    desk: Flask, idp: IdentityProvider, caplog: pytest.LogCaptureFixture, lie: str, claims: dict[str, Any]
) -> None:
    caplog.set_level("DEBUG")
    idp.lie, idp.answer_claims = lie, claims
    answer = enter(desk.test_client())
    assert answer.status_code in (502, 503)
    assert "the County" in answer.text and 'role="alert"' in answer.text
    assert not any(cookie.startswith("tocsin=") for cookie in answer.headers.getlist("Set-Cookie"))
    assert sessions_of(desk) == 0 and people_of(desk) == {}
    assert "refused sign-in" in caplog.text
    assert "/elsewhere" not in idp.asked
    assert idp.told and not any(secret in caplog.text or secret in answer.text for secret in idp.told)
    idp.lie, idp.answer_claims = "", {}
    assert enter(desk.test_client()).status_code == 302  # and the next honest answer does


def test_clocks_may_differ_by_a_little(desk: Flask, idp: IdentityProvider, now: datetime) -> None:
    soon = int(now.timestamp()) + 30
    idp.answer_claims = {"nbf": soon, "iat": soon}
    assert enter(desk.test_client()).status_code == 302


def test_a_provider_that_hangs_is_given_up(desk: Flask, idp: IdentityProvider) -> None:
    desk.extensions["provider"].patience = 0.2
    idp.lie = "token hangs"
    answer = enter(desk.test_client())
    idp.hang.set()
    assert answer.status_code == 503
    assert "the County does not answer" in answer.text
    assert sessions_of(desk) == 0


def test_a_new_key_of_the_provider_is_fetched_when_it_is_first_met(
    desk: Flask, idp: IdentityProvider
) -> None:
    enter(desk.test_client())
    idp.key = new_key("k3")
    idp.published = [idp.key]
    assert enter(desk.test_client()).status_code == 302
    assert idp.asked.count("/keys") == 2
    idp.lie = "an unknown key"
    assert enter(desk.test_client()).status_code == 502
    assert idp.asked.count("/keys") == 3  # looked once more, and no further
    assert idp.asked.count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://evil.example"}, {"issuer": None}, {"token_endpoint": "http://login.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": "file:///etc/passwd"}, {"token_endpoint": None},
        {"token_endpoint": "https://user:word@login.example/"}, {"end_session_endpoint": "http://10.0.0.1/"}, {"jwks_uri": 7},
    ],
)  # fmt: skip
def test_a_description_that_leads_elsewhere_is_not_followed(
    desk: Flask, idp: IdentityProvider, told: dict[str, Any]
) -> None:
    idp.description = told
    answer = desk.test_client().get("/sign-in/provider")
    assert answer.status_code == 502
    assert idp.asked == ["/.well-known/openid-configuration"]


def test_without_the_provider_the_password_still_opens_the_door(desk: Flask, idp: IdentityProvider) -> None:
    idp.description = {"issuer": "broken"}
    client = desk.test_client()
    page = client.get("/sign-in/provider").text
    assert 'name="password"' in page
    assert client.post("/sign-in", data={"name": "admin.one", "password": world.PASSWORD}).status_code == 302


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"roles": None}, "did not say which role"),
        ({"roles": []}, "none of your roles or groups"),
        ({"roles": ["Another.App"]}, "none of your roles or groups"),
        ({"roles": [["Tocsin.Admin"], 7, None]}, "none of your roles or groups"),
        ({"roles": None, "_claim_names": {"roles": "src1"}}, "more groups than the County sends along"),
        ({"preferred_username": None}, "sent no name"),
        ({"preferred_username": "  "}, "sent no name"),
        ({"preferred_username": "tocsin"}, "sent no name"),
        ({"preferred_username": "Admin.One"}, "already another user called Admin.One"),
    ],
)
def test_who_may_not_come_in_is_told_why_and_whom_to_ask(
    desk: Flask, idp: IdentityProvider, claims: dict[str, Any], words: str
) -> None:
    idp.answer_claims = claims
    answer = enter(desk.test_client())
    assert answer.status_code == 403
    assert words in answer.text and "an administrator of Tocsin" in answer.text
    assert sessions_of(desk) == 0 and people_of(desk) == {}


def test_a_name_of_another_subject_is_not_taken_over(desk: Flask, idp: IdentityProvider) -> None:
    enter(desk.test_client())
    idp.person["sub"] = "another-person-who-got-the-address"
    assert enter(desk.test_client()).status_code == 403
    assert people_of(desk)["ada@court.example"].subject == f"{idp.issuer}#0a1b"


def test_a_person_disabled_here_stays_out(desk: Flask, idp: IdentityProvider) -> None:
    client = desk.test_client()
    enter(client)
    assert signed_in(desk).post("/people/ada@court.example/disable").status_code == 302
    assert client.get("/").status_code == 302
    answer = enter(client)
    assert answer.status_code == 403 and "disabled your account" in answer.text
    assert client.get("/").status_code == 302


def test_who_lost_their_group_is_signed_out_wherever_they_are(desk: Flask, idp: IdentityProvider) -> None:
    there = desk.test_client()
    enter(there)
    idp.person["roles"] = []
    assert enter(desk.test_client()).status_code == 403
    assert there.get("/").status_code == 302
    assert ("identity provider", "sign-in refused") in actions(desk)


def test_an_answer_is_good_once(desk: Flask) -> None:
    client = desk.test_client()
    back = sent_back(client.get("/sign-in/provider"))
    assert client.get(back).status_code == 302
    client.post("/sign-out")
    answer = client.get(back)
    assert answer.status_code == 400 and "Begin again" in answer.text
    assert client.get("/").status_code == 302


def test_a_code_is_not_taken_again_under_another_state(desk: Flask, idp: IdentityProvider) -> None:
    """Stolen from the address bar: the provider knows that it was used, and for which verifier it was made."""
    stolen = dict(part.split("=") for part in urlsplit(sent_back(desk.test_client().get("/sign-in/provider"))).query.split("&"))  # fmt: skip
    thief = desk.test_client()
    own = dict(part.split("=") for part in urlsplit(thief.get("/sign-in/provider").headers["Location"]).query.split("&"))  # fmt: skip
    answer = thief.get("/sign-in/provider/back", query_string={"code": stolen["code"], "state": own["state"]})
    assert answer.status_code == 502
    assert sessions_of(desk) == 0


def test_an_answer_for_another_browser_signs_nobody_in(desk: Flask) -> None:
    back = sent_back(desk.test_client().get("/sign-in/provider"))
    victim = desk.test_client()
    assert victim.get(back).status_code == 400
    victim.get("/sign-in/provider")  # with one of its own under way, too
    assert victim.get(back).status_code == 400
    assert sessions_of(desk) == 0


def test_an_answer_that_comes_too_late_is_refused(desk: Flask) -> None:
    client = desk.test_client()
    back = sent_back(client.get("/sign-in/provider"))
    with client.session_transaction() as cookie:
        cookie["provider"] = [one | {"at": one["at"] - 601} for one in cookie["provider"]]
    assert client.get(back).status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("error=access_denied&error_description=<script>alert(1)</script>", 403), ("error=<script>", 403), ("", 400), ("code=", 400),
        ("code=%00", 400), ("code=" + "x" * 9000, 400), ("code=x&iss=https://evil.example", 400),
    ],
)  # fmt: skip
def test_an_answer_without_a_code_is_refused_in_words(
    desk: Flask, idp: IdentityProvider, query: str, status: int
) -> None:
    client = desk.test_client()
    state = dict(part.split("=") for part in urlsplit(client.get("/sign-in/provider").headers["Location"]).query.split("&"))["state"]  # fmt: skip
    answer = client.get(f"/sign-in/provider/back?{query}&state={state}")
    assert answer.status_code == status
    assert "Begin again" in answer.text and "<script>" not in answer.text
    assert client.get(f"/sign-in/provider/back?code=x&state={state}").status_code == 400, (
        "there is no second answer"
    )
    assert "/token" not in idp.asked


def test_three_tabs_may_sign_in_at_once(desk: Flask) -> None:
    client = desk.test_client()
    ways = [sent_back(client.get("/sign-in/provider")) for _ in range(4)]
    assert client.get(ways[0]).status_code == 400  # the oldest of four made room
    assert client.get(ways[1]).status_code == 302


def test_the_browser_holds_neither_nonce_nor_verifier(desk: Flask, idp: IdentityProvider) -> None:
    client = desk.test_client()
    begun = client.get("/sign-in/provider")
    with client.session_transaction() as cookie:
        (entry,) = cookie["provider"]
    assert set(entry) == {"state", "at", "next"}
    with desk.app_context():
        verifier = oidc._made_of(entry["state"], "verifier")
    assert len(verifier) >= 43 and verifier not in begun.headers["Location"]


def test_the_provider_opens_no_way_in_by_password(desk: Flask) -> None:
    """Neither an empty one, nor one that an administrator or the person themself could set."""
    mine = desk.test_client()
    enter(mine)
    assert not passwords.right("", "") and not passwords.right("nobody has this password", "")
    for password in ("", "nobody has this password", world.PASSWORD):
        form = {"name": "ada@court.example", "password": password}
        assert desk.test_client().post("/sign-in", data=form).status_code == 401
    new = "a sentence that is long enough"
    assert mine.post("/account/password", data={"current": "", "new": new}).status_code == 409
    admin = signed_in(desk)
    assert admin.post("/people/ada@court.example/password", data={"password": new}).status_code == 409
    assert admin.post("/people/ada@court.example/role", data={"role": "admin"}).status_code == 409
    ada = people_of(desk)["ada@court.example"]
    assert (ada.password_hash, ada.role) == ("", "technician")
    assert "by the County" in admin.get("/people").text
    page = mine.get("/account").text
    assert "By the County" in page and 'name="current"' not in page


def test_the_last_administrator_with_a_password_stays(desk: Flask, idp: IdentityProvider) -> None:
    idp.person["roles"] = ["Tocsin.Admin"]
    client = desk.test_client()
    enter(client)
    assert client.post("/people/admin.one/disable").status_code == 409
    assert client.post("/people/admin.one/role", data={"role": "viewer"}).status_code == 409
    assert signed_in(desk).post("/people/ada@court.example/disable").status_code == 302


def test_signing_out_offers_to_sign_out_there_too(desk: Flask, idp: IdentityProvider) -> None:
    client = desk.test_client()
    enter(client)
    door = client.post("/sign-out").headers["Location"]
    assert 'href="/sign-in/provider/leave"' in client.get(door).text
    there = client.get("/sign-in/provider/leave").headers["Location"]
    assert (
        there.startswith(f"{idp.issuer}/leave?")
        and "post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Fsign-in" in there
    )
    assert client.get("/").status_code == 302
    local = signed_in(desk, "lead")
    assert "leave" not in local.get(local.post("/sign-out").headers["Location"]).text


def test_a_provider_without_a_page_to_sign_out_on_is_said(desk: Flask, idp: IdentityProvider) -> None:
    idp.description = {"end_session_endpoint": None}
    client = desk.test_client()
    assert client.get("/sign-in/provider/leave").headers["Location"] == "/sign-in"
    assert "close the browser instead" in client.get("/sign-in").text


def test_without_a_provider_there_is_no_button_and_no_way(empty: Flask) -> None:
    client = empty.test_client()
    assert "/sign-in/provider" not in client.get("/sign-in").text
    for path in ("", "/back?code=x&state=y", "/leave"):
        assert client.get(f"/sign-in/provider{path}").status_code == 404


def test_over_https_the_way_back_is_https(
    tmp_path: Path, files: dict[str, Path], idp: IdentityProvider
) -> None:
    (tmp_path / "t.db").write_bytes(files["empty"].read_bytes())
    app = console_of(tmp_path, idp, f"sqlite:///{tmp_path}/t.db", https=True)
    there = app.test_client().get("/sign-in/provider").headers["Location"]
    assert "redirect_uri=https%3A%2F%2Flocalhost%2Fsign-in%2Fprovider%2Fback" in there
    database(app).engine.dispose()


def test_groups_by_their_ids_and_names_of_another_claim(
    tmp_path: Path, files: dict[str, Path], idp: IdentityProvider
) -> None:
    (tmp_path / "t.db").write_bytes(files["empty"].read_bytes())
    group = "6f1c0a52-8a0e-4a0b-9a55-1b2f3c4d5e6f"
    app = console_of(
        tmp_path, idp, f"sqlite:///{tmp_path}/t.db", oidc_groups={group: "lead"}, oidc_group_claim="groups", oidc_name_claim="email",
        oidc_title="",
    )  # fmt: skip
    idp.person |= {"groups": [group], "email": "José.O'Brien@court.example"}
    assert enter(app.test_client()).status_code == 302
    assert people_of(app)["Jose.O-Brien@court.example"].role == "lead"
    assert "Sign in with 127.0.0.1" in app.test_client().get("/sign-in").text
    database(app).engine.dispose()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("ada@court.gov", "ada@court.gov"), ("o'brien", "o-brien"), (" Zoë Ñandú ", "Zoe-Nandu"), ("../admin", "..-admin"),
        ("a_b#EXT#@t.onmicrosoft.com", "a_b-EXT-@t.onmicrosoft.com"), ("иван", "----"), ("x" * 300, "x" * 100),
    ],
)  # fmt: skip
def test_names_are_made_as_names_are_here(told: str, name: str) -> None:
    assert admission.plain_name(told) == name


def test_it_works_on_both_databases(
    engine: Engine, tmp_path: Path, idp: IdentityProvider, now: datetime
) -> None:
    app = console_of(tmp_path, idp, engine.url.render_as_string(hide_password=False))
    with database(app).writer() as session, session.begin():
        world.people(session, now - timedelta(days=1))
    client = app.test_client()
    assert enter(client).status_code == 302
    idp.person["roles"] = ["Tocsin.Admin"]
    assert enter(desk_client := app.test_client()).status_code == 302
    assert desk_client.get("/people").status_code == 200
    idp.person["roles"] = None
    assert enter(app.test_client()).status_code == 403
    assert client.get("/").status_code == 302
    database(app).engine.dispose()
