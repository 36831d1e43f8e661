"""Several collectors on one PostgreSQL judge the same device at the same moment: one finding, one ticket.

Each race is a new fault, told in one report that reaches all of them at once: a device that changed its
collector and sent again. Counted at the end, in the store. Ten races a device: evidence is the reports of a
day, and a device with a thousand of them is no race but a reading of reports.
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from collector.directives import Desk
from collector.judge import Bench
from collector.pipeline import Call, Pipeline
from collector.rules.load import load
from collector.rules.rule import Rules
from collector.store import session_maker
from collector.store.devices import Device
from collector.store.findings import Finding, Transition
from collector.store.tickets import WORKING_STATES, Ticket
from collector.tickets.suppression import Brake
from protos import body
from protos.intake_pb2 import FIRST, LIVE, Ack, Envelope, ReportBatch
from protos.report_pb2 import OK, Outcome, Reading, Report

COLLECTORS: Final = 3
RACES_A_DEVICE: Final = 10
_RULE: Final = "service_failed"
_TOLD: Final = 20  # times


@dataclass(frozen=True, slots=True)
class Result:
    races: int
    devices: int
    findings: int  # must be as many as races
    doubled: int  # faults with more than one finding
    openings: int  # written openings; as many as races
    tickets: int  # working tickets; one a device
    lost: int  # calls no collector could answer
    seconds: float


def race(engine: Engine, races: int, devices: int = 0, tell: Callable[[str], None] | None = None) -> Result:
    """Run them. The engine's store must be empty; `tell` is told how far it is, each twentieth."""
    devices = devices or max(1, races // RACES_A_DEVICE)
    rules = Rules(replace(rule, hold=timedelta(0)) for rule in load() if rule.name == _RULE)
    engines = [create_engine(engine.url, pool_pre_ping=True) for _ in range(COLLECTORS)]
    pipelines = [
        Pipeline(each, Bench(rules, brake=Brake(tickets_an_hour=0)), Desk(), timedelta(seconds=150))
        for each in engines
    ]
    ids = [uuid.uuid4().hex for _ in range(devices)]
    spools = {device_id: uuid.uuid4().hex for device_id in ids}
    now = datetime.now(UTC)
    with session_maker(engine)() as session, session.begin():
        session.add_all(
            Device(id=device_id, host_name=f"race-{n}", device_class="desktop", enrolled_at=now)
            for n, device_id in enumerate(ids)
        )
    started = threading.Barrier(COLLECTORS)
    lost = [0] * COLLECTORS

    def run(which: int) -> None:
        for n in range(races):
            device_id = ids[n % devices]
            batch = ReportBatch(
                spool_id=spools[device_id], birth=FIRST,
                reports=[Envelope(lane=LIVE, seq=n // devices + 1, body=_fault(n, devices, now))],
            )  # fmt: skip
            started.wait(60)
            if not _sent(pipelines[which], device_id, batch, now + timedelta(seconds=n)):
                lost[which] += 1
            if tell is not None and which == 0 and (n + 1) % max(1, races // _TOLD) == 0:
                tell(_progress(n + 1, races, time.perf_counter() - began))

    began = time.perf_counter()
    threads = [threading.Thread(target=run, args=(which,)) for which in range(COLLECTORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    for each in engines:
        each.dispose()
    return _counted(engine, races, ids, sum(lost), seconds)


def _progress(done: int, races: int, seconds: float) -> str:
    end = datetime.now().astimezone() + timedelta(seconds=(races - done) * seconds / done)
    return f"{done:,} of {races:,} races, {done / seconds:.1f} a second, done at about {end:%H:%M:%S}"


def _fault(n: int, devices: int, now: datetime) -> bytes:
    """One service more that failed, beside the two before it; the one before those is well again."""
    names = [f"unit-{earlier}" for earlier in range(n % devices, n + 1, devices)][-3:]
    report = Report(outcomes=[Outcome(probe="services", outcome=OK)])
    for name in names:
        report.readings.append(Reading(metric="service_failed_state", component=name, last=1, samples=1))
    report.collected_at.FromDatetime(now + timedelta(seconds=n))
    return body.pack(report)


def _sent(pipeline: Pipeline, device_id: str, batch: ReportBatch, now: datetime) -> bool:
    """As a device would: again, when the collector could not."""
    for _ in range(20):
        answers: list[Ack | Exception] = []
        pipeline._commit([Call(device_id, batch, "192.0.2.1", now, answers.append)])
        if not isinstance(answers[0], Exception):
            return True
    return False


def _counted(engine: Engine, races: int, ids: Sequence[str], lost: int, seconds: float) -> Result:
    with Session(engine) as session:
        faults = session.execute(
            select(Finding.device_id, Finding.component, func.count()).group_by(
                Finding.device_id, Finding.component
            )
        ).all()
        openings = session.scalar(
            select(func.count())
            .select_from(Transition)
            .where(Transition.new == "open", Transition.old == "pending")
        )
        tickets = session.scalar(
            select(func.count()).select_from(Ticket).where(Ticket.state.in_(WORKING_STATES))
        )
    return Result(
        races=races, devices=len(ids), findings=len(faults), doubled=sum(1 for row in faults if row[2] > 1), openings=openings or 0,
        tickets=tickets or 0, lost=lost, seconds=seconds,
    )  # fmt: skip
