"""A rule: what to watch, when it is bad, when it is well again, and what to say. Rules are rows of *.toml."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Final

from collector.rules.rule_file import RuleError
from protos import catalogue, sections

__all__ = ["Excuse", "Limit", "Rule", "RuleError", "Rules", "Watch"]

PATCH_STATE: Final = "patch_state"  # not a reading: the report's own PatchStatus, 0 when it is unknown
PRESENCE: Final = "presence"  # not a reading either: when the device was last heard of
READABLE: Final = "disk_readable_state"
# Parts that are known by their own serial: another serial in their place is proof of a repair.
PART_KINDS: Final = ("disk serial", "battery serial")
WARNING, CRITICAL = "warning", "critical"
TRAILING: Final = ("occurs", "forecast", "median")
ROOM: Final = ("missing", "changed", "swapped", "branch")  # judged against the accepted baseline of a room
# Times a rule can be tied to. Those of URGENT follow from the room's bookings alone, so the moment of each is known before.
URGENT: Final = ("session", "near_session", "before_session")
DURING: Final = ("hours", "out_of_hours", "wanted", *URGENT)
POINTS: Final = 60  # of a trail: what a rule remembers of a number's past


@dataclass(frozen=True, slots=True)
class Limit:
    """`above 0.9`, `at 1`, `bits 12`: one comparison."""

    how: str
    value: float

    def holds(self, value: float) -> bool:
        match self.how:
            case "above":
                return value > self.value
            case "at_or_above":
                return value >= self.value
            case "below":
                return value < self.value
            case "at_or_below":
                return value <= self.value
            case "bits":
                return value >= 0 and bool(int(value) & int(self.value))
        return value == self.value

    @property
    def upwards(self) -> bool:
        """True when a higher value is further on its side."""
        return self.how in ("above", "at_or_above")


@dataclass(frozen=True, kw_only=True, slots=True)
class Excuse:
    """One condition of `unless`, on another metric of the same component."""

    metric: str
    how: str
    value: float = 0.0
    other: str = ""  # the metric the limit is read from, instead of `value`


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    name: str
    kind: str  # threshold growth state age silence occurs forecast median absence missing changed swapped branch
    metric: str
    severity: str
    title: str
    meaning: str
    advice: str
    bring: str = ""
    runbook: str = field(default="", compare=False)  # a page: another link makes no other rule
    raises: Limit | None = None
    clear: Limit | None = None  # None: well again as soon as it is not bad
    and_metric: str = ""  # a second condition that must hold too: percent and bytes
    and_raises: Limit | None = None
    and_clear: Limit | None = None
    unless: tuple[Excuse, ...] = ()  # excused while all of these hold
    compare_metric: str = ""  # the limit is this metric's value: a spare's threshold, a sensor's own limit
    compare: str = ""  # at_or_above at_or_below
    clear_margin: float = 0.0  # how far on the good side of a compared limit it must be to be well again
    magnitude: bool = False  # the sign does not matter
    grows_by: float | None = None
    first: Limit | None = None  # decides while the component has no baseline
    older_than: timedelta | None = None
    younger_than: timedelta | None = None
    since_metric: str = ""  # the device's own word on how long it has been so: the hold counts from there
    hold: timedelta = timedelta(0)
    fresh_for: timedelta = timedelta(minutes=15)
    window: timedelta | None = None  # how far back occurs, forecast and median look
    points: int = 0  # median: of so many
    every: timedelta | None = None  # median: one of them so often at most
    times: float | None = None  # occurs: so often within the window
    clear_times: float = 0.0  # occurs: well again when it is at most so often
    within: timedelta | None = None  # forecast: the limit is reached so soon
    clear_beyond: timedelta | None = None  # forecast: well again when it is not reached before
    least_span: timedelta | None = None  # forecast: shorter data tell of no trend
    section: str = ""  # absence and those of a room: of the inventory
    present_fact: str = ""  # absence: only items where this fact is true count as there
    ignore_fact: str = ""  # absence: items where this fact is true are not expected to stay
    where: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # of a room: only parts whose fact (or key) is one of these
    fact: str = ""  # changed: what is compared with the baseline
    worse: str = ""  # changed: only a lower number is bad; empty: any other text
    place_fact: str = ""  # missing, swapped: another part with the same fact stands in its place
    same_fact: str = ""  # missing, changed: a part elsewhere with the same fact is this one, moved
    part_of: str = ""  # only components that are in this section of the accepted baseline
    during: str = ""  # one of DURING; outside of it nothing new opens
    urgent_during: str = ""  # one of URGENT; in that time the two below hold
    urgent_hold: timedelta | None = None  # instead of a longer hold
    urgent_severity: str = ""  # instead of severity, also of what is open already
    ticket_after: timedelta = timedelta(0)  # the finding must last so long before a ticket opens
    rhythm: timedelta | None = None  # forecast: only points at the same place in it are compared
    steady_for: timedelta | None = None  # a growing counter that stood still this long is well again
    clears: str = "observation"  # observation part_replaced steady
    clears_when_gone: bool = False
    verdict: str = ""  # failing wearing_out cable: what it says of a disk
    classes: tuple[str, ...] = ()  # empty: every class of device
    enabled: bool = True
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    source: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)  # its row of the file
    hash: str = field(default="", init=False, compare=False)
    others: frozenset[str] = field(default=frozenset(), init=False, compare=False)
    step: timedelta = field(default=timedelta(0), init=False, compare=False)  # least time between two points

    def __post_init__(self) -> None:
        content = [(f.name, getattr(self, f.name)) for f in fields(self) if f.compare]
        object.__setattr__(self, "hash", hashlib.sha256(repr(content).encode()).hexdigest()[:16])
        named = {self.and_metric, self.compare_metric, self.since_metric}
        named |= {name for excuse in self.unless for name in (excuse.metric, excuse.other)}
        object.__setattr__(self, "others", frozenset(named - {""}))
        if self.kind == "forecast" and self.window is not None:
            object.__setattr__(self, "step", self.window / POINTS)
        if self.every is not None:
            object.__setattr__(self, "step", self.every)

    @property
    def unit(self) -> str:
        """Of the value that is judged."""
        if self.kind in ("age", "silence", "forecast"):
            return "seconds"
        return "count" if self.kind == "occurs" else self.metric.rsplit("_", 1)[-1]

    @property
    def probe(self) -> str:
        """Empty for what no probe reads."""
        if self.section:
            return sections.BY_NAME[self.section].probe
        row = catalogue.BY_NAME.get(self.metric)
        return row.probe if row else ""

    @property
    def part_kind(self) -> str:
        return part_kind(self.metric)

    @property
    def waits(self) -> timedelta:
        """How long it must be bad before it opens."""
        return self.older_than if self.older_than is not None else self.hold

    def weight(self, urgent: bool) -> str:
        """Severity of a finding."""
        return self.urgent_severity if urgent and self.urgent_severity else self.severity

    def is_for(self, device_class: str) -> bool:
        return self.enabled and (not self.classes or device_class in self.classes)


def part_kind(metric: str) -> str:
    row = catalogue.BY_NAME.get(metric)
    return row.component if row and row.component in PART_KINDS else ""


@dataclass(frozen=True, slots=True)
class Watch:
    """What to do with a reading of one metric. A value from low to high cannot be bad for any of its rules."""

    metric: str
    probe: str
    rules: tuple[Rule, ...]
    part_kind: str
    low: float
    high: float
    growth: bool
    only_growth: bool
    others: frozenset[str]
    trailing: tuple[Rule, ...] = ()  # those that remember its past: judged apart


@dataclass(frozen=True, slots=True)
class Table:
    """The rules that apply to one class of device, by metric."""

    key: str  # changes when anything about these rules does
    by_name: Mapping[str, Rule]
    watches: Mapping[str, Watch]
    others: frozenset[str]
    ages: tuple[Rule, ...]
    silences: tuple[Rule, ...]
    absences: Mapping[str, tuple[Rule, ...]]  # by section
    rooms: Mapping[str, tuple[Rule, ...]]  # those judged against a baseline, by section
    components: Mapping[tuple[str, str], Rule]  # (rule, component) → the rule as it holds for that one
    urgent: frozenset[str]  # names of the rules that a booking makes urgent

    def rule(self, name: str, component: str) -> Rule:
        return self.components.get((name, component)) or self.by_name[name]


class Rules:
    """Rules in order, with the indexes evaluation needs."""

    def __init__(
        self, rules: Iterable[Rule], components: Mapping[tuple[str, str], Rule] | None = None
    ) -> None:
        self.components: Mapping[tuple[str, str], Rule] = components or {}
        self.all: tuple[Rule, ...] = tuple(rules)
        self.by_name: dict[str, Rule] = {rule.name: rule for rule in self.all}
        self.by_metric: dict[str, tuple[Rule, ...]] = {}
        for rule in self.all:
            self.by_metric[rule.metric] = (*self.by_metric.get(rule.metric, ()), rule)
        self.order: dict[str, int] = {rule.name: n for n, rule in enumerate(self.all)}
        text = "".join(rule.name + rule.hash for rule in self.all)
        text += "".join(f"{key}{rule.hash}" for key, rule in sorted(self.components.items()))
        self.hash: str = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._tables: dict[str, Table] = {}

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def of(self, name: str, component: str) -> Rule:
        """The rule as it holds for this component."""
        return self.components.get((name, component)) or self.by_name[name]

    def find(self, name: str, component: str) -> Rule | None:
        """The same; None where there is no such rule any more."""
        return self.components.get((name, component)) or self.by_name.get(name)

    def table(self, device_class: str) -> Table:
        table = self._tables.get(device_class)
        if table is None:
            table = self._tables[device_class] = self._table(device_class)
        return table

    def _table(self, device_class: str) -> Table:
        mine = [rule for rule in self.all if rule.is_for(device_class)]
        read: dict[str, list[Rule]] = {row.name: [] for row in catalogue.METRICS if part_kind(row.name)}
        read[READABLE] = []
        for rule in mine:
            if rule.kind not in ("age", "silence", "absence", *ROOM):
                read.setdefault(rule.metric, []).append(rule)
        names = {rule.name for rule in mine}
        special = {key: rule for key, rule in self.components.items() if key[0] in names}
        watches = {
            metric: _watch(metric, tuple(rules), [r for r in special.values() if r.metric == metric])
            for metric, rules in read.items()
        }
        return Table(
            key=f"{self.hash}/{device_class}",
            by_name={rule.name: rule for rule in mine},
            watches=watches,
            others=frozenset(name for watch in watches.values() for name in watch.others),
            ages=tuple(rule for rule in mine if rule.kind == "age"),
            silences=tuple(rule for rule in mine if rule.kind == "silence"),
            absences=_by_section(rule for rule in mine if rule.kind == "absence"),
            rooms=_by_section(rule for rule in mine if rule.kind in ROOM),
            components=special,
            urgent=frozenset(rule.name for rule in mine if rule.urgent_during),
        )


def _by_section(rules: Iterable[Rule]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        found[rule.section] = (*found.get(rule.section, ()), rule)
    return found


def _watch(metric: str, every: tuple[Rule, ...], special: Iterable[Rule] = ()) -> Watch:
    rules = tuple(rule for rule in every if rule.kind not in TRAILING)
    low, high = (1.0, math.inf) if metric == READABLE else (-math.inf, math.inf)
    for rule in (*rules, *(rule for rule in special if rule.kind not in TRAILING)):
        least, most = _harmless(rule)
        low, high = max(low, least), min(high, most)
    row = catalogue.BY_NAME.get(metric)
    return Watch(
        metric=metric,
        probe=row.probe if row else "",
        rules=rules,
        part_kind=part_kind(metric),
        low=low,
        high=high,
        growth=any(rule.kind == "growth" for rule in rules),
        only_growth=bool(rules) and all(rule.kind == "growth" for rule in rules),
        others=frozenset(name for rule in rules for name in rule.others),
        trailing=tuple(rule for rule in every if rule.kind in TRAILING),
    )


def _harmless(rule: Rule) -> tuple[float, float]:
    """A range in which the rule cannot be bad. Only a short cut: outside of it the rule is really judged."""
    if rule.kind == "growth":
        return math.inf, -math.inf
    limit = rule.raises
    if limit is None and rule.and_metric == rule.metric:
        limit = rule.and_raises
    if limit is None:
        return math.inf, -math.inf
    least, most = -math.inf, math.inf
    match limit.how:
        case "above":
            most = limit.value
        case "at_or_above" | "at":
            most = math.nextafter(limit.value, -math.inf)
        case "below":
            least = limit.value
        case "at_or_below":
            least = math.nextafter(limit.value, math.inf)
        case _:
            least = most = 0.0
    if limit.how == "at" and limit.value == 0:
        least, most = math.nextafter(0.0, 1.0), math.inf
    if rule.magnitude:
        least = -most
    return least, most
