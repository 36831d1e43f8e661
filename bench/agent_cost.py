"""What the agent costs its device: memory, processor, bytes on the wire, and how soon its first report is there."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench.figures import Figure, of_runs
from bench.here import cpu_seconds, memory_bytes
from bench.process import HOST, Collector, Process, call, free_port, running
from collector.store import open_engine
from collector.store.reports import StoredReport

_SETTLE: Final = 20.0  # seconds for the first inventory and the package manager
_TIMES: Final = 10  # how much faster than life the second agent reports
_DAY: Final = 86_400


class Meter:
    """A TCP relay on a port of its own that counts bytes both ways, TLS and all."""

    def __init__(self, target: int) -> None:
        self.port, self.up, self.down = free_port(), 0, 0
        self._target = target

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="meter", daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._relay, HOST, self.port), loop
        ).result(10)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection(HOST, self._target)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, upwards: bool) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    if upwards:
                        self.up += len(data)
                    else:
                        self.down += len(data)
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(pump(reader, here, True), pump(there, writer, False))


class Agent(Process):
    """The real one, with its own probes of this very machine."""

    def __init__(self, directory: Path, name: str, environment: dict[str, str]) -> None:
        self.state = directory / name
        self._words = ("agent", "--state-dir", str(self.state))
        super().__init__(directory / f"{name}.log", *self._words, "run", environment=environment)

    def enrol(self, collector: Collector) -> None:
        call(
            *self._words,
            "enrol",
            "--collector",
            f"{HOST}:{collector.enrolment}",
            "--token",
            collector.token(1),
        )

    def go_through(self, port: int) -> None:
        """Its reports take another port from now on."""
        path = self.state / "device.json"
        told = json.loads(path.read_text())
        told["intake_port"] = port
        path.write_text(json.dumps(told))


def measure(directory: Path, seconds: float = 60) -> list[Figure]:
    collector = Collector(directory / "collector")
    collector.start_ready()
    with running(collector):
        engine = open_engine(collector.url)
        try:
            first = [_first_report(directory / f"first{n}", collector, engine) for n in range(2)]
            figures = [of_runs("agent", "start to first report stored", first, "s", "≤ 2")]
            return figures + _resident(directory, collector, seconds)
        finally:
            engine.dispose()


def _first_report(directory: Path, collector: Collector, engine: Engine) -> float:
    directory.mkdir(parents=True)
    agent = Agent(directory, "agent", {})
    agent.enrol(collector)
    before = _reports(engine)
    with running(agent):
        began = time.monotonic()
        agent.start()
        while _reports(engine) == before and time.monotonic() - began < 60:
            time.sleep(0.02)
        return time.monotonic() - began


def _reports(engine: Engine) -> int:
    with Session(engine) as session:
        return len(session.execute(select(StoredReport.device_id)).all())


def _resident(directory: Path, collector: Collector, seconds: float) -> list[Figure]:
    """One agent at its usual pace for memory and processor, one ten times as fast for the wire."""
    usual = Agent(directory, "usual", {})
    quick = Agent(directory, "quick", {
        "TOCSIN_SAMPLE_SECONDS": "6", "TOCSIN_REPORT_SECONDS": str(300 // _TIMES), "TOCSIN_HEARTBEAT_SECONDS": str(60 // _TIMES),
    })  # fmt: skip
    meter = Meter(collector.intake)
    for agent in (usual, quick):
        agent.enrol(collector)
    quick.go_through(meter.port)
    with meter.running(), running(usual), running(quick):
        usual.start()
        quick.start()
        time.sleep(_SETTLE)
        first_bytes = meter.up + meter.down
        used, up, down = cpu_seconds(usual.pid, children=True), meter.up, meter.down
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        per_minute = (cpu_seconds(usual.pid, children=True) - used) / took * 60
        memory = memory_bytes(usual.pid)
        wire = (meter.up - up + meter.down - down) / took / _TIMES * _DAY
        threads = len(list(Path(f"/proc/{usual.pid}/task").iterdir()))
    return [
        Figure("agent", "resident memory (RSS)", memory["rss"] / 1e6, "MB", goal="≤ 40"),
        Figure("agent", "proportional memory (PSS)", memory["pss"] / 1e6, "MB"),
        Figure("agent", "anonymous memory", memory["anonymous"] / 1e6, "MB", goal="≤ 18"),
        Figure("agent", "CPU seconds a minute, steady", per_minute, "s", goal="≤ 0.04", note=f"over {took:.0f} s; clock ticks of 10 ms"),
        Figure("agent", "CPU seconds of start and first inventory", used, "s", note="packages, SMART and software once"),
        Figure("agent", "threads", float(threads), ""),
        Figure("agent", "bytes on the wire a day, steady", wire / 1e6, "MB", goal="≤ 1", note=f"from {took:.0f} s at {_TIMES} × the pace, both ways with TLS"),
        Figure("agent", "bytes of connecting and the first inventory", first_bytes / 1e3, "kB", note="once"),
    ]  # fmt: skip
