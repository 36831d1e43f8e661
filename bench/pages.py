"""How long the console's server needs for each of its pages, with a large county's year and a half in the store.

Beside each time stands that of a trivial answer (`/healthz`) in the same run: machines differ.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from bench import county, database
from bench.addresses import NoSample, addresses
from bench.figures import Figure, percentile
from bench.process import Ended
from collector.store import open_engine, schema
from collector.store.people import ApiKey, User

_ROUNDS: Final = 20
_FEWEST: Final = 5
_PATIENCE: Final = 2.0  # seconds for one page; a slow one is asked less often
_TRIVIAL: Final = "health.healthz"
_WARM: Final = 2  # the first answers compile templates and statements
# What people do with lists, beside opening them.
_ASKED: Final = {
    "devices.page": (
        "sort=name", "sort=-age", "sort=site", "presence=silent", "patch=missing&sort=-age", "q=pc-0123", "q=S4EV0010",
        "q=nothing+is+called+so", "probe=disk_health",
    ),
    "tickets.page": ("state=any", "state=any&sort=-opened", "assignee=none", "state=any&q=sda", "q=500007", "state=closed&sort=title"),
    "audit.page": ("q=ticket+99", "sort=who"),
    "rooms.page": ("risk=1", "sort=booking"),
    "device.pictures": ("span=30d",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one address."""

    seconds: list[float]
    statements: int
    bytes: int


def measure(directory: Path, size: county.Size | None = None) -> list[Figure]:
    """On SQLite, and on PostgreSQL where there is a server."""
    size = size or county.Size()
    directory.mkdir(parents=True, exist_ok=True)
    figures = _on(directory, "SQLite", f"sqlite:///{directory / 'collector.db'}", size)
    try:
        with database.postgres() as url:
            figures += _on(directory, "PostgreSQL", url, size)
    except Ended as error:
        print(f"pages on PostgreSQL are left out: {error}", file=sys.stderr)
    return figures


def small(directory: Path) -> list[Figure]:
    return measure(directory, county.SMALL)


def _on(directory: Path, name: str, url: str, size: county.Size) -> list[Figure]:
    engine = open_engine(url)
    schema.upgrade(engine)
    began = time.perf_counter()
    county.fill(engine, size, datetime.now(UTC).replace(microsecond=0))
    filled = time.perf_counter() - began
    if engine.dialect.name == "postgresql":  # as autovacuum does after a night
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    note = (
        f"{size.devices:,} devices, {size.cleared:,} findings that are over, {size.closed:,} closed tickets"
    )
    figures = [Figure("pages", f"{name}, filling the store", filled, "s", note=note)]
    app = _app(directory, url)
    if app is None:
        return []
    return figures + _figures(app, name)


def _figures(app: Any, name: str) -> list[Figure]:
    client, held = app.test_client(), app.extensions["database"]
    client.set_cookie(*_sign_in(app))
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {_key(held.engine)}"
    with Session(held.engine) as session:
        try:
            asked = addresses(app, session)
        except NoSample as problem:
            raise Ended(str(problem)) from problem
    trivial = statistics.median(_taken(client, held.engine, asked.pop(_TRIVIAL)).seconds)
    figures = [
        Figure("pages", f"{name}, /healthz, p50", trivial * 1000, "ms", note="what the others are beside")
    ]
    for endpoint, address in sorted(asked.items(), key=lambda pair: pair[1]):
        if endpoint.startswith("oidc."):  # answers only where an identity provider is set up
            continue
        for query in ("", *_ASKED.get(endpoint, ())):
            path = f"{address}?{query}" if query else address
            taken = _taken(client, held.engine, path)
            figures.append(_figure(f"{name}, {_plain(path)}, p95", taken, trivial, address))
    held.engine.dispose()
    return figures


def _figure(name: str, taken: Taken, trivial: float, address: str) -> Figure:
    middle = statistics.median(taken.seconds) * 1000
    note = f"p50 {middle:.0f} ms, {middle / 1000 / trivial:,.0f} × /healthz, {taken.statements} statements, {taken.bytes / 1000:,.0f} kB"
    goal = (
        "≤ 150"
        if address in ("/", "/rooms", "/rooms/morning", "/api/v1/rooms")
        else ""
        if address.endswith(".csv")
        else "≤ 50"
    )
    runs = [second * 1000 for second in taken.seconds]
    return Figure("pages", name, percentile(taken.seconds, 0.95) * 1000, "ms", runs, goal, note)


def _app(directory: Path, url: str) -> Any:
    try:
        from console import create_app
        from console.config import Config
        from console.server import calm
    except ImportError as error:
        print(f"pages are left out: the console cannot be loaded: {error}", file=sys.stderr)
        return None
    calm()
    return create_app(Config(state_dir=directory, database=url))


def _sign_in(app: Any) -> tuple[str, str]:
    """The cookie of a signed-in administrator."""
    from console import database, passwords, sessions

    now = datetime.now(UTC)
    with app.test_request_context("/"):
        with database.writing() as session:
            hashed = passwords.hashed("not for use by people", name="bench")
            session.add(User(name="bench", role="admin", password_hash=hashed, created_at=now))
        with database.writing() as session:
            token = sessions.begin(session, user="bench", address="127.0.0.1", now=now)
        return sessions.cookie_name(), token


def _key(engine: Engine) -> str:
    """Of the same administrator, for the API."""
    from console import bearer, sessions

    now, secret = datetime.now(UTC), bearer.new_secret()
    with Session(engine) as session, session.begin():
        session.add(
            ApiKey(
                id="bench", token_hash=sessions.digest(secret), title="bench", user="bench", role="admin", created_at=now,
                expires_at=now + timedelta(days=1), seen_at=now,
            )
        )  # fmt: skip
    return secret


def _taken(client: Any, engine: Engine, path: str) -> Taken:
    """Seconds of each answer."""
    with counted(engine) as statements:
        answer = client.get(path)
    if answer.status_code not in (200, 302):  # a label's code leads on
        raise Ended(f"{path} answers {answer.status_code}")
    size, ends, seconds = len(answer.data), time.perf_counter() + _PATIENCE, list[float]()
    for _ in range(_WARM):
        client.get(path)
    while len(seconds) < _FEWEST or (len(seconds) < _ROUNDS and time.perf_counter() < ends):
        began = time.perf_counter()
        client.get(path)
        seconds.append(time.perf_counter() - began)
    return Taken(seconds, len(statements), size)


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _plain(path: str) -> str:
    """Without ids and queries as long as a sentence: tables of two runs have the same rows."""
    address, _, query = path.partition("?")
    short = "/".join("…" if len(part) in (12, 32) and part.isalnum() else part for part in address.split("/"))
    return f"{short}?{query}" if query else short
