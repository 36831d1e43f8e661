"""The story of a report: numbered, checked, stored, judged, committed, acknowledged.

One thread does all writing of ingest. It takes whatever calls wait, up to a limit, and writes them in one
transaction (group commit: one fsync for many). Acks go out after the commit and never before. When a group
fails, its calls are tried again one by one, so that one bad call costs nobody else anything.
"""

import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from collector import inventory, results, spools
from collector.changes import Changes, Conflict
from collector.directives import Desk, collect_now
from collector.judge import Bench, judge
from collector.memory import DeviceMemory, Memory, SpoolMark
from collector.store.devices import SILENT
from collector.store.reports import CLONE, CURRENT, PROBATION
from collector.unpack import Refused, Unpacked, content_hash, moment, printable, unpack, unsigned
from protos import intake_pb2 as wire
from protos.intake_pb2 import Ack, HighWater, Policy, Receipt, ReportBatch
from protos.report_pb2 import GapReason, Report

logger = logging.getLogger(__name__)

GROUP_LIMIT: Final = 256  # calls in one transaction
QUEUE_LIMIT: Final = 2_000  # calls waiting; beyond it devices are asked to come back later
TRIES: Final = 5
GATHER_SECONDS: Final = 0.004
_CLONE_NOTED_EVERY: Final = timedelta(hours=1)


@dataclass(slots=True)
class Call:
    """One Report call, from a device whose certificate was checked. `done` is told the ack or the failure."""

    device_id: str
    batch: ReportBatch
    address: str
    received_at: datetime
    done: Callable[[Ack | Exception], None]


@dataclass(slots=True)
class Errand:
    """Other work of the writing thread: sweeps, refresh requests. Runs in its own transaction."""

    work: Callable[[Session, Changes, Memory], None]
    done: Callable[[Exception | None], None]


class Pipeline:
    """`submit` from any thread; everything else happens in `run`, on one thread."""

    def __init__(
        self, engine: Engine, bench: Bench, desk: Desk, probation: timedelta, policy: Policy | None = None
    ) -> None:
        """`policy` is told to each device that says hello: it may have been changed since it enrolled."""
        self.bench = bench
        self.desk = desk
        self.memory = Memory()
        self._engine = engine
        self._probation = probation
        self._policy = policy
        self._crowded = False
        self._waiting: queue.SimpleQueue[Call | Errand | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.run, name="pipeline", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._waiting.put(None)
        self._thread.join(timeout=30)

    def submit(self, work: Call | Errand) -> None:
        self._waiting.put(work)

    def busy(self) -> bool:
        return self._waiting.qsize() > QUEUE_LIMIT

    def run(self) -> None:
        ended = False
        while not ended:
            group, errand, ended = self._gather()
            if group:
                self._commit(group)
            if errand is not None:
                self._run_errand(errand)

    def _gather(self) -> tuple[list[Call], Errand | None, bool]:
        """The calls for the next transaction, then an errand or the end if one of them comes after."""
        work = self._waiting.get()
        if self._crowded:
            # A transaction costs as much as three reports. Where calls come together, the next are a moment away.
            time.sleep(GATHER_SECONDS)
        group: list[Call] = []
        while isinstance(work, Call):
            group.append(work)
            if len(group) >= GROUP_LIMIT:
                break
            try:
                work = self._waiting.get_nowait()
            except queue.Empty:
                break
        self._crowded = len(group) > 1
        return group, work if isinstance(work, Errand) else None, work is None

    def _commit(self, group: list[Call]) -> None:
        try:
            acks = self._transaction(group)
        except Exception as failure:
            if len(group) == 1:
                self._alone(group[0], failure)
                return
            logger.warning("a group of %d calls failed, trying them one by one: %s", len(group), failure)
            for call in group:
                self._commit([call])
            return
        for call, ack in zip(group, acks, strict=True):
            call.done(ack)

    def _alone(self, call: Call, failure: Exception) -> None:
        """Try a single call again where that can help; else tell the device, which keeps its reports."""
        for _ in range(TRIES - 1):
            if not isinstance(failure, (Conflict, DBAPIError)):
                break
            try:
                call.done(self._transaction([call])[0])
                return
            except Exception as again:
                failure = again
        logger.error("call of device %s failed", call.device_id, exc_info=failure)
        call.done(failure)

    def _transaction(self, group: list[Call]) -> list[Ack]:
        try:
            with self._engine.begin() as connection, Session(connection, expire_on_commit=False) as session:
                changes = Changes()
                self.memory.bring(session, (call.device_id for call in group))
                acks = [self._take(session, changes, call) for call in group]
                session.flush()
                changes.flush(connection)
            return acks
        except BaseException:
            # Memory was changed along the way and the store was not: read it again next time.
            for call in group:
                self.memory.forget(call.device_id)
            raise

    def _run_errand(self, errand: Errand) -> None:
        try:
            with self._engine.begin() as connection, Session(connection, expire_on_commit=False) as session:
                changes = Changes()
                errand.work(session, changes, self.memory)
                session.flush()
                changes.flush(connection)
        except Exception as failure:
            errand.done(failure)
        else:
            errand.done(None)

    def _take(self, session: Session, changes: Changes, call: Call) -> Ack:
        now, batch = call.received_at, call.batch
        memory = self.memory.of(session, call.device_id)
        before = {mark.id: mark.standing for mark in memory.spools.values()}
        mark = spools.standing(memory, batch, call.address, now, self._probation)
        self._note_standings(session, changes, memory, before, mark, now)
        was_silent = memory.device.presence == SILENT
        if mark.standing == CURRENT:  # what a copy of it says is no sign of life of the device
            memory.seen_at = now
        ack = Ack(standing=spools.STANDINGS[mark.standing])
        if mark.standing == CLONE and now - mark.stored_at > _CLONE_NOTED_EVERY:
            mark.stored_at = now
            changes.spools[memory.device.id, mark.id] = spools.row(memory.device.id, mark)
        sent_at = moment(batch.sent_at)
        skew = (sent_at - now).total_seconds() if sent_at is not None else None
        if mark.standing in (CURRENT, PROBATION):
            for envelope in batch.reports:
                ack.receipts.append(self._receive(session, changes, memory, mark, envelope, now, skew))
            if batch.reports:
                self._note_call(changes, memory, mark, call)
        if mark.standing == CURRENT:
            results.presence(changes, memory, batch, call.address, now, skew)
            if was_silent:
                judge(session, changes, memory, self.bench, None, now)  # its silence is over
        if batch.hello or any(receipt.verdict == wire.FORKED for receipt in ack.receipts):
            for lane, (seq, known) in sorted(mark.marks.items()):
                ack.high_water.append(HighWater(lane=lane, seq=seq, hash=unsigned(known)))  # type: ignore[arg-type]
        if mark.standing == CURRENT:
            if batch.hello and self._policy is not None:
                ack.directives.add(kind=wire.SET_INTERVALS, policy=self._policy)
            ack.directives.extend(self.desk.take(call.device_id))
        return ack

    def _receive(
        self, session: Session, changes: Changes, memory: DeviceMemory, mark: SpoolMark,
        envelope: wire.Envelope, now: datetime, skew: float | None,
    ) -> Receipt:  # fmt: skip
        receipt = Receipt(lane=envelope.lane, seq=envelope.seq)
        if not spools.valid(envelope):
            receipt.verdict, receipt.refusal = wire.REFUSED, wire.BAD_NUMBER
            return receipt
        content = content_hash(envelope.body)
        receipt.verdict = spools.verdict(session, memory, mark, envelope, content)
        if receipt.verdict != wire.STORED:
            return receipt
        try:
            unpacked = unpack(envelope.body, now)
        except Refused as refused:
            logger.warning("device %s seq %d refused: %s", memory.device.id, envelope.seq, refused)
            receipt.verdict, receipt.refusal = wire.REFUSED, refused.refusal
            return receipt
        receipt.refused_fields = len(unpacked.refused)
        judged = envelope.lane == wire.LIVE and mark.standing == CURRENT and not memory.device.lives_on_as
        changes.reports.append(
            {
                "device_id": memory.device.id, "spool_id": mark.id, "lane": int(envelope.lane), "seq": envelope.seq,
                "hash": content, "collected_at": unpacked.collected_at, "received_at": now, "judged": judged,
                "skew_seconds": skew, "added": None,
                "body": envelope.body,
            }
        )  # fmt: skip
        mark.marks[envelope.lane] = (envelope.seq, content)
        self._gaps(changes, memory, unpacked.report, now)
        if mark.standing == CURRENT:
            self._apply(session, changes, memory, unpacked, now, judged, skew)
        return receipt

    def _apply(
        self, session: Session, changes: Changes, memory: DeviceMemory, unpacked: Unpacked, now: datetime, live: bool,
        skew: float | None,
    ) -> None:  # fmt: skip
        report = unpacked.report
        complete, wanted = inventory.take(session, changes, memory, report, now, live)
        results.sections(changes, memory, complete)
        if wanted:
            self.desk.put(memory.device.id, collect_now(sorted(wanted)))
        if live:
            results.live(changes, memory, unpacked, now)
            own = len(report.readings)
            spools.tell_of_copies(memory, report, now)
            if len(report.readings) > own:  # kept, so that replay judges what was judged
                changes.reports[-1]["added"] = json.dumps([[r.metric, r.last] for r in report.readings[own:]])
            if skew is not None:
                report.readings.add(metric="device_clock_skew_seconds", last=skew, samples=1)
            judge(session, changes, memory, self.bench, report, now)
            results.answer_refresh(session, memory, now)

    def _note_standings(
        self, session: Session, changes: Changes, memory: DeviceMemory, before: dict[str, str], mark: SpoolMark,
        now: datetime,
    ) -> None:  # fmt: skip
        """Write standings that changed; a newly found clone becomes a finding of the device."""
        changed = [m for m in memory.spools.values() if before.get(m.id) != m.standing]
        if not changed:
            return
        for spool in changed:
            changes.spools[memory.device.id, spool.id] = spools.row(memory.device.id, spool)
            logger.info("device %s spool %s is %s", memory.device.id, spool.id[:8], spool.standing)
        if mark.standing == CURRENT and before.get(mark.id) != CURRENT:
            changes.device(memory.device.id, spool_id=mark.id)
            # What came on probation was stored and not judged: look at everything anew.
            self.desk.put(memory.device.id, collect_now([wire.EVERYTHING]))
        if any(spool.standing == CLONE for spool in changed):
            seen = Report()
            spools.tell_of_copies(memory, seen, now)
            judge(session, changes, memory, self.bench, seen, now)

    def _note_call(self, changes: Changes, memory: DeviceMemory, mark: SpoolMark, call: Call) -> None:
        changes.spools[memory.device.id, mark.id] = spools.row(memory.device.id, mark)
        if "version" in changes.devices.get(memory.device.id, ()):
            return  # its second call in this transaction: the version it was read at is claimed already
        changes.device(memory.device.id, version=memory.device.version)
        memory.device.version += 1

    def _gaps(self, changes: Changes, memory: DeviceMemory, report: Report, now: datetime) -> None:
        for gap in report.gaps:
            changes.gaps.append(
                {
                    "device_id": memory.device.id, "id": uuid.uuid4().hex,
                    "reason": printable(GapReason.Name(gap.reason).lower(), 16) if gap.reason in GapReason.values() else "unknown",
                    "reports": min(gap.reports, 2**31 - 1), "from_at": moment(gap.from_at), "to_at": moment(gap.to_at),
                    "received_at": now,
                }
            )  # fmt: skip
