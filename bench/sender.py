"""A device under load: numbers reports, sends them as fast as they are acknowledged, and never gives one up."""

import asyncio
import contextlib
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import grpc
import grpc.aio

from bench import credential
from bench.credential import Credential
from bench.ledger import Ledger
from bench.machine import Machine, make
from bench.report import build, vitals_at
from bench.vitals import SAMPLED
from protos import body
from protos.intake_pb2 import DUPLICATE, FIRST, FORKED, LIVE, STORED, Ack, Envelope, ReportBatch
from protos.intake_pb2_grpc import IntakeStub
from protos.report_pb2 import Report

_CALL_SECONDS: Final = 10.0
_MOST: Final = 8


@dataclass
class Sender:
    """Runs until `stopped`, then until nothing waits."""

    machine: Machine
    credential: Credential
    host: str
    port: int
    ledger: Ledger
    stopped: asyncio.Event
    spool_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    failing_disks: int = 0
    told_disks: int = 0  # in a report that was offered: each has pending sectors: one finding each, whatever happens in between
    calls: int = 0
    reconnects: int = 0
    broken_promises: list[str] = field(default_factory=list)
    acked_at: float = 0.0
    _next: int = 1
    _acked: int = 0
    _waiting: list[Envelope] = field(default_factory=list)
    _pause: float = 0.0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.machine.seed}/{self.machine.number}/load")
        self._template = _template(self.machine)

    async def run(self) -> None:
        while not (self.stopped.is_set() and not self._waiting):
            channel = credential.channel(self.host, self.port, self.credential)
            try:
                await self._connected(IntakeStub(channel))  # type: ignore[no-untyped-call]
            except grpc.aio.AioRpcError as error:
                if error.code() == grpc.StatusCode.PERMISSION_DENIED:
                    self.broken_promises.append(f"barred: {error.details()}")
                    return
                self.reconnects += 1
                await asyncio.sleep(0.1)
            finally:
                with contextlib.suppress(asyncio.CancelledError):
                    await channel.close()

    def fail_another_disk(self) -> None:
        self.failing_disks += 1

    async def _connected(self, stub: Any) -> None:
        self._compare(await self._call(stub, [], hello=True))
        while not (self.stopped.is_set() and not self._waiting):
            if not self._waiting:
                self._waiting = [self.report() for _ in range(self._chance.randint(1, _MOST))]
            ack = await self._call(stub, self._waiting)
            if ack.retry_after_seconds:
                await asyncio.sleep(0.5)
                continue
            self._settle(ack)
            if self._pause:
                await asyncio.sleep(self._pause)

    def _compare(self, ack: Ack) -> None:
        """The collector's word on what it has: less than it acknowledged would be a loss."""
        for mark in ack.high_water:
            if mark.lane == LIVE and mark.seq < self._acked:
                self.broken_promises.append(f"high water {mark.seq} after an ack of {self._acked}")
            if mark.lane == LIVE and mark.seq >= self._next:
                self.broken_promises.append(f"high water {mark.seq}, {self._next - 1} were offered")

    def _settle(self, ack: Ack) -> None:
        self.acked_at = asyncio.get_running_loop().time()
        done = set()
        for receipt in ack.receipts:
            if receipt.verdict in (STORED, DUPLICATE):
                key = (self.credential.device_id, self.spool_id, int(receipt.lane), receipt.seq)
                self.ledger.acknowledged(key, duplicate=receipt.verdict == DUPLICATE)
                self._acked = max(self._acked, receipt.seq)
                done.add(receipt.seq)
            elif receipt.verdict == FORKED:
                self.broken_promises.append(f"forked at {receipt.seq}")
                done.add(receipt.seq)
            else:
                self.broken_promises.append(f"refused {receipt.seq}: {receipt.refusal}")
                done.add(receipt.seq)
        self._waiting = [envelope for envelope in self._waiting if envelope.seq not in done]

    def report(self) -> Envelope:
        """The next one, numbered and in the ledger."""
        report = Report()
        report.CopyFrom(self._template)
        at = datetime.now(UTC) + timedelta(microseconds=self._next)
        report.collected_at.FromDatetime(at)
        report.readings[0].last = self._chance.random()
        report.outcomes.add(probe="disk_health", outcome=1)
        self.told_disks = self.failing_disks
        for number in range(self.told_disks):
            serial = f"{self.machine.serial}-{number}"
            report.readings.add(metric="disk_readable_state", component=serial, last=1, samples=1)
            report.readings.add(metric="disk_pending_sectors_count", component=serial, last=8, samples=1)
        envelope = Envelope(lane=LIVE, seq=self._next, body=body.pack(report))
        self.ledger.offered((self.credential.device_id, self.spool_id, int(LIVE), self._next), envelope.body)
        self._next += 1
        return envelope

    async def _call(self, stub: Any, reports: list[Envelope], *, hello: bool = False) -> Ack:
        batch = ReportBatch(
            spool_id=self.spool_id,
            birth=FIRST,
            machine_hash=self.machine.number,
            reports=reports,
            hello=hello,
        )
        batch.sent_at.FromDatetime(datetime.now(UTC))
        ack: Ack = await stub.Report(batch, timeout=_CALL_SECONDS)
        self.calls += 1
        return ack


def _template(machine: Machine) -> Report:
    """About 40 readings, as a periodic report of a healthy device has."""
    at = datetime.now(UTC)
    return build(machine, vitals_at(machine, at, at), at, at - timedelta(days=2), SAMPLED)


async def senders(
    count: int, host: str, enrolment: int, token: str, ledger: Ledger, stopped: asyncio.Event, seed: int = 7
) -> list[Sender]:
    """So many, enrolled."""
    machines = [make(number, seed) for number in range(1, count + 1)]
    issued = await credential.enrol(host, enrolment, [(token, machine.facts()) for machine in machines])
    return [
        Sender(machine, one, host, one.intake_port, ledger, stopped)
        for machine, one in zip(machines, issued, strict=True)
    ]
