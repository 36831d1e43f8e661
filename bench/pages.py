"""How long the console's server needs for its pages, with a thousand devices in the store."""

import statistics
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bench import faults
from bench.figures import Figure, percentile
from bench.machine import make
from bench.report import EVERYTHING, add_sections, build, vitals_at
from bench.vitals import SAMPLED
from collector.directives import Desk
from collector.judge import Bench
from collector.pipeline import Call, Pipeline
from collector.rules.load import load
from collector.store import open_engine, schema
from collector.store.devices import Device
from collector.store.people import User
from collector.store.tickets import Ticket
from protos import body as bodies
from protos.intake_pb2 import BACKFILL, LIVE, Ack, Envelope, ReportBatch

_DEVICES: Final = 1_000
_ROUNDS: Final = 40
# Pages that are no pages: files, health checks, and what ends the session.
_LEFT_OUT: Final = ("static", "health", "sign_in", "metrics")


def measure(directory: Path, devices: int = _DEVICES) -> list[Figure]:
    fill(directory, devices)
    app = _app(directory)
    if app is None:
        return []
    client, session_cookie = app.test_client(), _sign_in(app)
    client.set_cookie(*session_cookie)
    figures = []
    with Session(open_engine(f"sqlite:///{directory / 'collector.db'}")) as session:
        addresses = _addresses(app, session)
    for address in addresses:
        taken = _times(client, address)
        if taken:
            goal = "≤ 150" if address == "/" else "≤ 50"
            figures += [
                Figure("pages", f"{_plain(address)}, p50", statistics.median(taken) * 1000, "ms", taken and [t * 1000 for t in taken]),
                Figure("pages", f"{_plain(address)}, p95", percentile(taken, 0.95) * 1000, "ms", goal=goal),
            ]  # fmt: skip
    return figures


def fill(directory: Path, devices: int) -> None:
    """A store as a fleet leaves it after some hours."""
    directory.mkdir(parents=True, exist_ok=True)
    engine = open_engine(f"sqlite:///{directory / 'collector.db'}")
    schema.upgrade(engine)
    pipeline = Pipeline(engine, Bench(load()), Desk(), timedelta(seconds=150))
    now = datetime.now(UTC)
    born = now - timedelta(hours=6)
    machines = [make(n, 1, faults.choose(make(n, 1))) for n in range(1, devices + 1)]
    rows = [
        {"id": uuid.uuid4().hex, "host_name": m.host_name, "enrolled_at": born, "device_class": m.device_class,
         "group": "av" if m.room else "desktop", "room": m.room, "maker": m.model.maker, "model": m.model.name}
        for m in machines
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Device), rows)
    for begin in range(0, devices, 100):
        calls, answers = [], list[Ack | Exception]()
        for row, machine in list(zip(rows, machines, strict=True))[begin : begin + 100]:
            batch = _past(machine, now, born)
            calls.append(Call(str(row["id"]), batch, "192.0.2.9", now, answers.append))
        pipeline._commit(calls)
        problems = [answer for answer in answers if not isinstance(answer, Ack)]
        if problems:
            raise problems[0]
    engine.dispose()


def _past(machine: Any, now: datetime, born: datetime) -> ReportBatch:
    first = build(machine, vitals_at(machine, now, born), now, born, EVERYTHING, full=True)
    add_sections(first, machine, vitals_at(machine, now, born), EVERYTHING, bodies=True)
    envelopes = [Envelope(lane=LIVE, seq=1, body=bodies.pack(first))]
    # Every tenth device has a day of history, so that the page of one has its pictures.
    if machine.number % 10 == 1:
        for number in range(60):
            at = now - timedelta(minutes=24 * (60 - number))
            body = bodies.pack(build(machine, vitals_at(machine, at, born), at, born, SAMPLED))
            envelopes.append(Envelope(lane=BACKFILL, seq=number + 1, body=body))
    return ReportBatch(spool_id=uuid.uuid4().hex, reports=envelopes)


def _app(directory: Path) -> Any:
    try:
        from console import create_app
        from console.config import Config
    except ImportError as error:
        print(f"pages are left out: the console cannot be loaded: {error}")
        return None
    return create_app(Config(state_dir=directory))


def _sign_in(app: Any) -> tuple[str, str]:
    """The cookie of a signed-in administrator."""
    from console import database, passwords, sessions

    now = datetime.now(UTC)
    with app.test_request_context("/"):
        with database.writing() as session:
            session.add(
                User(
                    name="bench",
                    role="admin",
                    password_hash=passwords.hashed("not for use by people", name="bench"),
                    created_at=now,
                )
            )
        with database.writing() as session:
            token = sessions.begin(session, user="bench", address="127.0.0.1", now=now)
        return sessions.cookie_name(), token


def _addresses(app: Any, session: Session) -> list[str]:
    """Every page without a blank in its address, and one device's and one ticket's own."""
    found = {"/"}
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.arguments and not rule.endpoint.startswith(_LEFT_OUT):
            found.add(str(rule.rule))
    device = session.scalars(select(Device.id).where(Device.host_name == make(1, 1).host_name)).first()
    ticket = session.scalars(select(Ticket.number).order_by(Ticket.number)).first()
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and len(rule.arguments) == 1:
            name = next(iter(rule.arguments))
            known = {"device_id": device, "device": device, "number": ticket, "ticket": ticket}.get(name)
            if known is not None and not rule.endpoint.startswith(_LEFT_OUT):
                with app.test_request_context("/"):
                    found.add(app.url_map.bind("localhost").build(rule.endpoint, {name: known}))
    return sorted(found)


def _times(client: Any, address: str) -> list[float]:
    """Seconds of each answer; empty for what is no page."""
    if client.get(address).status_code != 200:
        return []
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        client.get(address)
        taken.append(time.perf_counter() - began)
    return taken


def _plain(address: str) -> str:
    """Without the id of one device: tables of two runs have the same rows."""
    return "/".join("…" if len(part) == 32 else part for part in address.split("/"))
