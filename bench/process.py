"""Real processes of ours, started for a measurement and ended by it, and only those."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
READY_WITHIN: Final = 60.0
HOST: Final = "127.0.0.1"


class Ended(Exception):
    """A process ended, or never became ready; the text holds the end of its log."""


def free_port() -> int:
    """A port nothing listens on, outside the range the system gives to outgoing connections."""
    import random

    for _ in range(200):
        number = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, number))
            return number
    raise Ended("no free port on this machine")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


class Process:
    """One `python -m …` in a session of its own, its output in a file."""

    def __init__(self, log: Path, *command: str, environment: Mapping[str, str] | None = None) -> None:
        self._log, self._command, self._environment = log, command, dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Ended("not started")
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command], cwd=ROOT, stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True, env=os.environ | self._environment,
            )  # fmt: skip

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9, of the process and of children it left in its session."""
        self._end(signal.SIGKILL, 10)

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        self._end(signal.SIGTERM, 15)

    def _end(self, how: signal.Signals, patience: float) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""


class Collector(Process):
    """A real collector in a directory of its own; the same ports at every start."""

    def __init__(
        self, directory: Path, database: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.state, self.intake, self.enrolment = directory / "collector", free_port(), free_port()
        self.url = database or f"sqlite:///{self.state / 'collector.db'}"
        self._base = (
            "collector",
            "--state-dir",
            str(self.state),
            *(("--database", database) if database else ()),
        )
        super().__init__(
            directory / "collector.log", *self._base, "serve", "--listen", HOST, "--intake-port", str(self.intake),
            "--enrolment-port", str(self.enrolment),
            environment={"TOCSIN_LOG_LEVEL": "warning", "TOCSIN_STORM_TICKETS_PER_HOUR": "0"} | dict(settings or {}),
        )  # fmt: skip

    def start_ready(self) -> float:
        """Start and wait for both ports. Returns the seconds it took."""
        began = time.monotonic()
        self.start()
        while time.monotonic() - began < READY_WITHIN:
            if not self.running():
                raise Ended(f"the collector ended:\n{self.last_words()}")
            if answers(self.intake) and answers(self.enrolment):
                return time.monotonic() - began
            time.sleep(0.02)
        raise Ended(f"the collector was not ready within {READY_WITHIN:.0f} s")

    def token(self, uses: int, *words: str) -> str:
        ended = call(*self._base, "token", "create", "--uses", str(uses), "--json", *words)
        answer: dict[str, str] = json.loads(ended)
        return answer["token"]


def call(*command: str, environment: Mapping[str, str] | None = None, within: float = 60) -> str:
    """One of our commands, run to its end. Raises Ended with its words."""
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=within,
        env=os.environ | dict(environment or {}),
    )  # fmt: skip
    if ended.returncode != 0:
        raise Ended(f"{' '.join(command[:4])}: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout


@contextlib.contextmanager
def running(process: Process) -> Iterator[None]:
    """Ends it whatever happens."""
    try:
        yield
    finally:
        process.stop()
