"""What people typed into a form, made safe to keep: no NUL, no endless text; days and times with their zone."""

from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from flask import request

from collector.problem import Problem

LONGEST: Final = 4000


class Mistake(Problem):
    """A field that could not be understood; the text names it."""


def text(name: str, longest: int = LONGEST) -> str:
    return request.form.get(name, "").replace("\x00", "").strip()[:longest]


def line(name: str, longest: int = 100) -> str:
    """One line of printable text."""
    return "".join(c for c in text(name) if c.isprintable()).strip()[:longest]


def moment(name: str, label: str, zone: tzinfo) -> datetime:
    """A day and time of the wall clock there. Raises Mistake."""
    told = text(name)
    try:
        at = datetime.fromisoformat(told)
        if "T" not in told and " " not in told:
            raise ValueError(told)
        # Years at the very edge have no moment in UTC.
        return _sensible(at if at.tzinfo is not None else at.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise Mistake(f"{label}: {told!r} is no day and time; 2026-03-31 18:00 would be") from None


def end_of_day(name: str, label: str, zone: tzinfo) -> datetime | None:
    """The end of that day there; None when the field is empty. Raises Mistake."""
    told = text(name)
    if not told:
        return None
    try:
        day = datetime.fromisoformat(told).date()
        return _sensible(datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone))
    except (ValueError, OverflowError):
        raise Mistake(f"{label}: {told!r} is no day; 2026-03-31 would be") from None


def _sensible(at: datetime) -> datetime:
    if not 2000 <= at.year <= 2200:
        raise ValueError(at)
    return at


def sentence(problem: object) -> str:
    said = str(problem)
    return f"{said[:1].upper()}{said[1:]}" + ("" if said.endswith((".", "?", "!")) else ".")
