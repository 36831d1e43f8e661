"""Runs one probe and tells how it ended. The only place that catches whatever a probe raises.

A probe marked `child` runs in a short-lived process with limits, which is killed when its time is over.
The others read /proc only and run here: one of those that hung could not be killed; then the agent stops
answering its watchdog and the service manager starts it anew.
"""

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final

from google.protobuf.message import DecodeError

from agent.clock import Clock
from agent.probe import Busy, Place, Probe, Taken, Unavailable
from protos.report_pb2 import BUSY, FAILED, OK, TIMED_OUT, UNAVAILABLE, Outcome, OutcomeKind, Report

log = logging.getLogger(__name__)

MESSAGE_LIMIT: Final = 32 * 1024 * 1024  # 50,000 packages are 5 MB
_REASON_LETTERS: Final = 200
_STDERR_BYTES: Final = 4096

# A service has no console: each child would open one of its own.
NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)

ChildCommand = Callable[[Probe, Place], list[str]]


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a probe: what it took (nothing unless ok) and how it ended."""

    taken: Taken
    outcome: Outcome


def attempt(probe: Probe, place: Place, clock: Clock) -> Ran:
    """Run a probe in this process."""
    began = clock.tick()
    taken, reason = Taken(), ""
    kind: OutcomeKind = FAILED
    try:
        taken = probe.read(place)
        kind, reason = OK, taken.reason
    except Unavailable as error:
        kind, reason = UNAVAILABLE, str(error)
    except Busy as error:
        kind, reason = BUSY, str(error)
    except TimeoutError as error:  # of a program it ran: agent.commands has ended that one
        kind, reason = TIMED_OUT, str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log.debug("probe %s failed", probe.name, exc_info=True)
    return ended(probe, kind, reason, clock, began, taken)


def ended(
    probe: Probe, kind: OutcomeKind, reason: str, clock: Clock, began: float, taken: Taken | None = None
) -> Ran:
    outcome = Outcome(
        probe=probe.name,
        outcome=kind,
        reason=_trimmed(reason),
        took_seconds=max(0.0, clock.tick() - began),
        ended_at=clock.now(),
    )
    return Ran(taken or Taken(), outcome)


def _trimmed(reason: str) -> str:
    # A reason may hold bytes of a file name that are not text: protobuf takes only what UTF-8 can say.
    text = reason.encode("utf-8", "replace").decode()
    return text if len(text) <= _REASON_LETTERS else text[: _REASON_LETTERS - 1] + "…"


class Runner:
    def __init__(self, place: Place, clock: Clock, child_command: ChildCommand) -> None:
        self._place, self._clock, self._child_command = place, clock, child_command
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, probe: Probe) -> Ran:
        """Never raises. A child probe takes at most its limit and a few seconds for the killing."""
        if not probe.child:
            return attempt(probe, self._place, self._clock)
        began = self._clock.tick()
        try:
            return self._run_child(probe, began)
        except (OSError, ValueError) as error:
            return ended(probe, FAILED, f"{type(error).__name__}: {error}", self._clock, began)

    def stop(self) -> None:
        """End the children under way; their runs return as failed."""
        self._stopped = True
        for process in tuple(self._children):
            _end_all(process)

    def _run_child(self, probe: Probe, began: float) -> Ran:
        process = subprocess.Popen(
            self._child_command(probe, self._place),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            creationflags=NO_WINDOW,
        )
        self._children.add(process)
        if self._stopped:
            _end_all(process)
        try:
            output, errors = _Drain(process.stdout, MESSAGE_LIMIT), _Drain(process.stderr, _STDERR_BYTES)
            output.join(probe.limit_seconds)
            if output.is_alive():
                _end_all(process)
                reason = f"no answer within {probe.limit_seconds:g} s"
                return ended(probe, TIMED_OUT, reason, self._clock, began)
            status = _status(process)
            errors.join(1.0)
            return self._answer(probe, began, status, bytes(output.data), errors.last_line(), output.overflow)
        finally:
            self._children.discard(process)
            # Also after a good end: a grandchild may have stayed behind.
            _end_all(process)

    def _answer(
        self, probe: Probe, began: float, status: int | None, data: bytes, words: str, overflow: bool
    ) -> Ran:
        def failed(reason: str) -> Ran:
            return ended(probe, FAILED, reason, self._clock, began)

        if overflow:
            return failed(f"its answer was longer than {MESSAGE_LIMIT} bytes")
        if status is None or status < 0:
            number = "" if status is None else f" {-status}"
            return failed(f"its process was ended by signal{number}{words and ': ' + words}")
        if status > 0:
            # Windows has no signals: an access violation ends with 0xC0000005.
            number = str(status) if status < 0x1_0000 else f"0x{status:08X}"
            return failed(f"its process ended with {number}{words and ': ' + words}")
        message = Report()
        try:
            message.ParseFromString(data)
        except DecodeError:
            return failed("its answer was not a message")
        if len(message.outcomes) != 1 or message.outcomes[0].probe != probe.name:
            return failed("its process ended without an answer")
        return Ran(unpack(message), message.outcomes[0])


def pack(ran: Ran) -> Report:
    """The answer of a child process, carried in a Report."""
    message = Report(outcomes=[ran.outcome], readings=ran.taken.readings, patches=ran.taken.patches)
    for name, items in ran.taken.sections.items():
        message.sections.add(name=name, items=items)
    return message


def unpack(message: Report) -> Taken:
    """The inverse of `pack`, but for the outcome."""
    return Taken(
        readings=list(message.readings),
        sections={section.name: list(section.items) for section in message.sections},
        patches=message.patches if message.HasField("patches") else None,
        reason=message.outcomes[0].reason,
    )


class _Drain(threading.Thread):
    """Reads a pipe to its end, so that the writer never waits, and keeps at most `limit` bytes."""

    def __init__(self, pipe: IO[bytes] | None, limit: int) -> None:
        super().__init__(daemon=True)
        self._pipe, self._limit = pipe, limit
        self.data = bytearray()
        self.overflow = False
        self.start()

    def run(self) -> None:
        if self._pipe is None:
            return
        # Nobody else closes the pipe: close() would wait for a read that is under way.
        with self._pipe as pipe, contextlib.suppress(OSError):
            while piece := pipe.read1(65536):  # type: ignore[attr-defined,unused-ignore]
                self.data += piece
                if len(self.data) > self._limit:
                    self.overflow = True
                    del self.data[: -self._limit]

    def last_line(self) -> str:
        lines = bytes(self.data).decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _status(process: subprocess.Popen[bytes]) -> int | None:
    """Exit status, negative for a signal; None when it closed its output but does not end."""
    try:
        return process.wait(2.0)
    except subprocess.TimeoutExpired:
        return None


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """End a child with everything below it. Programs it ran lead sessions of their own, so that killing
    its group alone would leave a smartctl behind, which would also keep its pipes open."""
    if os.name == "nt":
        process.kill()  # its job ends the rest (agent.job)
    elif process.poll() is None:
        import psutil  # only here: most runs end by themselves

        family = []
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for one in family:
            with contextlib.suppress(psutil.Error):
                one.kill()
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    # One in uninterruptible sleep (a dying disk) is left to the kernel: waiting would hang with it.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2.0)
