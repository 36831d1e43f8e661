"""Rows by the hundred thousand into an empty store, past the ORM and past the checks of foreign keys."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Column, Connection, Table

_ROWS: Final = 20_000


class Bulk:
    """Writes on one connection; the caller has begun its transaction and commits it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._postgresql = connection.dialect.name == "postgresql"
        if self._postgresql:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")

    def put(
        self, table: Table, same: Mapping[str, object], names: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> int:
        """`same`: columns that are alike in all rows; `names`: those that `rows` tell. The others have the table's
        defaults. Gives the number of rows."""
        columns = {column.name: column for column in table.columns}
        fixed = {
            name: _default(column) for name, column in columns.items() if column.default and name not in names
        }
        fixed |= same
        dialect = self._connection.dialect
        binds: dict[str, Callable[[Any], Any] | None] = {
            name: columns[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns
        }

        def bound(name: str, value: object) -> object:
            bind = binds[name]
            return bind(value) if bind is not None else value

        tail = tuple(bound(name, value) for name, value in fixed.items())
        changed = [(place, bind) for place, name in enumerate(names) if (bind := binds[name]) is not None]

        def whole() -> Iterator[tuple[object, ...]]:
            for row in rows:
                values = list(row)
                for place, bind in changed:
                    values[place] = bind(values[place])
                yield (*values, *tail)

        return self._write(table.name, (*names, *fixed), whole())

    def _write(self, table: str, columns: Sequence[str], rows: Iterator[tuple[object, ...]]) -> int:
        cursor = self._connection.connection.cursor()
        listed, written = ", ".join(f'"{name}"' for name in columns), 0
        if self._postgresql:
            with cursor.copy(f'COPY "{table}" ({listed}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
                    written += 1
            return written
        blanks = ", ".join("?" * len(columns))
        while (first := next(rows, None)) is not None:
            some = [first, *islice(rows, _ROWS)]
            cursor.executemany(f'INSERT INTO "{table}" ({listed}) VALUES ({blanks})', some)  # noqa: S608 - names of our own tables
            written += len(some)
        return written


def _default(column: Column[Any]) -> object:
    default: Any = column.default
    return default.arg(None) if default.is_callable else default.arg
