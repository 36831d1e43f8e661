"""How often a rule was right: outcomes of closed tickets, by rule and ISO week.

Precision is confirmed / (confirmed + not confirmed). Confirmed is `real`. Not confirmed are `false` and
`nothing_found`. `known` counts apart: it was so, and nobody needed to be told; it is in neither.
A ticket counts once for each rule that had a finding on it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from collector.store.findings import Finding
from collector.store.tickets import Ticket

# Of fewer tickets a percentage says more about chance than about the rule.
ENOUGH: Final = 10
_CONFIRMED: Final = ("real",)
_NOT_CONFIRMED: Final = ("false", "nothing_found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """One rule in one week; `week` is empty for all the weeks together."""

    rule: str
    week: str
    real: int = 0
    false: int = 0
    nothing_found: int = 0
    known: int = 0
    parts_used: int = 0

    @property
    def n(self) -> int:
        """Tickets that speak for or against the rule."""
        return self.real + self.false + self.nothing_found

    @property
    def precision(self) -> float | None:
        return self.real / self.n if self.n >= ENOUGH else None


def weeks(session: Session, now: datetime, count: int, rule: str = "") -> list[Tally]:
    """The last `count` ISO weeks, this one included, oldest first; a rule's own sum comes last, with no week. `rule`:
    only that one."""
    since = monday(now) - timedelta(weeks=count - 1)
    rows = session.execute(
        select(Ticket.id, Ticket.closed_at, Ticket.outcome, Ticket.part_used, Finding.rule)
        .join(Finding, (Finding.device_id == Ticket.device_id) & (Finding.ticket_id == Ticket.id))
        .where(Ticket.state == "closed", Ticket.outcome != "", Ticket.closed_at >= since, Ticket.closed_at <= now)
        .where(Finding.rule == rule if rule else true())
        .distinct()
    ).all()  # fmt: skip
    counted: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for _ticket, closed_at, outcome, part, name in rows:
        if closed_at is None:
            continue
        for which in (week_of(closed_at), ""):
            counted[name, which][outcome] += 1
            counted[name, which]["parts_used"] += bool(part)
    order = sorted(counted, key=lambda key: (key[0], key[1] == "", key[1]))
    return [_tally(name, week, counted[name, week]) for name, week in order]


def _tally(rule: str, week: str, counts: Counter[str]) -> Tally:
    known: Iterable[str] = (*_CONFIRMED, *_NOT_CONFIRMED, "known", "parts_used")
    return Tally(rule=rule, week=week, **{name: counts[name] for name in known})


def week_of(at: datetime) -> str:
    """`2026-W45`, in UTC: a report must not change with who reads it."""
    year, week, _ = at.astimezone(UTC).isocalendar()
    return f"{year}-W{week:02}"


def monday(at: datetime) -> datetime:
    """When the ISO week began."""
    year, week, _ = at.astimezone(UTC).isocalendar()
    return datetime.combine(date.fromisocalendar(year, week, 1), datetime.min.time(), UTC)
