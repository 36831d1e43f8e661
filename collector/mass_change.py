"""A change of rules that would open too many tickets at once waits for a person's word.

Asked once, when a collector starts and before it judges the first report: on how many devices would each rule
that is new or other open now, by the newest readings there are? What looks back (growth since a baseline,
counts, trends, ages, silence, absence) cannot be told from one reading and is not held.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector import decide
from collector.changes import table_of
from collector.decisions import Decisions
from collector.rules.judge import BAD, judge
from collector.rules.rule import PATCH_STATE, Rule, Rules
from collector.store.devices import Device
from collector.store.findings import CLEARED, Finding
from collector.store.installation import Fact
from collector.store.overrides import RuleHold
from collector.store.reports import ProbeResult
from collector.store.upsert import upsert
from collector.tickets.suppression import HELD_RULE
from collector.unpack import PATCH_STATES
from protos.catalogue import BY_NAME

logger = logging.getLogger(__name__)

FACT: Final = "rule_hashes"
SHARE: Final = 0.05  # of the fleet; more than that at once is rather a mistake in the rule …
LEAST: Final = 10  # … and fewer than ten tickets a person can look at himself
_BY_ITSELF: Final = "tocsin:"  # released so: no person has seen it
_TELLING: Final = ("threshold", "state")
_BATCH: Final = 500
_PATCH_STATES: Final = {text: float(number) for number, text in PATCH_STATES.items()}
Latest = dict[tuple[str, str], float]


def look(session: Session, rules: Rules, now: datetime) -> list[RuleHold]:
    """Compare with the rules that were in force last, and hold what would open too much. Returns the new holds."""
    fact = session.get(Fact, FACT, with_for_update=True)
    before: dict[str, str] | None = json.loads(fact.value) if fact is not None else None
    in_force = {rule.name: rule.hash for rule in rules}
    if before == in_force:
        return []
    # Not merge: two collectors may start for the first time in the same moment.
    fresh = {"name": FACT, "value": json.dumps(in_force, sort_keys=True)}
    upsert(session.connection(), table_of(Fact), [fresh])
    if before is None:  # the very first start: there is nothing it could be a change of
        return []
    changed = [rule for rule in rules if before.get(rule.name) != rule.hash]
    held = _held(session, rules, changed, now)
    _superseded(session, changed, now)
    decide.changed(session)
    for row in held:
        logger.warning(
            "rule %s (version %s) would open on %d of %d devices: held for a person (rules held, rules release)",
            row.rule, row.rule_hash, row.devices, row.of,
        )  # fmt: skip
    return held


def _held(session: Session, rules: Rules, changed: Iterable[Rule], now: datetime) -> list[RuleHold]:
    telling = {rule.name for rule in changed if rule.enabled and rule.kind in _TELLING}
    if not telling:
        return []
    fleet = session.scalar(select(func.count()).select_from(Device).where(Device.revoked_at.is_(None))) or 0
    if fleet < LEAST:
        return []
    counts = would_open(session, rules, telling, now)
    found = []
    for name, devices in sorted(counts.items()):
        rule_hash = rules.by_name[name].hash
        if devices < LEAST or devices <= SHARE * fleet:
            continue
        row: RuleHold | None = session.get(RuleHold, (name, rule_hash))
        if row is not None and not row.released_by.startswith(_BY_ITSELF):
            continue  # this version is held already, or a person has let it
        row = row or RuleHold(rule=name, rule_hash=rule_hash)
        row.held_at, row.devices, row.of, row.released_at, row.released_by = now, devices, fleet, None, ""
        session.add(row)
        found.append(row)
    session.flush()
    return found


def _superseded(session: Session, changed: Iterable[Rule], now: datetime) -> None:
    """Holds of former versions: nobody needs to release what is not in force any more."""
    for rule in changed:
        for row in session.scalars(
            select(RuleHold).where(
                RuleHold.rule == rule.name, RuleHold.rule_hash != rule.hash, RuleHold.released_at.is_(None)
            )
        ):
            row.released_at, row.released_by = now, f"{_BY_ITSELF} version {rule.hash} took its place"


def would_open(session: Session, rules: Rules, names: set[str], now: datetime) -> dict[str, int]:
    """Rule → devices on which it is bad by the newest readings and is not open yet."""
    decisions = Decisions(rules)
    decisions.refresh(session, now)
    already = {
        (row.device_id, row.rule, row.component)
        for row in session.execute(
            select(Finding.device_id, Finding.rule, Finding.component).where(
                Finding.rule.in_(names), Finding.state != CLEARED, Finding.suppressed != HELD_RULE
            )
        )
    }
    counts: defaultdict[str, int] = defaultdict(int)
    probes = _probes(rules, names)
    for device, latest in _devices(session, probes):
        here = decisions.rules_for(device, now)
        accepted, baseline = decisions.accepted(device.id), decisions.rooms.baseline(device.id).sections
        components: defaultdict[str, list[str]] = defaultdict(list)
        for metric, component in latest:
            components[metric].append(component)
        for name in names:
            rule = here.by_name[name]
            counts[name] += any(
                (device.id, name, component) not in already
                and (not rule.part_of or component in baseline.get(rule.part_of, ()))
                and _is_bad(
                    here.of(name, component), device, component, latest, accepted.get((name, component))
                )
                for component in components.get(rule.metric, ())
            )
    return {name: count for name, count in counts.items() if count}


def _is_bad(rule: Rule, device: Device, component: str, latest: Latest, accepted: float | None) -> bool:
    if not rule.is_for(device.device_class):
        return False
    found = judge(rule, component, latest[rule.metric, component], latest, accepted=accepted)
    return found is not None and found.mood == BAD


def _probes(rules: Rules, names: set[str]) -> set[str]:
    """Those whose readings decide; another limit set by an override may need no other metric."""
    metrics = {
        metric for name in names for metric in (rules.by_name[name].metric, *rules.by_name[name].others)
    }
    return {BY_NAME[metric].probe for metric in metrics if metric in BY_NAME}


def _devices(session: Session, probes: set[str]) -> Iterator[tuple[Device, Latest]]:
    """Each device with its newest readings of these probes."""
    last = ""
    while True:
        devices = session.scalars(
            select(Device)
            .where(Device.id > last, Device.revoked_at.is_(None))
            .order_by(Device.id)
            .limit(_BATCH)
        ).all()
        if not devices:
            return
        last = devices[-1].id
        readings: defaultdict[str, Latest] = defaultdict(dict)
        rows = session.execute(
            select(ProbeResult.device_id, ProbeResult.readings).where(
                ProbeResult.device_id.in_([device.id for device in devices]), ProbeResult.probe.in_(probes),
                ProbeResult.outcome == "ok",
            )
        )  # fmt: skip
        for device_id, told in rows:
            for metric, component, value, *_ in told:
                readings[device_id][str(metric), str(component)] = float(str(value))
        for device in devices:
            latest = readings[device.id]
            if device.reported_at is not None:
                latest[PATCH_STATE, ""] = _PATCH_STATES.get(device.patch_state, 0.0)
            yield device, latest
