"""One database session a request: a reader for GET, a writer for everything that may change something.

The writer's transaction is committed by the view (`commit`), and rolled back when the view did not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask, current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collector.store import SessionMaker, open_engine, reader_maker, session_maker


class Database:
    def __init__(self, url: str) -> None:
        self.engine: Engine = open_engine(url)
        self.reader: SessionMaker = reader_maker(self.engine)
        self.writer: SessionMaker = session_maker(self.engine)


def of_app() -> Database:
    return cast(Database, current_app.extensions["database"])


def session() -> Session:
    """The request's own."""
    if "database_session" not in g:
        database = of_app()
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        g.database_session = database.reader() if reads else database.writer()
    return cast(Session, g.database_session)


@contextmanager
def reading() -> Iterator[Session]:
    """A short look inside a request that may write later: takes no lock and keeps nothing open."""
    with of_app().reader() as short:
        yield short


@contextmanager
def writing() -> Iterator[Session]:
    """A transaction of its own, committed at the end."""
    with of_app().writer() as short, short.begin():
        yield short


def close(_problem: BaseException | None = None) -> None:
    held = g.pop("database_session", None)
    if held is not None:
        held.close()


def register(app: Flask, url: str) -> None:
    app.extensions["database"] = Database(url)
    app.teardown_appcontext(close)
