"""A mail server that is up, one mail adapter for it, a clock, a device with a ticket."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from collector.outbound.mail import Mail
from tests.collector.outbound.smtp_server import MailServer
from tests.collector.outbound.tickets import Clock, full_disks
from tests.collector.world import Machine


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def mail(server: MailServer) -> Mail:
    return Mail(
        host="127.0.0.1",
        port=server.port,
        security="none",
        sender="tocsin@example.org",
        to=("help@example.org",),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(engine: Engine) -> Machine:
    """One full disk: one ticket, and one row that waits."""
    return full_disks(engine, "desk")[0]
