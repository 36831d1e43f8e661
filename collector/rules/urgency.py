"""What a booking that comes near does to findings: some rules then wait less long, or weigh more.

That is told by the clock and the bookings alone, also while the device tells nothing. It happens at its own moment:
when the span before a booking begins or ends, or when somebody made or cancelled the booking.
"""

from collections.abc import Callable
from datetime import datetime

from collector.rules import transition as why
from collector.rules.context import DeviceContext
from collector.rules.draft import Draft
from collector.rules.lifecycle import Moved
from collector.rules.rule import Rule, Table
from collector.rules.state import CLEARED, OPEN, Track
from collector.rules.transition import made


def look_ahead(table: Table, draft: Draft, device: DeviceContext) -> bool:
    """Let each track know when it turns next, by the bookings as they are known now. Says whether that is news."""
    news = False
    for key, track in list(draft.tracks.items()):
        rule = table.rule(*key) if key[0] in table.urgent else None
        if rule is None or not rule.urgent_during or rule.kind == "silence" or track.state == CLEARED:
            continue
        # Until then all has been told. What was booked or cancelled since lies after it.
        told_to = max(track.seen, track.urged or track.seen)
        is_so = device.during(rule.urgent_during, told_to) == track.urgent
        turns = device.turns(rule.urgent_during, told_to) if is_so else told_to
        if turns != track.turns:
            draft.move(key, (track._replace(turns=turns), ()))
            news = True
    return news


def turning(device: DeviceContext) -> Callable[[Rule, str, Track, datetime], Moved]:
    def turn(rule: Rule, component: str, track: Track, at: datetime) -> Moved:
        urgent = device.during(rule.urgent_during, at)
        turns = device.turns(rule.urgent_during, at)
        if urgent == track.urgent:
            return track._replace(urged=at, turns=turns), ()
        turned = track._replace(urgent=urgent, urged=at, turns=turns)
        if track.state != OPEN or not rule.urgent_severity:
            return turned, ()
        return turned, (made(rule, component, turned, OPEN, OPEN, at, why.URGENT if urgent else why.EASED),)

    return turn
