"""One finding's way: pending → open → cleared, with staleness and flapping. One track at a time, no device.

Two things move a track: an observation, and time alone. What time does is done at the moment it fell due,
not at the moment somebody looked: so a sweep more or less changes nothing, and replay tells the same story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.rules import transition as why
from collector.rules import words
from collector.rules.judge import BAD, BETWEEN, WELL, Judgement
from collector.rules.rule import Rule
from collector.rules.state import CLEARED, OPEN, PENDING, Track
from collector.rules.transition import Transition, made

FLIPS: Final = 4  # this many changes …
WITHIN: Final = timedelta(minutes=60)  # … in this time is flapping
STEADY: Final = timedelta(hours=2)  # until it has kept to one side for this long

Moved = tuple[Track | None, tuple[Transition, ...]]
Turn = Callable[[Rule, str, Track, datetime], Moved]


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation."""

    judgement: Judgement
    since: datetime  # since when it is so, if it is bad: now, unless the device knows better
    label: str
    urgent: bool = False  # only asked of what begins


def observe(rule: Rule, component: str, track: Track | None, seen: Seen, now: datetime) -> Moved:
    """What a fresh judgement does."""
    if track is None or track.state == CLEARED:
        return _begin(rule, component, track, seen, now)
    if track.state == PENDING:
        return _observe_pending(rule, component, track, seen, now)
    notes: tuple[Transition, ...] = ()
    if track.stale:
        track = track._replace(stale=False)
        notes = (made(rule, component, track, OPEN, OPEN, now, why.FRESH),)
    mood = seen.judgement.mood
    grown = now if _grew(rule, track, seen) else track.grown
    track = _with(track, seen, now, grown=grown)
    if rule.clears == "part_replaced":
        return track._replace(bad=mood != WELL), notes
    if rule.clears == "steady":
        moved = _stood_still(rule, component, track, now)
    elif track.flapping:
        moved = _observe_flapping(rule, component, track, mood, now)
    elif mood == WELL:
        moved = _clear(rule, component, track, now)
    else:
        moved = track, ()
    return moved[0], (*notes, *moved[1])


def advance(
    rule: Rule, component: str, track: Track, now: datetime, turn: Turn | None = None,
    may_open: Callable[[datetime], bool] | None = None,
) -> Moved:  # fmt: skip
    """What time alone does up to and including `now`. `turn` is asked at the moments at which a booking comes near,
    `may_open` when a hold has run out: perhaps the room was closed meanwhile."""
    made_now: list[Transition] = []
    current: Track | None = track
    while current is not None:
        due = due_at(rule, current)
        if due is None or due > now:
            break
        if turn is not None and due == current.turns:
            current, more = turn(rule, component, current, due)
        elif current.state == PENDING and may_open is not None and not may_open(due):
            current, more = None, ()
        else:
            current, more = _fall_due(rule, component, current, due)
        made_now += more
    return current, tuple(made_now)


def due_at(rule: Rule, track: Track) -> datetime | None:
    """When time alone moves this track next; None when only an observation can."""
    if rule.kind == "silence":
        return track.turned if track.state == PENDING else None  # judged by silence.py; here only for sweeps
    due = _falls_due_at(rule, track)
    if track.turns is None or not rule.urgent_during or track.state == CLEARED:
        return due
    return track.turns if due is None else min(due, track.turns)


def opens_at(rule: Rule, track: Track) -> datetime:
    """When a pending one has waited long enough."""
    usual = track.since + rule.waits
    if not track.urgent or rule.urgent_hold is None:
        return usual
    return min(usual, max(track.since + rule.urgent_hold, track.urged or track.since))


def _falls_due_at(rule: Rule, track: Track) -> datetime | None:
    stale_at = track.seen + rule.fresh_for
    if track.state == PENDING:
        due = opens_at(rule, track)
        # Past its freshness a pending one waits for the next observation: no finding out of old numbers.
        return due if track.seen <= due < stale_at else None
    if track.state == OPEN and not track.stale:
        if track.flapping and track.turned is not None:
            settles = track.turned + STEADY
            if track.seen <= settles < stale_at:
                return settles
        return stale_at
    return None


def end(rule: Rule, component: str, track: Track, at: datetime, reason: str, detail: str = "") -> Moved:
    """Over for a reason that lies outside of the numbers: replaced, gone, accepted, no rule any more."""
    if track.state != OPEN:
        return None, ()
    over = track._replace(state=CLEARED, flapping=False, turned=None, stale=False, flips=())
    return None, (made(rule, component, over, OPEN, CLEARED, at, reason, detail),)


def _fall_due(rule: Rule, component: str, track: Track, due: datetime) -> Moved:
    if track.state == PENDING:
        return _open(rule, component, track, due)
    if track.flapping and track.turned is not None and due == track.turned + STEADY:
        return _settle(rule, component, track, due)
    stale = track._replace(stale=True)
    return stale, (made(rule, component, stale, OPEN, OPEN, due, why.STALE),)


def _begin(rule: Rule, component: str, track: Track | None, seen: Seen, now: datetime) -> Moved:
    flips = _recent(track, now)
    if seen.judgement.mood != BAD:
        # A cleared track is only kept to count flips.
        return (track if flips else None), ()
    urged = now if seen.urgent else None
    begun = Track(state=PENDING, since=seen.since, seen=now, flips=flips, urgent=seen.urgent, urged=urged)
    begun = _with(begun, seen, now)
    if opens_at(rule, begun) <= now:
        return _open(rule, component, begun, now)
    return begun, ()


def _observe_pending(rule: Rule, component: str, track: Track, seen: Seen, now: datetime) -> Moved:
    mood = seen.judgement.mood
    if mood == WELL:
        flips = _recent(track, now)
        return (track._replace(state=CLEARED, seen=now, flips=flips, turns=None) if flips else None), ()
    if mood == BETWEEN:
        return track._replace(seen=now, label=seen.label), ()
    away = now - track.seen
    if rule.kind == "age":
        since = seen.since  # the oldest of them may have been installed meanwhile
    elif away > rule.hold and away >= rule.fresh_for:
        # Away for longer than the hold itself: nobody knows what was in between, so it does not count.
        since = seen.since
    else:
        since = min(track.since, seen.since)
    track = _with(track, seen, now)._replace(since=since)
    if opens_at(rule, track) <= now:
        return _open(rule, component, track, now)
    return track, ()


def _open(rule: Rule, component: str, track: Track, at: datetime) -> Moved:
    flips = (*_recent(track, at), at)
    opened = track._replace(state=OPEN, bad=True, flips=flips, grown=at, stale=False)
    opening = made(rule, component, opened, PENDING, OPEN, at, why.RAISED)
    if len(flips) < FLIPS:
        return opened, (opening,)
    held, notes = _hold_open(rule, component, opened, at)
    return held, (opening, *notes)


def _clear(rule: Rule, component: str, track: Track, at: datetime) -> Moved:
    flips = (*_recent(track, at), at)
    if len(flips) >= FLIPS:
        return _hold_open(rule, component, track._replace(flips=flips, bad=False), at)
    # What is over turns no more: bookings that nobody knows of yet leave nothing behind.
    cleared = track._replace(state=CLEARED, bad=False, flips=flips, turns=None)
    return cleared, (made(rule, component, cleared, OPEN, CLEARED, at, why.RECOVERED),)


def _hold_open(rule: Rule, component: str, track: Track, at: datetime) -> Moved:
    held = track._replace(flapping=True, turned=at, flips=())
    return held, (made(rule, component, held, OPEN, OPEN, at, why.FLAPPING),)


def _observe_flapping(rule: Rule, component: str, track: Track, mood: str, now: datetime) -> Moved:
    bad = track.bad if mood == BETWEEN else mood == BAD
    if track.turned is None or bad != track.bad:
        return track._replace(bad=bad, turned=now), ()
    if now >= track.turned + STEADY:  # it fell due while nothing fresh was known
        return _settle(rule, component, track, now)
    return track, ()


def _settle(rule: Rule, component: str, track: Track, at: datetime) -> Moved:
    steady = track._replace(flapping=False, turned=None, flips=())
    if track.bad:
        detail = f"bad without a turn for {STEADY.seconds // 3600} hours: no longer intermittent"
        return steady, (made(rule, component, steady, OPEN, OPEN, at, why.STEADY, detail),)
    detail = f"well without a turn for {STEADY.seconds // 3600} hours"
    over = steady._replace(state=CLEARED)
    return None, (made(rule, component, over, OPEN, CLEARED, at, why.STEADY, detail),)


def _stood_still(rule: Rule, component: str, track: Track, now: datetime) -> Moved:
    if rule.steady_for is None or track.grown is None or now < track.grown + rule.steady_for:
        return track, ()
    return end(rule, component, track, now, why.STEADY, f"it has not grown for {words.span(rule.steady_for)}")


def _grew(rule: Rule, track: Track, seen: Seen) -> bool:
    return rule.kind == "growth" and track.value is not None and seen.judgement.value > track.value


def _with(track: Track, seen: Seen, now: datetime, grown: datetime | None = None) -> Track:
    judgement = seen.judgement
    return track._replace(
        seen=now,
        value=judgement.value,
        limit=judgement.limit,
        second=judgement.second,
        # What it was held against when it opened stays: that is what it grew from.
        baseline=track.baseline if track.baseline is not None else judgement.baseline,
        label=seen.label,
        grown=grown,
    )


def _recent(track: Track | None, at: datetime) -> tuple[datetime, ...]:
    return tuple(flip for flip in track.flips if flip > at - WITHIN) if track is not None else ()
