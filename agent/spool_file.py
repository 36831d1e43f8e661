"""The spool's file: opened, checked, and set aside when it is damaged. Never a crash loop."""

import hashlib
import json
import logging
import os
import secrets
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.files import make_private_directory, write_whole
from protos.intake_pb2 import AFTER_CORRUPTION, FIRST
from protos.report_pb2 import CORRUPT

log = logging.getLogger(__name__)

NAME: Final = "spool.db"
# The spool's id once more, so that it is known after the file itself is lost.
_SIDE: Final = "spool.id"

# `body` is the last column: sqlite walks a long value's pages to reach what lies behind it.
_TABLES: Final = """
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE report (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  collected_at TEXT NOT NULL,
  lane INTEGER, seq INTEGER, acked_at TEXT, quarantined TEXT,
  hash BLOB NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (lane, seq)
);
CREATE INDEX waiting ON report (lane, seq, id) WHERE acked_at IS NULL AND quarantined IS NULL;
CREATE TABLE gap (
  id INTEGER PRIMARY KEY, reason INTEGER NOT NULL, reports INTEGER NOT NULL, from_at TEXT, to_at TEXT,
  report INTEGER
);
"""


class Damaged(Exception):
    """The file is not, or no longer, a spool."""


@dataclass(slots=True)
class State:
    """One row, with a checksum of its own: sqlite notices a broken page, not a flipped digit."""

    spool_id: str
    birth: int
    previous_spool_id: str = ""
    next_live: int = 1
    next_backfill: int = 1
    evicted: int = 0
    quarantined: int = 0

    def save(self, db: sqlite3.Connection) -> None:
        body = json.dumps(asdict(self), sort_keys=True)
        db.execute("INSERT OR REPLACE INTO state (one, hash, body) VALUES (1, ?, ?)", (_digest(body), body))


def load_state(db: sqlite3.Connection) -> State:
    """Raises Damaged."""
    row = db.execute("SELECT hash, body FROM state").fetchone()
    if row is None or _digest(str(row[1])) != row[0]:
        raise Damaged("the spool's own state does not match its checksum")
    values: dict[str, Any] = json.loads(row[1])
    return State(**{name: value for name, value in values.items() if name in State.__slots__})


def new_id() -> str:
    return secrets.token_hex(16)


def content_hash(body: bytes) -> bytes:
    """The report's content hash: both sides compare these 8 bytes."""
    return hashlib.sha256(body).digest()[:8]


def hash_number(digest: bytes) -> int:
    """As it travels in HighWater.hash."""
    return int.from_bytes(digest, "big")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def remember_id(folder: Path, spool_id: str) -> None:
    write_whole(folder / _SIDE, spool_id.encode())


def open_spool(folder: Path, now: datetime) -> tuple[sqlite3.Connection, State]:
    """Open the spool below `folder`, make it when there is none, and replace it when it is damaged."""
    make_private_directory(folder)
    known = _known_id(folder)
    if (folder / NAME).exists():
        try:
            return _open_existing(folder, known)
        except (Damaged, sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.OperationalError) and not is_damage(error):
                raise  # locked, no rights, disk full: the file itself may be sound
            log.error("the spool is damaged and set aside: %s", error)
            set_aside(folder, now)
    birth = AFTER_CORRUPTION if known else FIRST
    return _create(folder, State(new_id(), birth, known), now)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether sqlite says that the file's content is broken."""
    code = getattr(error, "sqlite_errorcode", None)
    # OperationalError without a code of ours: a missing table or column, so not a spool of this shape.
    return code is not None and code & 0xFF in (
        sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR,
    )  # fmt: skip


def set_aside(folder: Path, now: datetime) -> None:
    """Keep the damaged file for whoever wants to look, but only the newest one."""
    for old in folder.glob(f"{NAME}.corrupt-*"):
        old.unlink(missing_ok=True)
    for tail in ("", "-wal", "-shm"):
        path = folder / f"{NAME}{tail}"
        if not path.exists():
            continue
        if tail:
            path.unlink()
        else:
            path.replace(folder / f"{NAME}.corrupt-{now:%Y%m%dT%H%M%SZ}")


def _known_id(folder: Path) -> str:
    try:
        text = (folder / _SIDE).read_bytes()[:64].decode("ascii", "replace").strip()
    except OSError:
        return ""
    return text if len(text) == 32 and all(digit in "0123456789abcdef" for digit in text) else ""


def _open_existing(folder: Path, known: str) -> tuple[sqlite3.Connection, State]:
    db = connect(folder / NAME)
    try:
        verdict = db.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict is None or verdict[0] != "ok":
            raise Damaged(str(verdict and verdict[0]))
        state = load_state(db)
        if known not in ("", state.spool_id, state.previous_spool_id):
            raise Damaged("the spool's id is not the one noted beside it")
        if known != state.spool_id:  # killed between the commit and the note
            remember_id(folder, state.spool_id)
    except BaseException:
        db.close()
        raise
    return db, state


def _create(folder: Path, state: State, now: datetime) -> tuple[sqlite3.Connection, State]:
    path = folder / NAME
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    db = connect(path)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.split(";\n"):
        db.execute(statement)
    if state.birth == AFTER_CORRUPTION:  # how many reports were in it cannot be known: 0
        db.execute("INSERT INTO gap (reason, reports, to_at) VALUES (?, 0, ?)", (CORRUPT, now.isoformat()))
    state.save(db)
    db.execute("COMMIT")
    remember_id(folder, state.spool_id)
    return db, state


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """With what the promises rest on: FULL makes a commit survive a power cut, not only a kill."""
    mode = "ro" if read_only else "rw"
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        db.execute("PRAGMA busy_timeout = 5000")
        if not read_only:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA cache_size = -512")
            db.execute("PRAGMA wal_autocheckpoint = 256")  # 1 MB, so that the WAL stays small beside the cap
            db.execute("PRAGMA journal_size_limit = 1048576")
    except BaseException:
        db.close()  # Windows moves no file that is open, and a damaged one is to be set aside
        raise
    return db
