"""What a rule remembers of a number's past: points of (moment, value), few enough to be kept with the state.

Of a counter (`occurs`) a point is kept where it changed, of a level (`forecast`) one each sixtieth of the
window, for a `median` as often as the rule says: so a quiet device writes nothing, and a filling disk twice a day.
"""

import math
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from statistics import median
from typing import Final, NamedTuple

from collector.rules.judge import BAD, BETWEEN, WELL, Judgement
from collector.rules.rule import POINTS, Rule
from collector.rules.state import Trail

LEAST_POINTS: Final = 8  # fewer prove no trend at 95 %
_PLACES: Final = 14  # of a week: half days
_SURE: Final = 1.96  # 95 % of a normal distribution, two-sided


def followed(rule: Rule, trail: Trail, value: float, now: datetime) -> Trail:
    """The trail with one more point; the same object where the value adds nothing."""
    if rule.window is None or not math.isfinite(value):
        return trail
    if trail and not _adds(rule, trail[-1], value, now):
        return trail
    kept = [point for point in trail if point[0] > now - rule.window]
    left = len(trail) - len(kept)
    if rule.kind == "occurs" and left:
        kept.insert(0, trail[left - 1])  # what the counter stood at when the window began
    kept.append((now, value))
    if len(kept) > POINTS + 2:
        # A counter that changes all the time. Without the second point its step counts as the third's: for a
        # while a little more is held for recent, never less.
        del kept[1]
    return tuple(kept)


def _adds(rule: Rule, last: tuple[datetime, float], value: float, now: datetime) -> bool:
    if rule.window is None or now <= last[0]:
        return False
    return value != last[1] if rule.kind == "occurs" else now - last[0] >= rule.step


def occurred(trail: Trail, window: timedelta, now: datetime) -> float:
    """By how much a counter rose within the window. One that went down began anew at 0."""
    return sum(
        (after - before if after >= before else after)
        for (_, before), (at, after) in pairwise(trail)
        if at > now - window
    )


class Forecast(NamedTuple):
    """Seconds until the wall is reached at the trend of the trail; infinite: not at this trend.

    `late` goes with the slow end of the 95 % range of the slope: infinite when the trend is not sure.
    """

    left: float
    late: float


def forecast(trail: Trail, wall: float, now: datetime, rhythm: timedelta | None = None) -> Forecast:
    """Theil–Sen: the median of the slopes of all pairs, which a third of odd points cannot pull away; the
    range is Sen's, by the variance of Kendall's S.

    With a rhythm only points at the same place in it are compared (the seasonal form of Hirsch and Slack): a
    folder that fills until Friday and is emptied then has no trend, though every one of its days has.
    """
    upwards = wall >= trail[-1][1]
    seasons = _seasons(trail, now, rhythm)
    slopes = sorted(
        (v - u) / (t - s) for season in seasons for (s, u), (t, v) in combinations(season, 2) if t > s
    )
    if not slopes:
        return Forecast(math.inf, math.inf)
    slope = median(slopes)
    level = median(value - slope * age for season in seasons for age, value in season)
    variance = sum(n * (n - 1) * (2 * n + 5) / 18 for n in map(len, seasons))
    least = max(0, math.floor((len(slopes) - _SURE * math.sqrt(variance)) / 2))
    slow = slopes[least] if upwards else slopes[len(slopes) - 1 - least]
    return Forecast(_reached(level, slope, wall, upwards), _reached(level, slow, wall, upwards))


def _seasons(trail: Trail, now: datetime, rhythm: timedelta | None) -> list[list[tuple[float, float]]]:
    """The points as (seconds from now, value), apart by their place in the rhythm: a fourteenth of it wide."""
    found: dict[int, list[tuple[float, float]]] = {}
    for at, value in trail:
        age = (at - now).total_seconds()
        place = int(age % rhythm.total_seconds() / rhythm.total_seconds() * _PLACES) if rhythm else 0
        found.setdefault(place, []).append((age, value))
    return list(found.values())


def _reached(level: float, slope: float, wall: float, upwards: bool) -> float:
    if (level >= wall) if upwards else (level <= wall):
        return 0.0
    return (wall - level) / slope if (slope > 0) == upwards and slope != 0 else math.inf


def span(trail: Trail) -> timedelta:
    return trail[-1][0] - trail[0][0] if trail else timedelta(0)


def enough(rule: Rule, trail: Trail) -> bool:
    """Whether a trend may be spoken of at all."""
    return rule.least_span is not None and span(trail) >= rule.least_span and len(trail) >= LEAST_POINTS


def judge(rule: Rule, trail: Trail, now: datetime) -> Judgement | None:
    """None: not enough data, so nothing is known."""
    if rule.kind == "occurs":
        return _occurs(rule, trail, now)
    if rule.kind == "median":
        return _median(rule, trail)
    if rule.raises is None or rule.within is None or not enough(rule, trail):
        return None
    told = forecast(trail, rule.raises.value, now, rule.rhythm)
    limit = rule.within.total_seconds()
    clear = (rule.clear_beyond or rule.within).total_seconds()
    mood = WELL if told.left > clear else BETWEEN
    # Both ends: a trend that may as well be none opens nothing.
    if told.left <= limit and math.isfinite(told.late):
        mood = BAD
    value = told.left if math.isfinite(told.left) else clear
    return Judgement(mood, value, limit, told.late if math.isfinite(told.late) else None)


def _median(rule: Rule, trail: Trail) -> Judgement | None:
    """Of the last points: one odd reading among three decides nothing."""
    if rule.raises is None or len(trail) < rule.points:
        return None
    value = median(value for _, value in trail[-rule.points :])
    if rule.raises.holds(value):
        return Judgement(BAD, value, rule.raises.value)
    well = rule.clear is None or rule.clear.holds(value)
    return Judgement(WELL if well else BETWEEN, value, rule.raises.value)


def _occurs(rule: Rule, trail: Trail, now: datetime) -> Judgement | None:
    if rule.window is None or rule.times is None or not trail:
        return None
    rose = occurred(trail, rule.window, now)
    if rose >= rule.times:
        return Judgement(BAD, rose, rule.times)
    return Judgement(WELL if rose <= rule.clear_times else BETWEEN, rose, rule.times)
