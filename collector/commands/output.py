"""What every command prints the same way: JSON for scripts, a table for people."""

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TextIO, cast


def as_json(value: Any) -> str:
    """Times as ISO 8601 in UTC. What a terminal would act on is written as JSON escapes it: nothing is lost."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def as_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Columns as wide as their widest cell; `-` for what is not known."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    lines = [list(columns), *cells]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "".join(c if c.isprintable() else "?" for c in str(value))


def inert(text: str) -> str:
    """Without what a terminal acts on: colours, a title, a line that is turned around."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


@contextlib.contextmanager
def inert_output() -> Iterator[None]:
    """Whatever a command prints: devices and people wrote much of it, and it is read on an administrator's terminal."""
    with contextlib.redirect_stdout(cast(TextIO, _Inert(sys.stdout))):
        yield


class _Inert:
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(inert(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)
