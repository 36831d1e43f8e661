"""What a device's page says: the verdict in a sentence, readings by part, sections as tables."""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from console import format, rule_words, unseen, words

_RANK: Final = {"critical": 0, "warning": 1}
_SECTION_ORDER: Final = (
    "system", "disks", "filesystems", "batteries", "memory_modules", "processors", "network_cards",
    "operating_system", "reboot_reasons", "updates", "software",
)  # fmt: skip
_MOST_BYTES: Final = 64 * 1024 * 1024  # of one section unpacked; 50,000 packages are 5 MB


@dataclass(frozen=True, slots=True)
class Verdict:
    mark: words.Mark
    sentence: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    probe: str
    metric: str
    component: str
    label: str
    last: float | None
    ok_at: datetime | None


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    columns: list[str]
    items: list[tuple[str, dict[str, str]]]
    total: int
    seen_at: datetime
    changed_at: datetime
    arriving: bool  # newer items are announced and on their way
    readable: bool = True


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (_RANK.get(f.severity, 2), f.since_at))


def verdict(
    device: Device, findings: Sequence[Finding], results: Sequence[ProbeResult], now: datetime
) -> Verdict:
    """Healthy is said only of what was read, and lately."""
    unread = [row.probe for row in results if row.outcome != "ok" and not unseen.is_absent(device, row)]
    unread_words = (
        f"{words.plural(len(unread), 'probe')} of {len(results)} could not read: "
        f"{', '.join(words.plain(name).lower() for name in unread)}."
        if unread
        else ""
    )
    stale = format.is_stale(device.reported_at, now)
    age = format.ago(device.reported_at, now)
    if device.revoked_at is not None:
        return Verdict(
            words.Mark("–", "revoked", "quiet"), "This device was revoked and is not listened to any more."
        )
    if findings:
        counts = [
            f"{sum(f.severity == severity for f in findings)} {severity}"
            for severity in ("critical", "warning")
            if any(f.severity == severity for f in findings)
        ]
        oldest = format.span((now - min(f.since_at for f in findings)).total_seconds())
        lead = (
            f"{words.plural(len(findings), 'finding')} open ({', '.join(counts)}), the oldest for {oldest}."
        )
        note = f"The newest data is from {age}: it may look different now." if stale else unread_words
        return Verdict(words.SEVERITY.get(findings[0].severity, words.SEVERITY["warning"]), lead, note)
    if device.reported_at is None:
        return Verdict(
            words.Mark("?", "unknown", "unknown"),
            "Nothing is known of this device yet: it is enrolled, and no report has come.",
        )
    if stale:
        return Verdict(
            words.Mark("?", "unknown", "unknown"),
            f"No finding is open, but the newest data is from {age}. What has happened since is not known.",
        )
    if unread:
        return Verdict(
            words.Mark("?", "partly seen", "unknown"),
            "Nothing is wrong with what could be read.",
            unread_words,
        )
    return Verdict(words.Mark("✓", "healthy", "good"), "No finding is open. Every probe could read.")


def labels(results: Iterable[ProbeResult]) -> dict[str, str]:
    """What people call a component."""
    return {
        str(row[1]): str(row[3])
        for result in results
        for row in result.readings
        if len(row) > 3 and row[1] and row[3]
    }


def readings(results: Iterable[ProbeResult]) -> list[Reading]:
    found = []
    for result in results:
        for row in result.readings:
            if len(row) < 3:
                continue
            number = row[2]
            found.append(
                Reading(
                    probe=result.probe,
                    metric=str(row[0]),
                    component=str(row[1]),
                    label=str(row[3]) if len(row) > 3 and row[3] else str(row[1]),
                    last=float(number) if isinstance(number, int | float) else None,
                    ok_at=result.ok_at,
                )
            )
    return found


def metrics_of(findings: Iterable[Finding]) -> tuple[tuple[str, str], ...]:
    """(metric, component) that the findings are about: their pictures come first."""
    found = []
    for finding in findings:
        rule = rule_words.of(finding.rule)
        metric = getattr(rule, "metric", None)
        if metric:
            found.append((str(metric), finding.component))
    return tuple(found)


def sections(stored: Sequence[InventorySection], short: int) -> list[Section]:
    """Small sections whole, long ones by their size only."""
    order = {name: place for place, name in enumerate(_SECTION_ORDER)}
    ordered = sorted(stored, key=lambda row: (order.get(row.section, 99), row.section))
    return [
        section(row) if row.items_count <= short else _only_counted(row) for row in ordered if row.items_count
    ]


def _only_counted(row: InventorySection) -> Section:
    return Section(
        row.section, [], [], row.items_count, row.seen_at, row.changed_at, row.hash != row.announced_hash
    )


def section(row: InventorySection, query: str = "") -> Section:
    items = _unpacked(row.items)
    if items is None:
        counted = _only_counted(row)
        return Section(
            counted.name, [], [], counted.total, counted.seen_at, counted.changed_at, counted.arriving, False
        )
    listed = sorted(items.items(), key=lambda item: item[0].casefold())
    if query:
        wanted = query.casefold()
        listed = [
            (key, facts)
            for key, facts in listed
            if wanted in key.casefold() or any(wanted in text.casefold() for text in facts.values())
        ]
    return Section(
        name=row.section,
        columns=_columns(facts for _, facts in listed),
        items=listed,
        total=row.items_count,
        seen_at=row.seen_at,
        changed_at=row.changed_at,
        arriving=row.hash != row.announced_hash,
    )


def _columns(items: Iterable[dict[str, str]]) -> list[str]:
    """All fact names, the most usual first: so that rare ones stand at the right."""
    seen: dict[str, int] = {}
    for facts in items:
        for name in facts:
            seen[name] = seen.get(name, 0) + 1
    return sorted(seen, key=lambda name: (-seen[name], list(seen).index(name)))


def _unpacked(packed: bytes) -> dict[str, dict[str, str]] | None:
    try:
        raw: Any = json.loads(zlib.decompressobj().decompress(packed, _MOST_BYTES))
    except (zlib.error, ValueError):
        return None
    if not isinstance(raw, dict):
        return None
    return {
        str(key): {str(name): str(text) for name, text in facts.items()}
        for key, facts in raw.items()
        if isinstance(facts, dict)
    }
