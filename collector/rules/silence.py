"""A device that should be up and is not heard."""

from datetime import datetime, timedelta

from collector.rules import transition as why
from collector.rules.context import DeviceContext
from collector.rules.draft import Draft
from collector.rules.lifecycle import end
from collector.rules.rule import Rule, Table
from collector.rules.state import OPEN, PENDING, Track
from collector.rules.transition import made


def judge(table: Table, draft: Draft, heard: bool, now: datetime, device: DeviceContext) -> None:
    """Opens only in a sweep: with a report in hand nobody is silent."""
    for rule in table.silences:
        track = draft.tracks.get((rule.name, ""))
        again = now if heard else device.seen_at
        if track is not None and again is not None and again > track.since:
            draft.move(
                (rule.name, ""), end(rule, "", track, again, why.RECOVERED, "the device was heard again")
            )
            track = None
        if not heard and (track is None or track.state == PENDING):
            _wait_or_open(rule, draft, now, device)


def due_at(rule: Rule, device: DeviceContext) -> datetime | None:
    """When this device becomes silent unless it is heard before; None while nobody expects it."""
    if device.seen_at is None or not device.expected:
        return None
    quiet_from = max(device.seen_at, device.expected_from or device.seen_at)
    due = quiet_from + rule.hold
    if rule.urgent_hold is not None:
        # From then on it is long enough if a session is near, or as soon as one is.
        enough = quiet_from + rule.urgent_hold
        near = (
            enough if device.during(rule.urgent_during, enough) else device.turns(rule.urgent_during, enough)
        )
        due = min(due, near) if near is not None else due
    return max(due, device.frozen_until) if device.frozen_until else due


def before(now: datetime, seconds: float | None) -> datetime:
    """`seconds` before now; now itself when the device does not say, or says what cannot be."""
    if seconds is None or not 0 <= seconds < 100 * 365 * 86_400:
        return now
    return now - timedelta(seconds=seconds)


def _wait_or_open(rule: Rule, draft: Draft, now: datetime, device: DeviceContext) -> None:
    key, due = (rule.name, ""), due_at(rule, device)
    if due is None or device.seen_at is None:
        draft.move(key, (None, ()))
        return
    usual = max(device.seen_at, device.expected_from or device.seen_at) + rule.hold
    urgent = rule.urgent_hold is not None and due < usual
    limit = (rule.urgent_hold if urgent and rule.urgent_hold is not None else rule.hold).total_seconds()
    if due > now:
        # Remembered so that the state's due_at brings the sweep back at the right moment.
        waiting = Track(state=PENDING, since=device.seen_at, seen=device.seen_at, limit=limit, turned=due)
        if waiting != draft.tracks.get(key):
            draft.move(key, (waiting, ()))
        return
    track = Track(state=OPEN, since=device.seen_at, seen=device.seen_at, limit=limit, urgent=urgent)
    draft.move(key, (track, (made(rule, "", track, PENDING, OPEN, due, why.RAISED),)))
