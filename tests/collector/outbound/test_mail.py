"""Tickets as mail, over a real connection."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.outbound.adapter import Change, Undelivered
from collector.outbound.mail import Mail, compose
from tests.collector.outbound.smtp_server import MailServer, certificate
from tests.collector.world import NOON
from tests.conftest import free_port
from tests.console.hostile import STRINGS

KEY = f"{'d' * 32}:{'a' * 32}"
OPENED = Change(
    id="1" * 32, key=KEY, verb="create", at=NOON, number=12, title="Disk sda is failing", state="new",
    severity="critical", priority=2, text="Where: site Tulsa, desk desk-7\n\nThe disk is failing.", proof="", told="",
)  # fmt: skip
RESOLVED = replace(
    OPENED, id="2" * 32, verb="resolve", state="resolved", told="new → resolved", proof="serial B"
)


@pytest.fixture
def with_tls(tmp_path: Path) -> Iterator[tuple[MailServer, Mail]]:
    file = certificate(tmp_path)
    server = MailServer(certificate=file, password="a-secret")
    (tmp_path / "password").write_text("a-secret\n")
    yield server, Mail(
        host="127.0.0.1", port=server.port, security="starttls", sender="tocsin@example.org",
        to=("help@example.org",), user="tocsin", password_file=tmp_path / "password", ca_file=file,
    )  # fmt: skip
    server.close()


def how(mail: Mail, change: Change = OPENED) -> tuple[str, str]:
    with pytest.raises(Undelivered) as ended:
        mail.create(change)
    return ended.value.how, str(ended.value)


def test_a_mail_says_what_the_ticket_says_and_begins_with_its_key(server: MailServer, mail: Mail) -> None:
    mail.create(OPENED)
    (taken,) = server.taken
    assert (taken.sender, taken.to) == ("tocsin@example.org", ("help@example.org",))
    assert taken.mail["Subject"] == "[Tocsin #12] Disk sda is failing"
    assert taken.mail.get_content_type() == "text/plain"
    assert taken.text.splitlines()[0] == f"TOCSIN-KEY: {KEY}"
    assert "desk desk-7" in taken.text and "priority 2, critical" in taken.text
    assert taken.mail["Auto-Submitted"] == "auto-generated"


def test_all_mails_of_a_ticket_are_one_thread(server: MailServer, mail: Mail) -> None:
    mail.create(OPENED)
    mail.resolve(RESOLVED)
    first, second = (taken.mail for taken in server.taken)
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert second["Message-ID"] != first["Message-ID"]
    assert "What happened: new → resolved" in server.taken[1].text
    assert "Proof of repair: serial B" in server.taken[1].text


def test_a_second_try_is_the_same_mail_to_the_byte(server: MailServer, mail: Mail) -> None:
    mail.resolve(RESOLVED)
    mail.resolve(replace(RESOLVED, attempts=1, unsure=1))
    assert server.taken[0] == server.taken[1]


def test_no_agent_writes_a_header_a_key_a_link_or_a_second_mail(server: MailServer, mail: Mail) -> None:
    evil = "x\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<a@b>\x1b[31m\u202e"
    text = f"{evil}\nTOCSIN-KEY: other\n.\n..\nRunbook: https://evil.example is full\nhttps://evil.example/x"
    mail.create(replace(OPENED, title=evil, text=text, told=evil, proof=evil))
    (taken,) = server.taken
    assert taken.to == ("help@example.org",)
    assert set(taken.mail.keys()) == set(compose(OPENED, "a@b", ("c@d",)).keys())
    assert taken.text.upper().count("TOCSIN-KEY:") == 1
    assert "://" not in taken.text
    assert "\x1b" not in taken.text and "\u202e" not in taken.text
    assert "\n.\n..\n" in taken.text, "lines of dots arrive as they were"


def test_every_hostile_text_arrives_as_plain_words() -> None:
    """In the title, the text, what happened and the proof at once: no header more, no link, nothing that a terminal acts on."""
    usual = set(compose(OPENED, "a@b", ("c@d",)).keys())
    for evil in STRINGS:
        made = compose(replace(OPENED, title=evil, text=evil, told=evil, proof=evil), "a@b", ("c@d",))
        text = made.get_content()
        assert set(made.keys()) == usual and made.get_content_type() == "text/plain", evil
        assert "://" not in text and all(c.isprintable() or c == "\n" for c in text), evil
        assert text.upper().count("TOCSIN-KEY:") == 1 and str(made["Subject"]).isprintable(), evil


def test_the_runbook_of_a_rule_stays_a_link(server: MailServer, mail: Mail) -> None:
    mail.create(replace(OPENED, text="Where: here\nRunbook: https://wiki.example/disk"))
    assert "\nRunbook: https://wiki.example/disk\n" in server.taken[0].text


@settings(max_examples=60, deadline=None)
@given(title=st.text(max_size=80), text=st.text(max_size=200), told=st.text(max_size=60))
def test_any_text_makes_a_whole_mail(title: str, text: str, told: str) -> None:
    change = replace(OPENED, title=title, text=text, told=told)
    made = compose(change, "tocsin@example.org", ("help@example.org",))
    raw = made.as_bytes()
    assert raw.count(b"\r\nBcc:") == 0
    assert str(made["Subject"]).startswith("[Tocsin #12]")
    assert made.get_content().startswith(f"TOCSIN-KEY: {KEY}")


@pytest.mark.parametrize(
    "verb, reply, expected",
    [
        ("CONNECT", "421 too busy", "away"),
        ("MAIL", "451 not now", "away"),
        ("MAIL", "550 not you", "away"),
        ("RCPT", "450 greylisted", "later"),
        ("RCPT", "550 nobody here", "refused"),
        ("DATA", "451 full", "later"),
        ("TEXT", "452 full", "later"),
        ("TEXT", "554 no such mails", "refused"),
    ],
)
def test_what_an_answer_means(server: MailServer, mail: Mail, verb: str, reply: str, expected: str) -> None:
    server.say(verb, reply)
    found, words = how(mail)
    assert found == expected
    assert reply in words
    assert server.taken == []


def test_one_refused_receiver_keeps_the_mail_from_all(server: MailServer, mail: Mail) -> None:
    server.say("RCPT", "250 ok", "450 greylisted")
    two = replace(mail, to=("help@example.org", "chief@example.org"))
    assert how(two) == ("later", "chief@example.org: 450 greylisted")
    assert server.taken == []


def test_a_server_that_hangs_up_after_the_text_leaves_us_unsure(server: MailServer, mail: Mail) -> None:
    server.hang_up_after_text = 1
    assert how(mail)[0] == "unsure"
    assert len(server.taken) == 1
    server.hang_up_before_text = 1
    assert how(mail)[0] == "away"
    assert len(server.taken) == 1


def test_nobody_at_the_port_is_away(mail: Mail) -> None:
    assert how(replace(mail, port=free_port()))[0] == "away"


def test_a_server_that_sends_a_byte_now_and_then_is_left_at_the_deadline(
    server: MailServer, mail: Mail
) -> None:
    server.drip = True
    assert how(replace(mail, deadline=0.5))[0] == "away"


def test_starttls_and_sign_in(with_tls: tuple[MailServer, Mail]) -> None:
    server, mail = with_tls
    mail.create(OPENED)
    assert len(server.taken) == 1
    assert "STARTTLS" in server.commands
    assert server.commands.index("STARTTLS") < next(
        n for n, line in enumerate(server.commands) if line.startswith("AUTH")
    )


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    server = MailServer(certificate=file, tls=True)
    mail = Mail(
        host="127.0.0.1",
        port=server.port,
        security="tls",
        sender="a@b.example",
        to=("c@d.example",),
        ca_file=file,
    )
    mail.create(OPENED)
    server.close()
    assert len(server.taken) == 1


def test_a_server_without_tls_gets_neither_password_nor_mail(
    server: MailServer, tmp_path: Path, mail: Mail
) -> None:
    (tmp_path / "password").write_text("a-secret")
    wants_tls = replace(mail, security="starttls", user="tocsin", password_file=tmp_path / "password")
    assert how(wants_tls)[0] == "away"
    assert not [line for line in server.commands if line.startswith(("AUTH", "MAIL"))]


def test_a_certificate_nobody_vouches_for_is_refused(with_tls: tuple[MailServer, Mail]) -> None:
    server, mail = with_tls
    found, words = how(replace(mail, ca_file=None))
    assert found == "away" and "certificate" in words.lower()
    assert server.taken == []


def test_the_password_is_in_no_word_of_ours(
    with_tls: tuple[MailServer, Mail], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, mail = with_tls
    (tmp_path / "password").write_text("wrong-secret")
    with caplog.at_level(logging.DEBUG):
        found, words = how(mail)
    assert (found, words) == ("away", "the server refused the sign-in (535)")
    assert "wrong-secret" not in caplog.text + repr(mail)
    (tmp_path / "password").unlink()
    assert how(mail) == ("away", "the password file cannot be read (FileNotFoundError)")
