"""What the commands of `tocsin-console` do; apart from the command line, which answers without loading all this."""

import argparse
import getpass
import json
import sys
from datetime import UTC, datetime

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from collector.store import open_engine, session_maker
from collector.store.people import User
from collector.store.schema import TooNew, current, newest, upgrade
from console import audit, passwords, people, server
from console.config import Config

OK, PROBLEM = 0, 1


def run(settings: Config, asked: argparse.Namespace) -> int:
    """The exit code."""
    try:
        engine = open_engine(settings.database_url)
        _prepare(engine)
        if asked.command == "serve":
            engine.dispose()
            server.serve(settings)
            return OK
        with engine.begin():  # an unreachable database is said here, before a password is asked for
            pass
        return {"add": _add, "list": _list, "disable": _disable}[asked.verb](engine, asked)
    except TooNew as problem:
        return _say(str(problem), PROBLEM)
    except (SQLAlchemyError, OSError) as problem:
        return _say(
            f"{settings.database_url.rpartition('@')[2]}: {getattr(problem, 'orig', None) or problem}",
            PROBLEM,
        )


def _prepare(engine: Engine) -> None:
    """The tables, if this is the first program to come; the collector usually was before us."""
    if current(engine) == newest():
        return
    try:
        upgrade(engine)
    except OperationalError:
        # The collector was making them at the same moment.
        if current(engine) != newest():
            raise


def _add(engine: Engine, asked: argparse.Namespace) -> int:
    if asked.password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"Password for {asked.name}: ")
        if getpass.getpass("Once more: ") != password:
            return _say("the two passwords differ", PROBLEM)
    now = datetime.now(UTC)
    with session_maker(engine)() as session, session.begin():
        try:
            people.add_user(session, name=asked.name, role=asked.role, password=password, now=now)
        except (people.CannotAdd, passwords.WeakPassword) as problem:
            return _say(str(problem), PROBLEM)
        audit.record(
            session,
            who="command line",
            action="user added",
            subject=asked.name,
            data={"role": asked.role},
            now=now,
        )
    print(f"{asked.name} can sign in as {asked.role}.")
    return OK


def _list(engine: Engine, asked: argparse.Namespace) -> int:
    with session_maker(engine)() as session:
        users = session.scalars(select(User).order_by(User.name)).all()
    if asked.json:
        rows = [
            {
                "name": user.name,
                "role": user.role,
                "created_at": user.created_at.isoformat(),
                "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
            }
            for user in users
        ]
        print(json.dumps(rows, indent=2))
        return OK
    for user in users:
        print(f"{user.name:32} {user.role:12} {'disabled' if user.disabled_at else ''}".rstrip())
    return OK


def _disable(engine: Engine, asked: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    with session_maker(engine)() as session, session.begin():
        user = session.get(User, asked.name)
        if user is None:
            return _say(f"there is no user {asked.name}", PROBLEM)
        people.disable_user(session, user, now)
        audit.record(session, who="command line", action="user disabled", subject=asked.name, now=now)
    print(f"{asked.name} cannot sign in any more.")
    return OK


def _say(text: str, code: int) -> int:
    print(f"tocsin-console: {text}", file=sys.stderr)
    return code
