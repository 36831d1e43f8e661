"""Looks for what keeps this device from being heard, and says what to do about it."""

import os
import shutil
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from agent import commands, identity, lock, room, status
from agent.config import Settings
from agent.exits import Exit
from agent.files import open_to_others
from agent.identity import COLLECTOR_NAME, Device, NoCredential
from agent.spool_file import NAME as SPOOL
from agent.spool_file import Damaged, connect, load_state

_CONNECT_SECONDS: Final = 5.0

# Programs some probe runs, and what is not seen without them. Absent ones are a remark, not a problem.
PROGRAMS: Final = {
    "smartctl": "health of disks (package smartmontools)",
    "dmidecode": "memory modules",
    "systemctl": "failed services",
}

Verdict = Literal["ok", "problem", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    verdict: Verdict
    text: str
    exit: Exit = Exit.OK  # what the command ends with if this is the worst


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """All checks; each answers even if those before it found a problem."""
    found = [_state_dir(settings.state_dir), _running(settings.state_dir)]
    try:
        device: Device | None = identity.load(settings.state_dir)
    except NoCredential as error:
        found.append(Finding("credential", "problem", str(error), Exit.CREDENTIAL))
        device = None
    if device is not None:
        found += [
            _credential(settings.state_dir, device), _dates(device, now), _clock(device, now),
            *_network(settings, device), _standing(settings.state_dir),
        ]  # fmt: skip
    found += [_spool(settings), *_room(settings.room_file), *_programs()]
    return found


def exit_code(found: list[Finding]) -> Exit:
    """The most telling of the problems: a credential explains a refused connection, not the other way."""
    exits = {one.exit for one in found if one.verdict == "problem"}
    for code in (Exit.CREDENTIAL, Exit.UNREACHABLE, Exit.PROBLEM):
        if code in exits:
            return code
    return Exit.OK


def as_json(found: list[Finding]) -> dict[str, Any]:
    return {"checks": [{"check": f.check, "verdict": f.verdict, "text": f.text} for f in found]}


def _problem(check: str, text: str, code: Exit = Exit.PROBLEM) -> Finding:
    return Finding(check, "problem", text, code)


def _state_dir(path: Path) -> Finding:
    name = "state directory"
    if not path.is_dir():
        return _problem(name, f"{path} does not exist: 'tocsin-agent enrol' makes it")
    if not os.access(path, os.W_OK | os.X_OK):
        return _problem(name, f"{path} cannot be written by this user: run as the agent's user or as root")
    if open_to_others(path):
        return _problem(name, f"{path} can be read by others: {_how_to_close(path, '700')}")
    free = shutil.disk_usage(path).free
    if free < 64 * 1024 * 1024:
        return _problem(
            name, f"{path}: {free // 1048576} MB free; reports are given up when the disk is full"
        )
    return Finding(name, "ok", str(path))


def _how_to_close(path: Path, mode: str) -> str:
    if os.name == "posix":
        return f"chmod {mode} {path}"
    return f'icacls "{path}" /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F'


def _running(path: Path) -> Finding:
    held = lock.is_held(path) if path.is_dir() else False
    if held is None:
        return Finding(
            "agent", "unknown", "the lock file cannot be opened: run as the agent's user or as root"
        )
    if not held:
        return _problem("agent", "not running: start it with 'tocsin-agent service start'")
    return Finding("agent", "ok", "running")


def _credential(state_dir: Path, device: Device) -> Finding:
    try:
        identity.read_credential(state_dir, device)
    except NoCredential as error:
        return _problem("credential", f"{error}: run 'tocsin-agent enrol --again'", Exit.CREDENTIAL)
    key = state_dir / device.credential / "key.pem"
    if open_to_others(key):
        text = f"the key can be read by others: {_how_to_close(key, '600')}"
        return _problem("credential", text, Exit.CREDENTIAL)
    return Finding("credential", "ok", f"device {device.device_id}")


def _dates(device: Device, now: datetime) -> Finding:
    until = device.not_after.isoformat(timespec="minutes")
    if now > device.not_after:
        text = f"the certificate expired at {until}: 'tocsin-agent renew', within 90 days of that"
        return _problem("certificate", text, Exit.CREDENTIAL)
    if now > device.renew_at + (device.not_after - device.renew_at) / 2:
        return _problem(
            "certificate", f"valid until {until} and not renewed yet: 'tocsin-agent renew' says why"
        )
    return Finding("certificate", "ok", f"valid until {until}")


def _clock(device: Device, now: datetime) -> Finding:
    if now < device.not_before:
        text = f"this clock says {now:%Y-%m-%d %H:%M} UTC, before the certificate was issued: set the clock"
        return _problem("clock", text)
    return Finding("clock", "unknown", "after the certificate's issue; more is known only to the collector")


def _network(settings: Settings, device: Device) -> Iterator[Finding]:
    host = settings.collector.rpartition(":")[0] or device.collector_host
    plain = host.strip("[]")
    try:
        addresses = sorted({str(row[4][0]) for row in socket.getaddrinfo(plain, device.intake_port)})
    except OSError as error:
        text = f"{plain} has no address ({error.strerror}): check DNS, or the name in 'collector'"
        yield _problem("name", text, Exit.UNREACHABLE)
        return
    yield Finding("name", "ok", f"{plain} is {', '.join(addresses)}")
    for what, port in (("intake", device.intake_port), ("enrolment", device.enrolment_port)):
        yield _reach(settings.state_dir, device, plain, port, what)


def _reach(state_dir: Path, device: Device, host: str, port: int, what: str) -> Finding:
    """A TLS handshake as the agent makes it, short of a call."""
    folder = state_dir / device.credential
    address = f"{host}:{port}"
    try:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=COLLECTOR_NAME) as secured,
        ):
            version = secured.version()
    except ssl.SSLCertVerificationError as error:
        text = f"{address} is not our collector: {error.verify_message}; is something in between?"
        return _problem(what, text, Exit.UNREACHABLE)
    except ssl.SSLError as error:
        return _problem(what, f"{address}: TLS failed: {error.reason}", Exit.UNREACHABLE)
    except OSError as error:
        text = f"{address} cannot be reached ({error.strerror or error}): check firewall and collector"
        return _problem(what, text, Exit.UNREACHABLE)
    return Finding(what, "ok", f"{address} answers, {version}")


def _standing(state_dir: Path) -> Finding:
    """What the running agent last heard."""
    told = status.read(state_dir)
    if told.get("barred"):
        return _problem("standing", str(told["barred"]), Exit.CREDENTIAL)
    if told.get("standing") == "clone":
        return _problem("standing", status.COPY, Exit.CREDENTIAL)
    if not told.get("last_ack_at"):
        return Finding("standing", "unknown", "the collector has not acknowledged anything yet")
    return Finding("standing", "ok", f"last acknowledged at {told['last_ack_at']}")


def _spool(settings: Settings) -> Finding:
    path = settings.state_dir / SPOOL
    if not path.exists():
        return Finding("spool", "unknown", "none yet: the running agent makes it")
    try:
        db = connect(path, read_only=True)
        try:
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            state = load_state(db)
        finally:
            db.close()
    except (sqlite3.Error, Damaged) as error:
        text = f"{path} is damaged or cannot be read ({error}): the agent sets a damaged one aside by itself"
        return _problem("spool", text)
    if verdict != "ok":
        return _problem("spool", f"{path}: {verdict}; the agent sets it aside at its next start")
    if state.evicted:
        text = f"{state.evicted} reports were given up because it was full: is the collector away for long?"
        return _problem("spool", text)
    unsent = status.read(settings.state_dir).get("spool_unsent", 0)
    return Finding("spool", "ok", f"{unsent} reports waiting, {path.stat().st_size // 1024} kB")


def _room(path: Path) -> Iterator[Finding]:
    served = room.read(path)
    if served is None:
        return  # most devices serve no room
    if served.problem:
        yield _problem("room", f"{served.problem}; nothing it lists is looked after")
        return
    counts = (
        (len(served.projectors), "projector"), (len(served.recorders), "recorder"), (len(served.targets), "target"),
    )  # fmt: skip
    listed = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
    yield Finding(
        "room", "ok", f"{path}: {listed or 'lists nothing; what is plugged in is looked at each minute'}"
    )
    for one in served.projectors:
        if one.password_file is not None and not os.access(one.password_file, os.R_OK):
            yield _problem(
                "room", f"projector {one.name}: its password_file {one.password_file} cannot be read"
            )


def _programs() -> Iterator[Finding]:
    if os.name != "posix":
        return
    for program, purpose in PROGRAMS.items():
        path = commands.find(program)
        if path:
            yield Finding(program, "ok", path)
        else:
            yield Finding(program, "unknown", f"not found; without it: no {purpose}")
