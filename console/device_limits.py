"""What the rules say of one device's numbers: their limits with the overrides in force, when they spoke, where a trend
leads, and why nothing was heard for a while."""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import decisions
from collector.rules import trails
from collector.rules import words as rule_text
from collector.rules.override import adapted
from collector.rules.rule import Limit, Rule, Rules
from collector.rules.state import DeviceState as Remembered
from collector.rules.state import Trail
from collector.store.devices import Device, DeviceState
from collector.store.findings import Finding
from collector.store.overrides import SCOPES, Override
from collector.store.reports import GapSeen
from console import format, pictures, rule_sentences, rule_words, words
from console.device_facts import Reading

_DRAWN: Final = ("above", "at_or_above", "below", "at_or_below")
_LOST: Final = {
    "evicted": "its spool was full", "corrupt": "its spool was damaged", "quarantined": "its reports were refused",
}  # fmt: skip
_LONGEST_AHEAD: Final = timedelta(days=365)


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """On one device, at one moment."""

    device: Device
    rules: Rules
    overridden: Mapping[str, Override]  # rule → the narrowest override in force on it
    trails: Mapping[tuple[str, str], Trail]
    findings: Sequence[Finding]  # open in the time shown, also those that are over
    gaps: Sequence[GapSeen]
    numbers: Mapping[tuple[str, str], float]  # (metric, component) → newest reading
    now: datetime


def read(
    session: Session, device: Device, readings: Iterable[Reading], since: datetime, now: datetime
) -> InForce:
    """In four statements."""
    rows = session.scalars(select(Override).where(Override.ended_at.is_(None)))
    fitting = [row for row in rows if decisions.override_fits(row, device, now)]
    fitting.sort(key=lambda row: (SCOPES.index(row.scope), row.created_at, row.id))
    plain = rule_words.all_rules()
    findings = session.scalars(
        select(Finding)
        .where(Finding.device_id == device.id, Finding.cleared_at.is_(None) | (Finding.cleared_at > since))
        .order_by(Finding.since_at, Finding.id)
        .limit(500)
    ).all()
    gaps = session.scalars(
        select(GapSeen).where(GapSeen.device_id == device.id, GapSeen.received_at > since).limit(50)
    ).all()
    return InForce(
        device=device,
        rules=adapted(plain, map(decisions.change_of, fitting)) if fitting else plain,
        overridden={row.rule: row for row in fitting},
        trails=_trails(session, device.id),
        findings=findings,
        gaps=gaps,
        numbers={(one.metric, one.component): one.last for one in readings if one.last is not None},
        now=now,
    )


def _trails(session: Session, device_id: str) -> Mapping[tuple[str, str], Trail]:
    body = session.scalar(select(DeviceState.body).where(DeviceState.device_id == device_id))
    if body is None:
        return {}
    try:
        return Remembered.from_bytes(body).trails
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        zlib.error,
    ):  # of another version: the judge says so itself
        return {}


def _judging(here: InForce, metric: str, component: str) -> list[Rule]:
    found = (here.rules.of(rule.name, component) for rule in here.rules.by_metric.get(metric, ()))
    return [rule for rule in found if rule.enabled and rule.is_for(here.device.device_class)]


def limits(here: InForce, metric: str, component: str) -> tuple[pictures.Limit, ...]:
    """Where findings begin and where they end, each number once. What another metric decides has its newest value."""
    found: dict[tuple[float, str, bool], list[str]] = {}
    for rule in _judging(here, metric, component):
        base = rule_words.of(rule.name)
        mine = base is not None and rule.hash != base.hash
        said = rule_sentences.bad(rule) + (f" ({_whose(here.overridden.get(rule.name))})" if mine else "")
        begins = rule.raises
        if rule.compare_metric and (other := here.numbers.get((rule.compare_metric, component))) is not None:
            begins = Limit(rule.compare, other)
        if begins is not None and begins.how in _DRAWN:
            word = "forecast" if rule.kind == "forecast" else rule.severity
            found.setdefault((begins.value, word, mine), []).append(said)
            if rule.magnitude:
                found.setdefault((-begins.value, word, mine), []).append(said)
        if rule.clear is not None and rule.clear.how in _DRAWN and rule.clear != rule.raises:
            well = f"well again: {rule_text.limit(rule.clear, rule.unit)} ({words.plain(rule.name).lower()})"
            found.setdefault((rule.clear.value, "well again", mine), []).append(well)
    return tuple(
        pictures.Limit(
            value, "; ".join(names), f"{word}, override" if mine else word, ends=word == "well again"
        )
        for (value, word, mine), names in sorted(found.items())
        if math.isfinite(value)
    )


def _whose(row: Override | None) -> str:
    if row is None:
        return "override"
    until = f" until {row.until_at:%Y-%m-%d}" if row.until_at is not None else ""
    return f"override for {words.SCOPES.get(row.scope, row.scope)} by {row.who}{until}"


def spoke(here: InForce, metric: str, component: str) -> list[pictures.Stretch]:
    """When a finding about this number was open."""
    return [
        pictures.Stretch(
            finding.since_at,
            finding.cleared_at or here.now,
            finding.summary,
            critical=finding.severity == "critical",
        )
        for finding in here.findings
        if finding.component == component
        and (rule := rule_words.of(finding.rule)) is not None
        and rule.metric == metric
    ]


def why_not(here: InForce, begins: datetime, ends: datetime) -> str:
    """Why there is nothing between two readings, as far as anybody knows; empty: not known."""
    for finding in here.findings:
        over = finding.cleared_at or here.now
        if finding.kind == "silence" and finding.since_at < ends and over > begins:
            return "the device was silent"
    for gap in here.gaps:
        if gap.from_at and gap.to_at and gap.from_at < ends and gap.to_at > begins:
            return f"reports were lost: {_LOST.get(gap.reason, gap.reason)}"
    if begins <= here.device.enrolled_at <= ends:
        return f"it was enrolled {format.ago(here.device.enrolled_at, here.now)}"
    return ""


def ahead(here: InForce, metric: str, component: str, level: float) -> pictures.Ahead | None:
    """Where the trend leads that the forecast rule sees; None: no such rule, too short a past, or no sure trend."""
    for rule in _judging(here, metric, component):
        trail = here.trails.get((rule.name, component), ())
        if rule.kind != "forecast" or rule.raises is None or not trails.enough(rule, trail):
            continue
        told = trails.forecast(trail, rule.raises.value, here.now, rule.rhythm)
        if not math.isfinite(told.late) or not 0 < told.left < _LONGEST_AHEAD.total_seconds():
            continue
        wall = rule_text.say(rule.raises.value, rule.metric.rsplit("_", 1)[-1])
        soon, late = (rule_text.say(seconds, "seconds") for seconds in told)
        said = f"at the present rate {wall} in about {soon}"
        said += f", at the slow end of what is likely in {late}" if late != soon else ""
        return pictures.Ahead(level, rule.raises.value, told.left, told.late, said)
    return None
