"""Parts that are gone: a section of the inventory against those that were there before.

What was seen once is expected from then on. A part that is gone while another came is a replacement, and a
replacement is no loss: it is in the history of the inventory.
"""

from collections.abc import Iterable
from datetime import datetime

from collector.rules import transition as why
from collector.rules.draft import Draft
from collector.rules.judge import BAD, WELL, Judgement
from collector.rules.lifecycle import Seen, end, observe
from collector.rules.rule import Rule, Table
from collector.rules.state import Roster
from protos.report_pb2 import Item, Report


def look(table: Table, draft: Draft, report: Report, ok: set[str], now: datetime) -> None:
    for section in report.sections:
        for rule in table.absences.get(section.name, ()):
            if rule.probe not in ok or section.parts > 1:
                continue
            known = draft.rosters.get(rule.name)
            if section.unchanged:
                if known is not None:
                    _observe(table, draft, rule, known, now)
                continue
            labels = {item.key: _label(item) for item in section.items if _is_there(rule, item)}
            if not labels and not section.items:
                continue  # an empty section of hardware is rather a source that told nothing
            _compare(table, draft, rule, known, labels, now)


def accept(draft: Draft, rule: Rule, key: str) -> None:
    """A person says that this one is meant to be gone: it is expected no more."""
    known = draft.rosters.get(rule.name)
    if known is not None and key in known.missing:
        labels = {other: label for other, label in known.labels.items() if other != key}
        draft.roster(rule.name, Roster(labels, known.missing - {key}))


def _is_there(rule: Rule, item: Item) -> bool:
    if rule.present_fact and item.facts.get(rule.present_fact) != "true":
        return False
    return not (rule.ignore_fact and item.facts.get(rule.ignore_fact) == "true")


def _label(item: Item) -> str:
    """What people look for: `Samsung SSD 870, S5Y2NF0R` or, of a slot, its name and what was in it."""
    facts = item.facts
    name = facts.get("model") or facts.get("part_number") or facts.get("maker") or ""
    return f"{name} ({item.key})" if name and name != item.key else item.key


def _compare(
    table: Table, draft: Draft, rule: Rule, known: Roster | None, labels: dict[str, str], now: datetime
) -> None:
    if known is None:
        draft.roster(rule.name, Roster(labels, frozenset()))
        return
    fresh = labels.keys() - known.labels.keys()
    missing = known.labels.keys() - labels.keys()
    lost = missing - known.missing
    if lost and len(fresh) >= len(lost):
        _replaced(table, draft, rule, lost, fresh, now)
        missing -= lost
    elif fresh and known.missing and len(fresh) >= len(known.missing & missing):
        # It came a while after the other had gone.
        _replaced(table, draft, rule, known.missing & missing, fresh, now)
        missing -= known.missing
    kept = {key: label for key, label in known.labels.items() if key in missing}
    roster = Roster({**labels, **kept}, frozenset(missing))
    if roster != known:
        draft.roster(rule.name, roster)
    _observe(table, draft, rule, roster, now)


def _replaced(
    table: Table, draft: Draft, rule: Rule, gone: Iterable[str], fresh: Iterable[str], now: datetime
) -> None:
    for key, other in zip(sorted(gone), sorted(fresh), strict=False):
        track = draft.tracks.get((rule.name, key))
        if track is not None:
            detail = f"{other} took the place of {key}"
            draft.move(
                (rule.name, key), end(table.rule(rule.name, key), key, track, now, why.REPLACED, detail)
            )


def _observe(table: Table, draft: Draft, rule: Rule, roster: Roster, now: datetime) -> None:
    for key in roster.missing:
        _move(table, draft, rule, key, Seen(Judgement(BAD, 0.0, None), now, roster.labels[key]), now)
    for name, key in list(draft.tracks):
        if name == rule.name and key in roster.labels and key not in roster.missing:
            _move(table, draft, rule, key, Seen(Judgement(WELL, 1.0, None), now, roster.labels[key]), now)


def _move(table: Table, draft: Draft, rule: Rule, key: str, seen: Seen, now: datetime) -> None:
    at = (rule.name, key)
    draft.move(at, observe(table.rule(*at), key, draft.tracks.get(at), seen, now))
