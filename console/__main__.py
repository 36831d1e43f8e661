"""tocsin-console: serve the pages; add, list and disable users.

Exit codes: 0 ok, 1 problem, 2 usage, 3 configuration.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector import log
from collector.roles import ROLES
from console import config

CONFIGURATION = 3


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    log.start(logging.INFO)
    flags = {name: getattr(asked, name, None) for name in ("listen", "state_dir", "database", "workers")}
    try:
        settings = config.load(asked.config, flags=flags)
        if asked.command == "serve":
            config.check_installed(settings)
    except config.WrongSetting as problem:
        print(f"tocsin-console: {problem}", file=sys.stderr)
        return CONFIGURATION
    from console import commands

    return commands.run(settings, asked)


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
    listing = user.add_parser("list", parents=[common], help="all users")
    listing.add_argument("--json", action="store_true")
    disable = user.add_parser("disable", parents=[common], help="end a user's sign-in and sessions")
    disable.add_argument("name")
    return top


def _add_common(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=default,
        help=f"settings, default {config.DEFAULT_FILE}",
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", default=default, help="where collector.db and console.key are"
    )
    parser.add_argument(
        "--database", metavar="URL", default=default, help="default: collector.db in the state dir"
    )


if __name__ == "__main__":
    sys.exit(main())
