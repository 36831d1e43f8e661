"""Asks a projector by PJLink, class 1 and 2 (TCP 4352): connect, ask, close.

It can only ask. What is written to the network is a member of QUERIES, each of which ends in a question mark or
opens the exchange; anything else is refused before a byte leaves. A projector is never switched, muted or tuned.

Projectors are slow and have few connections, often one: commands go one at a time with a pause between them, the
first time-out ends the call, and the connection is not held.
"""

import errno
import hashlib
import re
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

PORT: Final = 4352
LONGEST: Final = 136  # bytes of a line, with its carriage return

CLASS: Final = "%1CLSS ?"
POWER: Final = "%1POWR ?"
ERRORS: Final = "%1ERST ?"
LAMPS: Final = "%1LAMP ?"
MUTE: Final = "%1AVMT ?"
INPUT: Final = "%1INPT ?"
INPUT_2: Final = "%2INPT ?"
MANUFACTURER: Final = "%1INF1 ?"
MODEL: Final = "%1INF2 ?"
OTHER: Final = "%1INFO ?"
NAME: Final = "%1NAME ?"
RESOLUTION: Final = "%2IRES ?"
FILTER: Final = "%2FILT ?"
FREEZE: Final = "%2FREZ ?"
SERIAL: Final = "%2SNUM ?"
FIRMWARE: Final = "%2SVER ?"
LAMP_PART: Final = "%2RLMP ?"
FILTER_PART: Final = "%2RFIL ?"
# Class 2.10: asks for a challenge of the better authentication; changes nothing.
CHALLENGE: Final = "PJLINK 2"

# What a room needs first comes first: a projector that stops in the middle has then told it.
CLASS_1: Final = (CLASS, POWER, ERRORS, MODEL, LAMPS, MUTE)
CLASS_2: Final = (RESOLUTION, FILTER, FREEZE)
IDENTITY_1: Final = (MANUFACTURER, NAME, OTHER)
IDENTITY_2: Final = (SERIAL, FIRMWARE, LAMP_PART, FILTER_PART)
# The input's own name, one query for each input there can be.
INPUT_NAMES: Final[Mapping[str, str]] = {
    kind + number: f"%2INNM ?{kind}{number}"
    for kind in "123456"
    for number in "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
}
QUERIES: Final = frozenset(
    {*CLASS_1, *CLASS_2, *IDENTITY_1, *IDENTITY_2, INPUT, INPUT_2, *INPUT_NAMES.values(), CHALLENGE}
)

_STRAY: Final = 8  # lines that answer something else, before it is given up
_PROOF = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{96})?")
_REPLY = re.compile(r"%[12]([A-Za-z0-9]{4})=(.*)", re.DOTALL)
_GREETING = re.compile(r"PJLINK ([012])(?: ([0-9A-Fa-f]{1,32}))?", re.IGNORECASE)
# Without a carriage return the end of a line is seen only where the form itself ends: `%1LAMP=12` may be half of 1234.
_ENDS_ITSELF = re.compile(
    r"%1(?:POWR|CLSS)=\d|%1ERST=\d{6}|%[12](?:AVMT|INPT)=[1-6][0-9A-Z]|%2FREZ=\d|%[12][A-Z0-9]{4}=ERR[1-4]"
    r"|PJLINK (?:0|1 [0-9A-F]{8}|2 [0-9A-F]{32}|ERRA)",
    re.IGNORECASE,
)


class NotAQuery(Exception):
    """Somebody wanted to send what is not in QUERIES. It was not sent."""


class Trouble(Exception):
    """Why a projector was not heard, or not to the end; the text is for a technician."""


class HungUp(Trouble):
    """It closed the connection."""


class WrongPassword(Trouble):
    """It refused ours, or wants one and we have none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A value, or an error: `ERR1` not fitted, `ERR2` no such parameter, `ERR3` not now, `ERR4` it is broken."""

    value: str | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How a projector is treated. Shorter only in tests."""

    pause_seconds: float = 0.2
    answer_seconds: float = 4.0
    call_seconds: float = 40.0  # all of it; some take 2 s for each answer
    sleep: Callable[[float], None] = time.sleep


POLITE: Final = Manners()


@dataclass(slots=True)
class Heard:
    """What one call brought."""

    greeted: bool = False
    authentication: str | None = None  # none md5 sha256 refused
    answers: dict[str, Reply] = field(default_factory=dict)
    problem: str | None = None
    no_network: bool = False  # it is this device that has no way there: nothing is known of the projector


def parse_greeting(line: str) -> tuple[str, str]:
    """(`0`, ``), (`1`, seed) or (`2`, seed). Raises ValueError on anything else."""
    found = _GREETING.fullmatch(line.strip())
    if found is None or (found[1] != "0" and not found[2]):
        raise ValueError("not a greeting of PJLink")
    return found[1], found[2] or ""


def parse_reply(line: str, query: str) -> Reply | None:
    """What `line` says to `query`; None where it answers something else. Case differs by maker."""
    found = _REPLY.fullmatch(line.strip())
    if found is None or found[1].upper() != query[2:6]:
        return None
    value = "".join(letter for letter in found[2] if letter.isprintable()).strip()
    if re.fullmatch(r"ERR[1-4]", value, re.IGNORECASE):
        return Reply(error=value.upper())
    # Some that are not ready answer a question as if it were an order.
    return Reply(error="ERR3") if value.upper() == "OK" else Reply(value=value)


def questions(answers: Mapping[str, Reply]) -> list[str]:
    """What to ask, as far as the answers so far tell. Class 2 is asked only of who says it speaks it."""
    if not is_class_2(answers):
        return [*CLASS_1, INPUT, *IDENTITY_1]
    shown = (answers.get(INPUT_2) or Reply()).value or ""
    name = [INPUT_NAMES[shown.upper()]] if shown.upper() in INPUT_NAMES else []
    return [*CLASS_1, INPUT_2, *CLASS_2, *IDENTITY_1, *IDENTITY_2, *name]


def is_class_2(answers: Mapping[str, Reply]) -> bool:
    return pjlink_class(answers) == "2"


def pjlink_class(answers: Mapping[str, Reply]) -> str | None:
    """`2`; an Optoma says `Class 1`."""
    found = re.search(r"[0-9]", (answers.get(CLASS) or Reply()).value or "")
    return found[0] if found and found[0] in "12" else None


def md5_proof(seed: str, password: str) -> str:
    return hashlib.md5((seed + password).encode(), usedforsecurity=False).hexdigest()


def sha256_proof(seed: str, password: str, ours: str) -> str:
    """Class 2.10. Not verified on a projector: after a client by others; the standard was not at hand."""
    mixed = bytes(a ^ b for a, b in zip(bytes.fromhex(ours), bytes.fromhex(seed), strict=True))
    return ours + hashlib.sha256((mixed.hex() + password).encode()).hexdigest()


def send(connection: socket.socket, query: str, proof: str = "") -> None:
    """The only function that writes to a projector."""
    if type(query) is not str or query not in QUERIES:
        raise NotAQuery(f"{query!r} is not a question")
    if type(proof) is not str or not _PROOF.fullmatch(proof):
        raise NotAQuery("a proof is 32 or 96 hexadecimal digits")
    connection.sendall(f"{proof}{query}\r".encode("ascii"))


def ask(host: str, port: int, password: str | None, manners: Manners = POLITE) -> Heard:
    """Everything questions() names. Never raises for what a projector or the network does."""
    heard = Heard()
    until = time.monotonic() + manners.call_seconds
    better = False
    try:
        while True:
            before = len(heard.answers)
            try:
                with _Line(host, port, manners, until) as line:
                    _converse(line, heard, password, better)
                return heard
            except WrongPassword:
                if better or heard.answers or heard.authentication != "md5":
                    raise
                better = True  # perhaps it takes only the other kind
            except HungUp:
                # Some close after each answer. One that does so without an answer would do it again.
                if len(heard.answers) == before:
                    raise
            manners.sleep(manners.pause_seconds)
    except Trouble as trouble:
        heard.problem = str(trouble)
        if isinstance(trouble, WrongPassword) or (better and not heard.answers):
            heard.authentication = "refused" if password else None
            heard.problem = "refuses the password" if password else str(trouble)
    except OSError as error:
        heard.no_network = error.errno == errno.ENETUNREACH or _asked_nobody(error)
        heard.problem = "was lost in the middle: " * bool(heard.answers) + _words(error)
    except UnicodeError:
        heard.problem = "its name in room.toml cannot be that of a device"
    return heard


def _converse(line: "_Line", heard: Heard, password: str | None, better: bool) -> None:
    try:
        level, seed = parse_greeting(line.read("a greeting"))
    except ValueError:
        raise Trouble("what answers there does not speak PJLink") from None
    heard.greeted = True
    proof, heard.authentication = "", "none"
    if level != "0":
        if not password:
            raise WrongPassword("asks for a password, and there is none for it in room.toml")
        if better and level == "1":
            line.send(CHALLENGE)
            level, seed = _challenge(line.read("a challenge"))
        if level == "2" and len(seed) == 32:
            proof, heard.authentication = sha256_proof(seed, password, secrets.token_hex(16)), "sha256"
        else:
            proof, heard.authentication = md5_proof(seed, password), "md5"
    while True:
        query = next((one for one in questions(heard.answers) if one not in heard.answers), None)
        if query is None:
            return
        line.send(query, proof)
        heard.answers[query] = line.reply(query)
        proof = ""  # only the first is proven


def _challenge(told: str) -> tuple[str, str]:
    try:
        level, seed = parse_greeting(told)
    except ValueError:
        level, seed = "", ""
    if level != "2" or len(seed) != 32:  # it knows no better kind, and the known one was refused
        raise WrongPassword("refuses the password")
    return level, seed


class _Line:
    """One connection, read by lines."""

    def __init__(self, host: str, port: int, manners: Manners, until: float) -> None:
        self._manners, self._until = manners, until
        self._held, self._sent = b"", 0
        self._connection = socket.create_connection((host, port), timeout=self._left())

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Trouble(f"took longer than {self._manners.call_seconds:g} s for its answers")
        return min(left, self._manners.answer_seconds)

    def send(self, query: str, proof: str = "") -> None:
        if self._sent:
            self._manners.sleep(self._manners.pause_seconds)
        self._sent += 1
        self._connection.settimeout(self._left())
        try:
            send(self._connection, query, proof)
        except ConnectionError:
            raise HungUp("hung up") from None

    def reply(self, query: str) -> Reply:
        for _ in range(_STRAY):
            told = self.read(f"an answer to {query[2:6]}")
            if told.strip().upper() == "PJLINK ERRA":
                raise WrongPassword("refuses the password")
            found = parse_reply(told, query)
            if found is not None:
                return found
        raise Trouble(f"answers something else than {query[2:6]}")

    def read(self, what: str) -> str:
        """The next line that is not empty. Bytes that are not UTF-8 are read as Latin-1."""
        end = time.monotonic() + self._left()
        while True:
            line, closed, rest = self._held.partition(b"\r")
            if len(line) + 1 > LONGEST:
                raise Trouble(f"sent a line of more than {LONGEST} bytes")
            if closed:
                self._held = rest
                if line.strip():
                    return _text(line)
                continue
            piece = self._piece(end, what)
            if not piece:
                self._held = b""
                if _ENDS_ITSELF.fullmatch(_text(line)):
                    return _text(line)
                raise HungUp(f"hung up {'in the middle of' if line else 'instead of'} {what}")
            self._held += piece

    def _piece(self, end: float, what: str) -> bytes:
        try:
            self._connection.settimeout(max(0.001, end - time.monotonic()))
            return self._connection.recv(512)
        except TimeoutError:
            raise Trouble(f"did not send {what} within {self._manners.answer_seconds:g} s") from None
        except ConnectionError:
            return b""


def _text(line: bytes) -> str:
    line = line.strip()
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _asked_nobody(error: OSError) -> bool:
    """No name server answered this device: that says nothing of the name."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN


def _words(error: OSError) -> str:
    """Ours, not the system's: those come in the device's language."""
    if _asked_nobody(error):
        return "its name could not be looked up: no name server answered this device"
    if isinstance(error, socket.gaierror):
        return "its name is not known to the network"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection: PJLink may be off in its network menu"
    if isinstance(error, TimeoutError) or error.errno == errno.EHOSTUNREACH:
        return "does not answer: without mains, off without network standby, or at another address"
    if error.errno == errno.ENETUNREACH:
        return "this device has no way to its network"
    return f"cannot be reached ({errno.errorcode.get(error.errno or 0, 'no reason given')})"
