"""A console on a database of its own, and browsers signed in by role."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from collector.store.people import SignInSession
from collector.store.schema import Base
from console import create_app, passwords
from console.config import Config
from console.database import Database
from console.sessions import digest
from tests.console import decided, world


class _Compiled(BytecodeCache):
    """Templates compiled once for all the apps of a test run."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = _Compiled()


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """argon2id with the least work: it is meant to be slow, and a hundred sign-ins a run were a minute."""
    passwords._nobody.cache_clear()
    shipped, passwords._HASHER = passwords._HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[misc]
    yield
    passwords._HASHER = shipped  # type: ignore[misc]


@pytest.fixture(scope="session", autouse=True)
def _late_addresses() -> Iterator[None]:
    """What writes the address of a route is compiled when the first link to it is made. All of them at once were two
    thirds of what an app costs, and a test needs few."""
    shipped = Rule._compile_builder

    def late(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        def first(rule: Rule, /, **values: object) -> tuple[str, str]:
            built = shipped(rule, append_unknown).__get__(rule, None)
            setattr(rule, "_build_unknown" if append_unknown else "_build", built)
            return built(**values)  # type: ignore[no-any-return]

        return first

    Rule._compile_builder = late  # type: ignore[method-assign]
    yield
    Rule._compile_builder = shipped  # type: ignore[method-assign]


def make_app(tmp_path: Path, **settings: object) -> Flask:
    config = Config(state_dir=tmp_path, database=f"sqlite:///{tmp_path}/t.db", **settings)  # type: ignore[arg-type]
    app = create_app(config)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=False)
    app.jinja_env.bytecode_cache = TEMPLATES
    if not (tmp_path / "t.db").exists():
        Base.metadata.create_all(database(app).engine)
    return app


def database(app: Flask) -> Database:
    found: Database = app.extensions["database"]
    return found


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _built(directory: Path, build: Callable[[Session, datetime], None], now: datetime) -> Path:
    app = make_app(directory)
    with database(app).writer() as session, session.begin():
        build(session, now)
    database(app).engine.dispose()  # the last one out folds the write-ahead log in
    return directory / "t.db"


def _decided(session: Session, now: datetime) -> None:
    world.build(session, now)
    session.flush()
    decided.build(session, now)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> dict[str, Path]:
    """Databases made once and copied: making the tables costs a second."""
    return {
        "empty": _built(tmp_path_factory.mktemp("empty"), world.people, now),
        "world": _built(tmp_path_factory.mktemp("world"), world.build, now),
        "decided": _built(tmp_path_factory.mktemp("decided"), _decided, now),
    }


@pytest.fixture
def empty(tmp_path: Path, files: dict[str, Path]) -> Iterator[Flask]:
    """No devices; one user a role."""
    shutil.copy(files["empty"], tmp_path / "t.db")
    app = make_app(tmp_path)
    yield app
    database(app).engine.dispose()


@pytest.fixture
def app(tmp_path: Path, files: dict[str, Path]) -> Iterator[Flask]:
    shutil.copy(files["world"], tmp_path / "t.db")
    app = make_app(tmp_path)
    yield app
    database(app).engine.dispose()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Iterator[Flask]:
    """The world of `app`, one for all tests of a module that only look at it."""
    directory = tmp_path_factory.mktemp("shown")
    shutil.copy(files["world"], directory / "t.db")
    app = make_app(directory)
    yield app
    database(app).engine.dispose()


@pytest.fixture
def county(tmp_path: Path, files: dict[str, Path]) -> Iterator[Flask]:
    """The world with situations, planned work, overrides, accepted values and clocks."""
    shutil.copy(files["decided"], tmp_path / "t.db")
    app = make_app(tmp_path)
    yield app
    database(app).engine.dispose()


def signed_in(app: Flask, role: str = "admin", *, now: datetime | None = None) -> FlaskClient:
    """A browser with a session of this role, without the time that a password costs."""
    now = now or datetime.now(UTC)
    token = secrets.token_urlsafe(32)
    with database(app).writer() as session, session.begin():
        session.add(
            SignInSession(
                token_hash=digest(token),
                user=f"{role}.one",
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(days=7),
            )
        )
    client = app.test_client()
    client.set_cookie("tocsin", token)
    return client
