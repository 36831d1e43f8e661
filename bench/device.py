"""One simulated device: it greets, reports, beats, waits while the collector is away, and sends its history."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import grpc
import grpc.aio

from bench import credential, faults
from bench.credential import Credential
from bench.machine import Machine
from bench.report import EVERYTHING, add_sections, build, vitals_at
from bench.vitals import INVENTORY, SAMPLED, SLOW
from protos import body
from protos.intake_pb2 import (
    BACKFILL,
    COLLECT_NOW,
    FIRST,
    FORKED,
    GOODBYE_NONE,
    LIVE,
    SET_INTERVALS,
    SUSPENDING,
    Ack,
    Directive,
    Envelope,
    Goodbye,
    Lane,
    ListenRequest,
    Policy,
    ReportBatch,
    Subject,
)  # fmt: skip
from protos.intake_pb2_grpc import IntakeStub

_CALL_SECONDS: Final = 20.0
_WAITING_LIMIT: Final = 2_000  # reports kept while the collector is away; beyond it the oldest go
_BATCH: Final = 16
_AWAKE: Final = 600.0  # a laptop that suspends: seconds awake, then asleep
_ASLEEP: Final = 900.0


class Barred(Exception):
    """The collector does not want this certificate."""


@dataclass(slots=True)
class Counts:
    """Of a whole fleet."""

    online: int = 0
    reports: int = 0
    calls: int = 0
    failures: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Pace:
    sample: float = 60.0
    report: float = 300.0
    heartbeat: float = 60.0
    slow: float = 14_400.0
    inventory: float = 3_600.0
    speed: float = 1.0

    def take(self, policy: Policy) -> None:
        for name in ("sample", "report", "heartbeat", "slow", "inventory"):
            seconds = getattr(policy, f"{name}_seconds")
            if seconds:
                setattr(self, name, float(seconds))


@dataclass
class Device:
    """Runs until cancelled. Numbers are taken up where the collector's high water says."""

    machine: Machine
    credential: Credential
    host: str
    port: int
    spool_id: str
    born_at: datetime
    counts: Counts
    speed: float = 1.0
    history_hours: float = 0.0
    listens: bool = True
    pace: Pace = field(default_factory=Pace)
    _waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=_WAITING_LIMIT))
    _history: deque[bytes] = field(default_factory=deque)  # live once, overtaken by a newer state
    _past: deque[datetime] = field(
        default_factory=deque
    )  # moments before the fleet's first start, made when sent
    _numbered: deque[Envelope] = field(
        default_factory=deque
    )  # in flight: keep their number until acknowledged
    _next: dict[int, int] = field(default_factory=lambda: {LIVE: 1, BACKFILL: 1})
    _greeted: bool = False
    _was_greeted: bool = False
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _asked_for: set[str] = field(default_factory=set)

    async def run(self, start_after: float) -> None:
        self.pace.take(self.credential.policy)
        self.pace.speed = self.speed
        self._random = random.Random(f"{self.machine.seed}/{self.machine.number}/pace")
        self._booted_at = self.born_at - timedelta(hours=self._random.uniform(3, 200))
        await asyncio.sleep(start_after)
        channel = credential.channel(self.host, self.port, self.credential)
        stub = IntakeStub(channel)  # type: ignore[no-untyped-call]
        self._report: Callable[..., Any] = stub.Report
        self._listening = asyncio.create_task(self._listen(stub))
        try:
            await self._live()
        finally:
            self._listening.cancel()
            await channel.close()

    async def _live(self) -> None:
        clock = asyncio.get_running_loop().time
        self._remember(EVERYTHING, full=True, bodies=True)
        self._imagine_past()
        began = clock()
        due = {
            name: began + getattr(self.pace, name) / self.speed for name in ("report", "slow", "inventory")
        }
        # Spread over the interval, so that a fleet started at once does not beat in time.
        due["report"] -= self._random.uniform(0, 0.8) * self.pace.report / self.speed
        while True:
            if self._is_gone(clock() - began):
                await self._leave()
                began = clock()
            await self._send()
            await self._pause(self.pace.heartbeat / self.speed * self._random.uniform(0.9, 1.0))
            now = clock()
            ready = [name for name, at in due.items() if now >= at]
            for name in ready:
                due[name] = now + getattr(self.pace, name) / self.speed
            if ready or self._asked_for:
                self._collect(ready)

    def _collect(self, ready: list[str]) -> None:
        """What is due or asked for, as one report."""
        asked, self._asked_for = self._asked_for, set()
        probes = {*asked, *SAMPLED}
        if "slow" in ready:
            probes |= {*SLOW}
        if "inventory" in ready:
            probes |= {*INVENTORY}
        self._remember(tuple(probes), bodies=bool(asked))

    def _remember(self, probes: tuple[str, ...], *, full: bool = False, bodies: bool = False) -> None:
        at = datetime.now(UTC)
        self._waiting.append(self._body(at, probes, full, bodies))

    def _body(self, at: datetime, probes: tuple[str, ...], full: bool, bodies: bool) -> bytes:
        now = vitals_at(self.machine, at, self.born_at)
        report = build(self.machine, now, at, self._booted_at, probes, full=full)
        add_sections(report, self.machine, now, probes, bodies=bodies)
        return body.pack(report)

    def _imagine_past(self) -> None:
        """The last hours, as if the collector had been away: dense where people look first."""
        now = datetime.now(UTC)
        minutes = 5.0
        while minutes < self.history_hours * 60:
            self._past.append(now - timedelta(minutes=minutes))
            minutes += 5 if minutes < 180 else 15
        self._past.reverse()

    def _body_of(self, at: datetime) -> bytes:
        probes = (*SAMPLED, *SLOW) if at.hour % 4 == 0 and at.minute < 15 else SAMPLED
        return self._body(at, probes, False, False)

    def _is_gone(self, awake_for: float) -> bool:
        limit = {faults.SILENT: 360.0, faults.SUSPENDS: _AWAKE}.get(self.machine.fault)
        return limit is not None and awake_for * self.speed > limit

    async def _leave(self) -> None:
        """A laptop says goodbye and comes back; a device that fails says nothing and does not."""
        if self.machine.fault == faults.SUSPENDS:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._call([], goodbye=SUSPENDING)
            await asyncio.sleep(_ASLEEP / self.speed)
            return
        self._listening.cancel()
        self.counts.online -= 1
        await asyncio.Event().wait()  # for ever

    async def _send(self) -> None:
        """Everything that waits, newest state first; a heartbeat when nothing does. Never raises for a failed call."""
        try:
            if not self._greeted:
                await self._hello()
            self._number()
            if not self._numbered:
                await self._call([])
            while self._numbered:
                lane = self._numbered[0].lane
                if not await self._deliver():
                    return
                if lane == LIVE:  # of history one batch a beat, so that it never crowds out what is live
                    self._number()
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.PERMISSION_DENIED:
                raise Barred(f"{self.machine.host_name}: {error.details()}") from None
            self.counts.failures += 1
            if self._greeted:
                self.counts.online -= 1
            self._greeted = False

    async def _deliver(self) -> bool:
        """Send what is numbered. False when the collector asked for a pause instead."""
        ack = await self._call(list(self._numbered))
        if ack.retry_after_seconds:
            await asyncio.sleep(ack.retry_after_seconds * self._random.uniform(1, 1.3))
            return False
        if any(receipt.verdict == FORKED for receipt in ack.receipts):
            raise Barred(
                f"{self.machine.host_name}: another fleet uses its spool, remove the state directory"
            )
        self.counts.reports += len(self._numbered)
        self._numbered.clear()
        return True

    def _number(self) -> None:
        """Give the next reports their lane and number, unless some are on their way still."""
        if self._numbered:
            return
        # After an absence only the newest is live; what is older is history.
        while len(self._waiting) > 1:
            self._history.append(self._waiting.popleft())
        if self._waiting:
            self._give_number(LIVE, self._waiting.popleft())
            return
        while len(self._numbered) < _BATCH and (self._history or self._past):
            body = self._history.popleft() if self._history else self._body_of(self._past.popleft())
            self._give_number(BACKFILL, body)

    def _give_number(self, lane: Lane, body: bytes) -> None:
        self._numbered.append(Envelope(lane=lane, seq=self._next[lane], body=body))
        self._next[lane] += 1

    async def _hello(self) -> None:
        ack = await self._call([], hello=True)
        for mark in ack.high_water:
            self._next[mark.lane] = mark.seq + 1
        # What was on its way when the connection broke: stored up to the mark, the rest goes again.
        self._numbered = deque(e for e in self._numbered if e.seq >= self._next[e.lane])
        for envelope in self._numbered:
            self._next[envelope.lane] = envelope.seq + 1
        self._greeted = True
        self.counts.online += 1
        if self._was_greeted:
            self._remember(SAMPLED, full=False)
        self._was_greeted = True

    async def _call(
        self, reports: list[Envelope], *, hello: bool = False, goodbye: Goodbye = GOODBYE_NONE
    ) -> Ack:
        batch = ReportBatch(
            spool_id=self.spool_id, birth=FIRST, machine_hash=self.machine.number + 1, goodbye=goodbye,
            reports=reports, hello=hello,
        )  # fmt: skip
        batch.sent_at.FromDatetime(datetime.now(UTC))
        ack: Ack = await self._report(batch, timeout=_CALL_SECONDS)
        self.counts.calls += 1
        self.counts.bytes += batch.ByteSize()
        for directive in ack.directives:
            self._obey(directive)
        return ack

    def _obey(self, directive: Directive) -> None:
        if directive.kind == SET_INTERVALS:
            self.pace.take(directive.policy)
        elif directive.kind == COLLECT_NOW:
            names = {Subject.Name(one).lower() for one in directive.subjects if one in Subject.values()}
            self._asked_for |= {*EVERYTHING} if "everything" in names else names & {*EVERYTHING}
            self._asked.set()

    async def _pause(self, seconds: float) -> None:
        """Sleep, or until the collector asks for something."""
        if self._history or self._past:
            seconds = min(seconds, self._random.uniform(5, 10))
        if not self._greeted:
            seconds = min(seconds, self._random.uniform(1, 5))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), seconds)
        self._asked.clear()

    async def _listen(self, stub: Any) -> None:
        while self.listens:
            with contextlib.suppress(grpc.aio.AioRpcError):
                if self._greeted:
                    async for directive in stub.Listen(ListenRequest()):
                        self._obey(directive)
            await asyncio.sleep(self._random.uniform(2, 6))
