"""A PostgreSQL server of our own for a run: the one the tests use."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.process import Ended


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database. Raises Ended where there is no server program."""
    from tests import databases

    programs = databases._server_programs()
    if programs is None:
        raise Ended("no PostgreSQL server on this machine: `make setup` installs one")
    with tempfile.TemporaryDirectory(prefix="tocsin-postgres-") as directory:
        Path(directory).chmod(0o755)
        server = databases.Postgres(Path(directory), programs)
        try:
            yield server.create("bench")
        finally:
            server.stop("immediate")
