"""Reports waiting on the device's disk, and those acknowledged lately.

A report gets its lane and number when it is first offered, in a commit before it is sent, and keeps them.
Nothing is deleted before its ack; what has to be given up for room is written down as a gap, which
travels in the next report.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from agent import spool_gaps, spool_room
from agent.spool_file import (
    Damaged,
    State,
    content_hash,
    hash_number,
    is_damage,
    new_id,
    open_spool,
    remember_id,
    set_aside,
)
from protos import body as bodies
from protos.intake_pb2 import (
    AFTER_FORK,
    BACKFILL,
    DUPLICATE,
    LIVE,
    REFUSED,
    STORED,
    Envelope,
    HighWater,
    Lane,
    Receipt,
    Refusal,
)
from protos.report_pb2 import CORRUPT, EVICTED, QUARANTINED, Report

Done = TypeVar("Done")

log = logging.getLogger(__name__)

_WAITING: Final = "acked_at IS NULL AND quarantined IS NULL"
BATCH_REPORTS: Final = 64
BATCH_BYTES: Final = 900_000  # the collector takes 1 MB a call


class Agreement(Enum):
    """What comparing the collector's high water with ours says."""

    AGREED = "agreed"
    BEHIND = "behind"  # the collector was restored: it gets again what is still here
    FORKED = "forked"  # it knows more or other reports of this spool than we do


class Replaced(Exception):
    """The spool file was damaged while open; a new one is in its place, with a new id."""


@dataclass(frozen=True, slots=True)
class Counts:
    bytes: int
    unsent: int
    evicted: int
    quarantined: int


class Spool:
    """Safe to use from several threads. Methods raise sqlite3.Error when the disk does not let them work,
    and Replaced when they found the file damaged; `append` raises neither."""

    def __init__(
        self, folder: Path, *, now: Callable[[], datetime], max_bytes: int, keep_acked_for: timedelta
    ) -> None:
        self._folder, self._now, self._max_bytes, self._keep_acked_for = (
            folder,
            now,
            max_bytes,
            keep_acked_for,
        )
        self._lock = threading.RLock()
        self._unwritten = spool_gaps.Span()  # reports the disk did not take, until it takes a word about them
        self._db, self._state = open_spool(folder, now())

    @property
    def state(self) -> State:
        """spool_id, birth, previous_spool_id and the totals since its birth. Not to be changed."""
        return self._state

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; a damaged file found in it is replaced."""
        with self._lock:
            saved = State(**{name: getattr(self._state, name) for name in State.__slots__})
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                if self._state != saved:
                    self._state.save(self._db)
                self._db.execute("COMMIT")
            except BaseException as error:
                self._state = saved
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                if isinstance(error, Damaged) or (isinstance(error, sqlite3.Error) and is_damage(error)):
                    self._replace(error)
                    raise Replaced(str(error)) from error
                raise

    def _replace(self, error: Exception) -> None:
        log.error("the spool is damaged and set aside: %s", error)
        self._db.close()
        set_aside(self._folder, self._now())
        self._db, self._state = open_spool(self._folder, self._now())

    def append(self, report: Report) -> bool:
        """Keep `report`, with the gaps not told yet. False when the disk did not take it: then the next
        report that it takes says how many were lost."""
        try:
            try:
                self._making_room(lambda: self._insert(report))
            except Replaced:
                self._insert(report)
            return True
        except (sqlite3.Error, OSError, Replaced) as error:
            log.error("the spool did not take a report: %s", error)
            self._unwritten.add(1, self._now(), self._now())
            return False

    def _making_room(self, work: Callable[[], Done]) -> Done:
        """On a full disk even a number needs room: give up a tenth of what is kept, and try once more."""
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not spool_room.is_full(error):
                raise
            with self._change() as db:
                self._evict(db, spool_room.used_bytes(db) // 10)
            return work()

    def _insert(self, report: Report) -> None:
        with self._change() as db:
            excess = spool_room.used_bytes(db) + report.ByteSize() + spool_room.SLACK - self._max_bytes
            if excess > 0:
                self._evict(db, excess)
            if self._unwritten.reports:
                spool_gaps.add(db, EVICTED, self._unwritten)
            waiting = spool_gaps.waiting(db)
            del report.gaps[:]
            report.gaps.extend(gap for _, gap in waiting)
            body = bodies.pack(report)
            at = report.collected_at.ToDatetime(tzinfo=self._now().tzinfo).isoformat()
            cursor = db.execute(
                "INSERT INTO report (collected_at, hash, body) VALUES (?, ?, ?)",
                (at, content_hash(body), body),
            )
            spool_gaps.carry(db, [number for number, _ in waiting], int(cursor.lastrowid or 0))
            self._state.evicted += self._unwritten.reports
        self._unwritten = spool_gaps.Span()

    def _evict(self, db: sqlite3.Connection, excess: int) -> None:
        lost = spool_room.evict(db, excess)
        if lost.reports:
            log.warning("the spool is full: %d reports given up", lost.reports)
            self._state.evicted += lost.reports
            spool_gaps.add(db, EVICTED, lost)

    def settle_backlog(self) -> None:
        """After an absence: the newest report without a number will go live, all older ones are history."""
        with self._change() as db:
            db.execute(
                f"UPDATE report SET lane = ? WHERE {_WAITING} AND lane IS NULL"  # noqa: S608 (a constant)
                " AND id < (SELECT max(id) FROM report WHERE lane IS NULL)", (BACKFILL,),
            )  # fmt: skip

    def offer(
        self,
        lane: Lane,
        *,
        reports: int = BATCH_REPORTS,
        size: int = BATCH_BYTES,
        skip: tuple[int, int] | None = None,
    ) -> list[Envelope]:
        """The next reports of `lane` to send, numbered for good. At least one when one waits, however big.
        `skip` is the (lane, seq) of one to leave out this time."""
        return self._making_room(lambda: self._offer(lane, reports, size, skip))

    def _offer(self, lane: Lane, reports: int, size: int, skip: tuple[int, int] | None) -> list[Envelope]:
        chosen: list[tuple[int, int | None, bytes]] = []
        damaged: list[int] = []
        with self._change() as db:
            rows = db.execute(
                f"SELECT id, seq, hash, body FROM report WHERE {_WAITING}"  # noqa: S608
                " AND (lane = ?1 OR (lane IS NULL AND ?1 = ?2)) ORDER BY seq IS NULL, seq, id",
                (lane, LIVE),
            )
            for row, seq, digest, body in rows:  # one at a time: 64 long ones are 25 MB
                if seq is not None and (lane, seq) == skip:
                    continue
                if len(chosen) == reports or (chosen and size < len(body)):
                    break
                if content_hash(body) != digest:
                    damaged.append(row)
                    continue
                size -= len(body)
                chosen.append((row, seq, body))
            rows.close()
            for row in damaged:
                self._damaged(db, row)
            return [
                Envelope(lane=lane, seq=seq or self._number(db, row, lane), body=body)
                for row, seq, body in chosen
            ]

    def _number(self, db: sqlite3.Connection, row: int, lane: Lane) -> int:
        seq = self._state.next_live if lane == LIVE else self._state.next_backfill
        if lane == LIVE:
            self._state.next_live += 1
        else:
            self._state.next_backfill += 1
        db.execute("UPDATE report SET lane = ?, seq = ? WHERE id = ?", (lane, seq, row))
        return seq

    def _damaged(self, db: sqlite3.Connection, row: int) -> None:
        """Bits of one report flipped on disk: it is never sent as if it were what was read."""
        log.error("report %d of the spool is damaged and left out", row)
        spool_gaps.set_aside(db, row, "damaged on disk", CORRUPT)

    def settle(self, receipts: Iterable[Receipt]) -> int:
        """Take the collector's word on each report. Returns how many are done with, stored or refused."""
        told = list(receipts)
        return self._making_room(lambda: self._settle(told))

    def _settle(self, receipts: list[Receipt]) -> int:
        done = 0
        at = self._now().isoformat()
        with self._change() as db:
            for receipt in receipts:
                key = (receipt.lane, receipt.seq)
                if receipt.verdict in (STORED, DUPLICATE):
                    db.execute(f"UPDATE report SET acked_at = ? WHERE lane = ? AND seq = ? AND {_WAITING}",  # noqa: S608
                               (at, *key))  # fmt: skip
                    spool_gaps.told(db, *key)
                    done += 1
                elif receipt.verdict == REFUSED:
                    name = Refusal.Name(receipt.refusal) if receipt.refusal in Refusal.values() else "UNKNOWN"
                    self._quarantine(db, key, f"refused: {name}")
                    done += 1
        return done

    def quarantine(self, lane: int, seq: int, reason: str) -> None:
        """Set one report aside: it is never offered again, and the next report says so."""
        with self._change() as db:
            self._quarantine(db, (lane, seq), reason)

    def _quarantine(self, db: sqlite3.Connection, key: tuple[int, int], reason: str) -> None:
        row = db.execute(f"SELECT id FROM report WHERE lane = ? AND seq = ? AND {_WAITING}", key).fetchone()  # noqa: S608
        if row is None:
            return
        log.warning("report %s %d is quarantined: %s", Lane.Name(key[0]), key[1], reason)
        self._state.quarantined += 1
        spool_gaps.set_aside(db, int(row[0]), reason, QUARANTINED)

    def compare(self, high_water: Iterable[HighWater]) -> Agreement:
        """Hold what the collector stored against what is here. When it is behind, what it lacks waits again."""
        result = Agreement.AGREED
        with self._change() as db:
            for mark in high_water:
                following = self._state.next_live if mark.lane == LIVE else self._state.next_backfill
                if mark.lane not in (LIVE, BACKFILL):
                    continue  # a lane of a later contract
                if mark.seq >= following or not self._same(db, mark):
                    return Agreement.FORKED
                cursor = db.execute(
                    "UPDATE report SET acked_at = NULL WHERE lane = ? AND seq > ?"
                    " AND acked_at IS NOT NULL AND quarantined IS NULL", (mark.lane, mark.seq),
                )  # fmt: skip
                if cursor.rowcount > 0:
                    log.warning("the collector lacks %d reports it had: sent again", cursor.rowcount)
                    result = Agreement.BEHIND
        return result

    def _same(self, db: sqlite3.Connection, mark: HighWater) -> bool:
        row = db.execute(
            "SELECT hash FROM report WHERE lane = ? AND seq = ?", (mark.lane, mark.seq)
        ).fetchone()
        # One that is no longer here cannot be compared, and that alone is no sign of a fork.
        return row is None or hash_number(row[0]) == mark.hash

    def fork(self) -> None:
        """Go on as a new spool: what was not acknowledged waits for a new number there."""
        with self._change() as db:
            # Acknowledged ones lie with the collector under the old id; under the new one they would be twice.
            db.execute("DELETE FROM report WHERE acked_at IS NOT NULL")
            db.execute("UPDATE report SET lane = NULL, seq = NULL")
            previous = self._state.spool_id
            self._state = State(new_id(), AFTER_FORK, previous)
        remember_id(self._folder, self._state.spool_id)
        log.warning("the collector knows another spool %s: going on as %s", previous, self._state.spool_id)

    def prune(self) -> None:
        """Forget acknowledged reports kept long enough, and give the room back to the file system."""
        before = (self._now() - self._keep_acked_for).isoformat()
        with self._change() as db:
            db.execute("DELETE FROM report WHERE acked_at < ?", (before,))
        with self._lock:
            self._db.execute("PRAGMA incremental_vacuum").fetchall()

    def counts(self) -> Counts:
        with self._lock:
            unsent = self._db.execute(f"SELECT count(*) FROM report WHERE {_WAITING}").fetchone()[0]  # noqa: S608
            used = spool_room.used_bytes(self._db)
            return Counts(used, int(unsent), self._state.evicted, self._state.quarantined)
