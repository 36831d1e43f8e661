"""Puts what the probes brought into reports: samples summed up between reports, sections when they change.

Knows no time but what it is handed, and sends nothing.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.runner import Ran
from protos.catalogue import BY_NAME
from protos.report_pb2 import OK, Item, Outcome, PatchStatus, Reading, Report, Section
from protos.sections import BY_NAME as SECTIONS

PART_BYTES: Final = 400_000

Key = tuple[str, str]  # metric, component


@dataclass(slots=True)
class _Sum:
    """Samples of one metric and component since the last report."""

    probe: str
    last: float
    least: float
    most: float
    total: float
    samples: int

    def add(self, value: float) -> None:
        self.last = value
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.total += value
        self.samples += 1

    def reading(self, key: Key, label: str) -> Reading:
        if self.samples == 1:
            return Reading(metric=key[0], component=key[1], last=self.last, samples=1, label=label)
        return Reading(
            metric=key[0], component=key[1], last=self.last, samples=self.samples, label=label,
            min=self.least, mean=self.total / self.samples, max=self.most,
        )  # fmt: skip


class Assembler:
    def __init__(self, header: Callable[[datetime], Report], *, part_bytes: int = PART_BYTES) -> None:
        """`header` makes an empty report; sections longer than `part_bytes` come in several."""
        self._header, self._part_bytes = header, part_bytes
        self._sums: dict[Key, _Sum] = {}
        self._newest: dict[str, list[tuple[Key, float]]] = {}  # probe -> readings of its last run, if ok
        self._labels: dict[Key, str] = {}  # what people call the component
        self._outcomes: dict[str, Outcome] = {}
        self._fresh: set[str] = set()  # probes run since the last report
        self._reported: dict[Key, float] = {}
        self._hashes: dict[str, int] = {}
        self._bodies: dict[str, list[Item]] = {}  # sections whose items the next report carries
        self._marks: set[str] = set()  # sections whose hash alone it carries
        self._patches: PatchStatus | None = None
        self._patches_probe = ""
        self.urgent = False  # something watched changed: the next report should not wait

    def take(self, ran: Ran, *, with_items: bool = False) -> None:
        """Add one run of a probe. `with_items`: its sections travel whole even if unchanged."""
        name, kind = ran.outcome.probe, ran.outcome.outcome
        before = self._outcomes.get(name)
        if before is None or before.outcome != kind:
            self.urgent = True
        self._outcomes[name] = ran.outcome
        self._fresh.add(name)
        if kind != OK:
            # What it read before is no longer known to be so.
            self._newest.pop(name, None)
            return
        self._newest[name] = [((r.metric, r.component), r.last) for r in ran.taken.readings]
        self._labels.update({(r.metric, r.component): r.label for r in ran.taken.readings if r.label})
        for key, value in self._newest[name]:
            self._add(name, key, value)
        for section, items in ran.taken.sections.items():
            if section in SECTIONS:
                _keep(items, SECTIONS[section].names)
                self._take_section(section, items, with_items)
        if ran.taken.patches is not None:
            self._patches, self._patches_probe = ran.taken.patches, name

    def _add(self, probe: str, key: Key, value: float) -> None:
        known = self._sums.get(key)
        if known is None:
            self._sums[key] = _Sum(probe, value, value, value, value, 1)
        else:
            known.add(value)
        metric = BY_NAME.get(key[0])
        if metric is not None and metric.change is not None:
            reported = self._reported.get(key)
            if reported is None or (value != reported and abs(value - reported) >= metric.change):
                self.urgent = True

    def _take_section(self, name: str, items: list[Item], with_items: bool) -> None:
        digest = section_hash(items)
        known = self._hashes.get(name)
        self._hashes[name] = digest
        if with_items or (known is not None and known != digest):
            self._bodies[name] = items
            self.urgent = True
        elif name not in self._bodies:
            # Seen first in this process: the collector most likely has it, and asks if it does not.
            self._marks.add(name)

    def make(self, now: datetime, *, full: bool = False) -> list[Report]:
        """The report due now; further ones carry the rest of long sections. Starts the next sums."""
        first = self._header(now)
        first.full = full
        probes = self._outcomes.keys() if full else self._fresh
        first.outcomes.extend(self._outcomes[name] for name in sorted(probes))
        first.readings.extend(self._readings(full))
        if self._patches is not None and (full or self._patches_probe in self._fresh):
            outcome = self._outcomes[self._patches_probe].outcome
            if outcome == OK:
                first.patches.CopyFrom(self._patches)
        marks = set(self._hashes) if full else self._marks
        for name in sorted(marks - self._bodies.keys()):
            first.sections.add(name=name, hash=self._hashes[name], unchanged=True)
        reports = [first]
        for section in self._parts():
            if reports[-1].ByteSize() + section.ByteSize() > self._part_bytes and reports[-1].sections:
                reports.append(self._header(now))
            reports[-1].sections.append(section)
        self._reported.update({(r.metric, r.component): r.last for r in first.readings})
        self._sums, self._bodies = {}, {}
        self._fresh.clear()
        self._marks.clear()
        self.urgent = False
        return reports

    def _readings(self, full: bool) -> Iterable[Reading]:
        if full:
            for rows in self._newest.values():
                for key, value in rows:
                    if key not in self._sums:
                        yield Reading(
                            metric=key[0], component=key[1], last=value, samples=1,
                            label=self._labels.get(key, ""),
                        )  # fmt: skip
        for key, summed in self._sums.items():
            # In a full report a reading means "it is so": not one of a probe that has failed since.
            if not full or summed.probe in self._newest:
                yield summed.reading(key, self._labels.get(key, ""))

    def _parts(self) -> Iterable[Section]:
        for name in sorted(self._bodies):
            pieces = list(_pieces(self._bodies[name], self._part_bytes))
            for number, items in enumerate(pieces):
                yield Section(name=name, hash=self._hashes[name], part=number, parts=len(pieces), items=items)


def _keep(items: Iterable[Item], names: frozenset[str]) -> None:
    """A fact that protos/sections.py does not name, and docs/privacy.md therefore does not tell of, stays here."""
    for item in items:
        for name in [name for name in item.facts if name not in names]:
            del item.facts[name]


def _pieces(items: Sequence[Item], limit: int) -> Iterable[list[Item]]:
    """At least one, so that a section that became empty is told."""
    piece: list[Item] = []
    size = 0
    for item in items:
        octets = item.ByteSize() + 8
        if piece and size + octets > limit:
            yield piece
            piece, size = [], 0
        piece.append(item)
        size += octets
    yield piece


def section_hash(items: Iterable[Item]) -> int:
    """First 8 bytes of SHA-256 over the items in order of their keys, facts in order of their names."""
    digest = hashlib.sha256()
    for item in sorted(items, key=lambda item: item.key):
        row = [item.key, sorted(item.facts.items())]
        digest.update(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    return int.from_bytes(digest.digest()[:8], "big")
