"""Real processes for end-to-end tests: a collector and an agent, on loopback, in folders of the test's own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from collector.store import open_engine, reader_maker
from tests.conftest import REPOSITORY, free_port

SHORT = {"TOCSIN_SAMPLE_SECONDS": "1", "TOCSIN_REPORT_SECONDS": "30", "TOCSIN_HEARTBEAT_SECONDS": "1"}


def eventually(what: Callable[[], Any], within: float, words: str) -> Any:
    """Wait for something true; fail with `words` after `within` seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{words}: not within {within} s")


class Process:
    def __init__(self, directory: Path, *command: str, **environment: str) -> None:
        self.log = directory / f"{command[0]}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | environment,
            )  # fmt: skip

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


class RunningCollector:
    """`with RunningCollector(tmp_path) as collector:`; `rules` replaces the shipped ones."""

    def __init__(self, directory: Path, rules: Path | None = None, database: str = "") -> None:
        self.state = directory / "collector"
        self.state.mkdir(exist_ok=True)
        self.intake, self.enrolment = free_port(), free_port()
        self.url = database or f"sqlite:///{self.state / 'collector.db'}"
        self.environment = {"TOCSIN_DATABASE": self.url}
        if rules is not None:
            self.environment["TOCSIN_RULES"] = str(rules)

    def __enter__(self) -> "RunningCollector":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.running.stop()

    def start(self) -> None:
        self.running = Process(
            self.state, "collector", "--state-dir", str(self.state), "serve", "--listen", "127.0.0.1",
            "--intake-port", str(self.intake), "--enrolment-port", str(self.enrolment), **self.environment,
        )  # fmt: skip
        eventually(
            lambda: "listening" in self.running.log.read_text() or self.running.process.poll() is not None, 20,
            "the collector listens",
        )  # fmt: skip
        assert self.running.process.poll() is None, self.running.log.read_text()

    def command(self, *command: str) -> Any:
        ended = subprocess.run(
            [sys.executable, "-m", "collector", "--state-dir", str(self.state), *command], cwd=REPOSITORY,
            capture_output=True, text=True, env=os.environ | self.environment, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout) if "--json" in command else ended.stdout

    def token(self, *words: str) -> str:
        return str(self.command("token", "create", *words, "--json")["token"])

    def rows(self, model: type) -> list[Any]:
        engine = open_engine(self.url)
        try:
            with reader_maker(engine)() as session:
                return list(session.scalars(select(model)))
        finally:
            engine.dispose()


class RunningAgent:
    """An agent that enrols itself on entering; `token`: more words for its token; `environment` are its settings."""

    def __init__(
        self, directory: Path, collector: RunningCollector, token: tuple[str, ...] = (), **environment: str
    ) -> None:
        self.token = token
        self.state = directory / "agent"
        self.collector = collector
        self.environment = SHORT | environment

    def __enter__(self) -> "RunningAgent":
        ended = self.command(
            "enrol",
            "--collector",
            f"127.0.0.1:{self.collector.enrolment}",
            "--token",
            self.collector.token(*self.token),
        )
        assert ended.returncode == 0, ended.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.running.stop()

    def start(self) -> None:
        self.running = Process(self.state, "agent", "--state-dir", str(self.state), "run", **self.environment)

    def command(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "agent", "--state-dir", str(self.state), *command], cwd=REPOSITORY,
            capture_output=True, text=True, env=os.environ | self.environment, check=False, timeout=120,
        )  # fmt: skip
