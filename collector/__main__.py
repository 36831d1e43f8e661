"""Takes reports in, judges them, keeps tickets.

Exit codes: 0 ok, 1 problem found, 2 usage, 3 configuration.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collector.config import Config, ConfigError, load
from collector.problem import Problem

OK, PROBLEM, USAGE, CONFIGURATION = 0, 1, 2, 3


def _command(module: str, function: str) -> Callable[[Config, argparse.Namespace], int]:
    """Loaded when it runs: `--help` must not wait for grpc and sqlalchemy."""

    def run(config: Config, arguments: argparse.Namespace) -> int:
        import importlib

        called: Callable[[Config, argparse.Namespace], int] = getattr(
            importlib.import_module(f"collector.commands.{module}"), function
        )
        return called(config, arguments)

    return run


def parser() -> argparse.ArgumentParser:
    """The whole command line; man pages are made from it."""
    top = argparse.ArgumentParser(prog="tocsin-collector", description=(__doc__ or "").split("\n")[0])
    _everywhere(top, default=None)
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    serve = _add(commands, "serve", "run the collector", "operate", "serve")
    serve.add_argument("--listen", help="address to listen on")
    serve.add_argument("--intake-port", type=int, help="where devices report; 0 = any free port")
    serve.add_argument("--enrolment-port", type=int, help="where machines become devices; 0 = any free port")
    serve.add_argument("--reflection", action="store_true", default=None, help="for development only")

    token = _group(commands, "token", "enrolment tokens")
    create = _add(token, "create", "make one; it is shown once", "operate", "token_create", json=True)
    create.add_argument("--uses", type=int, default=1, help="how many machines it lets in (default 1)")
    create.add_argument("--valid", default="24h", help="30m, 24h, 7d (default 24h)")
    create.add_argument("--site", help="the site its devices belong to; made if it is new")
    create.add_argument("--room", default="", help="the room its devices stand in")
    create.add_argument("--group", default="desktop", choices=("desktop", "field", "office-tech", "av"))
    create.add_argument("--device-class", default="", choices=("", "desktop", "laptop", "av_host", "server"))

    devices = _group(commands, "devices", "the devices")
    _add(devices, "list", "all of them", "look", "devices_list", json=True)
    tickets = _group(commands, "tickets", "the tickets")
    listing = _add(tickets, "list", "all of them", "look", "tickets_list", json=True)
    listing.add_argument("--open", action="store_true", help="only those with work to do")
    explain = _add(tickets, "explain", "why a ticket is there", "look", "tickets_explain", json=True)
    explain.add_argument("id", help="its number or id")
    why = _add(commands, "why-not", "why there is no ticket", "look", "why_not", json=True)
    why.add_argument("device", help="host name, id or the start of an id")
    why.add_argument("rule")
    rules = _group(commands, "rules", "the rules")
    check = _add(rules, "check", "look for mistakes; without FILE the shipped ones", "look", "rules_check")
    check.add_argument("file", nargs="*")
    replay = _add(
        rules, "replay", "what rules would have made of the last days", "replaying", "rules_replay", json=True
    )
    replay.add_argument(
        "file", nargs="*", help="rule files; their rules take the place of those of the same name"
    )
    again = _add(
        commands, "rebuild", "judge the report log again and compare", "replaying", "rebuild", json=True
    )
    again.add_argument("--verify", action="store_true", required=True, help="only compare, change nothing")
    for command in (replay, again):
        command.add_argument("--days", type=int, default=7, help="how far back (default 7)")
        command.add_argument("--device", help="only this one: host name, id or the start of an id")

    _add(commands, "revoke", "refuse a device's certificates", "operate", "revoke").add_argument("device")
    _add(commands, "prune", "remove what is past its time", "operate", "prune", json=True)
    _add(
        commands, "backup", "copy store and authority to a file", "operate", "backup", json=True
    ).add_argument("file")
    restore = _add(
        commands, "restore", "put a backup into an empty state directory", "operate", "restore", json=True
    )
    restore.add_argument("file")
    restore.add_argument("--verify", action="store_true", help="only prove that the backup is whole")
    database = _group(commands, "db", "the store")
    _add(database, "upgrade", "bring the tables to this version", "operate", "db_upgrade")
    return top


def _everywhere(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Options that may stand before the command and after it."""
    parser.add_argument(
        "--config", type=Path, default=default, help="settings, default /etc/tocsin/collector.toml"
    )
    parser.add_argument(
        "--state-dir", type=Path, default=default, help="where the store and the certificate authority live"
    )
    parser.add_argument("--database", default=default, help="a URL instead of SQLite in the state directory")
    parser.add_argument("--log-level", default=default, choices=("debug", "info", "warning", "error"))


def _group(commands: Any, name: str, words: str) -> Any:
    return commands.add_parser(name, help=words).add_subparsers(metavar="COMMAND", required=True)


def _add(
    commands: Any, name: str, words: str, module: str, function: str, *, json: bool = False
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    # Suppressed: an option that does not stand here must not wipe out the one before the command.
    _everywhere(command, default=argparse.SUPPRESS)
    command.set_defaults(run=_command(module, function))
    if json:
        command.add_argument("--json", action="store_true", help="for scripts")
    return command


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        config = load(arguments.config, os.environ, vars(arguments))
    except ConfigError as error:
        print(f"tocsin-collector: {error}", file=sys.stderr)
        return CONFIGURATION
    logging.basicConfig(
        level=config.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a dozen lines at every start
    try:
        return int(arguments.run(config, arguments))
    except Problem as error:
        print(f"tocsin-collector: {error}", file=sys.stderr)
        return PROBLEM


if __name__ == "__main__":
    sys.exit(main())
