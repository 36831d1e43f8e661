"""A room's parts against the accepted baseline: gone, changed, another in its place, a whole branch of USB.

The baseline is what people accepted; what a device shows is remembered by section, so that a section that only
says "unchanged" is judged again, and so that a new acceptance ends at once what it settles.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.rules import transition as why
from collector.rules.context import DeviceContext, Expected
from collector.rules.draft import Draft
from collector.rules.judge import BAD, WELL, Judgement
from collector.rules.lifecycle import Seen, end, observe
from collector.rules.rule import ROOM, Rule, Table
from collector.rules.state import OPEN, Shown
from protos.report_pb2 import Item, Report

LINKS: Final = "usb_links"
# What a label or another rule needs of an item, whatever the rules themselves compare.
_KEPT: Final = frozenset({"id", "name", "model", "usb_path", "connector", "kind"})
_LEAST: Final = 2  # parts behind a hub that make its loss one finding instead of theirs


def look(
    table: Table, draft: Draft, report: Report, ok: Collection[str], now: datetime, device: DeviceContext
) -> None:
    """A report: judge the sections it tells of."""
    fresh = []
    for section in report.sections:
        rules = table.rooms.get(section.name)
        if rules is None or section.name not in device.baseline.sections:
            continue
        if rules[0].probe not in ok or section.parts > 1:
            continue
        if not section.unchanged:
            draft.show(section.name, _shown(rules, section.items))
        if section.name in draft.shown:
            fresh.append(section.name)
    if fresh:
        _Room(table, draft, device, now).judge(fresh)


def settle(table: Table, draft: Draft, now: datetime, device: DeviceContext) -> None:
    """Another baseline is in force: end what it accepts. What it newly expects is judged by the next report."""
    draft.expects = device.baseline.key
    for section in [name for name in draft.shown if name not in device.baseline.sections]:
        draft.hide(section)
    room = _Room(table, draft, device, now)
    for name, component in list(draft.tracks):
        rule = table.by_name.get(name)
        if rule is None:
            continue
        expected = device.baseline.sections.get(rule.part_of or rule.section, {})
        if rule.kind in ROOM:
            seen = room.seen(rule, component, expected[component]) if component in expected else None
            over = component not in expected or (seen is not None and seen.judgement.mood == WELL)
        else:
            over = bool(rule.part_of) and component not in expected
        if over:
            key = (name, component)
            draft.move(key, end(table.rule(*key), component, draft.tracks[key], now, why.ACCEPTED))


def gated(rule: Rule, draft: Draft, component: str, now: datetime, device: DeviceContext) -> bool:
    """Whether nothing new may open now: outside of the rule's time, or no part of the baseline. What was about
    to open is dropped; what is open already goes on until it is well."""
    if rule.part_of and component not in device.baseline.sections.get(rule.part_of, {}):
        return True
    if not rule.during or device.during(rule.during, now):
        return False
    key = (rule.name, component)
    track = draft.tracks.get(key)
    if track is not None and track.state == OPEN:
        return False
    if track is not None:
        draft.move(key, (None, ()))
    return True


def _shown(rules: Iterable[Rule], items: Iterable[Item]) -> Shown:
    kept = _KEPT | {
        fact for rule in rules for fact in (rule.fact, rule.present_fact, rule.place_fact) if fact
    }
    return {item.key: {name: text for name, text in item.facts.items() if name in kept} for item in items}


@dataclass(slots=True)
class _Room:
    """What one device shows, against what is expected. Nothing but a way to share the four between the steps."""

    table: Table
    draft: Draft
    device: DeviceContext
    now: datetime

    def judge(self, fresh: Collection[str]) -> None:
        gone = self._branches_gone()
        for section in self.device.baseline.sections:
            # A hub that went or came decides about the parts of the other sections, and they about it.
            if section not in fresh and not (
                section in self.draft.shown and (LINKS in fresh or section == LINKS)
            ):
                continue
            for rule in self.table.rooms.get(section, ()):
                for key, expected in self.device.baseline.sections[section].items():
                    self._judge_one(rule, key, expected, gone)

    def _judge_one(self, rule: Rule, key: str, expected: Expected, gone: Collection[str]) -> None:
        at = (rule.name, key)
        rule = self.table.components.get(at, rule)
        if not rule.enabled or not _is_meant(rule, key, expected):
            return
        track = self.draft.tracks.get(at)
        if rule.kind in ("missing", "swapped") and _behind(expected, key, rule.section, gone):
            if track is not None:
                detail = "it is behind a hub that is gone, and part of that finding"
                self.draft.move(at, end(rule, key, track, self.now, why.COVERED, detail))
            return
        seen = self.seen(rule, key, expected)
        if seen is None or (track is None and seen.judgement.mood != BAD):
            return
        if seen.judgement.mood == BAD and gated(rule, self.draft, key, self.now, self.device):
            return
        self.draft.move(at, observe(rule, key, track, seen, self.now))

    def seen(self, rule: Rule, key: str, expected: Expected) -> Seen | None:
        """None: it cannot be told."""
        items = self.draft.shown.get(rule.section)
        if items is None:
            return None
        found: tuple[bool, str] | None
        if rule.kind == "branch":
            found = self._branch(items, key, expected)
        elif rule.kind == "missing":
            found = self._missing(rule, items, key, expected)
        elif rule.kind == "swapped":
            found = self._swapped(rule, items, key, expected)
        else:
            found = _changed(rule, items.get(key) or self._elsewhere(rule, items, key, expected), expected)
        if found is None:
            return None
        bad, label = found
        # 0 of the one that is expected, or 1.
        return Seen(Judgement(BAD if bad else WELL, 0.0 if bad else 1.0, None), self.now, label)

    def _missing(self, rule: Rule, items: Shown, key: str, expected: Expected) -> tuple[bool, str] | None:
        item = items.get(key) or self._elsewhere(rule, items, key, expected)
        label = _named(expected)
        if item is None:
            if rule.place_fact and self._instead(rule, items, expected):
                return None  # another one stands there: that is the other rule's word
            return True, label
        if rule.present_fact:
            there = item.get(rule.present_fact)
            return None if there is None else (there != "true", label)
        return False, label

    def _swapped(self, rule: Rule, items: Shown, key: str, expected: Expected) -> tuple[bool, str] | None:
        if key in items:
            return False, expected.label
        other = self._instead(rule, items, expected)
        return (True, f"{expected.label} → {other}") if other else None

    def _elsewhere(self, rule: Rule, items: Shown, key: str, expected: Expected) -> Mapping[str, str] | None:
        """The same part in another place: moved by hand, or, of USB, fallen back to the slower bus. Of twins each is
        taken once."""
        same = expected.facts.get(rule.same_fact)
        if not rule.same_fact or not same:
            return None
        known = self.device.baseline.sections.get(rule.section, {})
        gone = sorted(k for k, e in known.items() if k not in items and e.facts.get(rule.same_fact) == same)
        found = sorted(k for k, item in items.items() if k not in known and item.get(rule.same_fact) == same)
        at = gone.index(key) if key in gone else len(found)
        return items[found[at]] if at < len(found) else None

    def _instead(self, rule: Rule, items: Shown, expected: Expected) -> str:
        """What nobody expects and stands in the same place."""
        place = expected.facts.get(rule.place_fact)
        known = self.device.baseline.sections.get(rule.section, {})
        for key, item in items.items():
            if (
                place
                and key not in known
                and item.get(rule.place_fact) == place
                and not _is_known(known, item)
            ):
                return item.get("model") or item.get("name") or key
        return ""

    def _branch(self, items: Shown, key: str, expected: Expected) -> tuple[bool, str] | None:
        if expected.facts.get("kind") != "hub":
            return None
        parts = self._gone_behind(key)
        return key not in items and len(parts) >= _LEAST, f"{key} ({', '.join(parts)})" if parts else key

    def _branches_gone(self) -> list[str]:
        """Sockets of the hubs that are gone together with their parts."""
        items = self.draft.shown.get(LINKS)
        if items is None or not any(rule.kind == "branch" for rule in self.table.rooms.get(LINKS, ())):
            return []
        return [
            key
            for key, expected in self.device.baseline.sections.get(LINKS, {}).items()
            if key not in items
            and expected.facts.get("kind") == "hub"
            and len(self._gone_behind(key)) >= _LEAST
        ]

    def _gone_behind(self, hub: str) -> list[str]:
        """Names of the parts people use; a microphone and a camera in one case are two."""
        found: dict[str, None] = {}
        for section, parts in self.device.baseline.sections.items():
            rule = next((rule for rule in self.table.rooms.get(section, ()) if rule.kind == "missing"), None)
            items = self.draft.shown.get(section)
            if rule is None or items is None:
                continue
            for key, expected in parts.items():
                behind = _below(expected.facts.get("usb_path", ""), hub)
                if behind and key not in items and not self._elsewhere(rule, items, key, expected):
                    found[expected.label] = None
        return list(found)


def _is_known(known: Mapping[str, Expected], item: Mapping[str, str]) -> bool:
    """Whether it is one of the accepted ones, that only moved."""
    return bool(item.get("id")) and any(
        expected.facts.get("id") == item.get("id") for expected in known.values()
    )


def _is_meant(rule: Rule, key: str, expected: Expected) -> bool:
    return all((key if fact == "key" else expected.facts.get(fact)) in wanted for fact, wanted in rule.where)


def _below(path: str, hub: str) -> bool:
    """`1-1.5.2` is behind `1-1.5`."""
    return path.startswith((f"{hub}.", f"{hub}-")) and path != hub


def _behind(expected: Expected, key: str, section: str, hubs: Collection[str]) -> bool:
    path = key if section == LINKS else expected.facts.get("usb_path", "")
    return any(_below(path, hub) or (section == LINKS and path == hub) for hub in hubs)


def _named(expected: Expected) -> str:
    """With the socket: that is where to look."""
    path = expected.facts.get("usb_path") or expected.facts.get("connector")
    return f"{expected.label} (at {path})" if path else expected.label


def _changed(rule: Rule, item: Mapping[str, str] | None, expected: Expected) -> tuple[bool, str] | None:
    if item is None:
        return None
    was, now = expected.facts.get(rule.fact), item.get(rule.fact)
    if was is None or now is None:
        return None
    bad = was != now
    if rule.worse == "lower":
        try:
            bad = float(now) < float(was)
        except ValueError:
            return None
    if not bad:
        return False, expected.label
    # A fact that is a name for machines has one for people beside it.
    before, after = (facts.get("name", "") for facts in (expected.facts, item))
    if rule.fact != "endpoint" or not before or not after or before == after:
        before, after = was, now
    return True, f"{expected.label}: {before} → {after}"
