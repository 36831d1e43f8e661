"""What a report costs the collector, network and disk and rules and all, beside a server that does nothing."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import text

from bench import credential
from bench.credential import Credential
from bench.database import postgres
from bench.figures import Figure, of_runs
from bench.machine import Machine, make
from bench.process import HOST, Collector, Ended, Process, answers, free_port
from bench.report import build, vitals_at
from bench.vitals import SAMPLED
from collector.store import open_engine
from protos import body
from protos.intake_pb2 import FIRST, LIVE, Envelope, ReportBatch
from protos.intake_pb2_grpc import IntakeStub

DEVICES: Final = 32  # calls under way at a time
READINGS: Final = 40
_SECONDS: Final = 2.0
_BODIES: Final = 12  # per device, each with other numbers, so that results change as they do in life


@dataclass
class Target:
    """A server to be measured: its port, the processes that work for it, and what they have used."""

    name: str
    port: int
    pids: list[int]
    fleet: list["Client"] = field(default_factory=list)

    def cpu(self) -> float:
        """Seconds so far, children too (PostgreSQL works in those)."""
        total = 0.0
        for pid in self.pids:
            top = psutil.Process(pid)
            for process in (top, *top.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system
        return total


@dataclass
class Client:
    """One device's connection, sending prepared reports back to back."""

    device: Credential
    bodies: list[bytes]
    port: int
    spool_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    seq: int = 0

    def open(self) -> None:
        self._channel = credential.channel(HOST, self.port, self.device)
        self._report: Any = IntakeStub(self._channel).Report  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._channel.close()

    async def send(self, reports: int) -> None:
        envelopes = []
        for _ in range(reports):
            self.seq += 1
            envelopes.append(Envelope(lane=LIVE, seq=self.seq, body=self.bodies[self.seq % _BODIES]))
        batch = ReportBatch(spool_id=self.spool_id, birth=FIRST, reports=envelopes)
        batch.sent_at.FromDatetime(datetime.now(UTC))
        await self._report(batch, timeout=30)


def bodies(machine: Machine) -> list[bytes]:
    """Reports of 40 readings each, as the samples of five minutes make one."""
    now = datetime.now(UTC)
    made = []
    for number in range(_BODIES):
        at = now - timedelta(minutes=5 * (_BODIES - number))
        report = build(machine, vitals_at(machine, at, at), at, at - timedelta(days=1), SAMPLED)
        del report.readings[READINGS:]
        for core in range(READINGS - len(report.readings)):
            celsius = 40 + (number + core) % 9
            report.readings.add(
                metric="sensor_temperature_celsius", component=f"coretemp Core {core}", last=celsius, min=celsius - 1,
                mean=celsius, max=celsius + 1, samples=5,
            )  # fmt: skip
        made.append(body.pack(report))
    return made


def measure(directory: Path, runs: int = 3) -> list[Figure]:
    with contextlib.ExitStack() as stack:
        targets = list(_targets(directory, stack))
        return asyncio.run(_measure(targets, runs))


def _targets(directory: Path, stack: contextlib.ExitStack) -> Iterator[Target]:
    collector = Collector(directory / "sqlite")
    stack.callback(collector.stop)
    collector.start_ready()
    yield _with_clients(Target("SQLite", collector.intake, [collector.pid]), collector)
    idle_port = free_port()
    idle = Process(directory / "noop.log", "bench.noop", str(collector.state / "pki"), str(idle_port))
    stack.callback(idle.stop)
    idle.start()
    _wait(idle, idle_port)
    yield _with_clients(Target("no-op server", idle_port, [idle.pid]), collector)
    try:
        url = stack.enter_context(postgres())
    except Ended as error:
        print(f"PostgreSQL is left out: {error}")
        return
    second = Collector(directory / "postgresql", url)
    stack.callback(second.stop)
    second.start_ready()
    yield _with_clients(Target("PostgreSQL", second.intake, [second.pid, _postmaster(url)]), second)


def _wait(process: Process, port: int) -> None:
    for _ in range(500):
        if answers(port):
            return
        if not process.running():
            raise Ended(process.last_words())
        time.sleep(0.02)
    raise Ended("the no-op server was not ready within 10 s")


def _postmaster(url: str) -> int:
    engine = open_engine(url)
    with engine.connect() as connection:
        backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        parent = psutil.Process(backend).ppid()
    engine.dispose()
    return parent


def _with_clients(target: Target, collector: Collector) -> Target:
    """Devices enrolled with the collector whose authority the target uses."""
    # Other machines for each target: a machine that enrols twice is taken for the same one, re-imaged.
    machines = [make(number, target.port) for number in range(1, DEVICES + 1)]
    token = collector.token(DEVICES)
    issued = asyncio.run(credential.enrol(HOST, collector.enrolment, [(token, m.facts()) for m in machines]))
    target.fleet = [Client(one, bodies(m), target.port) for m, one in zip(machines, issued, strict=True)]
    return target


async def _measure(targets: list[Target], runs: int) -> list[Figure]:
    costs: dict[tuple[str, int], list[float]] = {}
    rates: dict[tuple[str, int], list[float]] = {}
    for target in targets:
        for client in target.fleet:
            client.open()
        await _load(target, 1, 0.7)  # connections, first reports of devices
    for _ in range(runs):  # in turn, so that a noisy moment meets all of them
        for reports in (1, 16):
            for target in targets:
                rate, cost = await _load(target, reports, _SECONDS)
                rates.setdefault((target.name, reports), []).append(rate)
                costs.setdefault((target.name, reports), []).append(cost)
    for target in targets:
        for client in target.fleet:
            await client.close()
    return _figures(rates, costs)


async def _load(target: Target, reports: int, seconds: float) -> tuple[float, float]:
    """Reports a second, and CPU µs of the server per report."""
    loop = asyncio.get_running_loop()
    began, used = loop.time(), target.cpu()
    until = began + seconds
    counts = [0]

    async def one(client: Client) -> None:
        while loop.time() < until:
            await client.send(reports)
            counts[0] += reports

    await asyncio.gather(*(one(client) for client in target.fleet))
    took, cost = loop.time() - began, target.cpu() - used
    return counts[0] / took, cost / counts[0] * 1e6


def _figures(
    rates: dict[tuple[str, int], list[float]], costs: dict[tuple[str, int], list[float]]
) -> list[Figure]:
    figures = []
    for (name, reports), runs in sorted(costs.items(), key=lambda row: row[0][::-1]):
        call = f"{name}, {reports} report{'s' if reports > 1 else ''} a call"
        figures.append(of_runs("ingest", f"CPU per report, {call}", runs, "µs"))
        figures.append(
            of_runs("ingest", f"reports per CPU-second, {call}", [1e6 / run for run in runs], "/s")
        )
        figures.append(
            of_runs(
                "ingest",
                f"reports a second, {call}",
                rates[name, reports],
                "/s",
                note="client on the same cores",
            )
        )
        idle = costs.get(("no-op server", reports))
        if idle and name != "no-op server":
            ratios = [nothing / run for nothing, run in zip(idle, runs, strict=True)]
            goal = ("≥ 0.5" if name == "SQLite" else "≥ 0.4") if reports == 1 else ""
            figures.append(of_runs("ingest", f"of the no-op server, {call}", ratios, "×", goal))
    return figures
