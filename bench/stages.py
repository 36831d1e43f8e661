"""Where a report's time goes inside the collector, without the network: parse, evaluate, write; and whether
the cost grows with the number of known devices."""

import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, insert

from bench.figures import Figure, of_runs
from bench.ingest import bodies
from bench.machine import make
from collector.directives import Desk
from collector.judge import Bench
from collector.pipeline import Call, Pipeline
from collector.rules.evaluate import DeviceContext, evaluate
from collector.rules.load import load
from collector.rules.state import DeviceState
from collector.store import open_engine, schema
from collector.store.devices import Device
from collector.unpack import unpack
from protos.intake_pb2 import LIVE, Ack, Envelope, ReportBatch

_REPORTS: Final = 1_500
_GROUPS: Final = (1, 32, 256)
_KNOWN: Final = (10, 1_000, 10_000)


def measure(directory: Path, runs: int = 3) -> list[Figure]:
    machine = make(1, 11)
    sample = bodies(machine)
    figures = [
        of_runs("stages", "parse and check", [_parse(sample) for _ in range(runs)], "µs"),
        of_runs("stages", "evaluate, nothing wrong", [_evaluate(sample) for _ in range(runs)], "µs"),
        of_runs("stages", "evaluations a second and core", [1e6 / _evaluate(sample) for _ in range(runs)], "/s", "≥ 50,000"),
    ]  # fmt: skip
    store = Store(directory / "groups", 512)
    for size in _GROUPS:
        taken = [store.cost(size) for _ in range(runs)]
        figures.append(
            of_runs("stages", f"whole report, SQLite, {size} calls a transaction", taken, "µs CPU")
        )
    store.close()
    return figures + growth(directory, runs)


def growth(directory: Path, runs: int) -> list[Figure]:
    """µs a report, in groups of ten devices, with ever more known ones."""
    figures: list[Figure] = []
    least = 0.0
    for known in _KNOWN:
        store = Store(directory / f"known{known}", known)
        taken = [store.cost(_KNOWN[0]) for _ in range(runs)]
        store.close()
        figures.append(of_runs("growth", f"whole report with {known:,} known devices", taken, "µs CPU"))
        least = least or figures[-1].value
    figures.append(
        Figure(
            "growth",
            f"{_KNOWN[-1]:,} devices against {_KNOWN[0]}",
            figures[-1].value / least,
            "×",
            goal="≤ 1.2",
        )
    )
    return figures


def _parse(sample: list[bytes]) -> float:
    now = datetime.now(UTC)
    began = time.process_time()
    for number in range(_REPORTS):
        unpack(sample[number % len(sample)], now)
    return (time.process_time() - began) / _REPORTS * 1e6


def _evaluate(sample: list[bytes]) -> float:
    rules, now = load(), datetime.now(UTC)
    reports = [unpack(body, now).report for body in sample]
    context = DeviceContext(device_class="desktop", seen_at=now)
    state = DeviceState()
    began = time.process_time()
    for number in range(_REPORTS):
        at = now + timedelta(minutes=5 * number)
        state, _ = evaluate(rules, state, reports[number % len(reports)], at, context)
    return (time.process_time() - began) / _REPORTS * 1e6


@dataclass
class _Known:
    id: str
    spool: str
    seq: int = 0


class Store:
    """A pipeline of its own, called directly, with devices that have all reported once."""

    def __init__(self, directory: Path, devices: int) -> None:
        directory.mkdir(parents=True)
        self._engine: Engine = open_engine(f"sqlite:///{directory / 'collector.db'}")
        schema.upgrade(self._engine)
        self._pipeline = Pipeline(self._engine, Bench(load()), Desk(), timedelta(seconds=150))
        self._devices = [_Known(uuid.uuid4().hex, uuid.uuid4().hex) for _ in range(devices)]
        self._sample = [bodies(make(number, 11)) for number in range(1, 9)]
        self._chance = random.Random(1)
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            connection.execute(
                insert(Device),
                [{"id": d.id, "host_name": f"d{n}", "enrolled_at": now, "device_class": "desktop"} for n, d in enumerate(self._devices)],
            )  # fmt: skip
        for begin in range(0, devices, 256):
            self._commit(self._devices[begin : begin + 256])

    def cost(self, size: int) -> float:
        """CPU µs per report, with so many calls in a transaction."""
        count = min(_REPORTS, 300 if size == 1 else _REPORTS)
        groups = [self._some(size) for _ in range(max(1, count // size))]
        began = time.process_time()
        for group in groups:
            self._commit(group)
        return (time.process_time() - began) / sum(map(len, groups)) * 1e6

    def _some(self, size: int) -> list[_Known]:
        if size <= len(self._devices):
            return self._chance.sample(self._devices, size)
        raise ValueError(f"{size} calls need as many devices: one device has one call under way")

    def _commit(self, devices: list[_Known]) -> None:
        now = datetime.now(UTC)
        answers: list[Ack | Exception] = []
        calls = []
        for device in devices:
            device.seq += 1
            body = self._sample[int(device.id[:2], 16) % 8][device.seq % 12]
            batch = ReportBatch(
                spool_id=device.spool, reports=[Envelope(lane=LIVE, seq=device.seq, body=body)]
            )
            calls.append(Call(device.id, batch, "192.0.2.7", now, answers.append))
        self._pipeline._commit(calls)
        bad = [answer for answer in answers if not isinstance(answer, Ack)]
        if bad:
            raise bad[0]

    def close(self) -> None:
        self._engine.dispose()
