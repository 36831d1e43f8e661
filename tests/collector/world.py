"""A collector's pipeline without the network, and reports to feed it: for tests of what happens inside."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from collector.directives import Desk
from collector.judge import Bench
from collector.pipeline import Call, Errand, Pipeline
from collector.rules.load import load
from collector.rules.rule import Rules
from collector.store import session_maker
from collector.store.devices import Device, Site
from collector.sweep import Pace, Sweep
from protos import body
from protos.intake_pb2 import FIRST, LIVE, Ack, Envelope, ReportBatch
from protos.report_pb2 import OK, Outcome, OutcomeKind, Reading, Report

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


class Collector:
    """The pipeline and the sweep, called directly: no thread, no port, the test's own clock."""

    def __init__(self, engine: Engine, rules: Rules | None = None) -> None:
        self.engine = engine
        self.desk = Desk()
        self.bench = Bench(rules or load())
        self.pipeline = Pipeline(engine, self.bench, self.desk, probation=timedelta(seconds=150))
        self.sweeper = Sweep(self.bench, self.desk, Pace())

    def enrol(
        self, name: str, *, group: str = "desktop", device_class: str = "desktop", site: str | None = None
    ) -> "Machine":
        return self.enrol_many([name], group=group, device_class=device_class, site=site)[0]

    def enrol_many(
        self,
        names: list[str],
        *,
        group: str = "desktop",
        device_class: str = "desktop",
        site: str | None = None,
    ) -> list["Machine"]:
        machines = [Machine(self, uuid.uuid4().hex) for _ in names]
        with session_maker(self.engine)() as session, session.begin():
            if site is not None and session.get(Site, site) is None:
                session.add(Site(name=site, time_zone="America/Chicago", created_at=NOON))
                session.flush()
            session.add_all(
                Device(
                    id=machine.device_id, host_name=name, group=group, device_class=device_class, enrolled_at=NOON,
                    site=site,
                )
                for name, machine in zip(names, machines, strict=True)
            )  # fmt: skip
        return machines

    def call(self, device_id: str, batch: ReportBatch, at: datetime) -> Ack:
        results: list[Ack | Exception] = []
        self.pipeline._commit([Call(device_id, batch, "192.0.2.7", at, results.append)])
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0]

    def heartbeats(self, machines: Sequence["Machine"], at: datetime) -> None:
        """All of them in one commit, as a pipeline under load takes them."""
        failures: list[Exception] = []

        def done(answer: Ack | Exception) -> None:
            if isinstance(answer, Exception):
                failures.append(answer)

        self.pipeline._commit(
            [
                Call(m.device_id, ReportBatch(spool_id=m.spool_id, birth=m.birth), "192.0.2.7", at, done)
                for m in machines
            ]
        )
        if failures:
            raise failures[0]

    def sweep(self, at: datetime) -> None:
        failures: list[Exception | None] = []
        self.pipeline._run_errand(Errand(lambda s, c, m: self.sweeper.run(s, c, m, at), failures.append))
        if failures[0] is not None:
            raise failures[0]


@dataclass
class Machine:
    """A device as the collector sees one: it numbers its reports and sends them."""

    collector: Collector
    device_id: str
    spool_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    seq: int = 0
    birth: int = FIRST

    def send(self, report: Report, at: datetime, **batch: object) -> Ack:
        self.seq += 1
        if not report.HasField("collected_at"):
            report.collected_at.FromDatetime(at)
        envelope = Envelope(lane=LIVE, seq=self.seq, body=body.pack(report))
        return self.collector.call(
            self.device_id,
            ReportBatch(**({"spool_id": self.spool_id, "birth": self.birth, "reports": [envelope]} | batch)),
            at,  # type: ignore[arg-type]
        )

    def heartbeat(self, at: datetime, **batch: object) -> Ack:
        return self.collector.call(
            self.device_id, ReportBatch(**({"spool_id": self.spool_id, "birth": self.birth} | batch)), at
        )  # type: ignore[arg-type]


def report(probe: str, *readings: Reading, outcome: OutcomeKind = OK, reason: str = "") -> Report:
    return Report(outcomes=[Outcome(probe=probe, outcome=outcome, reason=reason)], readings=readings)


def filesystem(used: float, size: float = 100e9, component: str = "f-1", label: str = "/home") -> Report:
    return report(
        "filesystem",
        *(
            Reading(metric=metric, component=component, label=label, last=value, samples=1)
            for metric, value in (
                ("filesystem_used_ratio", used),
                ("filesystem_size_bytes", size),
                ("filesystem_available_bytes", (1 - used) * size),
            )
        ),
    )
