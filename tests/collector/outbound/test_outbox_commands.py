"""`tocsin-collector outbox`: what waits, what failed, again, and whether mail arrives at all."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.outbound.mail import Mail
from collector.outbound.sender import Sender
from collector.store import open_engine, schema
from tests.collector.outbound.smtp_server import MailServer
from tests.collector.outbound.tickets import full_disks

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    full_disks(engine, "desk")
    engine.dispose()
    return tmp_path


@pytest.fixture
def run(state: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*command: str) -> tuple[int, str, str]:
        code = main(["--state-dir", str(state), *command])
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


@pytest.fixture
def with_mail(monkeypatch: pytest.MonkeyPatch, server: MailServer) -> None:
    for key, value in {
        "MAIL_TO": "help@example.org", "MAIL_FROM": "tocsin@example.org", "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port), "SMTP_SECURITY": "none",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TOCSIN_{key}", value)


def test_what_waits_is_listed_and_that_no_mail_is_set_up(run: Run) -> None:
    _, out, _ = run("outbox", "list")
    assert "mail_to is not set" in out and "waiting" in out
    (row,) = json.loads(run("outbox", "list", "--json")[1])
    assert (row["ticket"], row["verb"], row["state"], row["attempts"]) == (1, "create", "waiting", 0)


def test_a_dead_letter_is_listed_with_its_reason_and_sent_again(
    run: Run, with_mail: None, state: Path, server: MailServer, mail: Mail
) -> None:
    engine = open_engine(f"sqlite:///{state / 'collector.db'}")
    server.say("TEXT", "554 no")
    Sender(engine, mail).round()
    _, out, _ = run("outbox", "list")
    assert "failed" in out and "554 no" in out
    assert run("outbox", "retry", "1")[1].startswith("1 change is due now")
    assert Sender(engine, mail).round() == 0, "the lease is the other sender's"
    engine.dispose()
    assert run("outbox", "retry", "1")[0] == 0
    assert run("outbox", "retry", "nonsense")[:2] == (1, "")


def test_the_test_mail_says_what_the_server_said(run: Run, with_mail: None, server: MailServer) -> None:
    code, out, _ = run("outbox", "test")
    assert (code, "delivered to help@example.org" in out, "250 queued" in out) == (0, True, True)
    assert "Nothing is wrong" in server.taken[0].text
    server.say("RCPT", "550 nobody here")
    code, _, error = run("outbox", "test")
    assert code == 1
    assert "not delivered" in error and "refused it" in error and "550 nobody here" in error
    server.close()
    answer = json.loads(run("outbox", "test", "--json")[1])
    assert (answer["delivered"], answer["how"]) == (False, "away")


def test_without_mail_the_test_says_what_to_set(run: Run) -> None:
    code, _, error = run("outbox", "test")
    assert code == 1 and "mail_to, mail_from and smtp_host" in error
