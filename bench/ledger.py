"""What the sending side knows of its reports, kept apart from the collector, and the comparison at the end."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector.store.reports import StoredReport
from collector.unpack import content_hash

Key = tuple[str, str, int, int]  # device, spool, lane, seq


class Ledger:
    """Each report offered, and whether its ack was seen. A file, so that a run can be looked at afterwards."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")  # the sender is never killed
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS report (device TEXT, spool TEXT, lane INTEGER, seq INTEGER, hash INTEGER,"
            " acked INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0,"
            " PRIMARY KEY (device, spool, lane, seq)) WITHOUT ROWID"
        )

    def offered(self, key: Key, body: bytes) -> None:
        """Written before the report is sent for the first time."""
        self._db.execute("INSERT INTO report VALUES (?, ?, ?, ?, ?, 0, 0)", (*key, content_hash(body)))

    def acknowledged(self, key: Key, *, duplicate: bool) -> None:
        self._db.execute(
            "UPDATE report SET acked = 1, duplicates = duplicates + ? WHERE device = ? AND spool = ? AND lane = ? AND seq = ?",
            (int(duplicate), *key),
        )  # fmt: skip

    def rows(self) -> dict[Key, tuple[int, bool]]:
        """Key → hash, acknowledged."""
        rows = self._db.execute("SELECT device, spool, lane, seq, hash, acked FROM report")
        return {(row[0], row[1], row[2], row[3]): (row[4], bool(row[5])) for row in rows}

    def sent_again(self) -> int:
        """Reports the collector called duplicates: sent again because their ack was lost on the way."""
        return int(self._db.execute("SELECT coalesce(sum(duplicates), 0) FROM report").fetchone()[0])

    def close(self) -> None:
        self._db.close()


@dataclass(slots=True)
class Comparison:
    """What differs. Empty lists are what is promised."""

    offered: int = 0
    acked: int = 0
    stored: int = 0
    lost: list[Key] = field(default_factory=list)  # acknowledged and not readable
    changed: list[Key] = field(default_factory=list)  # stored with another content
    unknown: list[Key] = field(default_factory=list)  # stored and never offered
    twice: list[Key] = field(default_factory=list)  # the same content under two numbers
    holes: list[Key] = field(default_factory=list)  # a number missing below one that is there

    @property
    def clean(self) -> bool:
        return not (self.lost or self.changed or self.unknown or self.twice or self.holes)


def stored_reports(engine: Engine) -> dict[Key, int]:
    """Key → hash of every report in the collector's store."""
    columns = (
        StoredReport.device_id,
        StoredReport.spool_id,
        StoredReport.lane,
        StoredReport.seq,
        StoredReport.hash,
    )
    with Session(engine) as session:
        return {(row[0], row[1], row[2], row[3]): row[4] for row in session.execute(select(*columns))}


def compare(known: dict[Key, tuple[int, bool]], stored: dict[Key, int]) -> Comparison:
    """Record by record."""
    result = Comparison(len(known), sum(acked for _, acked in known.values()), len(stored))
    result.lost = [key for key, (_, acked) in known.items() if acked and key not in stored]
    result.changed = [key for key, hash_ in stored.items() if key in known and known[key][0] != hash_]
    result.unknown = [key for key in stored if key not in known]
    result.holes = holes(stored)
    seen: set[tuple[str, int]] = set()
    for key, content in stored.items():
        if (key[0], content) in seen:
            result.twice.append(key)
        seen.add((key[0], content))
    return result


def holes(keys: Iterable[Key]) -> list[Key]:
    """Numbers missing below a stored one, per device, spool and lane."""
    lanes: dict[tuple[str, str, int], set[int]] = {}
    for device, spool, lane, seq in keys:
        lanes.setdefault((device, spool, lane), set()).add(seq)
    return [
        (*lane, seq) for lane, numbers in lanes.items() for seq in range(1, max(numbers) + 1) if seq not in numbers
    ]  # fmt: skip


def upper_bound(trials: int) -> float:
    """With no failure in so many trials: the failure rate that 95 % confidence still allows."""
    return 1.0 - 0.05 ** (1.0 / trials) if trials else 1.0
