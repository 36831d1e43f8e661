"""Why there is no finding: a sentence a component, from the same judgement that would open one."""

import math
from collections.abc import Mapping
from datetime import datetime

from collector.rules import silence, trails, words
from collector.rules.context import DeviceContext
from collector.rules.judge import BAD, WELL, Judgement, judge
from collector.rules.lifecycle import opens_at
from collector.rules.rule import ROOM, TRAILING, Rule, Rules
from collector.rules.state import CLEARED, OPEN, DeviceState, Track, Trail

Latest = Mapping[tuple[str, str], float]  # (metric, component) → newest value


def why_not(
    rules: Rules,
    state: DeviceState,
    rule_name: str,
    device: DeviceContext,
    now: datetime,
    latest: Latest | None = None,
) -> list[str]:
    """`latest` are the newest readings known; without them only what is remembered can be told."""
    rule = rules.by_name.get(rule_name)
    if rule is None:
        return [f"There is no rule {rule_name}."]
    if not rule.enabled:
        return ["The rule is disabled."]
    if not rule.is_for(device.device_class):
        return [
            f"The rule is not for devices of class {device.device_class}, only for {', '.join(rule.classes)}."
        ]
    if rule.kind == "silence":
        return [_silence(rule, state, device, now)]
    tracks = {component: track for (name, component), track in state.tracks.items() if name == rule_name}
    told = {
        component: _tracked(rule, track, now) for component, track in tracks.items() if track.state != CLEARED
    }
    if rule.kind == "age":
        return [told.get("", _age(rule, state, now))]
    if rule.kind == "absence":
        return _sentences(told) or [_roster(rule, state)]
    if rule.kind in ROOM:
        return _sentences(told) or [_baseline(rule, state, device, now)]
    if rule.kind in TRAILING:
        told |= {
            component: _trailing(rule, state.trails.get((rule_name, component), ()), now)
            for metric, component in latest or state.trails
            if metric == (rule.metric if latest else rule_name) and component not in told
        }
        return _sentences(told) or [_nothing(rule, latest)]
    components = {component for metric, component in latest or () if metric == rule.metric}
    for component in components - told.keys():
        told[component] = _untracked(rule, component, state, device, latest or {})
    return _sentences(told) or [_nothing(rule, latest)]


def _sentences(told: Mapping[str, str]) -> list[str]:
    return [f"{name}: {text}" if name else text[:1].upper() + text[1:] for name, text in sorted(told.items())]


def _nothing(rule: Rule, latest: Latest | None) -> str:
    if latest is not None:
        probe = f" by the probe {rule.probe}" if rule.probe else ""
        return f"No data: no {words.metric(rule.metric)} was ever reported{probe}."
    return f"Nothing bad is being seen: no {words.metric(rule.metric)} {_limit(rule)}."


def _tracked(rule: Rule, track: Track, now: datetime) -> str:
    since = f"since {_clock(track.since)}"
    if track.state == OPEN:
        notes = ["intermittent, held open"] if track.flapping else []
        notes += [f"nothing fresh since {_clock(track.seen)}"] if track.stale else []
        return f"it is open {since}" + (f" ({'; '.join(notes)})" if notes else "") + "."
    due = opens_at(rule, track)
    value = words.say(track.value, rule.unit) if rule.kind != "age" else words.span(now - track.since)
    sooner = ""
    if rule.urgent_hold is not None and not track.urgent:
        sooner = f" Sooner {words.during(rule.urgent_during)}"
        sooner += f", that is from {_clock(track.turns)}." if track.turns and track.turns < due else "."
    if not track.seen <= due < track.seen + rule.fresh_for:
        said = f"{value}, bad {since}; it waits for a fresh reading, the last was at {_clock(track.seen)}."
        return said + sooner
    return (
        f"{value}, bad {since}; held until {_clock(due)}, it must be so for {words.span(rule.waits)}.{sooner}"
    )


def _untracked(rule: Rule, component: str, state: DeviceState, device: DeviceContext, latest: Latest) -> str:
    value = latest[rule.metric, component]
    if rule.part_of and component not in device.baseline.sections.get(rule.part_of, {}):
        return "it is no part of the room's accepted baseline."
    baseline = state.baselines.get((rule.metric, component))
    found = judge(rule, component, value, latest, baseline, device.accepted.get((rule.name, component)))
    said = words.say(value, rule.unit)
    if found is None:
        return f"no data: {said} alone does not decide, {', '.join(map(words.metric, sorted(rule.others)))} is not known."
    if found.accepted:
        return f"{said} was accepted; it speaks again when that gets worse."
    if found.excused:
        return f"{said} is excused, for {', '.join(words.metric(excuse.metric) for excuse in rule.unless)}."
    if found.mood == BAD:
        return f"{said} is bad, but has not been judged yet or came from a probe that did not end well."
    return _harmless(rule, said, found)


def _harmless(rule: Rule, said: str, found: Judgement) -> str:
    if rule.kind == "growth":
        if found.baseline is None:
            return f"{said} at first sight; it speaks when that has grown by {rule.grows_by:g}."
        grown = words.say(found.value - found.baseline, rule.unit)
        return f"{said}, grown by {grown} since first seen; it speaks from {rule.grows_by:g}."
    if rule.compare_metric:
        return (
            f"{said} is not {words.how(rule.compare)} its own limit of {words.say(found.limit, rule.unit)}."
        )
    second = ""
    if rule.and_raises is not None and found.second is not None:
        unit = rule.and_metric.rsplit("_", 1)[-1]
        second = (
            f", and {words.metric(rule.and_metric)} is {words.say(found.second, unit)}"
            f" (it must also be {words.limit(rule.and_raises, unit)})"
        )
    between = "" if found.mood == WELL else "; it is between the limits and stays as it was"
    return f"{said} does not raise it; that needs {_limit(rule)}{second}{between}."


def _roster(rule: Rule, state: DeviceState) -> str:
    known = state.rosters.get(rule.name)
    name = rule.section.replace("_", " ")
    if known is None:
        return f"No data: the device has not told its {name} yet."
    return f"All {len(known.labels)} that are expected of its {name} are there."


def _baseline(rule: Rule, state: DeviceState, device: DeviceContext, now: datetime) -> str:
    name = rule.section.replace("_", " ")
    expected = device.baseline.sections.get(rule.section)
    if not device.baseline.sections:
        return "Nobody has accepted a baseline for its room: nothing is expected of it."
    if expected is None:
        return f"The accepted baseline of its room names no {name} of this device."
    if rule.section not in state.shown:
        return f"No data: the device has not told its {name} since the baseline was accepted."
    closed = "" if not rule.during or device.during(rule.during, now) else f" {_WAITS[rule.during]}"
    return f"All {len(expected)} of its {name} that the baseline names are as accepted, or cannot be told.{closed}"


_WAITS = {
    "hours": "The room is out of its hours: nothing new opens.",
    "session": "The room is not booked now: nothing new opens.",
    "out_of_hours": "The room is in its hours: nothing new opens.",
    "wanted": "The room is out of its hours and no session begins within an hour: nothing new opens.",
    "near_session": "No session is under way or begins within an hour: nothing new opens.",
    "before_session": "No session is under way or begins within 12 hours: nothing new opens.",
}


def _trailing(rule: Rule, trail: Trail, now: datetime) -> str:
    if rule.window is None or not trail:
        return "no data: nothing is remembered of its past yet."
    if rule.kind == "occurs":
        rose = words.say(trails.occurred(trail, rule.window, now), rule.unit)
        return f"rose by {rose} within {words.span(rule.window)}; it speaks from {rule.times:g}."
    if rule.kind == "median" and rule.raises is not None:
        if len(trail) < rule.points:
            return f"not enough data: {len(trail)} of {rule.points} readings."
        found = trails.judge(rule, trail, now)
        said = words.say(found.value if found else None, rule.unit)
        return f"the median of the last {rule.points} is {said}; it speaks {words.limit(rule.raises, rule.unit)}."
    if rule.least_span is None or rule.raises is None or rule.within is None:
        return "no data."
    if not trails.enough(rule, trail):
        return (
            f"not enough data: {len(trail)} points over {words.span(trails.span(trail))}; "
            f"a trend needs {trails.LEAST_POINTS} over {words.span(rule.least_span)}."
        )
    told = trails.forecast(trail, rule.raises.value, now, rule.rhythm)
    wall = words.say(rule.raises.value, rule.metric.rsplit("_", 1)[-1])
    if not math.isfinite(told.left):
        return f"at its trend it does not reach {wall}."
    sure = "" if math.isfinite(told.late) else ", but the trend is not sure"
    return f"at its trend it reaches {wall} in {words.say(told.left, 'seconds')}{sure}; it speaks within {words.span(rule.within)}."


def _limit(rule: Rule) -> str:
    if rule.raises is not None:
        return words.limit(rule.raises, rule.unit)
    if rule.compare_metric:
        return f"{words.how(rule.compare)} {words.metric(rule.compare_metric)}"
    return f"grown by {rule.grows_by:g}" if rule.grows_by else "past its limit"


def _age(rule: Rule, state: DeviceState, now: datetime) -> str:
    if state.updates is None:
        return "No data: the device has never said which security updates are on offer."
    if not state.updates:
        return "No security update is missing."
    oldest = words.span(now - min(state.updates.values()))
    return (
        f"The oldest missing security update is known for {oldest}; it speaks after {words.span(rule.waits)}."
    )


def _silence(rule: Rule, state: DeviceState, device: DeviceContext, now: datetime) -> str:
    track = state.tracks.get((rule.name, ""))
    if track is not None and track.state == OPEN:
        return f"It is open: nothing heard since {_clock(track.since)}."
    if device.seen_at is None:
        return "No data: the device was never heard of."
    if not device.expected:
        return f"Nobody expects it to be up and silent; it was last heard at {_clock(device.seen_at)}."
    if device.frozen_until is not None and device.frozen_until > now:
        return f"The collector itself was away: silence is not judged before {_clock(device.frozen_until)}."
    due = silence.due_at(rule, device)
    return f"Last heard at {_clock(device.seen_at)}; held until {_clock(due)}." if due else "It is not due."


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
