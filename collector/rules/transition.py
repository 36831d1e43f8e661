"""One change of a finding, with the numbers that made it and the words for them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.rules import words
from collector.rules.rule import ROOM, Rule
from collector.rules.state import CLEARED, OPEN, PENDING, Track

# Reasons. Of changes:
RAISED, RECOVERED, STEADY, GONE, REPLACED, ACCEPTED, NOT_JUDGED, COVERED, MERGED = (
    "raised", "cleared", "steady", "gone", "replaced", "accepted", "not_judged", "covered", "merged",
)  # fmt: skip
# Of notes, where the finding stays open (`steady` is either):
STALE, FRESH, FLAPPING, URGENT, EASED = "stale", "fresh", "flapping", "urgent", "eased"

_WORDS = {
    RECOVERED: "a fresh reading is well past the limit",
    GONE: "it is no longer there, so this no longer holds",
    ACCEPTED: "a person accepted this value",
    NOT_JUDGED: "no rule in force judges this any more",
    MERGED: "the machine was enrolled again, and is judged there; nothing is known of a repair",
    STALE: "nothing fresh has come for {fresh_for}; that is no recovery",
    FRESH: "fresh readings come again",
    FLAPPING: "it turned 4 times within an hour: held open as intermittent",
    URGENT: "{during}: it is {severity} now",
    EASED: "no longer {during}: it is {severity} again",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    rule: str
    rule_hash: str
    component: str
    label: str
    old: str
    new: str
    at: datetime
    reason: str
    severity: str
    value: float | None
    limit: float | None
    baseline: float | None
    since_at: datetime
    clauses: list[dict[str, Any]]
    summary: str


def made(
    rule: Rule, component: str, track: Track, old: str, new: str, at: datetime, reason: str, detail: str = ""
) -> Transition:
    """`detail` is a sentence of its own, where the reason alone does not say enough."""
    clauses = (
        _opening(rule, component, track, at) if old == PENDING else _later(rule, track, at, reason, detail)
    )
    return Transition(
        rule=rule.name,
        rule_hash=rule.hash,
        component=component,
        label=track.label or component,
        old=old,
        new=new,
        at=at,
        reason=reason,
        severity=rule.weight(track.urgent),
        value=_value(rule, track, at),
        limit=track.limit,
        baseline=track.baseline,
        since_at=track.since,
        clauses=clauses,
        summary=_filled(rule, rule.title, component, track, at),
    )


def orphaned(key: tuple[str, str], track: Track, at: datetime) -> tuple[None, tuple[Transition, ...]]:
    """The end of what a rule opened that is in no file any more: there are no words for it but its name."""
    if track.state != OPEN:
        return None, ()
    gone = Transition(
        rule=key[0],
        rule_hash="",
        component=key[1],
        label=track.label or key[1],
        old=OPEN,
        new=CLEARED,
        at=at,
        reason=NOT_JUDGED,
        severity="",
        value=track.value,
        limit=track.limit,
        baseline=track.baseline,
        since_at=track.since,
        clauses=[_clause(_WORDS[NOT_JUDGED], "", track.value, track.limit, at)],
        summary=key[0].replace("_", " "),
    )
    return None, (gone,)


def texts(rule: Rule, of: Transition) -> words.Texts:
    """What a ticket says: the rule's words with this transition's numbers."""
    track = Track(
        state=OPEN,
        since=of.since_at,
        seen=of.at,
        value=of.value,
        limit=of.limit,
        baseline=of.baseline,
        label=of.label,
    )
    return words.Texts(
        title=_filled(rule, rule.title, of.component, track, of.at),
        meaning=_filled(rule, rule.meaning, of.component, track, of.at),
        advice=_filled(rule, rule.advice, of.component, track, of.at),
        bring=_filled(rule, rule.bring, of.component, track, of.at),
    )


def _filled(rule: Rule, template: str, component: str, track: Track, at: datetime) -> str:
    return words.fill(
        rule,
        template,
        component=component,
        label=track.label,
        value=_value(rule, track, at),
        limit=track.limit,
        baseline=track.baseline,
        lasted=at - track.since,
    )


def _value(rule: Rule, track: Track, at: datetime) -> float | None:
    # Of an age the value is the age, and that grows by itself.
    return (at - track.since).total_seconds() if rule.kind in ("age", "silence") else track.value


def _opening(rule: Rule, component: str, track: Track, at: datetime) -> list[dict[str, Any]]:
    clauses = [
        _clause(main_text(rule, track, at), rule.metric, _value(rule, track, at), track.limit, track.seen)
    ]
    if rule.and_metric and rule.and_raises and track.second is not None:
        unit = rule.and_metric.rsplit("_", 1)[-1]
        text = f"{words.metric(rule.and_metric)} is {words.say(track.second, unit)}, {words.limit(rule.and_raises, unit)}"
        clauses.append(_clause(text, rule.and_metric, track.second, rule.and_raises.value, track.seen))
    if rule.unless:
        names = ", ".join(words.metric(excuse.metric) for excuse in rule.unless)
        clauses.append(
            _clause(f"what would excuse it does not all hold ({names})", "", None, None, track.seen)
        )
    hold = _held(rule, track)
    if hold:
        text = f"bad since {_clock(track.since)}, longer than the {words.span(hold)} it is held back"
        clauses.append(_clause(text, "", (at - track.since).total_seconds(), hold.total_seconds(), at))
    if track.urgent:
        clauses.append(
            _clause(f"{words.during(rule.urgent_during)}: that makes it urgent", "", None, None, at)
        )
    return clauses


def _held(rule: Rule, track: Track) -> timedelta:
    return min(rule.hold, rule.urgent_hold) if track.urgent and rule.urgent_hold is not None else rule.hold


def main_text(rule: Rule, track: Track, at: datetime) -> str:
    """The first condition with its numbers, as one sentence."""
    value, name = words.say(_value(rule, track, at), rule.unit), words.metric(rule.metric)
    if rule.kind == "age" and rule.older_than:
        return f"the oldest is known for {value}, longer than {words.span(rule.older_than)}"
    if rule.kind == "silence":
        return f"nothing was heard for {value}, longer than {words.span(_held(rule, track))}"
    if rule.kind == "absence":
        return f"{track.label or 'a part'} was in the inventory ({rule.section.replace('_', ' ')}) and is not any more"
    if rule.kind in ROOM:
        return _against_baseline(rule, track.label or "a part")
    if rule.kind == "occurs" and rule.window:
        return f"{name} rose by {value} within {words.span(rule.window)}; {rule.times:g} are too many"
    if rule.kind == "median" and rule.raises:
        return f"the median of the last {rule.points} of {name} is {value}, {words.limit(rule.raises, rule.unit)}"
    if rule.kind == "forecast" and rule.raises and rule.within and rule.window:
        wall = words.say(rule.raises.value, rule.metric.rsplit("_", 1)[-1])
        slow = f", {words.say(track.second, rule.unit)} at the slow end of its range" if track.second else ""
        return (
            f"at the trend of the last {words.span(rule.window)} at most, {name} reaches {wall} in {value}{slow}; "
            f"less than {words.span(rule.within)} is too soon"
        )
    if rule.kind == "growth" and track.baseline is not None:
        return f"{name} is {value}; it was {words.say(track.baseline, rule.unit)} and may grow by less than {rule.grows_by:g}"
    if rule.kind == "growth" and rule.first:
        return f"{name} is {value} at first sight, {words.limit(rule.first, rule.unit)}"
    if rule.compare_metric:
        return f"{name} is {value}, {words.how(rule.compare)} its own limit of {words.say(track.limit, rule.unit)}"
    return (
        f"{name} is {value}, {words.limit(rule.raises, rule.unit)}" if rule.raises else f"{name} is {value}"
    )


def _against_baseline(rule: Rule, label: str) -> str:
    match rule.kind:
        case "missing":
            return f"{label} is in the room's accepted baseline and is not there"
        case "branch":
            return f"the hub {label} and all that is behind it are in the room's accepted baseline and are not there"
        case "swapped":
            return f"another one stands where the room's accepted baseline has it: {label}"
    return f"it is not as the room's accepted baseline has it: {label}"


def _later(rule: Rule, track: Track, at: datetime, reason: str, detail: str) -> list[dict[str, Any]]:
    text = detail or _WORDS.get(reason, reason).format(
        fresh_for=words.span(rule.fresh_for), during=words.during(rule.urgent_during), severity=rule.weight(track.urgent)
    )  # fmt: skip
    if reason == RECOVERED and rule.kind in ("absence", "missing", "swapped", "branch"):
        text = "it is there again"
    elif reason == RECOVERED and rule.kind == "changed":
        text = "it is again as the room's baseline has it"
    elif reason == ACCEPTED and rule.kind in ROOM:
        text = "the room's baseline was accepted anew"
    elif reason == RECOVERED:
        name = words.metric(rule.metric)
        text = f"{name} is {words.say(track.value, rule.unit)}: {text}" if track.value is not None else text
    return [_clause(text, rule.metric, track.value, track.limit, at)]


def _clause(text: str, metric: str, value: float | None, limit: float | None, at: datetime) -> dict[str, Any]:
    return {"text": text, "metric": metric, "value": value, "limit": limit, "at": at.isoformat()}


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
