"""What the agent's tests share: a clock that is moved by hand, a CA, a fake collector, a link to it."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.channel import Channel
from agent.clock import Clock
from agent.identity import Credential
from agent.link import Link, Waits
from agent.spool import Spool
from agent.status import Board
from protos.report_pb2 import Report
from tests.agent.certificates import Authority, authority
from tests.agent.fake_collector import FakeCollector

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Stands still until it is moved."""

    at: datetime = START
    ticks: float = 1000.0

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, tick=lambda: self.ticks)


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def ca() -> Authority:
    return authority()


@pytest.fixture
def collector(ca: Authority) -> Iterator[FakeCollector]:
    fake = FakeCollector(ca)
    yield fake
    fake.stop()


@pytest.fixture
def open_spool(tmp_path: Path, hand: HandClock) -> Iterator[Callable[..., Spool]]:
    opened: list[Spool] = []

    def make(folder: Path = tmp_path / "state", max_bytes: int = 200_000_000, hours: float = 48) -> Spool:
        spool = Spool(folder, now=lambda: hand.at, max_bytes=max_bytes, keep_acked_for=timedelta(hours=hours))
        opened.append(spool)
        return spool

    yield make
    for spool in opened:
        spool.close()


_NAMES = itertools.count(1)


def report(hand: HandClock, name: str = "", octets: int = 0) -> Report:
    """One that its host_name tells from all others; `octets` of ballast."""
    made = Report(collected_at=hand.at, host_name=name or f"r{next(_NAMES)}")
    if octets:
        # Noise, so that it stays this long when the body is deflated.
        made.build = random.Random(octets).randbytes(octets).decode("latin-1")
    return made


@dataclass
class Device:
    """A link with its spool, stepped by hand."""

    link: Link
    spool: Spool
    board: Board
    hand: HandClock
    waits: list[float] = field(default_factory=list)
    directives: list = field(default_factory=list)
    returns: list[datetime] = field(default_factory=list)

    def append(self, *names: str, octets: int = 0) -> None:
        for name in names:
            self.hand.pass_(1)
            self.spool.append(report(self.hand, name, octets))

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.waits.append(self.link.step())

    def live(self, seconds: float) -> None:
        """Let time pass as the link's thread would: step, wait as long as it says."""
        until = self.hand.ticks + seconds
        for _ in range(10_000):
            wait = self.link.step()
            if self.hand.ticks + wait >= until:
                self.hand.pass_(max(0.0, until - self.hand.ticks))
                return
            self.hand.pass_(max(wait, 0.001))
        raise AssertionError("the link never rests")


@pytest.fixture
def device(collector: FakeCollector, ca: Authority, hand: HandClock, open_spool) -> Callable[..., Device]:
    key, certificate = ca.client("device-1")

    def make(spool: Spool | None = None, chance: float = 1.0, **waits: float) -> Device:
        board = Board()
        spool = spool or open_spool()
        made = Device(None, spool, board, hand)  # type: ignore[arg-type]
        made.link = Link(
            spool=spool,
            connect=lambda: Channel(f"127.0.0.1:{collector.port}", Credential(key, certificate, ca.pem)),
            clock=hand.clock,
            waits=Waits(**waits),
            board=board,
            on_directives=made.directives.extend,
            on_return=lambda: made.returns.append(hand.at),
            machine_hash=7,
            chance=lambda: chance,
        )
        return made

    return make
