"""Build, start and stop the collector: two ports, the pipeline, the sweep, the sender of the outbox."""

import asyncio
import contextlib
import logging
import signal
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health import aio as aio_health
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from collector import enrolment, intake, mass_change
from collector.config import Config
from collector.credentials import Authority, CredentialBook
from collector.directives import Desk
from collector.judge import Bench
from collector.outbound import mail
from collector.outbound.sender import Sender
from collector.pipeline import Errand, Pipeline
from collector.rules.rule import Rules
from collector.store import open_engine, reader_maker, schema, session_maker
from collector.store.installation import Fact
from collector.sweep import Pace, Sweep
from collector.tickets.suppression import Brake
from protos import enrolment_pb2_grpc, intake_pb2_grpc
from protos.intake_pb2 import Policy

logger = logging.getLogger(__name__)

_SWEEP_EVERY = 0.5
_OPTIONS = (
    ("grpc.max_receive_message_length", intake.MESSAGE_LIMIT),
    ("grpc.max_metadata_size", 8192),
    ("grpc.max_concurrent_streams", 16),
    # Ends connections now and then, so that devices spread over collectors that were added.
    ("grpc.max_connection_age_ms", 30 * 60 * 1000),
    ("grpc.max_connection_age_grace_ms", 60 * 1000),
    ("grpc.http2.min_ping_interval_without_data_ms", 120_000),
    ("grpc.so_reuseport", 0),
)


class Server:
    """One collector process. `start` returns when both ports accept; ports of 0 are chosen by the system."""

    def __init__(self, config: Config, rules: Rules, engine: Engine | None = None) -> None:
        self.config = config
        self.engine = engine or open_engine(config.url)
        self._rules = rules
        self.intake_port = 0
        self.enrolment_port = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        config, now = self.config, datetime.now(UTC)
        schema.upgrade(self.engine)
        self.authority = Authority(config.pki, now, config.names)
        loop = asyncio.get_running_loop()
        self.desk = Desk(loop)
        self.bench = Bench(
            self._rules,
            brake=Brake(tickets_an_hour=config.storm_tickets_per_hour),
            runbook_url=config.runbook_url,
        )
        probation = timedelta(seconds=2 * config.heartbeat_seconds + 30)
        self._policy = _policy(config)
        self.pipeline = Pipeline(self.engine, self.bench, self.desk, probation, self._policy)
        self.sweep = Sweep(self.bench, self.desk, _pace(config), mails_rooms=bool(config.mail_rooms_to))
        with session_maker(self.engine)() as session, session.begin():
            mass_change.look(session, self._rules, now)  # before the first report is judged by them
        self.book = CredentialBook(reader_maker(self.engine))
        self.book.refresh()
        self.pipeline.start()
        await self._open_ports()
        self._write_facts()
        self.sender = Sender(self.engine, mail.from_config(config))
        self.sender.start()
        self._tasks = [
            asyncio.create_task(self._sweep_forever()),
            asyncio.create_task(self._refresh_book_forever()),
        ]

    async def _open_ports(self) -> None:
        config = self.config
        key, chain = self.authority.server_files()
        self._intake = grpc.aio.server(options=_OPTIONS)
        intake_pb2_grpc.add_IntakeServicer_to_server(  # type: ignore[no-untyped-call]
            intake.Servicer(self.pipeline, self.book, self.desk), self._intake
        )
        self.health = aio_health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._intake)
        mutual = grpc.ssl_server_credentials([(key, chain)], self.authority.ca_pem, require_client_auth=True)
        self.intake_port = self._intake.add_secure_port(f"{config.listen}:{config.intake_port}", mutual)

        # Its own small thread pool: a flood of bad tokens must not hold up reports.
        self._enrolment = grpc.server(ThreadPoolExecutor(4, "enrolment"), options=_OPTIONS)
        enrolment_pb2_grpc.add_EnrolmentServicer_to_server(  # type: ignore[no-untyped-call]
            enrolment.Servicer(
                reader_maker(self.engine),
                session_maker(self.engine),
                self.authority,
                self.intake_port,
                self._policy,
            ),
            self._enrolment,
        )
        # A load balancer has no client certificate: here it can ask without one.
        self._enrolment_health = HealthServicer()
        self._enrolment_health.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._enrolment_health, self._enrolment)
        server_only = grpc.ssl_server_credentials([(key, chain)])
        self.enrolment_port = self._enrolment.add_secure_port(
            f"{config.listen}:{config.enrolment_port}", server_only
        )
        if config.reflection:
            _add_reflection(self._intake)
        await self._intake.start()
        self._enrolment.start()
        await self.health.set("", health_pb2.HealthCheckResponse.SERVING)
        logger.info("listening intake=%d enrolment=%d", self.intake_port, self.enrolment_port)

    def _write_facts(self) -> None:
        """What the console shows in its install lines."""
        name = self.config.names[0] if self.config.names else socket.gethostname()
        with session_maker(self.engine)() as session, session.begin():
            session.merge(Fact(name="enrolment_address", value=f"{name}:{self.enrolment_port}"))
            session.merge(Fact(name="ca_fingerprint", value=self.authority.fingerprint))
            if session.get(Fact, "installation_id") is None:
                session.add(Fact(name="installation_id", value=uuid.uuid4().hex))

    async def stop(self) -> None:
        """Refuse new work, finish what is in hand, commit, end."""
        await self.health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        self._enrolment_health.enter_graceful_shutdown()
        for task in self._tasks:
            task.cancel()
        self._enrolment.stop(grace=2)
        await self._intake.stop(grace=5)
        await asyncio.to_thread(self.pipeline.stop)
        await asyncio.to_thread(self.sender.stop)
        self.engine.dispose()

    async def _sweep_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            finished: asyncio.Future[Exception | None] = loop.create_future()

            def done(
                failure: Exception | None, finished: "asyncio.Future[Exception | None]" = finished
            ) -> None:
                loop.call_soon_threadsafe(finished.set_result, failure)

            self.pipeline.submit(Errand(lambda s, c, m: self.sweep.run(s, c, m, datetime.now(UTC)), done))
            failure = await finished
            if failure is not None:
                # The next sweep finds the same work: nothing is lost, and the log must not fill.
                logger.error("sweep failed: %s", failure, exc_info=failure)
                self.pipeline.memory.clear()
                await asyncio.sleep(5)
            await asyncio.sleep(_SWEEP_EVERY)

    async def _refresh_book_forever(self) -> None:
        while True:
            await asyncio.sleep(2)
            with contextlib.suppress(SQLAlchemyError):  # the store is away: what is known stays in force
                await asyncio.to_thread(self.book.refresh)


def _policy(config: Config) -> Policy:
    return Policy(
        sample_seconds=config.sample_seconds, report_seconds=config.report_seconds,
        heartbeat_seconds=config.heartbeat_seconds, slow_seconds=config.slow_seconds,
        inventory_seconds=config.inventory_seconds,
    )  # fmt: skip


def _pace(config: Config) -> Pace:
    return Pace(
        silent_after=timedelta(seconds=config.silent_after_seconds),
        freeze=max(timedelta(minutes=10), 2 * timedelta(seconds=config.report_seconds)),
        gap=timedelta(seconds=max(30, 2 * config.heartbeat_seconds)),
    )


def _add_reflection(server: grpc.aio.Server) -> None:
    from grpc_reflection.v1alpha import reflection

    reflection.enable_server_reflection(("tocsin.v1.Intake", reflection.SERVICE_NAME), server)


async def serve(config: Config, rules: Rules) -> None:
    """Run until SIGTERM or SIGINT."""
    server = Server(config, rules)
    await server.start()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    await stopped.wait()
    logger.info("stopping")
    await server.stop()
