"""Parts that come and go: a replaced disk is repaired, an unmounted filesystem cannot be full.

That a part is not in a report proves little: a disk that sleeps is left asleep and gives no readings, one
behind a bad cable neither. So a part counts as replaced only when another, never seen before, came.
"""

from datetime import datetime

from collector.rules import transition as why
from collector.rules.draft import Draft
from collector.rules.lifecycle import end
from collector.rules.rule import Table
from collector.rules.state import CLEARED
from protos import catalogue
from protos.report_pb2 import Report


def look(
    table: Table, draft: Draft, report: Report, ok: set[str], found: dict[str, set[str]], now: datetime
) -> None:
    """`found`: by kind, the parts that gave readings in this report."""
    new: dict[str, set[str]] = {}
    for kind, components in found.items():
        new[kind] = {component for component in components if (kind, component) not in draft.parts}
        for component in sorted(new[kind]):
            draft.part((kind, component), now)
    present: dict[str, set[str]] | None = None
    for key, track in list(draft.tracks.items()):
        rule = table.rule(*key)
        kind, component = rule.part_kind, key[1]
        if (
            track.state == CLEARED
            or track.seen == now
            or rule.probe not in ok
            or not (kind or rule.clears_when_gone)
        ):
            continue
        present = present if present is not None else _present(report)
        if component in present.get(rule.probe, ()) or not present.get(rule.probe):
            continue
        if kind:
            other = _successor(draft, report, kind, component, new.get(kind, set()), track.since)
            if other:
                detail = f"{other} took the place of {component}"
                draft.move(key, end(rule, component, track, now, why.REPLACED, detail))
        else:
            draft.move(key, end(rule, component, track, now, why.GONE))


def _present(report: Report) -> dict[str, set[str]]:
    """Components by probe, readable or not."""
    present: dict[str, set[str]] = {}
    for reading in report.readings:
        row = catalogue.BY_NAME.get(reading.metric)
        if row is not None:
            present.setdefault(row.probe, set()).add(reading.component)
    return present


def _successor(
    draft: Draft, report: Report, kind: str, component: str, new: set[str], since: datetime
) -> str:
    """The part that took this one's place; empty when nothing proves it.

    When the new one came in the same report as the old one left, that is proof, unless the inventory still
    lists the old one. When both were there for a while, the inventory must say that the old one left.
    """
    listed = {item.key for section in report.sections for item in section.items}
    if component in listed:
        return ""
    if new:
        return min(new)
    later = {
        other
        for (of, other), first_seen in draft.parts.items()
        if of == kind and first_seen > since and other in listed
    }
    return min(later, default="")
