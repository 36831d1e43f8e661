"""A site's working hours: how much of a span was worked, and when so much will have been.

Computed from spans and never counted up: a corrected holiday or a pause entered late changes the answer,
not a sum somebody kept. Everything is turned to UTC before it is subtracted: on the day the clocks change,
the wall says another length than the world.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Span = tuple[datetime, datetime]  # aware, from and to

# A calendar without an hour in it has no due time: nobody looks further than this.
_HORIZON: Final = timedelta(days=3660)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """`hours`: by weekday (0 is Monday) the times of day at work, in order. Times of day end at 24:00 as `time.max`."""

    zone: ZoneInfo
    hours: Mapping[int, Sequence[tuple[time, time]]]
    holidays: frozenset[date] = field(default_factory=frozenset)
    # A day is asked for by every ticket that was open on it, and what a zone makes of it costs the most.
    _days: dict[date, tuple[Span, ...]] = field(default_factory=dict, init=False, compare=False, repr=False)

    def on(self, day: date) -> tuple[Span, ...]:
        """The working spans of one local day, in UTC."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = tuple(self._spans_on(day))
        return found

    def _spans_on(self, day: date) -> Iterator[Span]:
        if day in self.holidays:
            return
        for begins, ends in self.hours.get(day.weekday(), ()):
            span = self._moment(day, begins), self._moment(day, ends)
            if span[0] < span[1]:  # hours that fall into the hour that is skipped in spring
                yield span

    def _moment(self, day: date, at: time) -> datetime:
        if at == time.max:
            day, at = day + _DAY, time(0)
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The working spans between two moments, in order."""
        day, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        known = self._days
        while day <= last:
            for span in known[day] if day in known else self.on(day):
                if start <= span[0] and span[1] <= end:
                    yield span
                    continue
                cut = max(span[0], start), min(span[1], end)
                if cut[0] < cut[1]:
                    yield cut
            day += _DAY

    def open_at(self, at: datetime) -> bool:
        """Whether it is working time."""
        day = at.astimezone(self.zone).date()
        return any(begins <= at < ends for begins, ends in self.on(day))


ALWAYS: Final = Calendar(
    zone=ZoneInfo("UTC"), hours={weekday: ((time(0), time.max),) for weekday in range(7)}
)


def calendar_of(zone: str, hours: Mapping[str, Sequence[Sequence[str]]], holidays: Iterable[str]) -> Calendar:
    """From what the store keeps: weekday → [["08:00", "17:00"], …]. Raises ValueError naming the place."""
    try:
        found = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"time zone {zone!r}: there is none of this name") from error
    return Calendar(
        zone=found,
        hours={int(day): tuple(_hours(day, pair) for pair in pairs) for day, pairs in hours.items()},
        holidays=frozenset(date.fromisoformat(day) for day in holidays),
    )


def _hours(day: str, pair: Sequence[str]) -> tuple[time, time]:
    if day not in "0123456" or len(day) != 1 or len(pair) != 2:
        raise ValueError(f"hours of day {day!r}: {pair!r} is not [from, to]")
    begins, ends = (time.max if text == "24:00" else time.fromisoformat(text) for text in pair)
    if begins >= ends:
        raise ValueError(f"hours of day {day!r}: {pair[0]} is not before {pair[1]}")
    return begins, ends


def merged(pauses: Iterable[Span]) -> list[Span]:
    """Pauses in order, overlapping ones as one: a minute that two reasons pause is paused once."""
    result: list[Span] = []
    for begins, ends in sorted(pauses):
        if begins >= ends:
            continue
        if result and begins <= result[-1][1]:
            result[-1] = result[-1][0], max(result[-1][1], ends)
        else:
            result.append((begins, ends))
    return result


def worked(calendar: Calendar, start: datetime, end: datetime, pauses: Iterable[Span] = ()) -> timedelta:
    """Working time between two moments, without the pauses."""
    total = timedelta(0)
    for begins, ends in _running(calendar, start, end, merged(pauses)):
        total += ends - begins
    return total


def due_at(
    calendar: Calendar, start: datetime, length: timedelta, pauses: Iterable[Span] = ()
) -> datetime | None:
    """When so much will have been worked; None when that will never be."""
    left = length
    for begins, ends in _running(calendar, start, start + _HORIZON, merged(pauses)):
        if ends - begins >= left:
            return begins + left
        left -= ends - begins
    return None


def _running(calendar: Calendar, start: datetime, end: datetime, pauses: Sequence[Span]) -> Iterator[Span]:
    """Working spans with the pauses cut out; both are in order."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if not pauses:
        yield from calendar.spans(start, end)
        return
    at = 0
    for begins, ends in calendar.spans(start, end):
        while at < len(pauses) and pauses[at][1] <= begins:
            at += 1
        position = at
        while position < len(pauses) and pauses[position][0] < ends:
            if begins < pauses[position][0]:
                yield begins, pauses[position][0]
            begins = max(begins, pauses[position][1])
            position += 1
        if begins < ends:
            yield begins, ends
