"""Gaps: reports that will never come. Kept until the collector has acknowledged the report that told it.

Every function works inside the caller's transaction.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from protos.report_pb2 import Gap, GapReason

_IN_ONE_REPORT: Final = 100


@dataclass(slots=True)
class Span:
    """So many reports, collected between these times."""

    reports: int = 0
    from_at: datetime | None = None
    to_at: datetime | None = None

    def add(self, reports: int, from_at: datetime, to_at: datetime) -> None:
        self.reports += reports
        self.from_at = min(self.from_at or from_at, from_at)
        self.to_at = max(self.to_at or to_at, to_at)


def add(db: sqlite3.Connection, reason: GapReason, span: Span) -> None:
    """Write a gap, or widen the one of this reason that no report carries yet."""
    row = db.execute(
        "SELECT id, reports, from_at, to_at FROM gap WHERE reason = ? AND report IS NULL AND reports > 0",
        (reason,),
    ).fetchone()
    if row is not None and row[2] and row[3]:
        span.add(int(row[1]), datetime.fromisoformat(row[2]), datetime.fromisoformat(row[3]))
        db.execute("DELETE FROM gap WHERE id = ?", (row[0],))
    db.execute(
        "INSERT INTO gap (reason, reports, from_at, to_at) VALUES (?, ?, ?, ?)",
        (reason, span.reports, _text(span.from_at), _text(span.to_at)),
    )


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def waiting(db: sqlite3.Connection) -> list[tuple[int, Gap]]:
    """Gaps that no report carries, with their row."""
    found = []
    rows = db.execute(
        "SELECT id, reason, reports, from_at, to_at FROM gap WHERE report IS NULL ORDER BY id LIMIT ?",
        (_IN_ONE_REPORT,),
    )
    for row, reason, reports, from_at, to_at in rows:
        gap = Gap(reason=reason, reports=reports)
        if from_at:
            gap.from_at.FromDatetime(datetime.fromisoformat(from_at))
        if to_at:
            gap.to_at.FromDatetime(datetime.fromisoformat(to_at))
        found.append((row, gap))
    return found


def carry(db: sqlite3.Connection, gaps: list[int], report: int) -> None:
    """Note which report tells of these gaps."""
    db.executemany("UPDATE gap SET report = ? WHERE id = ?", [(report, gap) for gap in gaps])


def told(db: sqlite3.Connection, lane: int, seq: int) -> None:
    """The report at (lane, seq) was acknowledged: what it told need not be told again."""
    db.execute(
        "DELETE FROM gap WHERE report IN (SELECT id FROM report WHERE lane = ? AND seq = ?)", (lane, seq)
    )


def untold(db: sqlite3.Connection, report: int) -> None:
    """The report will not arrive: another one has to tell its gaps."""
    db.execute("UPDATE gap SET report = NULL WHERE report = ?", (report,))


def set_aside(db: sqlite3.Connection, report: int, words: str, reason: GapReason) -> None:
    """Quarantine a report: kept on disk for who wants to look, never offered, told as a gap."""
    db.execute("UPDATE report SET quarantined = ? WHERE id = ?", (words, report))
    (at,) = db.execute("SELECT collected_at FROM report WHERE id = ?", (report,)).fetchone()
    untold(db, report)
    collected_at = datetime.fromisoformat(at)
    add(db, reason, Span(1, collected_at, collected_at))
