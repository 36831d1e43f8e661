"""What every command prints the same way: JSON for scripts, a table for people."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any


def as_json(value: Any) -> str:
    """Times as ISO 8601 in UTC."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


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
