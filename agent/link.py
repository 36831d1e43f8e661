"""The link to the collector: a hello, the live lane, then history, and a heartbeat when there is neither.

`step` makes at most one call and says how long to wait for the next: a test needs no sleeping. A thread
calls it over and over.
"""

import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from agent.channel import Kind, Trouble
from agent.clock import Clock
from agent.spool import BATCH_REPORTS, Agreement, Replaced, Spool
from agent.status import BARRED, COPY, Board
from protos.intake_pb2 import (
    BACKFILL,
    CLONE,
    FORKED,
    GOODBYE_NONE,
    LIVE,
    STANDING_UNKNOWN,
    Ack,
    Directive,
    Envelope,
    Goodbye,
    Lane,
    ReportBatch,
    SpoolStanding,
)

log = logging.getLogger(__name__)

_CALL_SECONDS: Final = 20.0
_GOODBYE_SECONDS: Final = 2.0
_LONGEST_RETRY_AFTER: Final = 3600.0  # whatever a collector says, a device is heard within the hour
_FORKS_IN_A_ROW: Final = 3
_SUSPECT_AFTER: Final = 3
_IDLE_SECONDS: Final = 3600.0


class Wire(Protocol):
    """What the link needs of a channel."""

    def report(self, batch: ReportBatch, *, timeout: float) -> Ack: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Waits:
    """Seconds. `heartbeat` follows the collector's policy."""

    heartbeat: float = 60.0
    backfill: float = 1.0
    retry_base: float = 2.0
    retry_cap: float = 300.0


class Link:
    """`wake`, `reconnect` and `goodbye` may be called from any thread, the rest belongs to one."""

    def __init__(
        self,
        *,
        spool: Spool,
        connect: Callable[[], Wire],
        clock: Clock,
        waits: Waits,
        board: Board,
        on_directives: Callable[[Iterable[Directive]], None],
        on_return: Callable[[], None],
        machine_hash: int = 0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`connect` may raise Trouble. `on_return` is called when the collector is back after a failure."""
        self._spool, self._connect, self._clock, self._waits, self._board = (
            spool,
            connect,
            clock,
            waits,
            board,
        )
        self._on_directives, self._on_return = on_directives, on_return
        self._machine_hash, self._chance = machine_hash, chance
        self._wire: Wire | None = None
        self._greeted = False
        self._was_away = False
        self._copy = False
        self._failures = 0
        self._forks = 0
        self._not_before = self._heartbeat_at = self._backfill_at = float("-inf")
        self._most = BATCH_REPORTS  # halved when a batch was too big or broke the collector
        self._broken = 0
        self._suspect: tuple[int, int] | None = None  # (lane, seq) left out, to see whether others pass
        self._accused: tuple[int, int] | None = None  # others did: it has one more try
        self._woken = threading.Event()
        self._renewed = threading.Event()

    @property
    def wire(self) -> Wire | None:
        """The connection in use once the collector has answered on it."""
        return self._wire if self._greeted else None

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set."""
        while not stop.is_set():
            wait = self.step()
            self._woken.wait(min(wait, 5.0))  # short: a laptop's sleep does not count in this wait
            self._woken.clear()

    def wake(self) -> None:
        """Something new is in the spool."""
        self._woken.set()

    def reconnect(self) -> None:
        """Use a new connection from the next step on: the credential was renewed."""
        self._renewed.set()
        self._woken.set()

    def step(self) -> float:
        """Make one call if one is due. Returns seconds until the next is."""
        tick = self._clock.tick()
        if self._renewed.is_set():
            self._renewed.clear()
            self._greeted, self._not_before = False, float("-inf")
            self._drop()
        if tick < self._not_before:
            return self._not_before - tick
        try:
            return self._hello() if not self._greeted else self._next(tick)
        except Trouble as error:
            return self._failed(error)
        except (sqlite3.Error, Replaced) as error:
            return self._failed(Trouble(Kind.AWAY, f"the spool: {error}"))

    def goodbye(self, kind: Goodbye, rest_seconds: float = 0.0) -> None:
        """Tell the collector that this device leaves, from any thread, within two seconds or not at all.

        For `rest_seconds` nothing follows: a heartbeat would take the goodbye back."""
        self._not_before = max(self._not_before, self._clock.tick() + rest_seconds)
        wire = self.wire
        if wire is None:
            return
        try:
            wire.report(self._batch([], goodbye=kind), timeout=_GOODBYE_SECONDS)
        except Trouble as error:
            log.info("no goodbye: %s", error)

    def close(self) -> None:
        """Ends a call under way."""
        self._drop()

    def _hello(self) -> float:
        if self._wire is None:
            self._wire = self._connect()
        ack = self._call(self._batch([], hello=True))
        if ack.retry_after_seconds:
            return self._hold(ack.retry_after_seconds)
        if not self._copy:
            agreement = self._spool.compare(ack.high_water)
            if agreement is Agreement.FORKED:
                return self._fork()
            self._spool.settle_backlog()
        self._forks = 0
        self._greeted = True
        self._board.note(connected=True, barred="")
        log.info("connected")
        if self._was_away:
            self._was_away = False
            self._on_return()
        return 0.0

    def _next(self, tick: float) -> float:
        """The live lane, else history when its pause is over, else a heartbeat when one is due."""
        if not self._copy:
            if live := self._offer(LIVE):
                return self._send(live)
            if tick >= self._backfill_at:
                if history := self._offer(BACKFILL):
                    self._backfill_at = tick + self._waits.backfill
                    return self._send(history)
                self._failures = 0  # only with nothing left to send: a call without reports proves little
        if tick >= self._heartbeat_at:
            ack = self._call(self._batch([]))
            if ack.retry_after_seconds:
                return self._hold(ack.retry_after_seconds)
        waits = [self._heartbeat_at - self._clock.tick()]
        if self._backfill_at > tick and not self._copy:
            waits.append(self._backfill_at - tick)
        return max(0.0, min(*waits, _IDLE_SECONDS))

    def _offer(self, lane: Lane) -> list[Envelope]:
        return self._spool.offer(lane, reports=self._most, skip=self._suspect)

    def _send(self, envelopes: list[Envelope]) -> float:
        try:
            ack = self._call(self._batch(envelopes))
        except Trouble as error:
            if error.kind is Kind.TOO_BIG:
                return self._too_big(envelopes)
            if error.kind is Kind.BROKEN:
                self._broke(envelopes)
            raise
        if ack.retry_after_seconds:
            return self._hold(ack.retry_after_seconds)
        done = self._spool.settle(ack.receipts)
        if any(receipt.verdict == FORKED for receipt in ack.receipts):
            return self._fork()
        if done == 0:
            if self._copy:
                return 0.0
            raise Trouble(Kind.AWAY, "the collector answered without a word on the reports")
        self._passed()
        return 0.0

    def _too_big(self, envelopes: list[Envelope]) -> float:
        if len(envelopes) > 1:
            self._most = max(1, len(envelopes) // 2)
        else:
            only = envelopes[0]
            self._spool.quarantine(only.lane, only.seq, f"too big for the collector: {len(only.body)} bytes")
        return 0.0

    def _broke(self, envelopes: list[Envelope]) -> None:
        """The collector failed on this batch. Is it one report's fault, or can the collector not write?
        Left out for once: if others pass, and it fails again after them, it is the report's."""
        self._suspect = None
        if len(envelopes) > 1:
            self._most = 1
            return
        key = (envelopes[0].lane, envelopes[0].seq)
        if key == self._accused:
            self._spool.quarantine(*key, "the collector fails on it and takes others")
            self._accused = None
            return
        self._broken += 1
        if self._broken >= _SUSPECT_AFTER:
            self._suspect, self._broken = key, 0

    def _passed(self) -> None:
        """The collector took a batch."""
        self._failures = self._broken = 0
        self._accused, self._suspect = self._suspect, None
        # One by one while a report stands accused: its next failure must be its own.
        self._most = 1 if self._accused else min(self._most * 2, BATCH_REPORTS)

    def _fork(self) -> float:
        self._spool.fork()
        self._greeted = False
        self._board.note(spool_id=self._spool.state.spool_id)
        self._forks += 1
        if self._forks >= _FORKS_IN_A_ROW:
            raise Trouble(Kind.AWAY, "the collector does not agree with any new spool")
        return 0.0

    def _hold(self, seconds: int) -> float:
        """The collector asked for a pause: at least that long, a little more so that not all return at once."""
        wait = min(float(seconds), _LONGEST_RETRY_AFTER) * (1 + 0.25 * self._chance())
        self._not_before = self._clock.tick() + wait
        return wait

    def _failed(self, error: Trouble) -> float:
        """Wait a random part of a limit that doubles: ten thousand devices do not come back together."""
        now = self._clock.now()
        if self._greeted or self._failures == 0:
            log.warning("not connected: %s", error)
        self._greeted, self._was_away = False, True
        self._drop()
        limit = min(self._waits.retry_cap, self._waits.retry_base * 2.0 ** min(self._failures, 30))
        wait = self._chance() * limit
        self._failures += 1
        if error.kind is Kind.BARRED:
            # The credential stays: a clock or a collector may be wrong, and only a person can tell.
            self._board.note(barred=f"{BARRED[error.reason]} ({error})")
            wait = self._waits.retry_cap
        if error.retry_after:
            wait = max(wait, min(error.retry_after, _LONGEST_RETRY_AFTER))
        self._board.note(connected=False)
        self._board.error(str(error), now)
        self._not_before = self._clock.tick() + wait
        return wait

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _call(self, batch: ReportBatch) -> Ack:
        wire = self._wire
        if wire is None:
            raise Trouble(Kind.AWAY, "the connection was closed")
        ack = wire.report(batch, timeout=_CALL_SECONDS)
        now = self._clock.now()
        self._heartbeat_at = self._clock.tick() + self._pulse(ack)
        self._board.note(last_ack_at=now.isoformat(timespec="seconds"))
        if ack.standing != STANDING_UNKNOWN:
            self._stand(ack.standing)
        if ack.directives:
            self._on_directives(ack.directives)
        return ack

    def _pulse(self, ack: Ack) -> float:
        return self._waits.retry_cap if ack.standing == CLONE else self._waits.heartbeat

    def _stand(self, standing: SpoolStanding) -> None:
        if self._copy and standing != CLONE:
            self._greeted = False  # the high water was not looked at while this was a copy
        self._copy = standing == CLONE
        known = standing in SpoolStanding.values()
        self._board.note(standing=SpoolStanding.Name(standing).lower() if known else "unknown")
        if self._copy:
            self._board.error(COPY, self._clock.now())

    def _batch(
        self, envelopes: list[Envelope], *, hello: bool = False, goodbye: Goodbye = GOODBYE_NONE
    ) -> ReportBatch:
        state = self._spool.state
        return ReportBatch(
            spool_id=state.spool_id,
            birth=state.birth,  # type: ignore[arg-type,unused-ignore]
            previous_spool_id=state.previous_spool_id,
            machine_hash=self._machine_hash,
            sent_at=self._clock.now(),
            goodbye=goodbye,
            reports=envelopes,
            hello=hello,
        )
