"""tocsin-console: serve the pages; add, list and disable users.

Exit codes: 0 ok, 1 problem, 2 usage, 3 configuration.
"""

import argparse
import getpass
import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from collector.store import open_engine, session_maker
from collector.store.people import ROLES, User
from collector.store.schema import TooNew, current, newest, upgrade
from console import audit, config, passwords, people, server

OK, PROBLEM, USAGE, CONFIGURATION = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    flags = {name: getattr(asked, name, None) for name in ("listen", "state_dir", "database", "workers")}
    try:
        settings = config.load(asked.config, flags=flags)
    except config.WrongSetting as problem:
        return _say(str(problem), CONFIGURATION)
    try:
        engine = open_engine(settings.database_url)
        _prepare(engine)
        if asked.command == "serve":
            engine.dispose()
            server.serve(settings)
            return OK
        with engine.begin():  # an unreachable database is said here, before a password is asked for
            pass
        found: int = asked.act(engine, asked)
        return found
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


def parser() -> argparse.ArgumentParser:
    """The whole command line; the man page is made from it."""
    top = argparse.ArgumentParser(prog="tocsin-console", description="The pages of Tocsin.")
    _add_common(top, None)
    # The same after the command; suppressed, so that one that is absent there does not undo the first.
    common = argparse.ArgumentParser(add_help=False)
    _add_common(common, argparse.SUPPRESS)
    commands = top.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", parents=[common], help="answer browsers")
    serve.add_argument("--listen", metavar="HOST:PORT", help="default 127.0.0.1:8080")
    serve.add_argument("--workers", metavar="N", help="processes, default 2")

    user = commands.add_parser("user", help="who may sign in").add_subparsers(dest="verb", required=True)
    add = user.add_parser("add", parents=[common], help="a new user; makes the first administrator")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, default="viewer")
    add.add_argument(
        "--password-stdin", action="store_true", help="read the password from the first line of input"
    )
    add.set_defaults(act=_add)
    listing = user.add_parser("list", parents=[common], help="all users")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(act=_list)
    disable = user.add_parser("disable", parents=[common], help="end a user's sign-in and sessions")
    disable.add_argument("name")
    disable.set_defaults(act=_disable)
    return top


def _add_common(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", default=default, help=f"settings, default {config.DEFAULT_FILE}"
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", default=default, help="where collector.db and console.key are"
    )
    parser.add_argument(
        "--database", metavar="URL", default=default, help="default: collector.db in the state dir"
    )


if __name__ == "__main__":
    sys.exit(main())
