"""Former readiness checks of a room: a strip of thirty days, how often it was ready, what was found when it was not."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rooms.checks import Rates
from collector.rooms.readiness import WORST_FIRST
from collector.store.rooms import DEGRADED, NOT_READY, READY, UNKNOWN, ReadinessCheck
from console import words

DAYS: Final = 30
_KINDS: Final = (READY, DEGRADED, NOT_READY, UNKNOWN)  # in the order of Rates
_LISTED: Final = 10
_CELL: Final = 24
_HEIGHT: Final = 24
_LABELS: Final = 14


@dataclass(frozen=True, slots=True)
class History:
    total: int
    rates: Rates
    newest: Sequence[Any]  # rows: trigger, ended_at, verdict, reason, who
    last_good: datetime | None
    strip: Markup


def of_room(session: Session, site: str, room: str, now: datetime, zone: tzinfo) -> History:
    rows = session.execute(
        select(
            ReadinessCheck.id, ReadinessCheck.trigger, ReadinessCheck.ended_at, ReadinessCheck.verdict,
            ReadinessCheck.reason, ReadinessCheck.who,
        )
        .where(
            ReadinessCheck.site == site, ReadinessCheck.room == room, ReadinessCheck.ended_at > now - timedelta(days=DAYS),
            ReadinessCheck.ended_at <= now,
        )
        .order_by(ReadinessCheck.ended_at.desc(), ReadinessCheck.id)
        .limit(5000)
    ).all()  # fmt: skip
    ended = [(row.ended_at, row.verdict) for row in rows if row.ended_at is not None]
    return History(
        total=len(rows),
        rates=Rates(*(sum(verdict == kind for _at, verdict in ended) for kind in _KINDS)),
        newest=rows[:_LISTED],
        last_good=next((at for at, verdict in ended if verdict == READY), None),
        strip=strip(ended, now, zone),
    )


def strip(ended: Iterable[tuple[datetime, str]], now: datetime, zone: tzinfo) -> Markup:
    """One box a day with the worst that was found on it; a day without a check is a dot, not a good day."""
    by_day: dict[date, Counter[str]] = {}
    for at, verdict in ended:
        by_day.setdefault(at.astimezone(zone).date(), Counter())[verdict] += 1
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    drawn = [_box(place * _CELL, day, by_day.get(day)) for place, day in enumerate(days)]
    drawn += [
        Markup('<text class="pic-label pic-x" x="{}" y="{}">{}</text>').format(
            place * _CELL + _CELL // 2, _HEIGHT + _LABELS - 2, f"{day.day} {day:%b}"
        )
        for place, day in enumerate(days)
        if day.weekday() == 0 and 0 < place < DAYS - 1
    ]
    checked = len(by_day.keys() & set(days))
    title = f"{DAYS} days: {words.plural(checked, 'day')} with a check, {DAYS - checked} without"
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>'
    ).format(DAYS * _CELL, _HEIGHT + _LABELS, title, title, Markup("").join(drawn))


def _box(left: int, day: date, counts: Counter[str] | None) -> Markup:
    middle, base = left + _CELL // 2, _HEIGHT // 2 + 5
    when = f"{day:%a} {day.day} {day:%b}"
    if not counts:
        return Markup('<text class="day none" x="{}" y="{}"><title>{}: no check</title>·</text>').format(
            middle, base, when
        )
    worst = next((verdict for verdict in WORST_FIRST if counts[verdict]), "unknown")
    mark = words.READINESS[worst]
    told = ", ".join(
        f"{count} {words.READINESS[verdict].word if verdict in words.READINESS else verdict}"
        for verdict, count in counts.most_common()
    )
    return Markup(
        '<g class="day {}"><title>{}: {}</title><rect x="{}" y="1" width="{}" height="{}" rx="2"/>'
        '<text x="{}" y="{}">{}</text></g>'
    ).format(mark.tone, when, told, left + 1, _CELL - 2, _HEIGHT - 2, middle, base, mark.shape)
