"""Hours of a week and lists of holidays, as people type and read them."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from console import words
from console.forms import Mistake

Week = dict[str, list[list[str]]]  # weekday ("0" is Monday) → [["08:00", "17:00"], …], as the store keeps it

_SPAN: Final = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|—|to)\s*(\d{1,2})(?:[:.](\d{2}))?", re.ASCII)
_BETWEEN: Final = re.compile(r"\s*[,;]\s*")
_NEVER: Final = ("", "-", "–", "closed", "none")
_MOST_HOLIDAYS: Final = 1000


def week(typed: Mapping[str, str], name: str) -> Week:
    """`8–12, 13:00–17:00` of each weekday. Raises Mistake naming list, day and value."""
    return {day: spans for day in map(str, range(7)) if (spans := _day(typed.get(day, ""), name, int(day)))}


def _day(typed: str, name: str, day: int) -> list[list[str]]:
    where = f"{name}, {words.WEEKDAYS[day]}"
    text = typed.strip()
    if text.casefold() in _NEVER:
        return []
    spans: list[list[str]] = []
    for part in _BETWEEN.split(text):
        match = _SPAN.fullmatch(part)
        if match is None:
            raise Mistake(f"{where}: {part!r} is not from – to; 08:00–17:00 would be")
        begins, ends = _time(where, match[1], match[2]), _time(where, match[3], match[4])
        if begins >= ends:
            raise Mistake(f"{where}: {begins} is not before {ends}")
        if spans and begins < spans[-1][1]:
            raise Mistake(
                f"{where}: {begins}–{ends} begins before {spans[-1][1]}, where the one before it ends"
            )
        spans.append([begins, ends])
    return spans


def _time(where: str, hour: str, minute: str | None) -> str:
    told = f"{int(hour):02}:{minute or '00'}"
    if told > "24:00" or (minute or "00") > "59":
        raise Mistake(f"{where}: {told} is no time of day")
    return told


def said(spans: Sequence[Sequence[str]]) -> str:
    """One weekday, as it is typed."""
    return ", ".join("–".join(pair) for pair in spans)


def summary(hours: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """`Mon–Fri 08:00–17:00, Sat 09:00–12:00`; days with the same hours are one."""
    lines: list[tuple[int, int, str]] = []
    for day in range(7):
        text = said(hours.get(str(day), ()))
        if not text:
            continue
        if lines and lines[-1][1] == day - 1 and lines[-1][2] == text:
            lines[-1] = (lines[-1][0], day, text)
        else:
            lines.append((day, day, text))
    return "; ".join(f"{_days(first, last)} {text}" for first, last, text in lines)


def _days(first: int, last: int) -> str:
    short = [name[:3] for name in words.WEEKDAYS]
    return short[first] if first == last else f"{short[first]}–{short[last]}"


def holidays(text: str) -> list[str]:
    """A day a line, or a CSV whose first column is the day; a name behind it is for whoever types. Raises Mistake."""
    found: set[str] = set()
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        cell = re.split(r"[,;\t]", line, maxsplit=1)[0].strip().strip('"').strip()
        if not cell:
            continue
        if number == 1 and not any(c.isdigit() for c in cell):
            continue  # the heading of a CSV
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell, re.ASCII):
            raise Mistake(f"Holidays, line {number}: {cell[:40]!r} is no day; 2026-11-26 would be")
        try:
            found.add(date.fromisoformat(cell).isoformat())
        except ValueError:
            raise Mistake(f"Holidays, line {number}: there is no {cell} in the calendar") from None
    if len(found) > _MOST_HOLIDAYS:
        raise Mistake(f"Holidays: {len(found)} days are more than the {_MOST_HOLIDAYS} a site can have")
    return sorted(found)
