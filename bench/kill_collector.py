"""kill -9 of a real collector under load, over and over; what was promised is then looked for in its store."""

import asyncio
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench import ledger as ledgers
from bench.ledger import Comparison, Ledger
from bench.process import HOST, Collector, running
from bench.sender import Sender, senders
from collector.store import open_engine
from collector.store.findings import CLEARED, OPEN, Finding, Transition
from collector.store.tickets import OPEN_STATES, Ticket, TicketEvent

_LOAD_SECONDS: Final = (0.05, 0.4)  # between the first ack after a start and the kill
_FIRST_ACK_WITHIN: Final = 60.0


@dataclass(slots=True)
class Outcome:
    kills: int = 0
    seconds: float = 0.0
    calls: int = 0
    sent_again: int = 0
    comparison: Comparison = field(default_factory=Comparison)
    broken_promises: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)  # from the start to the first ack
    faults: int = 0
    ticket_problems: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.comparison.clean and not self.broken_promises and not self.ticket_problems

    @property
    def recovery(self) -> float:
        return statistics.median(self.recoveries) if self.recoveries else 0.0


def run(
    directory: Path, *, kills: int, devices: int, database: str = "", seed: int = 7, limit: float = 3600
) -> Outcome:
    """`limit`: seconds after which no further kill is begun."""
    collector = Collector(directory, database)
    collector.start_ready()
    with running(collector):
        outcome, sent, expected = asyncio.run(_load(directory, collector, kills, devices, seed, limit))
    engine = open_engine(collector.url)
    outcome.comparison = ledgers.compare(sent, ledgers.stored_reports(engine))
    outcome.faults = len(expected)
    outcome.ticket_problems = ticket_problems(engine, expected)
    engine.dispose()
    return outcome


async def _load(
    directory: Path, collector: Collector, kills: int, devices: int, seed: int, limit: float
) -> tuple[Outcome, dict[ledgers.Key, tuple[int, bool]], set[tuple[str, str]]]:
    ledger, stopped, chance = Ledger(directory / "ledger.db"), asyncio.Event(), random.Random(seed)
    token = await asyncio.to_thread(collector.token, devices)
    fleet = await senders(devices, HOST, collector.enrolment, token, ledger, stopped, seed)
    tasks = [asyncio.create_task(sender.run()) for sender in fleet]
    outcome, began = Outcome(), time.monotonic()
    await _first_ack(fleet, time.monotonic())
    while outcome.kills < kills and time.monotonic() - began < limit:
        # New faults right before the kill: their findings and tickets are being opened when it strikes.
        for sender in chance.sample(fleet, max(1, devices // 5)):
            sender.fail_another_disk()
        await asyncio.sleep(chance.uniform(*_LOAD_SECONDS))
        await asyncio.to_thread(collector.kill)
        outcome.kills += 1
        started = time.monotonic()
        await asyncio.to_thread(collector.start_ready)
        outcome.recoveries.append(await _first_ack(fleet, started))
    await asyncio.sleep(0.3)
    stopped.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    outcome.seconds = time.monotonic() - began
    outcome.calls = sum(sender.calls for sender in fleet)
    outcome.broken_promises = [words for sender in fleet for words in sender.broken_promises]
    outcome.sent_again = ledger.sent_again()
    rows = ledger.rows()
    ledger.close()
    expected = {
        (sender.credential.device_id, f"{sender.machine.serial}-{n}") for sender in fleet for n in range(sender.told_disks)
    }  # fmt: skip
    return outcome, rows, expected


async def _first_ack(fleet: list[Sender], after: float) -> float:
    """Seconds from `after` until any device had an ack. Raises TimeoutError."""
    while time.monotonic() - after < _FIRST_ACK_WITHIN:
        acked = [sender.acked_at for sender in fleet if sender.acked_at > after]
        if acked:
            return min(acked) - after
        await asyncio.sleep(0.01)
    raise TimeoutError(f"no ack within {_FIRST_ACK_WITHIN:.0f} s of a start")


def ticket_problems(engine: Engine, expected: set[tuple[str, str]]) -> list[str]:
    """Every fault has one finding, opened once, in one ticket; every device has one ticket that says so once."""
    problems: list[str] = []
    with Session(engine) as session:
        findings = session.scalars(select(Finding).where(Finding.rule == "disk_pending_sectors")).all()
        opened = Counter(session.scalars(select(Transition.finding_id).where(Transition.new == OPEN)))
        tickets = {ticket.id: ticket for ticket in session.scalars(select(Ticket))}
        told = Counter(session.scalars(select(TicketEvent.ticket_id).where(TicketEvent.kind == "opened")))
    found = Counter((finding.device_id, finding.component) for finding in findings)
    problems += [f"fault {key}: {found[key]} findings" for key in expected if found[key] != 1]
    problems += [f"finding for {key}, which was never reported" for key in found if key not in expected]
    for finding in findings:
        if finding.state == CLEARED:
            problems.append(f"finding {finding.id} cleared: {finding.cleared_reason}")
        if opened[finding.id] != 1:
            problems.append(f"finding {finding.id} was opened {opened[finding.id]} times")
        ticket = tickets.get(finding.ticket_id)
        if ticket is None or ticket.state not in OPEN_STATES:
            problems.append(f"finding {finding.id} has no ticket that is open")
    by_device = Counter(ticket.device_id for ticket in tickets.values())
    problems += [f"device {device}: {count} tickets" for device, count in by_device.items() if count != 1]
    problems += [f"ticket {id_}: opened {count} times" for id_, count in told.items() if count != 1]
    return problems
