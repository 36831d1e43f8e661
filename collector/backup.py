"""Backup and restore: one file that holds the store, the certificate authority and what was counted.

Agents keep acknowledged reports for 48 hours, so a collector restored from last night's backup is filled
again by itself. `verify` proves what the copy holds before anyone relies on it.
"""

import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from collector.problem import Problem
from collector.store import open_engine, schema
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.reports import Spool, StoredReport
from collector.store.tickets import Evidence, Ticket, TicketEvent

FORMAT: Final = 1
_COUNTED: Final = (Device, Spool, StoredReport, Finding, Ticket, TicketEvent, Evidence)


class BackupError(Problem):
    """The backup cannot be made, read or trusted; the text says why."""


def backup(engine: Engine, pki: Path, file: Path, now: datetime) -> dict[str, Any]:
    """Write `file` (mode 0600: it holds the authority's key). Returns its ledger."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "store"
        # A PostgreSQL dump can only be counted by restoring it: its ledger holds what was there just before.
        rows = count(engine)
        _dump(engine, copy)
        with _opened(copy, engine.dialect.name) as restored:
            if restored is not None:
                rows = count(restored)
        ledger = {
            "format": FORMAT, "made_at": now.isoformat(), "kind": engine.dialect.name,
            "revision": schema.current(engine), "rows": rows, "sha256": _sha256(copy),
        }  # fmt: skip
        temporary = file.with_suffix(file.suffix + ".new")
        with temporary.open("wb") as raw:
            temporary.chmod(0o600)
            with tarfile.open(fileobj=raw, mode="w:gz") as tar:
                _add(tar, "ledger.json", json.dumps(ledger, indent=1).encode())
                tar.add(copy, "store")
                for path in sorted(pki.iterdir()):
                    tar.add(path, f"pki/{path.name}")
        temporary.replace(file)
    return ledger


def verify(file: Path) -> dict[str, Any]:
    """Unpack, check the sum, open the copy and count its rows against the ledger. Raises BackupError."""
    with tempfile.TemporaryDirectory() as directory:
        ledger = _unpacked(file, Path(directory))
        copy = Path(directory) / "store"
        with _opened(copy, ledger["kind"]) as restored:
            if restored is None:  # a PostgreSQL dump: its own tool reads its table of contents
                _pg("pg_restore", "--list", str(copy))
                return ledger
            with restored.connect() as connection:
                answer = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if answer != "ok":
                raise BackupError(f"{file}: the copy of the store is damaged: {answer}")
            found = count(restored)
        if found != ledger["rows"]:
            raise BackupError(f"{file}: the copy holds {found}, the ledger says {ledger['rows']}")
        return ledger


def restore(file: Path, url: str, pki: Path) -> dict[str, Any]:
    """Put a verified backup in place of an empty store. Raises BackupError if anything is there already."""
    ledger = verify(file)
    parsed = make_url(url)
    if pki.exists() and any(pki.iterdir()):
        raise BackupError(f"{pki} is not empty: restore into a new state directory")
    with tempfile.TemporaryDirectory() as directory:
        _unpacked(file, Path(directory))
        copy = Path(directory) / "store"
        if ledger["kind"] == "sqlite":
            target = Path(parsed.database or "")
            if parsed.get_backend_name() != "sqlite" or target.exists():
                raise BackupError(
                    f"a backup of SQLite goes to a new SQLite file, not to {parsed.render_as_string()}"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy, target)
        else:
            _pg("pg_restore", "--exit-on-error", "--no-owner", "--dbname", _libpq(url), str(copy))
        pki.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (Path(directory) / "pki").iterdir():
            (pki / path.name).touch(mode=0o600)
            shutil.copyfile(path, pki / path.name)
    engine = open_engine(url)
    found = count(engine)
    engine.dispose()
    exact = ledger["kind"] == "sqlite"
    if found != ledger["rows"] if exact else any(found[t] < n for t, n in ledger["rows"].items()):
        raise BackupError(f"restored {found}, the ledger says {ledger['rows']}")
    return ledger


def count(engine: Engine) -> dict[str, int]:
    """Rows of the tables that matter."""
    with Session(engine) as session:
        return {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in _COUNTED
        }


def _dump(engine: Engine, copy: Path) -> None:
    if engine.dialect.name == "sqlite":
        source = sqlite3.connect(str(engine.url.database))
        with sqlite3.connect(copy) as target:
            source.backup(target)  # SQLite's own: consistent while others write
        target.close()
        source.close()
    else:
        _pg(
            "pg_dump",
            "--format=custom",
            "--file",
            str(copy),
            _libpq(engine.url.render_as_string(hide_password=False)),
        )


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _pg(program: str, *arguments: str) -> None:
    path = shutil.which(program) or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)), None
    )
    if path is None:
        raise BackupError(f"no {program} on this machine: install PostgreSQL's client programs")
    ended = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BackupError(f"{program}: {ended.stderr.strip()[:500]}")


@contextmanager
def _opened(copy: Path, kind: str) -> Iterator[Engine | None]:
    """The copied SQLite file as an engine; None for a PostgreSQL dump, which only restores."""
    if kind != "sqlite":
        yield None
        return
    engine = open_engine(f"sqlite:///{copy}")
    try:
        yield engine
    finally:
        engine.dispose()
        with sqlite3.connect(copy) as plain:  # leave one file: no -wal beside it
            plain.execute("PRAGMA journal_mode=DELETE")
        plain.close()


def _unpacked(file: Path, directory: Path) -> dict[str, Any]:
    """Take out the members a backup has, by name; whatever else lies in the archive is left there."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                if (
                    not member.isfile()
                    or (member.name not in ("ledger.json", "store") and folder != "pki")
                    or name == ".."
                ):
                    continue
                (directory / folder).mkdir(exist_ok=True)
                content = tar.extractfile(member)
                with (directory / folder / name).open("wb") as target:
                    shutil.copyfileobj(content, target)  # type: ignore[arg-type]
        ledger: dict[str, Any] = json.loads((directory / "ledger.json").read_text())
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise BackupError(f"{file} is not a readable backup: {error}") from None
    if ledger.get("format") != FORMAT:
        raise BackupError(f"{file}: backup format {ledger.get('format')} is not known here")
    if _sha256(directory / "store") != ledger["sha256"]:
        raise BackupError(f"{file}: the store inside does not have the sum the ledger says")
    return ledger


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(content))
