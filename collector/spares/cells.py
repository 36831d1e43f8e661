"""What stands in one cell: text, a whole number, a day, a moment, an amount of bytes. Raises ValueError with a sentence."""

import re
from datetime import UTC, date, datetime
from typing import Final

from collector.spares.table_file import said

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_AMOUNT: Final = re.compile(r"(\d{1,19})(?:[.,](\d{1,6}))?\s*([kmgtp]?i?b)", re.ASCII | re.IGNORECASE)
# What Excel makes of a long row of digits; the digits behind are lost.
_SHORTENED: Final = re.compile(r"\d([.,]\d+)?E\+\d+", re.ASCII)
_DECIMAL: Final = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "pb": 10**15}
_BINARY: Final = {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "pib": 2**50}
_MOST: Final = 2**31 - 1  # of a whole number in the store


def text(told: str, longest: int) -> str:
    """One line."""
    if not told.isprintable():
        raise ValueError(f"{said(told)} holds a line's end or a letter that cannot be shown")
    if len(told) > longest:
        raise ValueError(f"it has {len(told)} letters; {longest} is the most")
    return told


def lines(told: str, longest: int = 4000) -> str:
    """One line or several."""
    text(told.replace("\n", "").replace("\t", ""), longest)
    return told


def code(told: str, longest: int) -> str:
    """A serial or a part number."""
    if _SHORTENED.fullmatch(told):
        raise ValueError(
            f"{said(told)} was shortened by a spreadsheet; make the column text and enter it again"
        )
    return text(told, longest)


def whole(told: str) -> int:
    if not re.fullmatch(r"\d{1,10}", told, re.ASCII) or int(told) > _MOST:
        raise ValueError(f"{said(told)} is no whole number of 0 or more")
    return int(told)


def day(told: str) -> date:
    if not _DAY.fullmatch(told):
        raise ValueError(
            f"{said(told)} is no day as 2027-03-01; a spreadsheet's other forms can be read in two ways, so none is taken"
        )
    try:
        found = date.fromisoformat(told)
    except ValueError:
        raise ValueError(f"there is no day {told}") from None
    if not 1990 <= found.year <= 2199:
        raise ValueError(f"the year of {told} is not of our time")
    return found


def moment(told: str) -> datetime:
    """A day (its beginning in UTC) or a time with its offset: `2026-11-20T08:15:00Z`."""
    if _DAY.fullmatch(told):
        return datetime.combine(day(told), datetime.min.time(), tzinfo=UTC)
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        raise ValueError(
            f"{said(told)} is no day as 2026-11-20 and no time as 2026-11-20T08:15:00Z"
        ) from None
    if found.tzinfo is None:
        raise ValueError(f"{said(told)} has no time zone; 2026-11-20T08:15:00Z would have")
    day(f"{found:%Y-%m-%d}")
    return found.astimezone(UTC).replace(microsecond=0)


def amount(told: str, *, binary: bool = False) -> int:
    """`512 GB`, `1.92 TB`, `16 GiB` in bytes. Of memory (`binary`) a GB is a GiB, as on its box."""
    found = _AMOUNT.fullmatch(told)
    if found is None:
        raise ValueError(f"{said(told)} is no amount with its unit; 512 GB or 16 GiB would be")
    unit = found[3].casefold()
    step = _DECIMAL.get(unit, 0) or _BINARY[unit]
    if binary and unit in _DECIMAL and unit != "b":
        step = _BINARY[f"{unit[0]}ib"]
    parts = found[2] or ""
    count, left = divmod(int(found[1] + parts) * step, int("1" + "0" * len(parts)))
    if left or not 0 < count < 2**62:
        raise ValueError(f"{said(told)} is no whole number of bytes that a part could hold")
    return count


def amount_said(count: int, *, binary: bool = False) -> str:
    """So that `amount` makes exactly the same of it."""
    for units in (_BINARY,) if binary else (_DECIMAL, _BINARY):
        for unit, step in reversed(units.items()):
            if step > 1 and count % step == 0 and count // step < 10**4:
                return f"{count // step} {unit[0].upper() if unit[0] != 'k' else 'k'}{'iB' if 'i' in unit else 'B'}"
    return f"{count} B"
