"""Reads single facts out of a WMI row, live or from a dump. Unknown, empty and unreadable are None, never 0."""

import re
from datetime import UTC, datetime, timedelta

from agent.windows import Row

_DATETIME = re.compile(r"^(\d{14})(?:\.(\d{6}))?([+-]\d{3})?$", re.ASCII)


def text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, (list, tuple)):
        return None
    return str(value).strip() or None


def whole(row: Row, name: str) -> int | None:
    """A whole number of at least 0."""
    value = row.get(name)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    found = re.fullmatch(r"\s*\+?(\d{1,20})\s*", str(value), re.ASCII)
    return int(found[1]) if found else None


def truth(row: Row, name: str) -> bool | None:
    value = row.get(name)
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).strip().lower())


def numbers(row: Row, name: str) -> tuple[int, ...]:
    """An array of numbers: a tuple, or `{3,4}` in a dump."""
    value = row.get(name)
    if isinstance(value, (list, tuple)):
        return tuple(each for each in value if isinstance(each, int) and not isinstance(each, bool))
    if value is None or isinstance(value, bool):
        return ()
    return tuple(int(digits) for digits in re.findall(r"\d{1,20}", str(value), re.ASCII))


def moment(row: Row, name: str) -> datetime | None:
    """A CIM date, `20220622000000.000000-000`; the last part is minutes from UTC."""
    found = _DATETIME.fullmatch(text(row, name) or "")
    if found is None:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return at - timedelta(minutes=int(found[3] or 0))
    except (ValueError, OverflowError):
        return None
