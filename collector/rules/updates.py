"""Since when each security update has been on offer: from the inventory section `updates`.

The count alone does not say it: a device that is patched every week always has some. So each package and
version is remembered from the first time it was told of, and the oldest one decides.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from collector.rules.state import Collecting
from protos.report_pb2 import Report, Section

SECTION: Final = "updates"
COUNT: Final = "updates_security_count"
Known = Mapping[str, datetime] | None


def remember(
    known: Known, collecting: Collecting | None, report: Report, now: datetime
) -> tuple[Known, Collecting | None, bool]:
    """(what is known now, parts still being gathered, whether this report brought the whole section)."""
    whole = False
    for section in report.sections:
        if section.name != SECTION or section.unchanged:
            continue
        keys = _security(section)
        if section.parts > 1:
            collecting = _gather(collecting, section, keys)
            if len(collecting.parts) < section.parts:
                continue
            keys, collecting = collecting.keys, None
        known = _merged(known, keys, now)
        whole = True
    return known, collecting, whole


def none_on_offer(report: Report) -> bool:
    """The device says it knows, and that there is none."""
    return any(row.metric == COUNT and row.HasField("last") and row.last == 0 for row in report.readings)


def oldest(known: Known) -> datetime | None:
    return min(known.values(), default=None) if known else None


def _merged(known: Known, keys: frozenset[str], now: datetime) -> dict[str, datetime]:
    before = known or {}
    return {key: before.get(key, now) for key in sorted(keys)}


def _gather(collecting: Collecting | None, section: Section, keys: frozenset[str]) -> Collecting:
    if collecting is None or collecting.hash != section.hash:
        return Collecting(hash=section.hash, parts=frozenset({section.part}), keys=keys)
    return Collecting(hash=section.hash, parts=collecting.parts | {section.part}, keys=collecting.keys | keys)


def _security(section: Section) -> frozenset[str]:
    return frozenset(
        f"{item.key} {item.facts.get('candidate', '')}"
        for item in section.items
        if item.facts.get("security") == "true"
    )
