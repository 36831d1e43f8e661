"""The judge: rules, what is remembered and one report in; what is remembered and transitions out. Pure.

`now` is the server's time of receipt. First everything happens that time alone decides up to `now`, each at
its own moment; then the report is observed. So a sweep (report=None) more or less changes nothing.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from collector.rules import baselines, lifecycle, parts, rosters, silence, trails, updates, urgency
from collector.rules import transition as why
from collector.rules.context import DeviceContext
from collector.rules.draft import Draft
from collector.rules.judge import BAD, BETWEEN, WELL, Judgement, judge, worse
from collector.rules.lifecycle import Seen
from collector.rules.rule import PATCH_STATE, READABLE, Rule, Rules, Table, Watch
from collector.rules.state import OPEN, DeviceState
from collector.rules.transition import Transition
from collector.rules.why_not import why_not
from protos.report_pb2 import OK, PATCH_STATE_UNKNOWN, Reading, Report

__all__ = ["DeviceContext", "Transition", "evaluate", "why_not"]

_PATCHES: Final = "patches"
Work = list[tuple[Watch, str, float, Reading | None]]


def evaluate(
    rules: Rules, state: DeviceState, report: Report | None, now: datetime, device: DeviceContext
) -> tuple[DeviceState, list[Transition]]:
    """Returns the same state object when nothing is new."""
    table = rules.table(device.device_class)
    draft = Draft(state)
    if device.lives_on:
        _leave(rules, table, draft, now, device)
        return draft.finished(table), draft.transitions
    if state.judged_by != table.key:
        _forget_unjudged(rules, table, draft, now)
    if device.accepted and state.tracks:
        _accept(table, draft, device.accepted, now)
    # Somebody may have booked the room, or cancelled that, since the state's due_at was written.
    booked = bool(table.urgent and draft.tracks) and urgency.look_ahead(table, draft, device)
    if booked or (state.due_at is not None and state.due_at <= now):
        _advance(rules, table, draft, now, device)
    if draft.expects != device.baseline.key:
        baselines.settle(table, draft, now, device)
    if report is not None:
        _Observer(table, draft, report, now, device).run()
        if table.urgent and draft.tracks:
            urgency.look_ahead(table, draft, device)
    silence.judge(table, draft, report is not None, now, device)
    return draft.finished(table), draft.transitions


def _forget_unjudged(rules: Rules, table: Table, draft: Draft, now: datetime) -> None:
    """The rules or the device's class changed: what no rule in force judges is over."""
    draft.judged_by = table.key
    for key, track in draft.state.tracks.items():
        if key[0] in table.by_name and table.rule(*key).enabled:
            continue
        rule = rules.by_name.get(key[0])
        if rule is not None:
            draft.move(key, lifecycle.end(rule, key[1], track, now, why.NOT_JUDGED))
        else:
            draft.move(key, why.orphaned(key, track, now))
    draft.forget_trails([key for key in draft.trails if key[0] not in table.by_name])


def _leave(rules: Rules, table: Table, draft: Draft, now: datetime, device: DeviceContext) -> None:
    """The machine lives on as another device: whatever is open here is over, and says nothing of a repair."""
    if draft.state.judged_by == table.key:
        _advance(rules, table, draft, now, device)
    for key, track in draft.tracks.copy().items():
        rule = rules.by_name.get(key[0])
        if rule is not None:
            draft.move(key, lifecycle.end(rule, key[1], track, now, why.MERGED))
        else:
            draft.move(key, why.orphaned(key, track, now))


def _accept(table: Table, draft: Draft, accepted: Mapping[tuple[str, str], float], now: datetime) -> None:
    for key in accepted.keys() & draft.tracks.keys():
        track = draft.tracks[key]
        if key[0] not in table.by_name:
            continue
        rule = table.rule(*key)
        if rule.kind in ("age", "silence") or track.value is None:
            continue
        if rule.kind == "absence":
            rosters.accept(draft, rule, key[1])
        if not worse(rule, track.value, accepted[key]):
            if rule.kind == "growth":
                draft.baseline((rule.metric, key[1]), accepted[key])
            draft.move(key, lifecycle.end(rule, key[1], track, now, why.ACCEPTED))


def _advance(rules: Rules, table: Table, draft: Draft, now: datetime, device: DeviceContext) -> None:
    first = len(draft.transitions)
    for key, track in draft.tracks.copy().items():
        rule = table.rule(*key)
        if rule.kind == "silence":
            continue  # also needs to know whether the device is expected: silence.judge
        turn = urgency.turning(device) if rule.urgent_during else None
        may_open = partial(device.during, rule.during) if rule.during else None
        draft.move(key, lifecycle.advance(rule, key[1], track, now, turn, may_open))
    late = draft.transitions[first:]
    draft.transitions[first:] = sorted(late, key=lambda t: (t.at, rules.order[t.rule], t.component))


class _Observer:
    """One report, held against the rules. Nothing but a way to share its names between the steps."""

    __slots__ = (
        "_others",
        "accepted",
        "device",
        "draft",
        "failed",
        "now",
        "ok",
        "report",
        "table",
        "trailing",
    )

    def __init__(
        self, table: Table, draft: Draft, report: Report, now: datetime, device: DeviceContext
    ) -> None:
        self.table, self.draft, self.report, self.now, self.device = table, draft, report, now, device
        self.accepted = device.accepted
        self._others: dict[tuple[str, str], float] | None = None
        self.ok: set[str] = set()
        self.failed: set[str] = set()
        self.trailing: list[tuple[Watch, Reading]] = []

    def run(self) -> None:
        for outcome in self.report.outcomes:
            (self.ok if outcome.outcome == OK else self.failed).add(outcome.probe)
        work, found = self._sift()
        patches_told = _PATCHES in self.ok or _PATCHES in self.failed
        if patches_told and (watch := self.table.watches.get(PATCH_STATE)):
            # A probe that did not end well does not know either: unknown never counts as compliant.
            state = self.report.patches.state if _PATCHES in self.ok else PATCH_STATE_UNKNOWN
            work.append((watch, "", float(state), None))
        if work:
            self._judge_all(work)
        for watch, reading in self.trailing:
            if watch.probe not in self.failed:
                self._follow(watch, reading)
        if self.report.sections or patches_told:
            self._ages()
        if self.report.sections and self.table.absences:
            rosters.look(self.table, self.draft, self.report, self.ok, self.now)
        if self.device.baseline.sections and self.report.sections:
            baselines.look(self.table, self.draft, self.report, self.ok, self.now, self.device)
        if found or self.draft.tracks:
            parts.look(self.table, self.draft, self.report, self.ok, found, self.now)

    def _sift(self) -> tuple[Work, dict[str, set[str]]]:
        """The readings that need a judgement, and the parts seen. Runs for every reading of every report."""
        tracks, by_name = self.draft.tracks, self.table.by_name
        hot = {by_name[name].metric for name, _ in tracks} if tracks else ()
        get = self.table.watches.get
        work: Work = []
        found: dict[str, set[str]] = {}
        for reading in self.report.readings:
            watch = get(reading.metric)
            if watch is None:
                continue
            if watch.part_kind:
                found.setdefault(watch.part_kind, set()).add(reading.component)
            value = reading.last
            if watch.trailing and reading.HasField("last"):
                self.trailing.append((watch, reading))
            if watch.low <= value <= watch.high and watch.metric not in hot:
                continue
            if watch.only_growth and watch.metric not in hot:
                component = reading.component
                if self.draft.baselines.get((watch.metric, component)) == value:
                    continue
            work.append((watch, reading.component, value, reading))
        return work, found

    def _judge_all(self, work: Work) -> None:
        unreadable = {
            component for watch, component, value, _ in work if watch.metric == READABLE and value == 0
        }
        for watch, component, value, reading in work:
            if watch.probe in self.failed or (watch.part_kind and component in unreadable):
                continue
            if not math.isfinite(value):
                continue  # refused on arrival; a baseline of NaN would blind a rule for ever
            if reading is not None and value == 0 and not reading.HasField("last"):
                continue
            self._judge_one(watch, component, value, (reading.label if reading else "") or component)

    def _judge_one(self, watch: Watch, component: str, value: float, label: str) -> None:
        draft = self.draft
        known = draft.baselines.get((watch.metric, component)) if watch.growth else None
        settled = False
        for usual in watch.rules:
            key = (usual.name, component)
            rule = self.table.components.get(key, usual) if self.table.components else usual
            if not rule.enabled:  # for this component; for all of them it is not in the table
                continue
            track = draft.tracks.get(key)
            others = self.others if rule.others else {}
            judgement = judge(rule, component, value, others, known, self.accepted.get(key))
            if judgement is None or (track is None and judgement.mood != BAD):
                continue
            limited = judgement.mood == BAD and (rule.during or rule.part_of)
            if limited and baselines.gated(rule, draft, component, self.now, self.device):
                continue
            urgent = bool(rule.urgent_during) and self.device.during(rule.urgent_during, self.now)
            seen = Seen(judgement, self._since(rule, component), label, urgent)
            after, _ = draft.move(key, lifecycle.observe(rule, component, track, seen, self.now))
            settled |= rule.clears == "steady" and track is not None and track.state == OPEN and after is None
        # A counter that went down was reset by its firmware; one that stood still long enough starts anew.
        if watch.growth and (known is None or value < known or settled):
            draft.baseline((watch.metric, component), value)

    def _follow(self, watch: Watch, reading: Reading) -> None:
        """Rules that look back. A trend is judged where it got a point, a counter also while it is bad."""
        draft = self.draft
        for usual in watch.trailing:
            key = (usual.name, reading.component)
            rule = self.table.components.get(key, usual)
            if not rule.enabled:
                continue
            known = draft.trails.get(key, ())
            if known and rule.kind != "occurs" and self.now - known[-1][0] < rule.step:
                continue  # nearly always
            track = draft.tracks.get(key)
            trail = trails.followed(rule, known, reading.last, self.now)
            if trail is not known:
                draft.trail(key, trail)
            elif track is None or rule.kind != "occurs":
                continue
            judgement = trails.judge(rule, trail, self.now)
            if judgement is None or (track is None and judgement.mood != BAD):
                continue
            accepted = self.accepted.get(key)
            if accepted is not None and not worse(rule, judgement.value, accepted):
                judgement = judgement._replace(mood=WELL, accepted=True)
            seen = Seen(judgement, self.now, reading.label or reading.component)
            draft.move(key, lifecycle.observe(rule, reading.component, track, seen, self.now))

    def _since(self, rule: Rule, component: str) -> datetime:
        if rule.since_metric:
            return silence.before(self.now, self.others.get((rule.since_metric, component)))
        return self.now

    @property
    def others(self) -> dict[tuple[str, str], float]:
        if self._others is None:
            wanted = self.table.others
            self._others = {
                (r.metric, r.component): r.last for r in self.report.readings if r.metric in wanted
            }
        return self._others

    def _ages(self) -> None:
        draft, report = self.draft, self.report
        known, collecting, whole = updates.remember(draft.updates, draft.collecting, report, self.now)
        knows = _PATCHES in self.ok and report.patches.state != PATCH_STATE_UNKNOWN
        if knows and updates.none_on_offer(report):
            known = {}
        draft.remember_updates(known, collecting)
        # The last part of a long section may come a report after its probe's outcome.
        late = whole and _PATCHES not in self.ok and _PATCHES not in self.failed
        if known is not None and (knows or late):
            for rule in self.table.ages:
                self._age(rule, updates.oldest(known))

    def _age(self, rule: Rule, oldest: datetime | None) -> None:
        track = self.draft.tracks.get((rule.name, ""))
        if oldest is None or rule.older_than is None or rule.younger_than is None:
            mood, since = WELL, self.now
        else:
            # Not open yet, it counts from the oldest: the age limit is its hold.
            mood, since = BAD, oldest
            age = self.now - oldest
            if track is not None and track.state == OPEN and age < rule.older_than:
                mood = WELL if age < rule.younger_than else BETWEEN
        if track is None and mood != BAD:
            return
        limit = rule.older_than.total_seconds() if rule.older_than else None
        seen = Seen(Judgement(mood, (self.now - since).total_seconds(), limit), since, "")
        self.draft.move((rule.name, ""), lifecycle.observe(rule, "", track, seen, self.now))
