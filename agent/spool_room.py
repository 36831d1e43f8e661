"""Room in the spool: how much is used, and what is given up first. Works in the caller's transaction."""

import sqlite3
from datetime import datetime
from typing import Final

from agent import spool_gaps

# Left below the cap for the write-ahead log, which sqlite folds back after 1 MB, and for index pages.
SLACK: Final = 64 * 1024
_AT_ONCE: Final = 16

# Acknowledged ones lie with the collector. Of the others history goes before what was already given a
# number: that one may be on its way, and its lane would show a hole.
_ORDER: Final = """
SELECT id, acked_at IS NULL AND quarantined IS NULL, collected_at, octets FROM (
  SELECT id, acked_at, quarantined, seq, collected_at, length(body) AS octets FROM report
  WHERE id < (SELECT max(id) FROM report)
)
ORDER BY CASE WHEN acked_at IS NOT NULL THEN 0 WHEN quarantined IS NOT NULL THEN 1
              WHEN seq IS NULL THEN 2 ELSE 3 END, id
LIMIT ?
"""


def used_bytes(db: sqlite3.Connection) -> int:
    """Pages in use; free pages inside the file are room."""
    size, pages, free = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * (pages - free)


def is_full(error: sqlite3.Error) -> bool:
    """The disk, or the file's own limit. An I/O error on a full disk looks like a full disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def evict(db: sqlite3.Connection, octets: int) -> spool_gaps.Span:
    """Delete reports until about `octets` are free, never the newest one.

    Returns those that had not been acknowledged.
    """
    lost = spool_gaps.Span()
    while octets > 0:
        rows = db.execute(_ORDER, (_AT_ONCE,)).fetchall()
        if not rows:
            break
        for row, was_waiting, collected_at, size in rows:
            if octets <= 0:
                break
            db.execute("DELETE FROM report WHERE id = ?", (row,))
            spool_gaps.untold(db, row)
            octets -= size + 64  # and about as much for its row
            if was_waiting:
                at = datetime.fromisoformat(collected_at)
                lost.add(1, at, at)
    return lost
