"""The real agent killed, cut off and copied; its spool and the collector's store are compared record by record."""

import contextlib
import json
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench.ledger import Key, holes, stored_reports
from bench.process import HOST, Collector, Process, call, running
from collector.rules.load import load
from collector.store import open_engine
from collector.store.findings import CLEARED, Finding
from collector.store.reports import CURRENT, Spool, StoredReport
from protos.intake_pb2 import BACKFILL, LIVE

_EACH_SECOND: Final = {
    "TOCSIN_SAMPLE_SECONDS": "1", "TOCSIN_REPORT_SECONDS": "1", "TOCSIN_HEARTBEAT_SECONDS": "1",
    "TOCSIN_LOG_LEVEL": "info",
}  # fmt: skip
# What the sampled probes read; the slow ones (packages, SMART) find nothing here and cost nothing.
_TREE: Final = ("proc/stat", "proc/meminfo", "proc/loadavg", "proc/uptime", "proc/vmstat", "proc/cpuinfo",
                "proc/sys/kernel/random/boot_id", "proc/sys/kernel/hostname", "etc/os-release")  # fmt: skip
_PATIENCE: Final = 90.0


class Agent(Process):
    """A real agent with a state directory of its own, reading a small copied tree."""

    def __init__(self, directory: Path, name: str) -> None:
        self.state = directory / name
        root = small_tree(directory / f"{name}-root")
        self._words = ("agent", "--state-dir", str(self.state), "--root", str(root))
        super().__init__(directory / f"{name}.log", *self._words, "run", environment=_EACH_SECOND)

    def enrol(self, collector: Collector) -> None:
        token = collector.token(1)
        call(*self._words, "enrol", "--collector", f"{HOST}:{collector.enrolment}", "--token", token)

    def spooled(self) -> dict[tuple[str, int, int], tuple[int, bool]]:
        """(spool, lane, seq) → content hash, acknowledged. Raises sqlite3.DatabaseError for a broken file."""
        with contextlib.closing(self._open()) as db:
            verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            spool = json.loads(db.execute("SELECT body FROM state").fetchone()[0])["spool_id"]
            rows = db.execute("SELECT lane, seq, hash, acked_at IS NOT NULL FROM report").fetchall()
        return {
            (spool, lane or 0, seq or -number): (int.from_bytes(digest[:8], "big", signed=True), bool(acked))
            for number, (lane, seq, digest, acked) in enumerate(rows)
        }

    def newest(self) -> int:
        """The last report put into the spool; 0 before there is one."""
        try:
            with contextlib.closing(self._open()) as db:
                return int(db.execute("SELECT coalesce(max(id), 0) FROM report").fetchone()[0])
        except (sqlite3.Error, StopIteration):
            return 0

    def _open(self) -> sqlite3.Connection:
        path = next(self.state.rglob("spool.db"))
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)

    def waiting(self) -> int:
        """Reports in the spool without an ack."""
        return sum(1 for _, acked in self.spooled().values() if not acked)


def small_tree(root: Path) -> Path:
    """Copies of the few files of this machine that the sampled probes read."""
    for name in _TREE:
        source, target = Path("/") / name, root / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return root


@dataclass(slots=True)
class Outcome:
    kills: int = 0
    seconds: float = 0.0
    spooled: int = 0
    acked: int = 0
    stored: int = 0
    backfilled: int = 0
    broken_spools: int = 0
    lost: list[Key] = field(default_factory=list)
    holes: list[Key] = field(default_factory=list)
    spools: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.holes or self.broken_spools or self.notes) and self.spools == 1


def kills(directory: Path, *, count: int, database: str = "", seed: int = 3, limit: float = 3600) -> Outcome:
    """kill -9 of the agent, so many times, while it samples, spools and sends each second."""
    collector, chance, outcome, began = (
        Collector(directory, database),
        random.Random(seed),
        Outcome(),
        time.monotonic(),
    )
    agent = Agent(directory, "agent")
    collector.start_ready()
    with running(collector), running(agent):
        agent.enrol(collector)
        while outcome.kills < count and time.monotonic() - began < limit:
            before = agent.newest()
            agent.start()
            if chance.random() < 0.3:
                time.sleep(chance.uniform(0.2, 1.2))  # while it starts
            else:  # while it writes, sends and settles
                _until(lambda before=before: agent.newest() > before, 5)  # type: ignore[misc]
                time.sleep(chance.uniform(0, 0.1) + chance.choice((0, 0.5, 0.95)))
            if not agent.running():
                outcome.notes.append(f"it ended by itself: {agent.last_words()[-300:]}")
                break
            agent.kill()
            outcome.kills += 1
            outcome.broken_spools += not _opens(agent)
        agent.start()
        _until(lambda: agent.waiting() == 0 and len(agent.spooled()) > 2)
        agent.stop()
        outcome.seconds = time.monotonic() - began
        _compare(outcome, agent, collector)
    return outcome


def _opens(agent: Agent) -> bool:
    try:
        agent.spooled()
    except StopIteration:
        return True  # killed before there was one
    except sqlite3.Error as error:
        return "no such table" in str(error)  # killed while it made the file
    return True


def _compare(outcome: Outcome, agent: Agent, collector: Collector) -> None:
    engine = open_engine(collector.url)
    stored = stored_reports(engine)
    with Session(engine) as session:
        outcome.spools = len(session.scalars(select(Spool.id)).all())
    engine.dispose()
    device = next(iter(stored))[0] if stored else ""
    rows = agent.spooled()
    outcome.spooled, outcome.stored = len(rows), len(stored)
    outcome.acked = sum(acked for _, acked in rows.values())
    outcome.backfilled = sum(1 for key in stored if key[2] == BACKFILL)
    outcome.lost = [
        (device, *key)
        for key, (content, acked) in rows.items()
        if acked and stored.get((device, *key)) != content
    ]
    outcome.holes = holes(stored)
    left = len(rows) - outcome.acked
    if left > 1:  # one may have been sampled between the last look and the stop
        outcome.notes.append(f"{left} reports still wait in the spool")


def _until(condition: Callable[[], bool], patience: float = _PATIENCE) -> bool:
    """Looks ten times a second."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except (StopIteration, sqlite3.Error):
            pass
        time.sleep(0.1)
    return False


@dataclass(slots=True)
class Away:
    away_seconds: float = 0.0
    spooled: int = 0
    back_after: float = -1.0  # from the collector's return to the first report it took
    first_was_live: bool = False
    first_was_newest: bool = False
    arrived: int = 0
    lost: list[Key] = field(default_factory=list)
    holes: list[Key] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return (
            self.first_was_live
            and self.first_was_newest
            and not self.lost
            and not self.holes
            and self.back_after >= 0
        )


def collector_away(directory: Path, *, seconds: float, database: str = "") -> Away:
    """The collector is gone while the agent goes on; a second of it stands for five minutes of a real one."""
    collector, agent, result = Collector(directory, database), Agent(directory, "agent"), Away(seconds)
    collector.start_ready()
    with running(collector), running(agent):
        agent.enrol(collector)
        agent.start()
        _until(lambda: any(acked for _, acked in agent.spooled().values()))
        collector.kill()
        time.sleep(seconds)
        result.spooled = agent.waiting()
        engine = open_engine(collector.url)
        before = len(stored_reports(engine))
        collector.start_ready()
        returned = time.monotonic()
        if _until(lambda: len(stored_reports(engine)) > before):
            result.back_after = time.monotonic() - returned
        _until(lambda: agent.waiting() == 0)
        agent.stop()
        outcome = Outcome()
        _compare(outcome, agent, collector)
        result.lost, result.holes = outcome.lost, outcome.holes
        with Session(engine) as session:
            rows = session.execute(
                select(StoredReport.received_at, StoredReport.lane, StoredReport.collected_at)
            ).all()
        engine.dispose()
        _order(result, sorted((row[0], row[1], row[2]) for row in rows)[before:])
    return result


def _order(result: Away, rows: list[tuple[datetime, int, datetime]]) -> None:
    """Rows received after the return, in order of arrival: the newest state goes first."""
    result.arrived = len(rows)
    if not rows:
        return
    # One call may bring the report that was on its way when the collector died, and then the newest.
    first = [row for row in rows if row[0] == rows[0][0]]
    history = [row[2] for row in rows if row[1] == BACKFILL]
    result.first_was_live = all(row[1] == LIVE for row in first)
    result.first_was_newest = all(max(row[2] for row in first) > at for at in history)


@dataclass(slots=True)
class Copied:
    copies: int = 0
    stored_of_copies: int = 0
    merged: int = 0  # reports of a copy that reached the rules
    clone_spools: int = 0
    standing_current: int = 0
    open_findings: int = -1
    found_after: float = -1.0

    @property
    def clean(self) -> bool:
        return (
            self.merged == 0
            and self.clone_spools == self.copies
            and self.standing_current == 1
            and self.open_findings == 1
        )


def copied_state(directory: Path, *, copies: int = 1, database: str = "") -> Copied:
    """A state directory copied and started beside its original, as an image of a disk that was enrolled would be."""
    collector = Collector(directory, database, {"TOCSIN_HEARTBEAT_SECONDS": "1"})
    agent, result = Agent(directory, "agent"), Copied(copies)
    others = [Agent(directory, f"copy{number}") for number in range(copies)]
    collector.start_ready()
    with running(collector), running(agent):
        agent.enrol(collector)
        agent.start()
        _until(lambda: len(agent.spooled()) > 1 and agent.waiting() == 0)
        agent.stop()
        for other in others:
            shutil.copytree(agent.state, other.state)
        agent.start()
        before = len(agent.spooled())
        _until(lambda: len(agent.spooled()) > before + 1 and agent.waiting() == 0)
        original = next(iter(agent.spooled()))[0]
        engine = open_engine(collector.url)
        for other in others:
            other.start()
        began = time.monotonic()
        try:
            if _until(lambda: _standings(engine).count("clone") == copies, 40):
                result.found_after = time.monotonic() - began
            time.sleep(4)
        finally:
            for other in others:
                other.stop()
        agent.stop()
    with Session(engine) as session:
        reports = session.execute(select(StoredReport.spool_id, StoredReport.judged)).all()
        told = select(Finding.id).where(Finding.rule.in_(_clone_rules()), Finding.state != CLEARED)
        result.open_findings = len(session.scalars(told).all())
    standings = _standings(engine)
    engine.dispose()
    result.clone_spools, result.standing_current = standings.count("clone"), standings.count(CURRENT)
    result.stored_of_copies = sum(1 for row in reports if row[0] != original)
    result.merged = sum(1 for row in reports if row[0] != original and row[1])
    return result


def _clone_rules() -> list[str]:
    return [rule.name for rule in load() if rule.metric == "device_clones_count"]


def _standings(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(Spool.standing)))
