"""How often a rule was right, from what people said when they closed its tickets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from collector.tickets import precision

WEEKS: Final = 8


@dataclass(frozen=True, slots=True)
class Said:
    """One rule in one week, or (empty) in all of them."""

    week: str
    judged: int
    right: int
    share: float | None  # None: too few to say
    known: int
    nothing_found: int
    false: int
    parts_used: int


def by_rule(session: Session, now: datetime, rule: str = "") -> dict[str, list[Said]]:
    """The last eight weeks, oldest first; the sum of all comes last. Only rules with a closed ticket."""
    found: dict[str, list[Said]] = {}
    for one in precision.weeks(session, now, WEEKS, rule):
        found.setdefault(one.rule, []).append(
            Said(
                one.week,
                one.n,
                one.real,
                one.precision,
                one.known,
                one.nothing_found,
                one.false,
                one.parts_used,
            )
        )
    return found
