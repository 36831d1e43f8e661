"""CSRF, headers, errors in words, health for machines."""

import re
from pathlib import Path

import pytest
from flask import Flask

from collector.store import schema
from console import guard
from console.api.problem import PATH
from tests.console.conftest import database, make_app, signed_in
from tests.console.test_access import routes


def test_every_change_needs_the_forms_token(app: Flask) -> None:
    """Or, in the API, a key: there a browser's cookie counts for nothing, so no other site can use it."""
    app.config["WTF_CSRF_ENABLED"] = True
    without = []
    for endpoint, method, path in routes(app):
        if method not in ("POST", "PATCH") or endpoint == "health.csp_report":
            continue
        answer = signed_in(app).open(path, method=method, data={"to": "resolved", "version": "3"})
        if path.startswith(PATH):
            without += [(endpoint, answer.status_code)] if answer.status_code != 401 else []
        elif answer.status_code != 400 or "form was too old" not in answer.text:
            without.append((endpoint, answer.status_code))
    assert without == []


def test_a_form_with_its_token_works(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = signed_in(app)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/tickets/1042").text)
    assert token is not None
    answer = client.post("/tickets/1042/note", data={"text": "seen", "csrf_token": token[1]})
    assert answer.status_code == 302


def test_a_form_sent_from_another_site_is_refused(app: Flask) -> None:
    answer = signed_in(app).post(
        "/tickets/1042/note", data={"text": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 400
    assert "another site" in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/devices.csv", "/nothing", "/sign-in", "/static/console.css", "/healthz"]
)
def test_every_answer_carries_the_headers(app: Flask, path: str) -> None:
    headers = signed_in(app).get(path, buffered=True).headers
    assert headers["Content-Security-Policy"] == guard.CONTENT_SECURITY_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert ("no-store" in headers.get("Cache-Control", "")) == (path != "/static/console.css")


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in guard.CONTENT_SECURITY_POLICY
    assert "http" not in guard.CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in guard.CONTENT_SECURITY_POLICY


def test_no_template_has_an_inline_script_style_or_handler() -> None:
    templates = Path(guard.__file__).parent / "templates"
    for file in templates.glob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\son\w+=|javascript:|\sstyle=|<script(?! src=)|\|\s*safe", text), file.name
        # Files for the drawer, never pages.
        if file.name != "evidence.html" and not file.name.endswith("_saved.html"):
            assert "<style" not in text, file.name


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing", 404, "There is no such page"),
        ("GET", "/tickets/9", 404, "No ticket has this number"),
        ("GET", "/devices/ffff", 404, "No device has this id"),
        ("POST", "/", 405, "does not take that kind of request"),
        ("GET", "/tickets/1041/move", 405, "does not take that kind of request"),
        ("POST", "/tickets/1041/move", 409, "The ticket was not changed"),
    ],
)
def test_errors_are_said_in_words(app: Flask, method: str, path: str, status: int, words: str) -> None:
    answer = signed_in(app).open(
        path, method=method, data={"to": "closed", "version": "3", "outcome": "real"}
    )
    assert answer.status_code == status
    assert words in answer.text
    assert "Traceback" not in answer.text


def test_a_viewer_is_told_why_not(app: Flask) -> None:
    assert "Your role does not allow this" in signed_in(app, "viewer").get("/people").text


def test_a_failure_shows_no_insides(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise RuntimeError("the secret insides")

    app.view_functions["coverage.page"] = broken
    answer = signed_in(app).get("/coverage")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "insides" not in answer.text


def test_a_database_without_tables_is_said_in_words_and_is_not_ready(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    schema.Base.metadata.drop_all(database(app).engine)
    client = app.test_client()
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 503
    answer = client.get("/sign-in")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    database(app).engine.dispose()


def test_a_migrated_database_is_ready(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    schema.Base.metadata.drop_all(database(app).engine)
    schema.upgrade(database(app).engine)
    assert app.test_client().get("/readyz").text == "ready\n"
    database(app).engine.dispose()


def test_metrics_answer_this_machine_only(app: Flask) -> None:
    client = app.test_client()
    text = client.get("/metrics").text
    assert 'tocsin_devices{presence="online"} 4.0' in text
    assert 'tocsin_tickets{severity="critical"} 2.0' in text
    assert 'tocsin_outbox{state="failed"} 0.0' in text
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403


def test_metrics_with_a_token_answer_whoever_has_it(tmp_path: Path) -> None:
    app = make_app(tmp_path, metrics_token="let me see")
    client = app.test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer let me see"}).status_code == 200
    database(app).engine.dispose()


def test_reports_of_broken_policy_are_counted(app: Flask) -> None:
    client = app.test_client()
    assert client.post("/csp-report", data='{"csp-report": {}}').status_code == 204
    assert "tocsin_console_csp_reports_total 1.0" in client.get("/metrics").text


def test_too_long_a_form_is_refused(app: Flask) -> None:
    assert signed_in(app).post("/tickets/1042/note", data={"text": "x" * 100_000}).status_code == 413


def test_forwarded_headers_are_believed_only_by_setting(tmp_path: Path) -> None:
    for trusted, expected in ((0, "127.0.0.1"), (1, "10.7.7.7")):
        app = make_app(tmp_path, trusted_proxies=trusted)
        seen = []
        app.before_request(lambda seen=seen: seen.append(__import__("flask").request.remote_addr))
        app.test_client().get("/healthz", headers={"X-Forwarded-For": "10.7.7.7"})
        assert seen == [expected]
        database(app).engine.dispose()


def test_the_key_that_signs_forms_is_kept_and_private(tmp_path: Path) -> None:
    first, second = make_app(tmp_path), make_app(tmp_path)
    assert first.secret_key == second.secret_key
    assert (tmp_path / "console.key").stat().st_mode & 0o777 == 0o600
    for app in (first, second):
        database(app).engine.dispose()
