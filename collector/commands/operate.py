"""Commands that change something: serve, db upgrade, token create, revoke, prune, backup, restore."""

import asyncio
import re
import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from collector import backup as backups
from collector import enrolment, retention
from collector.commands.look import rules_of
from collector.commands.output import as_json
from collector.config import Config
from collector.credentials import Authority
from collector.problem import Problem
from collector.store import open_engine, schema, session_maker
from collector.tickets.explain import find_device

_SPAN = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def span(text: str) -> timedelta:
    """`90m`, `24h`, `7d`. Raises Problem."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise Problem(f"{text!r} is no span of time; write 30m, 24h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def serve(config: Config, arguments: Namespace) -> int:
    from collector.server import serve as run

    asyncio.run(run(config, rules_of(config)))
    return 0


def db_upgrade(config: Config, arguments: Namespace) -> int:
    engine = open_engine(config.url)
    before = schema.current(engine)
    schema.upgrade(engine)
    print(f"{before or 'empty'} → {schema.current(engine)}")
    return 0


def token_create(config: Config, arguments: Namespace) -> int:
    engine = open_engine(config.url)
    schema.upgrade(engine)
    now = datetime.now(UTC)
    authority = Authority(config.pki, now, config.names)
    with session_maker(engine)() as session, session.begin():
        token, text = enrolment.create_token(
            session, uses=arguments.uses, valid=span(arguments.valid), site=arguments.site, group=arguments.group,
            room=arguments.room, device_class=arguments.device_class, created_by="command line", now=now,
            ca_fingerprint=authority.fingerprint,
        )  # fmt: skip
        answer = {
            "token": text, "id": token.id, "uses": token.uses, "expires_at": token.expires_at, "site": token.site,
            "group": token.group, "ca_fingerprint": authority.fingerprint,
        }  # fmt: skip
    if arguments.json:
        print(as_json(answer))
    else:
        print(text)
        print(
            f"{token.uses} uses, until {token.expires_at:%Y-%m-%d %H:%M} UTC; it is not shown again",
            file=sys.stderr,
        )
    return 0


def revoke(config: Config, arguments: Namespace) -> int:
    with Session(open_engine(config.url)) as session, session.begin():
        device = find_device(session, arguments.device)
        count = enrolment.revoke_device(session, device.id, who="command line", now=datetime.now(UTC))
        print(f"{device.host_name or device.id}: {count} certificates revoked, in force within 5 seconds")
    return 0


def prune(config: Config, arguments: Namespace) -> int:
    removed = retention.prune(open_engine(config.url), datetime.now(UTC), config.keep_reports_days)
    if arguments.json:
        print(as_json(removed))
    else:
        for table, rows in removed.items():
            print(f"{rows:>10}  {table}")
    return 0


def backup(config: Config, arguments: Namespace) -> int:
    ledger = backups.backup(open_engine(config.url), config.pki, Path(arguments.file), datetime.now(UTC))
    if arguments.json:
        print(as_json(ledger))
    else:
        print(
            f"{arguments.file}: " + ", ".join(f"{count} {table}" for table, count in ledger["rows"].items())
        )
    return 0


def restore(config: Config, arguments: Namespace) -> int:
    file = Path(arguments.file)
    ledger = backups.verify(file) if arguments.verify else backups.restore(file, config.url, config.pki)
    word = "is whole" if arguments.verify else "restored"
    if arguments.json:
        print(as_json(ledger))
    else:
        print(f"{file} {word}: " + ", ".join(f"{count} {table}" for table, count in ledger["rows"].items()))
    return 0
