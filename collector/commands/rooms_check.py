"""Is a room ready, and all of them this morning."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collector.commands.deciding import _who
from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.problem import Problem
from collector.rooms import checks, morning, readiness, room
from collector.rooms.asking import PATIENCE
from collector.rooms.item import Item, of_row
from collector.rooms.morning import SIGNS, WORDS
from collector.rooms.readiness import Verdict
from collector.store import open_engine, reader_maker, session_maker
from collector.store.devices import Site
from collector.store.rooms import DEGRADED, NOT_READY, READY, UNKNOWN, ReadinessCheck

# 1 to 3 are taken: a problem, wrong usage, a wrong setting.
EXITS: Final = {READY: 0, DEGRADED: 10, NOT_READY: 11, UNKNOWN: 12}
_LOOK_EVERY_SECONDS: Final = 1.0
# The collector ends a check after a minute; when it does not, none is running.
_GRACE: Final = timedelta(seconds=15)


def rooms_check(config: Config, arguments: Namespace) -> int:
    """Asks the room's hosts. Without --wait it tells what is known at this moment."""
    engine = open_engine(config.url)
    with session_maker(engine)() as session, session.begin():
        row = room.room(session, arguments.site, arguments.room)
        check = checks.ask(session, row.site, row.name, who=_who(), now=datetime.now(UTC))
    if arguments.wait:
        return _waited(engine, check, arguments)
    with reader_maker(engine)() as session:
        now = datetime.now(UTC)
        verdict = readiness.verdicts(session, [row], now)[row.site, row.name]
    _tell(arguments, verdict, {"check": check.id, "asked_at": check.asked_at, "ended_at": None})
    if not arguments.json:
        print("\nIts hosts were asked for fresh data; with --wait the answer is waited for.")
    return EXITS[verdict.verdict]


def _waited(engine: Engine, check: ReadinessCheck, arguments: Namespace) -> int:
    print(f"{check.room}, {check.site}: its hosts are asked", file=sys.stderr)
    ended = _wait(engine, check)
    verdict = Verdict(ended.verdict, ended.reason, None, tuple(map(of_row, ended.items)), tuple(ended.bring))
    _tell(arguments, verdict, {"check": ended.id, "asked_at": ended.asked_at, "ended_at": ended.ended_at})
    return EXITS[verdict.verdict]


def _wait(engine: Engine, check: ReadinessCheck) -> ReadinessCheck:
    told = 0.0
    while True:
        with reader_maker(engine)() as session:
            found = session.get(ReadinessCheck, check.id)
        if found is None:
            raise Problem("the check has gone from the store")
        if found.ended_at is not None:
            return found
        waited = datetime.now(UTC) - found.asked_at
        if waited > PATIENCE + _GRACE:
            print("no collector is running on this store: judged by what is known", file=sys.stderr)
            with session_maker(engine)() as session, session.begin():
                checks.finish(session, datetime.now(UTC))
            continue
        if waited.total_seconds() - told >= 10:
            told = waited.total_seconds()
            print(f"waiting for {told:.0f} s, at most {PATIENCE.seconds}", file=sys.stderr)
        time.sleep(_LOOK_EVERY_SECONDS)


def _tell(arguments: Namespace, verdict: Verdict, of_check: dict[str, Any]) -> None:
    if arguments.json:
        print(
            as_json(
                {
                    "site": arguments.site, "room": arguments.room, "verdict": verdict.verdict,
                    "reason": verdict.reason, "since": verdict.since, "bring": list(verdict.bring), **of_check,
                    "items": [item.as_row() for item in verdict.items],
                }
            )
        )  # fmt: skip
        return
    print(f"{SIGNS[verdict.verdict]} {arguments.room}, {arguments.site}: {WORDS[verdict.verdict]}")
    print(_plain(verdict.reason))
    if verdict.bring:
        print(f"Bring: {_plain('; '.join(verdict.bring))}")
    print("\n" + as_table(list(_rows(verdict.items)), ("item", "result", "needed", "what")))


def _rows(items: Iterable[Item]) -> Iterable[dict[str, Any]]:
    for item in items:
        yield {
            "item": item.name, "result": item.result.replace("_", " "),
            "needed": "yes" if item.mandatory else "no", "what": item.reason,
        }  # fmt: skip


def _plain(said: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in said)


def rooms_morning(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    site = arguments.site or None
    with reader_maker(open_engine(config.url))() as session:
        _known_site(session, site)
        found = morning.lines(session, room.rooms(session), now, site)
    if arguments.json:
        print(as_json([line.as_row() for line in found]))
    else:
        print("\n\n".join(morning.mail(found, now, site)), end="")
    return 0


def _known_site(session: Session, name: str | None) -> None:
    if name is not None and session.get(Site, name) is None:
        raise Problem(f"there is no site {name!r}")
