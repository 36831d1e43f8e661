"""What snap says, as facts. Pure: text in, facts out."""

import re

from agent.probe import item
from agent.probes.dpkg import Package
from protos.report_pb2 import Item


def parse_list(text: str) -> list[Package]:
    """Output of `snap list`."""
    return [
        Package(
            name=row["Name"],
            version=row["Version"],
            architecture="",
            installed_bytes=None,
            source=row.get("Publisher", "").rstrip("*✓") or None,
            section=row.get("Tracking") or None,
        )
        for row in _rows(text)
    ]


def parse_held(text: str) -> set[str]:
    """Those of `snap list` that somebody holds."""
    return {row["Name"] for row in _rows(text) if "held" in row.get("Notes", "").split(",")}


def parse_refresh(text: str, errors: str, held: set[str] = frozenset()) -> list[Item]:  # type: ignore[assignment]
    """Output of `snap refresh --list`. "None" is said on standard error; nothing at all is no answer."""
    rows = _rows(text)
    if not rows and "All snaps up to date" not in errors + text:
        raise ValueError((errors.strip().splitlines() or ["snap printed nothing"])[-1][:200])
    return [
        item(
            f"snap {row['Name']}",
            kind="snap",
            name=row["Name"],
            candidate=row["Version"],
            held=row["Name"] in held,
        )
        for row in rows
    ]


def _rows(text: str) -> list[dict[str, str]]:
    """A table whose columns are as wide as its widest value; values have no blanks."""
    lines = text.splitlines()
    if not lines or not re.match(r"Name\s+Version\s+Rev", lines[0]):
        return []
    columns = lines[0].split()
    rows = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) == len(columns):
            rows.append(
                {name: "" if value == "-" else value for name, value in zip(columns, fields, strict=True)}
            )
    return rows
