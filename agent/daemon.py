"""The long run: probes when they are due, reports when they are due or something changed, until told to stop.

Three kinds of threads. This one owns the schedule and the assembler; the link's sends; two workers wait
for child probes. They speak to this one through a queue only.
"""

import logging
import os
import queue
import random
import signal
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agent import child, commands, header, identity, notify, room
from agent.assembler import Assembler
from agent.channel import Channel, Kind, Trouble
from agent.clock import SYSTEM, Clock
from agent.config import Settings
from agent.exits import Exit, Stop
from agent.link import Link, Waits
from agent.listen import listen
from agent.probe import Place, Probe, Unavailable, reading
from agent.renewal import Renewal
from agent.runner import Ran, Runner
from agent.schedule import Intervals, Schedule, intervals
from agent.spool import Spool
from agent.status import Board
from protos.intake_pb2 import (
    COLLECT_NOW,
    EVERYTHING,
    RENEW_CERTIFICATE,
    SET_INTERVALS,
    SHUTTING_DOWN,
    STOPPING,
    SUSPENDING,
    Directive,
    Goodbye,
    Policy,
    Subject,
)
from protos.report_pb2 import OK, UNAVAILABLE, Outcome, OutcomeKind

log = logging.getLogger(__name__)

_LONGEST_WAIT: Final = 5.0  # a laptop's sleep does not count in a wait: what is due is seen this soon after
_ANSWER_SECONDS: Final = 0.7  # what is slower follows in a second report
# A person who asks twice is answered twice. A collector that asks with each ack would have us run in
# circles: the pause doubles while the questions follow each other.
_BETWEEN_ANSWERS: Final = 2.0
_BETWEEN_ANSWERS_AT_MOST: Final = 32.0
_PRUNE_SECONDS: Final = 600.0
_STATUS_SECONDS: Final = 10.0
_REST_SECONDS: Final = 20.0  # between the goodbye and the sleep itself; a suspend that fails ends with it


@dataclass(frozen=True, slots=True)
class _Stop:
    """SIGTERM or its like."""

    goodbye: Goodbye | None  # None: whoever asks does not know whether the whole system stops


@dataclass(frozen=True, slots=True)
class _Returned:
    """The collector is back after a failure."""


_Event = Ran | Directive | _Stop | _Returned


class Agent:
    def __init__(self, settings: Settings, probes: tuple[Probe, ...], *, clock: Clock = SYSTEM) -> None:
        """Opens the spool and starts nothing. The state directory's lock is the caller's."""
        self._settings, self._clock = settings, clock
        self._place = Place(
            root=settings.root,
            extra_filesystems=settings.extra_filesystems,
            room=room.read(settings.room_file),
        )
        if self._place.room is not None and self._place.room.problem:
            log.error("%s; nothing it lists is looked after", self._place.room.problem)
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._policy = identity.load_policy(settings.state_dir)
        self._schedule = Schedule(probes, self._intervals(self._policy))
        self._probes = {probe.name: probe for probe in probes}
        self._assembler = Assembler(lambda now: header.empty_report(self._place, now))
        self._runner = Runner(self._place, clock, child.command)
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe")
        self._spool = Spool(
            settings.state_dir,
            now=clock.now,
            max_bytes=settings.spool_max_bytes,
            keep_acked_for=timedelta(hours=settings.keep_acked_hours),
        )
        self._board = Board()
        self._link = self._make_link()
        self._renewal = Renewal(settings.state_dir, clock, self._link.reconnect, self._board)
        self._asked: set[str] = set()  # probes whose sections travel whole: a directive asked
        self._full = True
        self._silent = False
        self._goodbye: Goodbye | None = None
        tick = clock.tick()
        # A report out of turn (the first one, the answer to a directive): when these have ended, at the
        # latest at this tick.
        self._awaited: set[str] = set(self._probes)
        self._answer_at: float | None = tick + _ANSWER_SECONDS
        self._answered_at = float("-inf")
        self._between_answers = _BETWEEN_ANSWERS
        self._report_at = tick + self._schedule.intervals.report_seconds
        self._urgent_at = self._prune_at = self._status_at = self._watchdog_at = tick

    def _make_link(self) -> Link:
        from agent.probes.hardware import machine_hash

        settings = self._settings
        waits = Waits(
            heartbeat=self._schedule.intervals.heartbeat_seconds,
            backfill=settings.backfill_pause_seconds,
            retry_base=settings.retry_base_seconds,
            retry_cap=settings.retry_cap_seconds,
        )
        self._waits = waits
        return Link(
            spool=self._spool,
            connect=self._connect,
            clock=self._clock,
            waits=waits,
            board=self._board,
            on_directives=self._directives,
            on_return=lambda: self._events.put(_Returned()),
            machine_hash=machine_hash(self._place),
        )

    def _connect(self) -> Channel:
        """Reads the credential anew each time: it may have been renewed since."""
        try:
            device = identity.load(self._settings.state_dir)
            credential = identity.read_credential(self._settings.state_dir, device)
        except identity.NoCredential as error:
            raise Trouble(Kind.AWAY, str(error)) from None
        host = device.collector_host
        if self._settings.collector:  # moved by hand to another name; the CA tells whether it is the one
            host = self._settings.collector.rpartition(":")[0]
        self._board.note(
            device_id=device.device_id, certificate_not_after=device.not_after.isoformat(timespec="seconds")
        )
        return Channel(f"{host}:{device.intake_port}", credential)

    def _directives(self, directives: Iterable[Directive]) -> None:
        for directive in directives:
            self._events.put(directive)

    def stop(self, goodbye: Goodbye | None = None) -> None:
        """End `run` soon; safe in a signal handler and from any thread."""
        self._events.put(_Stop(goodbye))

    def suspend(self) -> None:
        """The system sleeps in a moment. From any thread; takes two seconds at most."""
        log.info("the system suspends")
        self._link.goodbye(SUSPENDING, _REST_SECONDS)

    def run(self) -> None:
        """Until `stop`. Raises Stop when the link broke down."""
        self._board.note(
            started_at=self._clock.now().isoformat(timespec="seconds"),
            version=header.version(),
            pid=os.getpid(),
        )
        threads = [
            threading.Thread(target=self._link.run, args=(self._stopping,), name="link", daemon=True),
            threading.Thread(target=self._listen, name="listen", daemon=True),
        ]
        for thread in threads:
            thread.start()
        notify.tell("READY=1", "STATUS=starting")
        log.info("running with %d probes, state in %s", len(self._probes), self._settings.state_dir)
        while not self._stopping.is_set():
            if not threads[0].is_alive():
                # A fault of ours: its traceback is in the log. Begin anew rather than fall silent.
                raise Stop(Exit.PROBLEM, "the link has ended unexpectedly")
            wait = self.turn()
            try:
                self._take(self._events.get(timeout=wait))
            except queue.Empty:
                continue
        self._end(threads[0])

    def _listen(self) -> None:
        if not self._settings.listen:
            return

        def current() -> Channel | None:
            wire = self._link.wire
            return wire if isinstance(wire, Channel) else None

        listen(
            self._stopping, current, self._directives, random.random,
            base_seconds=self._settings.retry_base_seconds, cap_seconds=self._settings.retry_cap_seconds,
        )  # fmt: skip

    def turn(self) -> float:
        """Do what is due. Returns how long to wait for the next, in seconds."""
        while not self._events.empty():
            self._take(self._events.get())
        tick = self._clock.tick()
        for probe in self._schedule.due(tick):
            self._start(probe)
        if self._report_is_due(self._clock.tick()):
            self._report()
        self._keep_house(self._clock.tick())
        now = self._clock.tick()
        ahead = min(self._schedule.next_at(), self._next_report(now), self._watchdog_at) - now
        return min(max(ahead, 0.05), _LONGEST_WAIT)

    def _start(self, probe: Probe) -> None:
        self._schedule.started(probe.name, self._clock.tick())
        if probe.child:
            self._workers.submit(self._run_apart, probe)
        else:
            self._ran(self._runner.run(probe))

    def _run_apart(self, probe: Probe) -> None:
        self._events.put(self._runner.run(probe))

    def _take(self, event: _Event) -> None:
        if isinstance(event, Ran):
            self._ran(event)
        elif isinstance(event, Directive):
            self._obey(event)
        elif isinstance(event, _Returned):
            # What happened meanwhile follows as history; this tells how things are now.
            self._full, self._report_at = True, self._clock.tick()
        else:
            self._goodbye = event.goodbye
            self._stopping.set()

    def _ran(self, ran: Ran) -> None:
        name = ran.outcome.probe
        remark = self._schedule.ended(name, ran.outcome.outcome, self._clock.tick())
        if remark:
            ran.outcome.reason = "; ".join(filter(None, (ran.outcome.reason, remark)))
        if name == "agent" and ran.outcome.outcome == OK:
            self._add_own(ran)
        if ran.outcome.outcome != OK:
            log.log(*_worth(ran.outcome))
        self._assembler.take(ran, with_items=name in self._asked)
        self._asked.discard(name)
        self._awaited.discard(name)

    def _add_own(self, ran: Ran) -> None:
        """What only the running agent knows about itself."""
        try:
            counts = self._spool.counts()
        except Exception as error:  # sqlite3.Error: the other readings stand without these
            log.warning("the spool cannot be counted: %s", error)
            return
        ran.taken.readings += [
            reading("agent_spool_bytes", counts.bytes),
            reading("agent_spool_unsent_count", counts.unsent),
            reading("agent_spool_evicted_total", counts.evicted),
            reading("agent_quarantined_total", counts.quarantined),
            reading("agent_probe_timeouts_total", self._schedule.timeouts_total),
        ]

    def _obey(self, directive: Directive) -> None:
        """A closed list: what is not in it has no effect."""
        if directive.kind == COLLECT_NOW:
            names = {Subject.Name(n).lower() for n in directive.subjects if n in Subject.values()}
            if EVERYTHING in directive.subjects:
                names, self._full = set(self._probes), True
            asked = self._schedule.hurry(names)
            self._asked |= asked
            self._awaited |= asked
            if self._answer_at is None and asked:
                self._answer_at = self._clock.tick() + _ANSWER_SECONDS
            log.info("the collector asks for %s", ", ".join(sorted(asked)) or "nothing known here")
        elif directive.kind == SET_INTERVALS:
            self._policy.MergeFrom(directive.policy)
            self._set_intervals(self._policy)
        elif directive.kind == RENEW_CERTIFICATE:
            self._renewal.hurry()

    def _intervals(self, policy: Policy) -> Intervals:
        return intervals(policy, self._settings, serves_room=self._place.room is not None)

    def _set_intervals(self, policy: Policy) -> None:
        chosen = self._intervals(policy)
        if chosen == self._schedule.intervals:
            return
        log.info("intervals are now %s", chosen)
        tick = self._clock.tick()
        self._schedule.set_intervals(chosen, tick)
        self._report_at = min(self._report_at, tick + chosen.report_seconds)
        self._waits.heartbeat = chosen.heartbeat_seconds
        try:
            identity.save_policy(self._settings.state_dir, policy)
        except OSError as error:
            log.warning("the policy cannot be kept over a restart: %s", error)

    def _report_is_due(self, tick: float) -> bool:
        return tick >= self._next_report(tick)

    def _next_report(self, tick: float) -> float:
        """On its interval; sooner to answer, or when something changed, but that not twice within a
        sample's interval."""
        at = self._report_at
        if self._answer_at is not None:
            ready = self._answer_at if self._awaited else tick
            at = min(at, max(ready, self._answered_at + self._between_answers))
        elif self._assembler.urgent:
            at = min(at, self._urgent_at)
        return at

    def _report(self) -> None:
        tick = self._clock.tick()
        for report in self._assembler.make(self._clock.now(), full=self._full):
            self._spool.append(report)
        self._full = False
        if self._answer_at is not None:
            soon = tick - self._answered_at < 2 * self._between_answers
            self._between_answers = min(
                2 * self._between_answers if soon else _BETWEEN_ANSWERS, _BETWEEN_ANSWERS_AT_MOST
            )
            self._answered_at = tick
            # What is still running follows in a second answer, however late.
            self._answer_at = float("inf") if self._awaited else None
        self._report_at = tick + self._schedule.intervals.report_seconds
        self._urgent_at = tick + self._schedule.intervals.sample_seconds
        self._board.note(last_report_at=self._clock.now().isoformat(timespec="seconds"))
        self._link.wake()

    def _keep_house(self, tick: float) -> None:
        pulse = notify.watchdog_seconds()
        if pulse is not None and tick >= self._watchdog_at:
            self._watchdog_at = tick + pulse
            notify.tell("WATCHDOG=1", f"STATUS={self._board.sentence()}")
        if pulse is None:
            self._watchdog_at = tick + _LONGEST_WAIT
        if tick >= self._prune_at:
            self._prune_at = tick + _PRUNE_SECONDS
            try:
                self._spool.prune()
            except Exception as error:  # a full disk: tried again, and the spool works on
                log.warning("the spool cannot be pruned: %s", error)
        if tick >= self._status_at:
            self._status_at = tick + _STATUS_SECONDS
            self._write_status()
        self._renewal.turn()

    def _write_status(self) -> None:
        self._board.note(spool_id=self._spool.state.spool_id)
        try:
            self._board.write(self._settings.state_dir, self._clock.now())
        except OSError as error:
            if not self._silent:
                log.warning("status.json cannot be written: %s", error)
            self._silent = True

    def _end(self, link: threading.Thread) -> None:
        notify.tell("STOPPING=1")
        log.info("stopping")
        self._link.wake()
        link.join(1.0)  # so that no report follows the goodbye; a call that hangs is not waited for
        self._link.goodbye(self._goodbye or (SHUTTING_DOWN if _system_is_stopping() else STOPPING))
        self._runner.stop()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._renewal.stop()
        self._link.close()
        link.join(1.0)
        self._board.note(connected=False)
        self._write_status()
        self._spool.close()


def _worth(outcome: Outcome) -> tuple[int, str, str, str]:
    """Level and text of the log line for a run that was not ok."""
    level = logging.DEBUG if outcome.outcome == UNAVAILABLE else logging.WARNING
    return level, "probe %s: %s", outcome.probe, f"{OutcomeKind.Name(outcome.outcome)} {outcome.reason}"


def _system_is_stopping() -> bool:
    """Whether the whole machine goes down, as systemd says; False where it cannot be known."""
    try:
        return commands.run("systemctl", "is-system-running", limit_seconds=0.5).output.strip() == "stopping"
    except (Unavailable, TimeoutError, OSError):
        return False


def stop_on_signals(agent: Agent) -> None:
    """SIGTERM from a service manager, SIGINT from a terminal, SIGBREAK from a console of Windows."""
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: agent.stop())
