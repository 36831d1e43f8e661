"""`make run`: a collector, a console and this machine's own agent, enrolled for real; Ctrl-C stops all.

Everything is kept in `var/` of the checkout, so that the next run continues where this one stopped.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LET_IN_FOR = "30d"
FLEET_SITES = ("Tulsa", "Oklahoma City", "Norman", "Lawton")
READY_WITHIN = 60.0  # seconds


class Stopped(Exception):
    """A part ended by itself."""


class Parts:
    """The processes of this run; each in a session of its own, so that Ctrl-C reaches only us."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | (environment or {}),
            )  # fmt: skip
        self._running.append((name, process))

    def check(self) -> None:
        for name, process in self._running:
            if process.poll() is not None:
                raise Stopped(
                    f"{name} ended with {process.returncode}; its log is {self._logs / (name + '.log')}"
                )

    def stop(self) -> None:
        for _name, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _name, process in reversed(self._running):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def call(*command: str, given: str | None = None) -> str:
    """Run one of our commands to its end. Raises Stopped with its words."""
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, input=given, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise Stopped(f"{' '.join(command)}: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout


def port(wanted: int) -> int:
    """The wanted port if it is free, else any."""
    for number in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Stopped("no free port on this machine")


def wait_for_port(number: int, parts: Parts) -> None:
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        parts.check()
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", number)) == 0:
                return
        time.sleep(0.1)
    raise Stopped(f"nothing answers on port {number} after {READY_WITHIN:.0f} s")


def wait_for_page(url: str, parts: Parts) -> None:
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        parts.check()
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own console on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Stopped(f"{url} does not answer after {READY_WITHIN:.0f} s")


def token(state: Path, uses: int, *more: str) -> str:
    command = ["collector", "--state-dir", str(state), "token", "create", "--uses", str(uses), "--json"]
    answer: dict[str, str] = json.loads(call(*command, "--valid", LET_IN_FOR, *more))
    return answer["token"]


def fleet_tokens(state: Path, count: int) -> list[str]:
    """For each simulated site two tokens: one for desks, one that makes room machines of the A/V team."""
    words: list[str] = []
    for site in FLEET_SITES:
        room = ("--site", site, "--group", "av", "--device-class", "av_host")
        words += ["--token", f"{site}={token(state, count, '--site', site)}"]
        words += ["--token", f"{site}/av_host={token(state, count, *room)}"]
    return words


def first_sign_in(state: Path) -> tuple[str, str] | None:
    """Make the first administrator, with a password that is shown once; None if there is one already."""
    if json.loads(call("console", "user", "list", "--json", "--state-dir", str(state))):
        return None
    password = secrets.token_urlsafe(9)
    call(
        "console", "user", "add", "admin", "--role", "admin", "--password-stdin", "--state-dir", str(state),
        given=password,
    )  # fmt: skip
    return "admin", password


def run(fleet: int, directory: Path, console_port: int) -> None:
    started = time.monotonic()
    parts = Parts(directory / "logs")
    state, agent = directory / "collector", directory / "agent"
    intake, enrolment, page = port(7443), port(7444), port(console_port)

    def step(words: str) -> None:
        print(f"{time.monotonic() - started:5.1f} s  {words}", flush=True)

    try:
        step("starting the collector")
        parts.start(
            "collector", "collector", "--state-dir", str(state), "serve", "--listen", "127.0.0.1",
            "--intake-port", str(intake), "--enrolment-port", str(enrolment),
        )  # fmt: skip
        wait_for_port(enrolment, parts)
        step("enrolling this machine's agent over mutual TLS")
        again = ["--again"] if (agent / "device.json").exists() else []
        call(
            "agent", "--state-dir", str(agent), "enrol", "--collector", f"localhost:{enrolment}",
            "--token", token(state, 1), *again,
        )  # fmt: skip
        parts.start("agent", "agent", "--state-dir", str(agent), "run")
        sign_in = first_sign_in(state)
        step("starting the console")
        parts.start("console", "console", "serve", "--state-dir", str(state), "--listen", f"127.0.0.1:{page}")
        url = f"http://127.0.0.1:{page}"
        wait_for_page(f"{url}/healthz", parts)
        if fleet:
            step(f"adding {fleet} simulated devices")
            parts.start(
                "fleet", "bench.fleet", "--enrolment", f"localhost:{enrolment}", "--count", str(fleet),
                "--state-dir", str(directory / "fleet"), *fleet_tokens(state, fleet),
            )  # fmt: skip
        step("ready")
        print(f"\n  Console   {url}")
        if sign_in:
            print(f"  Sign in   {sign_in[0]}  {sign_in[1]}   (shown once)")
        else:
            print("  Sign in   as before; a forgotten password: tocsin-console user add NAME --role admin")
        print(f"  Logs      {directory / 'logs'}\n  Ctrl-C stops everything.\n", flush=True)
        while True:
            parts.check()
            time.sleep(0.5)
    finally:
        print("stopping", flush=True)
        parts.stop()


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make run", description=__doc__)
    arguments.add_argument("--fleet", type=int, default=0)
    arguments.add_argument("--directory", type=Path, default=ROOT / "var")
    arguments.add_argument("--console-port", type=int, default=8080)
    given = arguments.parse_args()
    # SIGINT too: a shell starts what it puts in the background with that ignored.
    for stops in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stops, signal.default_int_handler)
    try:
        run(given.fleet, given.directory, given.console_port)
    except KeyboardInterrupt:
        return 0
    except Stopped as problem:
        print(f"make run: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
