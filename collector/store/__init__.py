"""The store: tables and their queries, one noun a file. SQLite by default, PostgreSQL by URL.

Every large table has `device_id` first in its key and in each unique index, and no uniqueness reaches
across devices, so that the same schema can be distributed by device (docs/adr/0004-store.md). Small
tables (tokens, people, leases, counters) are exempt.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    DateTime,
    Engine,
    MetaData,
    String,
    Text,
    TypeDecorator,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker


@lru_cache(maxsize=4096)
def _as_text(value: datetime) -> str:
    # A report's rows carry the same moment a dozen times; formatting it was a sixth of the cost of writing.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out. SQLite has no such type and keeps a text that sorts like the time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(String(26) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Any) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the store")
        return _as_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(f"{value}+00:00")  # half the time of replace(tzinfo=UTC)
        found: datetime = value.astimezone(UTC)
        return found


class EncodedJSON(TypeDecorator[Any]):
    """JSON that may be handed over encoded: the writing path encodes once, to compare and to store."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return value if value is None or isinstance(value, str) else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else json.loads(value)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UTCDateTime}


def only(condition: str) -> dict[str, Any]:
    """Of an index over the rows of which this is true. A statement must say the same condition to be served by it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


SessionMaker = Callable[[], Session]


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///PATH` or `postgresql+psycopg://…`.

    An ack means committed: WAL with synchronous=FULL, or synchronous_commit=on.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": 10})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True, connect_args={"options": "-c synchronous_commit=on"})


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own implicit BEGIN comes too late and is DEFERRED: two writers would meet
    # "database is locked" in the middle of a transaction, where waiting does not help.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.execute("PRAGMA cache_size=-65536")  # KiB: the upper levels of the indexes of 10,000 devices
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # Readers say so (`read_only`), everybody else takes the write lock at once.
    if connection.get_execution_options().get("read_only"):
        connection.exec_driver_sql("BEGIN DEFERRED")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def session_maker(engine: Engine) -> sessionmaker[Session]:
    """Sessions that write."""
    return sessionmaker(engine, expire_on_commit=False)


def reader_maker(engine: Engine) -> sessionmaker[Session]:
    """Sessions that only read: they never wait for the writer and never make it wait."""
    return sessionmaker(engine.execution_options(read_only=True), expire_on_commit=False)
