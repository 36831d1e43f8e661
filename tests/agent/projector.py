"""A SIMULATED projector: PJLink over TCP on loopback, class 1 or 2, with the bad manners real ones have.

It was built from the standard's tables and from what people report of their projectors; no recorded traffic was to be
found. It obeys no order: it notes every line it receives, and the tests look through them. To play with one:
`python -m tests.agent.projector --port 4352 --password secret`, then change its answers on the command line
(`--set "%1POWR ?=1"`).
"""

import argparse
import contextlib
import hashlib
import re
import secrets
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Final

CLASS_1: Final = {
    "%1CLSS ?": "1",
    "%1POWR ?": "1",
    "%1INPT ?": "31",
    "%1AVMT ?": "30",
    "%1ERST ?": "000000",
    "%1LAMP ?": "1234 1",
    "%1INST ?": "11 21 31 32",
    "%1NAME ?": "Room 4 front",
    "%1INF1 ?": "Example",
    "%1INF2 ?": "EX-100",
    "%1INFO ?": "1.02",
}
CLASS_2: Final = CLASS_1 | {
    "%1CLSS ?": "2",
    "%2INPT ?": "3A",
    "%2INST ?": "11 31 3A",
    "%2INNM ?3A": "HDMI left",
    "%2IRES ?": "1920x1080",
    "%2RRES ?": "1920x1200",
    "%2SNUM ?": "X4711",
    "%2SVER ?": "2.10",
    "%2FILT ?": "480",
    "%2RFIL ?": "EX-F1",
    "%2RLMP ?": "EX-L1",
    "%2FREZ ?": "0",
}
# Every line any simulated projector was sent while this process runs: what the last test looks at.
RECEIVED: Final[list[str]] = []


@dataclass
class Script:
    """What it says. Answers are by query; one that is not there is ERR1."""

    answers: dict[str, str | bytes] = field(default_factory=lambda: dict(CLASS_2))
    password: str | None = None
    knows_sha256: bool = False
    takes_md5: bool = True
    greeting: bytes | None = None  # instead of the right one
    ending: bytes = b"\r"  # of an answer
    piece_bytes: int = 0  # segments of this many bytes; 0: whole lines
    delay_seconds: float = 0.0  # before each answer
    close_after_each: bool = False
    silent_on: str | None = None  # never answers this query
    hang_up_on: str | None = None  # closes instead of an answer
    hang_up_within: str | None = None  # closes in the middle of an answer
    reset: bool = False  # closes as a crash does
    before_each: bytes = b""  # a line nobody asked for


def orders(lines: list[str]) -> list[str]:
    """Those that are no question: none may ever be among what our client sent."""
    question = re.compile(r"([0-9a-f]{32}|[0-9a-f]{96})?%[12][A-Z0-9]{4} \?([1-6][1-9A-Z])?|PJLINK 2")
    return [line for line in lines if not question.fullmatch(line)]


class Projector:
    """Starts at once; `close` ends it."""

    def __init__(self, script: Script | None = None, port: int = 0) -> None:
        self.script = script or Script()
        self.received: list[str] = []
        self.connections = 0
        self.at_once = 0  # connections held at the same time, at most
        self._held = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.05)
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self) -> "Projector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stopped.set()
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._held += 1
            self.at_once = max(self.at_once, self._held)
        connection.settimeout(0.05)
        with connection:
            try:
                with contextlib.suppress(ConnectionError):
                    self._talk(connection)
                    if self.script.reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            finally:
                # Before it is closed: who sees the end of it may call again at once.
                with self._lock:
                    self._held -= 1

    def _talk(self, connection: socket.socket) -> None:
        script = self.script
        seed, long_seed = secrets.token_hex(4), secrets.token_hex(16)
        proven = script.password is None
        right = b"PJLINK 0" if proven else f"PJLINK 1 {seed}".encode()
        self._say(connection, right if script.greeting is None else script.greeting, b"\r")
        level = 1
        for line in self._lines(connection):
            if line == "PJLINK 2" and not proven:
                if not script.knows_sha256:
                    self._say(connection, b"PJLINK ERRA")
                    return
                level = 2
                self._say(connection, f"PJLINK 2 {long_seed}".encode(), b"\r")
                continue
            proof, at, rest = line.partition("%")
            query = at + rest
            if not proven:
                wanted = self._wanted(level, seed, long_seed, proof)
                if proof != wanted or (level == 1 and not script.takes_md5):
                    self._say(connection, b"PJLINK ERRA")
                    return
                proven = True
            if not self._answer(connection, query):
                return

    def _wanted(self, level: int, seed: str, long_seed: str, proof: str) -> str:
        password = self.script.password or ""
        if level == 1:
            return hashlib.md5((seed + password).encode(), usedforsecurity=False).hexdigest()
        theirs = proof[:32]
        if not re.fullmatch(r"[0-9a-f]{32}", theirs):
            return "\0"
        mixed = f"{int(theirs, 16) ^ int(long_seed, 16):032x}"
        return theirs + hashlib.sha256((mixed + password).encode()).hexdigest()

    def _answer(self, connection: socket.socket, query: str) -> bool:
        """False: close now."""
        script = self.script
        if query == script.hang_up_on:
            return False
        if query == script.silent_on:
            self._stopped.wait(30)
            return False
        self._stopped.wait(script.delay_seconds)
        value = script.answers.get(query, "ERR1")
        said = value if isinstance(value, bytes) else f"{query[:6]}={value}".encode()
        if query == script.hang_up_within:
            connection.sendall(said[: max(8, len(said) // 2)])
            return False
        if script.before_each:
            self._say(connection, script.before_each, b"\r")
        self._say(connection, said)
        return not script.close_after_each

    def _say(self, connection: socket.socket, line: bytes, ending: bytes | None = None) -> None:
        data = line + (self.script.ending if ending is None else ending)
        size = self.script.piece_bytes or len(data)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), size):
            connection.sendall(data[at : at + size])
            if self.script.piece_bytes:
                time.sleep(0.001)

    def _lines(self, connection: socket.socket):
        held = b""
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                piece = connection.recv(512)
                if not piece:
                    break
                held += piece
                while b"\r" in held:
                    line, _, held = held.partition(b"\r")
                    self._note(line)
                    yield line.decode("latin-1")
        if held:
            self._note(held)

    def _note(self, line: bytes) -> None:
        self.received.append(line.decode("latin-1"))
        RECEIVED.append(line.decode("latin-1"))


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated projector; it obeys no order.")
    parser.add_argument("--port", type=int, default=4352)
    parser.add_argument("--password")
    parser.add_argument("--class", dest="level", choices=("1", "2"), default="2")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="before each answer")
    parser.add_argument("--set", action="append", default=[], metavar="QUERY=ANSWER")
    chosen = parser.parse_args()
    answers = dict(CLASS_1 if chosen.level == "1" else CLASS_2)
    answers.update(one.split("=", 1) for one in chosen.set)
    with Projector(
        Script(answers=answers, password=chosen.password, delay_seconds=chosen.delay), chosen.port
    ) as projector:
        print(f"a simulated projector answers on 127.0.0.1:{projector.port}; Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
