"""Tickets as mail: one thread for each, plain text, over SMTP.

A mail cannot be looked up or changed at the other side, so each change is one more mail in the ticket's thread.
The Message-ID of a change is the same at every try: a receiver that drops what it has already (nearly all do)
drops the twin of a mail whose acknowledgement was lost.
"""

import contextlib
import logging
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Final

from collector.config import Config
from collector.outbound.adapter import Change, Undelivered
from collector.outbound.news import ROOMS, SITUATION

logger = logging.getLogger(__name__)

DEADLINE: Final = 60.0  # seconds for one mail, whatever the server does; below sender.LEASE
_STEP: Final = 15.0  # seconds for one answer
_SUBJECT: Final = 180
_BODY: Final = 100_000
_STATES: Final = {
    "new": "new", "assigned": "assigned", "in_progress": "in progress", "pending": "waiting", "resolved": "resolved",
    "closed": "closed", "cancelled": "cancelled",
}  # fmt: skip
_VERBS: Final = {
    "create": "This ticket was opened.", "resolve": "This ticket is resolved.",
    "reopen": "This ticket was opened again: it is still so.", "update": "This ticket was changed.",
}  # fmt: skip
_RUNBOOK: Final = re.compile(r"Runbook: https?://[!-~]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """The adapter. Nothing is kept between two mails: a connection each, there are few."""

    host: str
    port: int
    security: str  # starttls tls none
    sender: str
    to: tuple[str, ...]
    rooms_to: tuple[str, ...] = ()  # the morning's rooms; empty: nobody
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    deadline: float = DEADLINE

    @property
    def name(self) -> str:
        return f"mail by {self.host}:{self.port}"

    def find(self, key: str) -> str | None:
        return None  # nobody can be asked

    def create(self, change: Change) -> str:
        return self._send(change)

    update = resolve = reopen = create

    def _send(self, change: Change) -> str:
        to = self.rooms_to if change.kind == ROOMS else self.to
        if not to:  # it was set when this was written
            raise Undelivered("refused", "mail_rooms_to is not set")
        message = compose(change, self.sender, to)
        self.deliver(message, to)
        return str(message["Message-ID"])

    def deliver(self, message: EmailMessage, to: tuple[str, ...]) -> str:
        """Hand it to the server; its answer. Raises Undelivered."""
        body = _on_the_wire(message)
        with self._connected() as server:
            code, text = _talk(partial(server.mail, self.sender))
            if code // 100 != 2:  # not this mail: no mail of ours
                raise Undelivered("away", _said(code, text))
            answers = [(one, *_talk(partial(server.rcpt, one))) for one in to]
            refused = [answer for answer in answers if answer[1] // 100 != 2]
            if refused:
                # All or nobody: who got it already would get it again.
                for_good = all(code // 100 == 5 for _, code, _ in refused)
                words = "; ".join(f"{one}: {_said(code, text)}" for one, code, text in refused)
                raise Undelivered("refused" if for_good else "later", words)
            code, text = _talk(partial(server.docmd, "DATA"))
            if code != 354:
                raise Undelivered("refused" if code // 100 == 5 else "later", _said(code, text))
            try:
                server.send(body)
                code, text = server.getreply()
            except (OSError, smtplib.SMTPException) as error:
                raise Undelivered(
                    "unsure", f"the text was sent and no answer came ({_named(error)})"
                ) from None
            if code // 100 != 2:
                raise Undelivered("refused" if code // 100 == 5 else "later", _said(code, text))
            return _said(code, text)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A server that knows who we are. Whatever it does, it is over at the deadline."""
        try:
            opened = socket.create_connection((self.host, self.port), timeout=_STEP)
        except OSError as error:
            raise Undelivered("away", _named(error)) from None
        # A second handle: TLS takes the first one over, and a server that sends a byte now and then is never late.
        handle = opened.dup()
        watch = threading.Timer(self.deadline, _hang_up, (handle,))
        watch.daemon = True
        watch.start()
        try:
            with contextlib.closing(self._greeted(opened)) as server:
                self._sign_in(server)
                yield server
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    server.quit()
        finally:
            watch.cancel()
            handle.close()
            opened.close()

    def _greeted(self, opened: socket.socket) -> smtplib.SMTP:
        with contextlib.ExitStack() as failed:
            try:
                context = ssl.create_default_context(cafile=self.ca_file) if self.security != "none" else None
                if context is not None and self.security == "tls":
                    opened = context.wrap_socket(opened, server_hostname=self.host)
                    failed.callback(opened.close)
                server = _Session(self.host, self.port, opened)
                failed.callback(server.close)
                server.ehlo_or_helo_if_needed()
                if self.security == "starttls":
                    server.starttls(context=context)  # never in the open instead: it raises
                    server.ehlo()
            except (OSError, smtplib.SMTPException) as error:
                raise Undelivered("away", _named(error)) from None
            failed.pop_all()
        return server

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if not self.user:
            return
        try:
            password = self.password_file.read_text().strip("\r\n") if self.password_file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise Undelivered("away", f"the password file cannot be read ({type(error).__name__})") from None
        try:
            server.login(self.user, password)
        except smtplib.SMTPAuthenticationError as error:
            # Only the number: some servers repeat in words what they were given, and that is the password.
            raise Undelivered("away", f"the server refused the sign-in ({error.smtp_code})") from None
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            raise Undelivered("away", f"the sign-in failed ({type(error).__name__})") from None


class _Session(smtplib.SMTP):
    """On a connection that is there already."""

    def __init__(self, host: str, port: int, opened: socket.socket) -> None:
        self._opened = opened
        super().__init__(host, port, timeout=_STEP)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._opened


def from_config(config: Config) -> Mail | None:
    """None: no mail is wanted."""
    if not config.mail_to:
        return None
    return Mail(
        host=config.smtp_host, port=config.smtp_port, security=config.smtp_security, sender=config.mail_from,
        to=config.mail_to, rooms_to=config.mail_rooms_to, user=config.smtp_user,
        password_file=Path(config.smtp_password_file) if config.smtp_password_file else None,
        ca_file=Path(config.smtp_ca_file) if config.smtp_ca_file else None,
    )  # fmt: skip


def compose(change: Change, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The same change always gives the same mail, to the byte."""
    domain, name = sender.rpartition("@")[2], change.key.rpartition(":")[2]
    root = f"<{name}.{change.kind}@{domain}>"
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"] = sender, ", ".join(to)
    number = f" #{change.number}" if change.number else ""
    message["Subject"] = inert(f"[Tocsin{number}] {change.title}", _SUBJECT)
    message["Date"] = format_datetime(change.at)
    message["Message-ID"] = root if change.verb == "create" else f"<{change.id}.change@{domain}>"
    if change.verb != "create":
        message["In-Reply-To"] = message["References"] = root
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office note shall answer
    message["X-Auto-Response-Suppress"] = "All"
    message["X-Tocsin-Key"] = inert(change.key, 100)
    message.set_content(_text(change), cte="quoted-printable")
    return message


def trial(sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The mail of `outbox test`."""
    now = datetime.now(UTC)
    change = Change(
        id=f"{now:%Y%m%d%H%M%S%f}", key="test:test", verb="update", at=now, number=0, title="Test of the mail",
        state="new", severity="warning", priority=5, proof="", told="somebody tries whether mail arrives",
        text="Nothing is wrong. This mail was sent by: tocsin-collector outbox test",
    )  # fmt: skip
    message = compose(change, sender, to)
    del message["In-Reply-To"], message["References"]
    return message


def _text(change: Change) -> str:
    """First the key: whoever looks for it takes the first one, and nothing below can pass for another."""
    if change.kind == ROOMS:
        # Its lines are short enough for every mail program, and set in.
        told = "\n".join(_set_in(line) for line in change.text[:_BODY].splitlines())
        return f"TOCSIN-KEY: {inert(change.key, 100)}\n\n{told}\n"
    if change.kind == SITUATION:
        lines = _of_situation(change)
    else:
        lines = _of_ticket(change)
    said = "\n".join(_line(line) for line in lines if line)
    body = "\n".join(_line(line) for line in change.text[:_BODY].splitlines())
    return f"TOCSIN-KEY: {inert(change.key, 100)}\n\n{said}\n\n{body}\n"


def _of_ticket(change: Change) -> list[str]:
    return [
        _VERBS.get(change.verb, _VERBS["update"]),
        f"Ticket {change.number}, priority {change.priority}, {change.severity}, "
        f"{_STATES.get(change.state, change.state)}, at {change.at:%Y-%m-%d %H:%M} UTC",
        f"What happened: {change.told}" if change.told else "",
        f"Proof of repair: {change.proof}" if change.proof else "",
    ]


def _of_situation(change: Change) -> list[str]:
    over = change.verb == "resolve"
    return [
        "This situation is over."
        if over
        else "One event is behind many findings: look at it before the devices.",
        f"Situation {change.number}, {'over' if over else 'open'}, at {change.at:%Y-%m-%d %H:%M} UTC",
        f"What happened: {change.told}" if change.told else "",
    ]


def _set_in(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))][:8] + _line(line)


def _line(text: str) -> str:
    """What devices and people wrote: no link to click, no second key, no control or direction characters."""
    text = inert(text, 2_000)
    if _RUNBOOK.fullmatch(text):  # from the rule or the settings, checked when they were read
        return text
    text = re.sub(r"tocsin-key", "tocsin key", text, flags=re.IGNORECASE)
    return text.replace("://", ":/ /")


def inert(text: str, limit: int) -> str:
    """One line, printable."""
    return "".join(c if c.isprintable() else " " for c in text[: 4 * limit])[:limit].strip()


def _on_the_wire(message: EmailMessage) -> bytes:
    body = message.as_bytes(policy=policy.SMTP)
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", body) + b".\r\n"


def _talk(work: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
    """Before the text is sent nothing can have arrived."""
    try:
        return work()
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered("away", _named(error)) from None


def _said(code: int, text: bytes) -> str:
    return f"{code} {inert(text.decode('utf-8', 'replace'), 300)}".strip()


def _named(error: Exception) -> str:
    """Without anything that was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return _said(error.smtp_code, said if isinstance(said, bytes) else str(said).encode())
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    return inert(str(error) or type(error).__name__, 300)


def _hang_up(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
