"""INSERT … ON CONFLICT DO UPDATE, the same on SQLite and PostgreSQL."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert as InsertStatement


@lru_cache(maxsize=64)
def _statement(dialect: str, table: Table, columns: tuple[str, ...]) -> InsertStatement:
    # Both dialects' inserts have the same two methods and no common type.
    insert: Any = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in columns if name not in keys}
    if not changed:
        statement: InsertStatement = insert.on_conflict_do_nothing(index_elements=keys)
    else:
        statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    return statement


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows by primary key; every row holds the same columns (by column name)."""
    if rows:
        connection.execute(_statement(connection.dialect.name, table, tuple(rows[0])), list(rows))
