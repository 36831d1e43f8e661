"""Line pictures as SVG, drawn here: they print, go by mail and need no script.

Colours are classes of console.css; every text goes through markupsafe.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from console import format as people

WIDTH: Final = 360
HEIGHT: Final = 132
_LEFT: Final = 46
_RIGHT: Final = 8
_TOP: Final = 8
_BOTTOM: Final = 20
_MOST_POINTS: Final = 300
_FEWEST_OF_A_RHYTHM: Final = 4


Horizontal = Callable[[datetime], float]
Vertical = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    last: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of a rule, drawn as a dashed line; where a finding ends, dotted."""

    value: float
    name: str
    word: str = ""  # under the picture
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a finding was open."""

    begins: datetime
    ends: datetime
    name: str
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Ahead:
    """Where a trend leads: from the last value to the wall, in so many seconds, and at the slow end in so many."""

    level: float
    wall: float
    left: float
    late: float
    said: str


def line(
    metric: str,
    points: Sequence[Point],
    *,
    since: datetime,
    until: datetime,
    zone: tzinfo,
    limits: Sequence[Limit] = (),
    title: str = "",
    stretches: Sequence[Stretch] = (),
    why_not: Callable[[datetime, datetime], str] | None = None,
    ahead: Ahead | None = None,
    ahead_for: timedelta = timedelta(0),
) -> Markup:
    """A picture over time: line, band from least to most, gaps as gaps, limits dashed.

    `stretches` lie behind the line. `why_not` says why there is nothing between two moments; empty: not known.
    With `ahead_for` the axis goes on past `until`, and where the trend leads is drawn there.
    """
    points = [point for point in points if since <= point.at <= until and math.isfinite(point.last)]
    points = thinned(points, since, until)
    low, high = _reach(metric, points, limits)
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    end = until + (ahead_for if ahead is not None else timedelta(0))
    seconds = max((end - since).total_seconds(), 1)

    def x(at: datetime) -> float:
        return _LEFT + width * (at - since).total_seconds() / seconds

    def y(number: float) -> float:
        return _TOP + height * (1 - (min(max(number, low), high) - low) / (high - low))

    found = runs(points, since=since, until=until)
    parts = [
        _open(one, since, until, zone, x) for one in stretches if one.ends > since and one.begins < until
    ]
    parts += [
        _hole(begins, ends, zone, x, why_not) for begins, ends in holes(found, since=since, until=until)
    ]
    parts += [_grid(metric, low, high, y), _times(since, end, zone, x)]
    for run in found:
        parts.append(_band(run, x, y))
        parts.append(_stroke(run, x, y))
    if ahead is not None and end > until:
        parts.append(_ahead(ahead, until, end, x, y))
    parts.extend(_limit(limit, y) for limit in limits if low <= limit.value <= high)
    if not points:
        parts.append(
            Markup('<text class="pic-none" x="{}" y="{}">no reading in this time</text>').format(
                _LEFT + width / 2, _TOP + height / 2
            )
        )
    words = _summary(metric, points, title)
    return Markup(
        '<svg class="picture" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>'
    ).format(WIDTH, HEIGHT, words, words, Markup("").join(parts))


def spark(points: Sequence[Point], *, since: datetime, until: datetime, title: str = "") -> Markup:
    """The shape of a series in a table's row: no axes."""
    points = [point for point in points if since <= point.at <= until and math.isfinite(point.last)]
    if len(points) < 2:
        return Markup("")
    low, high = min(p.last for p in points), max(p.last for p in points)
    reach = high - low or 1.0
    seconds = max((until - since).total_seconds(), 1)

    def x(at: datetime) -> float:
        return 1 + 78 * (at - since).total_seconds() / seconds

    def y(number: float) -> float:
        return 9.0 if high == low else 2 + 14 * (1 - (number - low) / reach)

    drawn = Markup("").join(_stroke(run, x, y) for run in runs(points, since=since, until=until))
    return Markup('<svg class="spark" viewBox="0 0 80 18" role="img" aria-label="{}">{}</svg>').format(
        title, drawn
    )


def thinned(points: Sequence[Point], since: datetime, until: datetime) -> list[Point]:
    """No more points than the picture has room for. Least and most of what falls together stay in the band."""
    step = (until - since).total_seconds() / _MOST_POINTS
    if len(points) <= _MOST_POINTS or step <= 0:
        return list(points)
    kept: list[Point] = []
    place = -1
    for point in points:
        here = int((point.at - since).total_seconds() / step)
        low = point.last if point.low is None else point.low
        high = point.last if point.high is None else point.high
        if here == place:
            before = kept[-1]
            low = low if before.low is None else min(low, before.low)
            high = high if before.high is None else max(high, before.high)
            kept[-1] = Point(point.at, point.last, low, high)
        else:
            kept.append(Point(point.at, point.last, low, high))
        place = here
    return kept


def runs(points: Sequence[Point], *, since: datetime, until: datetime) -> list[list[Point]]:
    """Points without a hole between them. A hole is much longer than the usual distance."""
    if not points:
        return []
    hole = _hole_seconds(points, since, until)
    found = [[points[0]]]
    for before, after in pairwise(points):
        if (after.at - before.at).total_seconds() > hole:
            found.append([])
        found[-1].append(after)
    return found


def _hole_seconds(points: Sequence[Point], since: datetime, until: datetime) -> float:
    steps = sorted((b.at - a.at).total_seconds() for a, b in pairwise(points))
    usual = steps[len(steps) // 2] if steps else 0.0
    return max(usual * 3.5, (until - since).total_seconds() / 200, 1.0)


def holes(
    found: Sequence[Sequence[Point]], *, since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """The times without a reading: before the first, between two, after the last. Of too few readings nobody can say
    how far apart they usually are: then none."""
    points = [point for run in found for point in run]
    if len(points) < _FEWEST_OF_A_RHYTHM:
        return []
    hole = timedelta(seconds=_hole_seconds(points, since, until))
    between = [(before[-1].at, after[0].at) for before, after in pairwise(found)]
    edges = [(since, points[0].at), *between, (points[-1].at, until)]
    return [(begins, ends) for begins, ends in edges if ends - begins > hole]


def _reach(metric: str, points: Sequence[Point], limits: Sequence[Limit]) -> tuple[float, float]:
    """Where the axis begins and ends. Ratios show the whole 0–1; others what they need, and the limits near."""
    numbers = [n for p in points for n in (p.last, p.low, p.high) if n is not None and math.isfinite(n)]
    if metric.endswith("_ratio"):
        return 0.0, max([1.0, *numbers])
    if metric.endswith("_state"):
        return 0.0, max([1.0, *numbers])
    if not numbers:
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    for limit in limits:
        # A limit ten times away would press the line flat: it is named below the picture instead.
        if limit.value <= max(high * 2.5, high + 5) and limit.value >= low - (high - low) * 2 - 5:
            low, high = min(low, limit.value), max(high, limit.value)
    if metric.endswith(("_total", "_count", "_bytes", "_rpm", "_load")):
        low = min(low, 0.0)
    if high - low < 1e-9:
        high = low + (abs(low) * 0.1 or 1.0)
    margin = (high - low) * 0.08
    return (low if low == 0 else low - margin), high + margin


def _ticks(metric: str, low: float, high: float) -> list[float]:
    if metric.endswith("_ratio") and high <= 1.0:
        return [0.0, 0.5, 1.0]
    base = 1024.0 ** max(int(math.log(max(abs(high), 1), 1024)), 0) if metric.endswith("_bytes") else 1.0
    rough = (high - low) / 4.8 / base
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough) * base
    if metric.endswith(("_total", "_count", "_state", "_rpm")):
        step = max(step, 1.0)
    first = math.ceil(low / step)
    found = [n * step for n in range(first, first + 8) if n * step <= high * (1 + 1e-9)]
    return found or [(low + high) / 2]


def _grid(metric: str, low: float, high: float, y: Vertical) -> Markup:
    return Markup("").join(
        Markup(
            '<line class="pic-grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
            '<text class="pic-label pic-y" x="{}" y="{:.1f}">{}</text>'
        ).format(
            _LEFT, WIDTH - _RIGHT, y(tick), y(tick), _LEFT - 6, y(tick) + 3.5, people.value(metric, tick)
        )
        for tick in _ticks(metric, low, high)
    )


def _times(since: datetime, until: datetime, zone: tzinfo, x: Horizontal) -> Markup:
    """Four or five round moments along the bottom, in the reader's time zone."""
    length = until - since
    step, shape = next(
        (step, shape)
        for limit, step, shape in (
            (timedelta(hours=3), timedelta(minutes=30), "%H:%M"),
            (timedelta(hours=8), timedelta(hours=2), "%H:%M"),
            (timedelta(days=2), timedelta(hours=6), "%H:%M"),
            (timedelta(days=9), timedelta(days=2), "%d %b"),
            (timedelta(days=45), timedelta(days=7), "%d %b"),
            (timedelta(days=400), timedelta(days=60), "%b %Y"),
            (timedelta.max, timedelta(days=365), "%Y"),
        )
        if length <= limit
    )
    midnight = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    parts = []
    for number in range(1, 500):
        moment = midnight + number * step  # wall-clock arithmetic: the labels stay round over a clock change
        if moment > until:
            break
        at = x(moment)
        if moment < since or not _LEFT + 8 <= at <= WIDTH - 18:
            continue
        parts.append(
            Markup(
                '<line class="pic-tick" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>'
                '<text class="pic-label pic-x" x="{:.1f}" y="{}">{}</text>'
            ).format(at, at, HEIGHT - _BOTTOM, HEIGHT - _BOTTOM + 4, at, HEIGHT - 5, _said(moment, shape))
        )
    return Markup("").join(parts)


def _said(moment: datetime, shape: str) -> str:
    text = moment.strftime(shape)
    return text.removeprefix("0") if shape.startswith("%d") else text


def _limit(limit: Limit, y: Vertical) -> Markup:
    return Markup(
        '<line class="pic-limit{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"><title>{}</title></line>'
    ).format(
        " pic-ends" if limit.ends else "", _LEFT, WIDTH - _RIGHT, y(limit.value), y(limit.value), limit.name
    )


def _open(one: Stretch, since: datetime, until: datetime, zone: tzinfo, x: Horizontal) -> Markup:
    left, right = x(max(one.begins, since)), x(min(one.ends, until))
    over = "still open" if one.ends >= until else f"until {people.day(one.ends, zone)}"
    return Markup('<rect class="pic-open{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>').format(
        " critical" if one.critical else "", left, _TOP, max(right - left, 1), HEIGHT - _TOP - _BOTTOM,
        f"{one.name}: since {people.day(one.begins, zone)}, {over}",
    )  # fmt: skip


def _hole(
    begins: datetime, ends: datetime, zone: tzinfo, x: Horizontal, why_not: Callable[[datetime, datetime], str] | None
) -> Markup:  # fmt: skip
    why = why_not(begins, ends) if why_not is not None else ""
    said = (
        f"no reading from {people.day(begins, zone)} to {people.day(ends, zone)}: {why or 'why is not known'}"
    )
    return Markup('<rect class="pic-hole" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>').format(
        x(begins), _TOP, x(ends) - x(begins), HEIGHT - _TOP - _BOTTOM, said
    )  # fmt: skip


def _ahead(ahead: Ahead, now: datetime, end: datetime, x: Horizontal, y: Vertical) -> Markup:
    """A wedge from now: its upper edge the trend, its lower the slow end of what is likely."""
    horizon = (end - now).total_seconds()

    def at(seconds: float, reached: float) -> str:
        value = ahead.level + (ahead.wall - ahead.level) * min(seconds / reached, 1.0)
        return f"{x(now + timedelta(seconds=seconds)):.1f},{y(value):.1f}"

    corners = [at(0, ahead.left), at(min(ahead.left, horizon), ahead.left)]
    if ahead.left < horizon:
        corners.append(at(min(ahead.late, horizon), ahead.left))
    corners.append(at(min(ahead.late, horizon), ahead.late))
    return Markup(
        '<line class="pic-now" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"><title>now</title></line>'
        '<polygon class="pic-ahead" points="{}"><title>{}</title></polygon>'
    ).format(x(now), x(now), _TOP, HEIGHT - _BOTTOM, " ".join(corners), ahead.said)


def _stroke(run: Sequence[Point], x: Horizontal, y: Vertical) -> Markup:
    if len(run) == 1:
        return Markup('<circle class="pic-dot" cx="{:.1f}" cy="{:.1f}" r="1.5"/>').format(
            x(run[0].at), y(run[0].last)
        )
    path = " ".join(f"{x(p.at):.1f},{y(p.last):.1f}" for p in run)
    return Markup('<polyline class="pic-line" points="{}"/>').format(path)


def _band(run: Sequence[Point], x: Horizontal, y: Vertical) -> Markup:
    if len(run) < 2 or not any(p.high is not None and p.low is not None and p.high > p.low for p in run):
        return Markup("")
    upper = [f"{x(p.at):.1f},{y(p.last if p.high is None else p.high):.1f}" for p in run]
    lower = [f"{x(p.at):.1f},{y(p.last if p.low is None else p.low):.1f}" for p in reversed(run)]
    return Markup('<polygon class="pic-band" points="{}"/>').format(" ".join(upper + lower))


def _summary(metric: str, points: Sequence[Point], title: str) -> str:
    """What the picture says, for those who do not see it."""
    if not points:
        return f"{title}: no reading in this time"
    low = min(p.last if p.low is None else p.low for p in points)
    high = max(p.last if p.high is None else p.high for p in points)
    return (
        f"{title}: between {people.value(metric, low)} and {people.value(metric, high)}, "
        f"last {people.value(metric, points[-1].last)}"
    )
