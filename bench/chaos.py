"""`make chaos`: kill, cut and copy, and compare what was promised with what is there. Prints docs/trust.md's table.

--short is like what `make test` runs (tests/chaos has its own numbers); --only NAME runs one part.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import fsync_order, here, kill_agent, kill_collector, races
from bench.database import postgres
from bench.ledger import upper_bound
from bench.process import Ended
from collector.store import open_engine, schema

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: with every zero, of how many."""

    promise: str
    bad: int
    of: int
    how: str
    trials: int = (
        0  # what the bound is on, where `of` are not independent: reports of one run share its kills
    )

    def words(self) -> str:
        trials = self.trials or self.of
        share = upper_bound(trials) if trials else 0.0
        percent = f"{100 * share:.1f}" if share >= 0.001 else f"{100 * share:.2f}"
        bound = f"≤ {percent} % of {trials:,}" if not self.bad and trials else "–"
        return f"| {self.promise} | {self.bad} of {self.of:,} | {bound} | {self.how} |"


def collector_rows(directory: Path, name: str, kills: int, devices: int, database: str = "") -> list[Row]:
    outcome = kill_collector.run(directory, kills=kills, devices=devices, database=database)
    for words in [*outcome.broken_promises, *outcome.ticket_problems][:20]:
        print(f"  {words}", file=sys.stderr)
    found = outcome.comparison
    how = f"{outcome.kills} × kill -9 of the collector, {name}, {devices} devices with mTLS, {outcome.seconds:.0f} s"
    slowest = max(outcome.recoveries, default=0.0)
    return [
        Row("acknowledged reports lost", len(found.lost) + len(found.changed), found.acked, how, outcome.kills),
        Row("reports stored twice or unasked", len(found.twice) + len(found.unknown), found.stored, f"same run; {outcome.sent_again} were sent again after a lost ack", outcome.kills),
        Row("holes in the numbers", len(found.holes), found.stored, "same run", outcome.kills),
        Row("answers against an earlier ack", len(outcome.broken_promises), outcome.calls, "same run, calls", outcome.kills),
        Row("faults without exactly one finding, in exactly one ticket", len(outcome.ticket_problems), outcome.faults, "same run; new faults right before each kill"),
        Row("restarts slower than 5 s to the first ack", sum(s > 5 for s in outcome.recoveries), outcome.kills, f"median {outcome.recovery:.1f} s, slowest {slowest:.1f} s"),
    ]  # fmt: skip


def on_sqlite(directory: Path, short: bool) -> list[Row]:
    return collector_rows(directory, "SQLite", 25 if short else 250, 20)


def on_postgresql(directory: Path, short: bool) -> list[Row]:
    with postgres() as url:
        return collector_rows(directory, "PostgreSQL", 25 if short else 250, 20, url)


def agent_rows(directory: Path, short: bool) -> list[Row]:
    outcome = kill_agent.kills(directory, count=20 if short else 200)
    for words in outcome.notes:
        print(f"  {words}", file=sys.stderr)
    how = f"{outcome.kills} × kill -9 of a real agent that reports each second, {outcome.seconds:.0f} s"
    return [
        Row("acknowledged reports lost", len(outcome.lost), outcome.acked, how, outcome.kills),
        Row("holes in the numbers", len(outcome.holes), outcome.stored, "same run", outcome.kills),
        Row("spools that did not open after the kill", outcome.broken_spools, outcome.kills, "same run"),
        Row("spools begun anew", max(0, outcome.spools - 1), outcome.kills, "same run"),
    ]  # fmt: skip


def away_rows(directory: Path, short: bool) -> list[Row]:
    seconds = 12.0 if short else 60.0
    result = kill_agent.collector_away(directory, seconds=seconds)
    lost = len(result.lost) + len(result.holes)
    how = f"collector away {seconds:.0f} s with a report each second ({seconds / 12:.0f} h at 5 min); real agent"
    return [
        Row("reports of an absence missing afterwards", lost, result.arrived, how, 1),
        Row("newest state not received first", int(not (result.first_was_live and result.first_was_newest)), 1, f"back after {result.back_after:.1f} s"),
    ]  # fmt: skip


def copies_rows(directory: Path, short: bool) -> list[Row]:
    count = 2 if short else 10
    result = kill_agent.copied_state(directory, copies=count)
    return [
        Row("copies of a state directory not found out", count - result.clone_spools, count, f"real agents; all found after {result.found_after:.1f} s"),
        Row("reports of a copy given to the rules", result.merged, result.stored_of_copies, "same run; of reports that copies had stored"),
        Row("findings about it other than exactly one", int(result.open_findings != 1), 1, "same run"),
    ]  # fmt: skip


def order_rows(directory: Path, short: bool) -> list[Row]:
    if not fsync_order.available():
        raise Ended("strace is not installed")
    outcome = fsync_order.run(directory, 500 if short else 10_000)
    how = f"strace of the collector, SQLite, one report at a time: {outcome.syncs:,} syncs, {outcome.seconds:.0f} s"
    return [
        Row(
            "acks sent before the sync that stores the report had ended",
            outcome.violations,
            outcome.acks,
            how,
        )
    ]


def race_rows(directory: Path, short: bool) -> list[Row]:
    count = 100 if short else 10_000
    with postgres() as url:
        engine = open_engine(url)
        schema.upgrade(engine)
        outcome = races.race(
            engine, count, tell=lambda words: print(f"  {words}", file=sys.stderr, flush=True)
        )
        engine.dispose()
    how = f"{races.COLLECTORS} collectors judge the same report at once, PostgreSQL, {outcome.devices:,} devices, {outcome.seconds:.0f} s"
    wrong = abs(count - outcome.findings) + outcome.doubled
    return [
        Row("faults without exactly one finding", wrong, count, how),
        Row("openings written twice or never", abs(count - outcome.openings), count, "same run"),
        Row(
            "devices without exactly one ticket",
            abs(outcome.devices - outcome.tickets),
            outcome.devices,
            "same run",
        ),
        Row("reports no collector took", outcome.lost, count * races.COLLECTORS, "same run"),
    ]


PARTS: Final[tuple[tuple[str, Callable[[Path, bool], list[Row]]], ...]] = (
    ("collector", on_sqlite),
    ("postgresql", on_postgresql),
    ("agent", agent_rows),
    ("away", away_rows),
    ("copies", copies_rows),
    ("order", order_rows),
    ("races", race_rows),
)


def table(rows: Sequence[Row]) -> str:
    lines = ["| what must not happen | happened | 95 % bound | how it was tried |", "|---|---|---|---|"]
    return "\n".join([*lines, *(row.words() for row in rows)])


def main(argv: Sequence[str] | None = None) -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    arguments.add_argument("--short", action="store_true")
    arguments.add_argument("--only", action="append", choices=[name for name, _ in PARTS])
    given = arguments.parse_args(argv)
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    rows: list[Row] = []
    print(here.look().words(), flush=True)
    for name, part in PARTS:
        if given.only and name not in given.only:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"tocsin-{name}-") as directory:
            try:
                found = part(Path(directory), given.short)
            except (Ended, PermissionError) as error:
                print(f"{name}: left out: {error}", file=sys.stderr, flush=True)
                continue
        rows += found
        bad = sum(row.bad for row in found)
        print(
            f"{name}: {'clean' if not bad else f'{bad} BAD'}, {time.monotonic() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    print(table(rows))
    return 1 if any(row.bad for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
