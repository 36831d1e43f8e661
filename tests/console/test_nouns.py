"""Enrolment, coverage, people, audit, and pages without anything on them."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from flask import Flask
from sqlalchemy import delete, select

from collector.store.devices import Device, Site
from collector.store.enrolment import EnrolmentToken
from collector.store.installation import Fact
from collector.store.people import AuditEntry, User
from collector.store.reports import ProbeResult
from tests.console import rows, world
from tests.console.conftest import database, signed_in

FORM = {"site": world.COURT, "room": "Courtroom 1", "group": "av", "uses": "12", "valid": "7d"}


def tokens(app: Flask) -> list[EnrolmentToken]:
    with database(app).reader() as session:
        return list(session.scalars(select(EnrolmentToken)))


def test_a_token_is_shown_once_in_a_line_to_paste(app: Flask) -> None:
    client = signed_in(app, "lead")
    text = client.post("/enrolment/tokens", data=FORM).text
    line = re.search(r"tocsin-agent enrol --collector tocsin\.example\.gov:7443 --token (tocsin1\.([0-9a-f]+)\.9f2c[0-9a-f]+)</pre>", text)  # fmt: skip
    assert line is not None
    (token,) = tokens(app)
    assert token.secret_hash == sha256(line[2].encode()).hexdigest()
    assert (token.site, token.room, token.group, token.uses) == (world.COURT, "Courtroom 1", "av", 12)
    assert token.expires_at - token.created_at == timedelta(days=7)
    assert line[2] not in client.get("/enrolment").text
    with database(app).reader() as session:
        assert line[2] not in str([entry.data for entry in session.scalars(select(AuditEntry))])


def install_lines(text: str) -> dict[str, str]:
    found = re.findall(r'<pre id="line-(\w+)">(.*?)</pre>', text, re.DOTALL)
    return {name: html.unescape(line) for name, line in found}


def test_install_lines_for_each_way_wait_for_a_token_and_then_hold_it(app: Flask) -> None:
    client = signed_in(app, "lead")
    waiting = install_lines(client.get("/enrolment").text)
    assert list(waiting) == ["shell", "gpo", "intune", "sccm"]
    words = "enrol --collector tocsin.example.gov:7443 --token"
    assert all(line.count(f"{words} TOKEN") == 1 for line in waiting.values()), waiting
    made = client.post("/enrolment/tokens", data=FORM).text
    for line in install_lines(made).values():
        assert re.search(rf"{words} tocsin1\.[0-9a-f]+\.[0-9a-f]+( |\r|\n)", line), line
        assert "TOKEN" not in line
        assert line.count("service install") == line.count("service start") == 1
    assert install_lines(client.get("/enrolment").text) == waiting, "shown once"


def test_install_lines_use_only_what_the_agents_command_knows(app: Flask) -> None:
    """Each piece of each line is parsed by the agent's own parser."""
    for name, line in install_lines(signed_in(app, "lead").get("/enrolment").text).items():
        pieces = re.findall(r'tocsin-agent(?:\.exe")? (.+?)(?: && | \|\| |"?$|"?\r?\n)', line, re.MULTILINE)
        assert [agent_command()(piece.strip('"').split()) for piece in pieces] == [
            "enrol",
            "service",
            "service",
        ], name


def agent_command() -> Callable[[list[str]], str]:
    from agent.__main__ import parser

    return lambda words: str(parser().parse_args(words).command)


def test_without_the_collectors_address_the_page_says_what_to_put_there(app: Flask) -> None:
    with database(app).writer() as session, session.begin():
        session.execute(delete(Fact))
    text = signed_in(app, "lead").post("/enrolment/tokens", data=FORM).text
    assert "--collector HOST:PORT" in text
    assert "has not written down its own address" in text


@pytest.mark.parametrize(
    "address", ["evil; rm -rf /:1", "$(id):7443", "`id`:1", "host:7443 --token x", "host"]
)
def test_an_address_that_a_shell_would_act_on_is_not_pasted(app: Flask, address: str) -> None:
    with database(app).writer() as session, session.begin():
        session.get_one(Fact, "enrolment_address").value = address
    assert "--collector HOST:PORT" in signed_in(app, "lead").post("/enrolment/tokens", data=FORM).text


@pytest.mark.parametrize("change", [{"uses": "0"}, {"uses": "-1"}, {"uses": "1e3"}, {"uses": "99999"}, {"uses": ""}, {"valid": "99y"}, {"group": "x"}])  # fmt: skip
def test_a_wrong_form_makes_no_token(app: Flask, change: dict[str, str]) -> None:
    assert signed_in(app, "lead").post("/enrolment/tokens", data=FORM | change).status_code == 302
    assert tokens(app) == []


def test_a_token_can_say_that_its_devices_are_av_hosts(app: Flask) -> None:
    signed_in(app, "lead").post("/enrolment/tokens", data=FORM | {"device_class": "av_host"})
    (token,) = tokens(app)
    assert token.device_class == "av_host"


def test_a_new_site_is_made_with_the_token(app: Flask) -> None:
    signed_in(app, "lead").post("/enrolment/tokens", data=FORM | {"new_site": " Moore Annex "})
    with database(app).reader() as session:
        assert session.get(Site, "Moore Annex") is not None


def test_a_revoked_token_says_so(app: Flask) -> None:
    client = signed_in(app, "lead")
    client.post("/enrolment/tokens", data=FORM)
    client.post(f"/enrolment/tokens/{tokens(app)[0].id}/revoke")
    assert tokens(app)[0].revoked_at is not None
    assert "revoked" in client.get("/enrolment").text


def test_coverage_groups_by_probe_and_reason_and_leaves_out_what_is_not_there(app: Flask) -> None:
    text = signed_in(app).get("/coverage").text
    for words in ("no smartctl on this device", "apt did not answer within 60 s", "hwmon0: Input/output error", "Recorder volume, nvme0", "package lists are 46 days old", "tul-clerk-009"):  # fmt: skip
        assert words in text, words
    assert "no battery" not in text
    assert "1 device of 8 cannot be fully seen" in text
    assert "Support dates" not in text


def test_coverage_says_that_support_dates_come_from_an_old_table(app: Flask) -> None:
    remark = "the table of support dates is of 2025-10-18: look them up before relying on them"
    with database(app).writer() as session, session.begin():
        for result in session.scalars(
            select(ProbeResult).where(ProbeResult.probe == "operating_system")
        ).all():
            session.delete(result)
        for device_id in session.scalars(select(Device.id).limit(3)).all():
            rows.probe(
                session, device_id, "operating_system", datetime(2026, 3, 2, tzinfo=UTC), reason=remark
            )
    text = signed_in(app).get("/coverage").text
    assert "Support dates that may be out of date" in text
    assert text.count(remark) == 1, "once for all devices of one table"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "No device is enrolled yet"),
        ("/devices", "Make an enrolment token"),
        ("/rooms", "No room is looked at yet"),
        ("/rooms/morning", "How a room comes here"),
        ("/tickets", "No ticket has been opened yet"),
        ("/coverage", "No device is enrolled yet"),
        ("/enrolment", "Enrol the first device"),
        ("/audit", "Nothing matches"),
    ],
)
def test_an_empty_page_says_what_to_do_next(empty: Flask, path: str, words: str) -> None:
    assert words in signed_in(empty).get(path).text


def test_an_admin_adds_a_user_who_can_sign_in(empty: Flask) -> None:
    client = signed_in(empty)
    client.post("/people", data={"name": "maria.lopez", "role": "technician", "password": "twelve is enough"})
    assert "maria.lopez" in client.get("/people").text
    answer = empty.test_client().post(
        "/sign-in", data={"name": "maria.lopez", "password": "twelve is enough"}
    )
    assert answer.status_code == 302


@pytest.mark.parametrize(
    "form",
    [
        {"name": "tocsin"}, {"name": "Admin.One"}, {"name": "<b>"}, {"name": ""}, {"name": "a b"}, {"name": "x" * 101},
        {"role": "root"}, {"password": "short"},
    ],
)  # fmt: skip
def test_a_user_with_a_wrong_name_role_or_password_is_not_added(empty: Flask, form: dict[str, str]) -> None:
    signed_in(empty).post(
        "/people", data={"name": "new.user", "role": "viewer", "password": "twelve is enough"} | form
    )
    with database(empty).reader() as session:
        assert len(session.scalars(select(User)).all()) == 4


def test_the_last_administrator_stays(empty: Flask) -> None:
    client = signed_in(empty)
    assert client.post("/people/admin.one/disable").status_code == 409
    assert client.post("/people/admin.one/role", data={"role": "viewer"}).status_code == 409
    client.post("/people/lead.one/role", data={"role": "admin"})
    assert client.post("/people/admin.one/disable").status_code == 302


def test_a_changed_role_or_password_ends_the_sessions_of_that_user(empty: Flask) -> None:
    admin, lead, viewer = signed_in(empty), signed_in(empty, "lead"), signed_in(empty, "viewer")
    admin.post("/people/lead.one/role", data={"role": "viewer"})
    admin.post("/people/viewer.one/password", data={"password": "twelve is enough"})
    assert lead.get("/").status_code == viewer.get("/").status_code == 302
    assert admin.get("/").status_code == 200


def test_every_change_leaves_a_line_in_the_audit_list(empty: Flask) -> None:
    client = signed_in(empty)
    client.post("/people/lead.one/disable")
    client.post("/people/lead.one/enable")
    client.post("/enrolment/tokens", data={"group": "desktop", "uses": "1", "valid": "1h"})
    text = client.get("/audit").text
    for words in ("user disabled", "user enabled", "token created", "lead.one"):
        assert words in text
    assert "user disabled" in client.get("/audit.csv").text
