"""A mail server for tests: real TCP, the standard library only. It keeps what it took, and misbehaves when told to."""

import base64
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections import defaultdict
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Taken:
    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        return str(self.mail.get_content()).replace("\r\n", "\n")


class MailServer:
    """`say(verb, reply, …)`: the next answers to it. `hang_up_after_text`, `silent_after_text`, `drip`: how often."""

    def __init__(
        self, certificate: Path | None = None, tls: bool = False, password: str = "", port: int = 0
    ) -> None:
        self.taken: list[Taken] = []
        self.commands: list[str] = []
        self.hang_up_after_text = 0
        self.hang_up_before_text = 0
        self.drip = False
        self._certificate, self._tls, self._password = certificate, tls, password
        self._replies: defaultdict[str, list[str]] = defaultdict(list)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def say(self, verb: str, *replies: str) -> None:
        self._replies[verb] += replies

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError, ValueError):
            opened.callback(connection.close)
            if self._tls:
                connection = self._wrapped(connection)
                opened.callback(connection.close)
            self._talk(connection, opened)

    def _wrapped(self, connection: socket.socket) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert self._certificate is not None
        context.load_cert_chain(self._certificate)
        return context.wrap_socket(connection, server_side=True)

    def _talk(self, connection: socket.socket, opened: contextlib.ExitStack) -> None:
        def reply(text: str) -> None:
            connection.sendall(text.encode() + b"\r\n")

        if self.drip:
            while not self._closed.wait(0.1):
                connection.sendall(b"2")
        reply(self._next("CONNECT", "220 mail.test ready"))
        lines = opened.enter_context(connection.makefile("rb"))
        sender, to = "", list[str]()
        while line := lines.readline():
            text = line.decode("latin-1").rstrip("\r\n")
            verb = text.split(" ")[0].upper()
            self.commands.append(text)
            if verb == "EHLO":
                offers = ["mail.test"]
                if self._certificate and not isinstance(connection, ssl.SSLSocket):
                    offers.append("STARTTLS")
                if self._password:
                    offers.append("AUTH PLAIN")
                reply("\r\n".join(f"250-{word}" for word in offers) + "\r\n250 HELP")
            elif verb == "STARTTLS":
                reply("220 go on")
                connection = self._wrapped(connection)
                opened.callback(connection.close)
                self._open.add(connection)
                lines = opened.enter_context(connection.makefile("rb"))
            elif verb == "AUTH":
                given = base64.b64decode(text.split(" ")[-1]).decode()
                right = given.endswith(f"\0{self._password}")
                reply("235 welcome" if right else f"535 you said {given!r}")
            elif verb == "MAIL":
                sender, to = text.partition("<")[2].partition(">")[0], []
                reply(self._next("MAIL", "250 ok"))
            elif verb == "RCPT":
                answer = self._next("RCPT", "250 ok")
                if answer.startswith("250"):
                    to.append(text.partition("<")[2].partition(">")[0])
                reply(answer)
            elif verb == "DATA":
                if self.hang_up_before_text > 0:
                    self.hang_up_before_text -= 1
                    return
                answer = self._next("DATA", "354 go on")
                reply(answer)
                if not answer.startswith("354"):
                    continue
                raw = b""
                while (part := lines.readline()) != b".\r\n":
                    if not part:
                        return
                    raw += part[1:] if part.startswith(b".") else part
                answer = self._next("TEXT", "250 queued")
                if answer.startswith("250"):
                    self.taken.append(Taken(sender, tuple(to), raw))
                if self.hang_up_after_text > 0:
                    self.hang_up_after_text -= 1
                    return
                reply(answer)
            elif verb == "QUIT":
                reply("221 bye")
                return
            else:
                reply("250 ok")

    def _next(self, verb: str, usual: str) -> str:
        waiting = self._replies[verb]
        return waiting.pop(0) if waiting else usual


def certificate(directory: Path) -> Path:
    """A self-signed one for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "mail.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file
