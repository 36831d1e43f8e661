"""Takes reports in, judges them, keeps tickets.

Exit codes: 0 ok, 1 problem found, 2 usage, 3 configuration. `rooms check` says its verdict above them: 10 degraded,
11 not ready, 12 unknown.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collector import log
from collector.commands.output import inert, inert_output
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
    missing = _add(devices, "missing", "those nobody heard of for long", "look", "devices_missing", json=True)
    missing.add_argument("--days", type=int, default=7, help="for how long (default 7)")
    missing.add_argument("--device-class", default="", choices=("", "desktop", "laptop", "av_host", "server"))
    used_by = _add(
        devices, "used-by", "who works at devices, out of a CSV file with the columns Device and Used by", "used_by", "devices_used_by", json=True,
    )  # fmt: skip
    used_by.add_argument(
        "file", help="'-' reads standard input; a device is its host name, serial, asset tag or id"
    )
    used_by.add_argument("--dry-run", action="store_true", help="only say what would change")
    merge = _add(
        devices, "merge", "one machine enrolled twice: decisions go on with NEW", "merging", "devices_merge", json=True
    )  # fmt: skip
    apart = _add(
        devices, "unmerge", "they are two after all; what was carried stays", "merging", "devices_unmerge", json=True
    )  # fmt: skip
    for command in (merge, apart):
        command.add_argument("old", help="the earlier enrolment: host name, id or the start of an id")
    merge.add_argument("new", help="the one in use")
    merge.add_argument("--dry-run", action="store_true", help="only say what it would do")
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
    _add(rules, "held", "versions that would open too much and wait", "deciding", "rules_held", json=True)
    release = _add(
        rules, "release", "let a held rule open its tickets", "deciding", "rules_release", json=True
    )
    release.add_argument("rule")
    release.add_argument("--why", required=True, help="for whoever meets this in a year")
    figures = _add(
        rules, "precision", "how often each rule was right, by week", "figures", "rules_precision", json=True
    )
    figures.add_argument("--weeks", type=weeks, default=8, help="how many, this one included (default 8)")
    again = _add(
        commands, "rebuild", "judge the report log again and compare", "replaying", "rebuild", json=True
    )
    again.add_argument("--verify", action="store_true", required=True, help="only compare, change nothing")
    for command in (replay, again):
        command.add_argument("--days", type=int, default=7, help="how far back (default 7)")
        command.add_argument("--device", help="only this one: host name, id or the start of an id")

    _decisions(commands)
    _rooms(commands)
    _spares(commands)
    outside = _group(commands, "outbox", "changes of tickets on their way to mail")
    _add(outside, "list", "what waits and what failed", "outside", "outbox_list", json=True)
    retry = _add(
        outside, "retry", "try again now; also what was given up", "outside", "outbox_retry", json=True
    )
    retry.add_argument("key", help="the number or the TOCSIN-KEY of a ticket, or: all")
    _add(outside, "test", "send one mail and say how it went", "outside", "outbox_test", json=True)
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


def _decisions(commands: Any) -> None:
    """What people decide."""
    why: dict[str, Any] = {"required": True, "help": "for whoever meets this in a year"}
    accept = _add(
        commands, "accept", "a value is known: silent until it gets worse", "deciding", "accept", json=True
    )
    accept.add_argument("device", help="host name, id or the start of an id")
    accept.add_argument("rule")
    accept.add_argument("--component", help="which one, when several are open")
    accept.add_argument("--why", **why)
    accepted = _group(commands, "accepted", "accepted values")
    _add(accepted, "list", "those in force", "deciding", "accepted_list", json=True)
    _add(accepted, "end", "judge the value again", "deciding", "accepted_end", json=True).add_argument("id")

    override = _group(commands, "override", "other limits for a part of the fleet")
    add = _add(override, "add", "make one", "deciding", "override_add", json=True)
    add.add_argument("rule")
    add.add_argument(
        "--scope", required=True, choices=("all", "device_class", "site", "room", "device", "component"),
        help="the narrowest one that fits a device decides",
    )  # fmt: skip
    add.add_argument("--site", default="", help="of scope site and room")
    add.add_argument("--name", default="", help="the class, the room, the device")
    add.add_argument("--component", default="", help="of scope component")
    add.add_argument(
        "--set", action="append", required=True, metavar="KEY=VALUE",
        help="a key of the rule file, such as raise_above=0.95, hold=2h or enabled=false; may be repeated",
    )  # fmt: skip
    add.add_argument("--until", default="", help="2026-12-31 18:00 or a span such as 30d; else for good")
    add.add_argument("--why", **why)
    _add(override, "list", "those in force", "deciding", "override_list", json=True)
    _add(override, "end", "the rule as it is again", "deciding", "override_end", json=True).add_argument("id")

    work = _group(commands, "maintenance", "planned work: what is still bad at its end becomes a ticket")
    plan = _add(work, "plan", "make one", "deciding", "maintenance_plan", json=True)
    plan.add_argument("--from", dest="begins", required=True, help="2026-12-01 22:00 by the site's clock")
    plan.add_argument("--to", dest="ends", required=True, help="a time, or a span such as 4h")
    plan.add_argument("--device", default="", help="only this one: host name, id or the start of an id")
    plan.add_argument("--weekly", action="store_true", help="again each week at the same local time")
    plan.add_argument("--until", default="", help="weekly work: the last")
    plan.add_argument("--why", **why)
    _add(work, "list", "what is under way and to come", "deciding", "maintenance_list", json=True)
    _add(work, "end", "call it off", "deciding", "maintenance_end", json=True).add_argument("id")
    calendar = _add(work, "import", "read a calendar file (ICS)", "deciding", "maintenance_import", json=True)
    calendar.add_argument("file")
    calendar.add_argument(
        "--calendar",
        default="",
        help="its name: read again, it changes and ends its own (default: the file's)",
    )
    calendar.add_argument("--days", type=int, default=400, help="how far ahead repetitions are written out")
    calendar.add_argument(
        "--titles", action="store_true", help="keep the titles: they may be names of people"
    )
    for command in (plan, calendar):
        command.add_argument("--site", default="", help="only there")
        command.add_argument("--room", default="", help="only there; needs its site")
        command.add_argument("--rule", default="", help="only this rule's findings")
        command.add_argument(
            "--time-zone", default="", help="of times without one (default: the site's, else UTC)"
        )

    situations = _group(commands, "situations", "outages and storms")
    listing = _add(situations, "list", "the open ones", "deciding", "situations_list", json=True)
    listing.add_argument("--all", action="store_true", help="those that are over too")


def _rooms(commands: Any) -> None:
    """Rooms with A/V hosts."""
    why: dict[str, Any] = {"help": "for whoever meets this in a year"}
    rooms = _group(commands, "rooms", "rooms: what belongs in them, when they are used")
    _add(rooms, "list", "all of them", "rooms", "rooms_list", json=True).add_argument("--site", default="")
    show = _add(rooms, "show", "one of them, with all that is in it", "rooms", "rooms_show", json=True)
    check = _add(
        rooms, "check", "is it ready? exit code 0 ready, 10 degraded, 11 not ready, 12 unknown",
        "rooms_check", "rooms_check", json=True,
    )  # fmt: skip
    check.add_argument(
        "--wait",
        action="store_true",
        help="until the hosts have answered, at most 75 s; else what is known now",
    )
    morning = _add(
        rooms, "morning", "all of them, the worst first", "rooms_check", "rooms_morning", json=True
    )
    morning.add_argument("--site", default="", help="only there")
    baseline = _add(
        rooms, "baseline", "what differs from what was accepted; or accept it", "rooms", "rooms_baseline", json=True
    )  # fmt: skip
    part = _add(rooms, "part", "an accepted part: needed, optional, gone", "rooms", "rooms_part", json=True)
    hours = _add(rooms, "hours", "when it may be used; and a note", "rooms", "rooms_hours", json=True)
    for command in (show, check, baseline, part, hours):
        command.add_argument("site")
        command.add_argument("room")
    baseline.add_argument("--accept", action="store_true", help="what is there now is the baseline")
    baseline.add_argument("--why", default="", **why)
    baseline.add_argument(
        "--only", action="append", default=[], metavar="ID", help="just this part, as the difference names it; may be repeated"
    )  # fmt: skip
    baseline.add_argument(
        "--optional", action="append", default=[], metavar="ID", help="the room is ready without it; may be repeated"
    )  # fmt: skip
    part.add_argument("id", help="as the difference names it")
    part.add_argument("becomes", choices=("mandatory", "optional", "gone"))
    part.add_argument("--why", required=True, **why)
    hours.add_argument(
        "--set", default="", metavar="HOURS", help="mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00"
    )
    hours.add_argument("--as-site", action="store_true", help="those of the site again")
    hours.add_argument("--note", help="the way in, who has the key")

    place = _add(rooms, "place", "put a device into a room", "rooms", "rooms_place", json=True)
    place.add_argument("device", help="host name, id or the start of an id")
    place.add_argument("--site", help="default: where it is")
    place.add_argument("--room", required=True, help="empty: out of all rooms, and nothing of it is expected")
    place.add_argument(
        "--group", choices=("desktop", "field", "office-tech", "av"), help="who gets its tickets"
    )

    bookings = _group(rooms, "bookings", "when rooms are in use; no titles are kept")
    calendar = _add(bookings, "import", "read a calendar file (ICS)", "rooms", "bookings_import", json=True)
    calendar.add_argument("file", help="- for standard input")
    calendar.add_argument("--site", required=True)
    calendar.add_argument("--room", default="", help="default: the LOCATION of each entry names it")
    calendar.add_argument(
        "--location", action="append", default=[], metavar="LOCATION=ROOM",
        help="what the calendar calls a room, where that is not its name; may be repeated",
    )  # fmt: skip
    calendar.add_argument(
        "--calendar",
        default="",
        help="its name: read again, it changes and cancels its own (default: the file's)",
    )
    calendar.add_argument(
        "--time-zone", default="", help="of times without one (default: the site's, else UTC)"
    )
    listing = _add(bookings, "list", "what is under way and to come", "rooms", "bookings_list", json=True)
    listing.add_argument("--site", default="")
    listing.add_argument("--room", default="")
    listing.add_argument("--days", type=int, default=14, help="how far ahead (default 14)")


def _spares(commands: Any) -> None:
    """Which part number fits, what lies in which depot, who pays."""
    kinds = ("parts", "depots", "stock", "contracts", "warranty")
    spares = _group(commands, "spares", "spare parts, depots, contracts and warranty: lists out of CSV files")
    taken = _add(
        spares, "import", "replace one list by a file; nothing is changed unless all of it is right", "spares", "spares_import", json=True
    )  # fmt: skip
    taken.add_argument("kind", choices=kinds)
    taken.add_argument("file", help="CSV in UTF-8 or UTF-16, as docs/spares.md shows; - for standard input")
    taken.add_argument("--dry-run", action="store_true", help="only say what it would change")
    words = "what is in a list; without KIND how many and how old"
    listing = _add(spares, "list", words, "spares", "spares_list", json=True)
    listing.add_argument("kind", nargs="?", choices=kinds)


def weeks(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 520:
        raise ValueError(text)
    return count


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
    log.start(config.log_level.upper())
    try:
        with inert_output():
            return int(arguments.run(config, arguments))
    except Problem as error:
        print(f"tocsin-collector: {inert(str(error))}", file=sys.stderr)
        return PROBLEM
    except Exception as error:
        from collector.commands import fault

        words = fault.words(error, config)
        if not words:
            raise
        print(f"tocsin-collector: {inert(words)}", file=sys.stderr)
        return PROBLEM


if __name__ == "__main__":
    sys.exit(main())
