"""What an A/V host looks after beside itself: `room.toml`, written by who installs the room.

The file makes the device one that serves a room: what is plugged in is then looked at each minute. It may be
empty. Nothing in it comes from the collector, and no password in it or beside it ever leaves the device.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MOST: Final = 32  # of a kind: a room, not a building

_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "projector": ("name", "host", "port", "password_file", "rated_lamp_hours", "filter_hours"),
    "recorder": ("name", "process", "folder", "bytes_per_hour"),
    "target": ("name", "host", "port"),
}


class RoomError(Exception):
    """A mistake in room.toml; the text names the file, the table and the key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Projector:
    """One that answers PJLink; only ever asked, never told."""

    name: str
    host: str
    port: int = 4352
    password_file: Path | None = None
    rated_lamp_hours: float | None = None  # None: as the table of models has it, if it does
    filter_hours: float | None = None  # when its filter is due


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorder:
    """A program that records, and the folder it writes to."""

    name: str
    process: str  # its program's file name, as the task list has it
    folder: Path | None = None
    bytes_per_hour: float | None = None  # None: as fast as the newest file grows


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What the room's programs talk to: a conference server, a recording server."""

    name: str
    host: str
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    file: Path
    projectors: tuple[Projector, ...] = ()
    recorders: tuple[Recorder, ...] = ()
    targets: tuple[Target, ...] = ()
    problem: str = field(default="")  # why the file could not be used; it lists nothing then


def read(path: Path | None) -> Room | None:
    """None: there is no such file. A mistake in it costs what it lists and nothing else: `problem` names it."""
    if path is None:
        return None
    try:
        return _parsed(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        problem = f"{path}: is not UTF-8 text"
    except OSError as error:
        problem = f"{path}: cannot be read: {error.strerror}"
    except RoomError as error:
        problem = str(error)
    return Room(file=path, problem=problem)


def _parsed(path: Path, text: str) -> Room:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RoomError(f"{path}: is not TOML: {error}") from None
    for name in tables:
        if name not in _TABLES:
            raise RoomError(f"{path}: there is no [[{name}]]; known are {', '.join(_TABLES)}")
    found: dict[str, list[dict[str, Any]]] = {
        kind: _rows(path, kind, tables.get(kind, [])) for kind in _TABLES
    }
    return Room(
        file=path,
        projectors=tuple(Projector(**row) for row in found["projector"]),
        recorders=tuple(Recorder(**row) for row in found["recorder"]),
        targets=tuple(Target(**row) for row in found["target"]),
    )


def _rows(path: Path, kind: str, rows: object) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RoomError(f"{path}: {kind} must be written as [[{kind}]]")
    if len(rows) > MOST:
        raise RoomError(f"{path}: {len(rows)} times [[{kind}]], at most {MOST} are looked after")
    made = [_row(f"{path}: {kind} {number}", kind, row) for number, row in enumerate(rows, 1)]
    names = [row["name"] for row in made]
    for number, name in enumerate(names, 1):
        if name in names[: number - 1]:
            raise RoomError(f"{path}: {kind} {number}: there is another {kind} called {name!r}")
    return made


def _row(where: str, kind: str, row: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in row.items():
        if key not in _TABLES[kind]:
            raise RoomError(f"{where}: there is no key {key}; known are {', '.join(_TABLES[kind])}")
        made[key] = _checked(f"{where}: {key}", key, value)
    needed = {
        "projector": ("name", "host"),
        "recorder": ("name", "process"),
        "target": ("name", "host", "port"),
    }
    for key in needed[kind]:
        if key not in made:
            raise RoomError(f"{where}: {key} is missing")
    return made


def _checked(where: str, key: str, value: object) -> object:
    if key == "port":
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
            raise RoomError(f"{where} must be a port, 1 to 65535, not {value!r}")
        return value
    if key in ("rated_lamp_hours", "filter_hours", "bytes_per_hour"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
            raise RoomError(f"{where} must be a number above 0, not {value!r}")
        return float(value)
    if not isinstance(value, str) or not value.strip() or len(value) > 260 or not value.isprintable():
        raise RoomError(f"{where} must be text, not {value!r}")
    if key == "host" and not re.fullmatch(r"[0-9A-Za-z._:%\-]{1,255}", value):
        raise RoomError(f"{where} must be a name or an address, not {value!r}")
    return Path(value) if key in ("password_file", "folder") else value.strip()
