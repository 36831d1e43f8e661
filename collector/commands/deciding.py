"""Decisions of people: accept, override, maintenance, situations, and rules that wait for a word."""

import getpass
import os
import tomllib
from argparse import Namespace
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import decide, decisions, planned_calendar
from collector.commands.look import rules_of
from collector.commands.operate import span
from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.problem import Problem
from collector.store import open_engine, reader_maker, session_maker
from collector.store.devices import Device, Site
from collector.store.findings import CLEARED, Finding
from collector.store.overrides import Acceptance, Override, RuleHold
from collector.store.situations import Maintenance, Situation
from collector.tickets.explain import find_device

Row = dict[str, Any]


def _who() -> str:
    """For the audit: the person, also behind sudo."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account that has no name
        name = ""
    return f"command line ({name})" if name else "command line"


def _change(config: Config, work: Callable[[Session], Row]) -> Row:
    with session_maker(open_engine(config.url))() as session, session.begin():
        return work(session)


def _say(arguments: Namespace, answer: Row, words: str) -> int:
    print(as_json(answer) if arguments.json else words)
    return 0


def _list(arguments: Namespace, rows: list[Row], columns: tuple[str, ...], none: str) -> int:
    if arguments.json:
        print(as_json(rows))
    else:
        print(as_table(rows, columns) if rows else none)
    return 0


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """`2026-12-01 22:00` by the clock of the zone, with an offset by that. Raises Problem."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(f"{text!r} is no time; write 2026-12-01 22:00") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _until(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """A time, or a span from now: `30d`."""
    if not text:
        return None
    return now + span(text) if text[-1:] in "smhd" and text[:-1].strip().isdigit() else _moment(text, zone)


def _zone(session: Session, name: str, site: str) -> ZoneInfo:
    known = session.get(Site, site) if site else None
    name = name or (known.time_zone if known is not None else "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Problem(f"there is no time zone {name!r}") from None


# accepted values


def accept(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)

    def work(session: Session) -> Row:
        device = find_device(session, arguments.device)
        finding = _open_finding(session, device, arguments.rule, arguments.component)
        row = decide.accept(
            session, device_id=device.id, finding_id=finding.id, why=arguments.why, who=_who(), now=now
        )
        return _acceptance(row, device)

    row = _change(config, work)
    where = f" {row['component']}" if row["component"] else ""
    return _say(
        arguments, row, f"{row['rule']}{where} on {row['host_name']}: accepted at {row['value']:g}, silent until it gets worse"
    )  # fmt: skip


def _open_finding(session: Session, device: Device, rule: str, component: str | None) -> Finding:
    found = session.scalars(
        select(Finding).where(Finding.device_id == device.id, Finding.rule == rule, Finding.state != CLEARED)
    ).all()
    names = ", ".join(sorted(one.component for one in found))
    if component is not None:
        found = [one for one in found if component in (one.component, one.label)]
    if not found:
        raise Problem(
            f"{device.host_name or device.id} has no open finding of {rule!r}"
            + (f" on {component!r}; there is one on {names}" if names else "")
        )
    if len(found) > 1:
        raise Problem(f"there are several; say which with --component: {names}")
    return found[0]


def _acceptance(row: Acceptance, device: Device) -> Row:
    return {
        "id": row.id, "device_id": row.device_id, "host_name": device.host_name, "rule": row.rule,
        "component": row.component, "value": row.value, "why": row.why, "who": row.who, "created_at": row.created_at,
    }  # fmt: skip


def accepted_list(config: Config, arguments: Namespace) -> int:
    with reader_maker(open_engine(config.url))() as session:
        rows = [
            _acceptance(row, device)
            for row, device in session.execute(
                select(Acceptance, Device)
                .join(Device, Device.id == Acceptance.device_id)
                .where(Acceptance.ended_at.is_(None))
                .order_by(Acceptance.created_at)
            )
        ]
    columns = ("host_name", "rule", "component", "value", "who", "created_at", "why", "id")
    return _list(arguments, rows, columns, "No accepted values.")


def accepted_end(config: Config, arguments: Namespace) -> int:
    def work(session: Session) -> Row:
        row = _only(session, Acceptance, arguments.id, "accepted value")
        decide.end_acceptance(session, row.device_id, row.id, who=_who(), now=datetime.now(UTC))
        return {"id": row.id, "rule": row.rule, "ended_at": row.ended_at}

    row = _change(config, work)
    return _say(arguments, row, f"{row['rule']}: judged again as it is")


def _only(session: Session, model: Any, start: str, what: str) -> Any:
    """The row in force whose id begins so."""
    found = session.scalars(
        select(model).where(model.id.startswith(start, autoescape=True), model.ended_at.is_(None)).limit(2)
    ).all()
    if len(found) != 1 or not start:
        raise Problem(f"{'no' if not found else 'more than one'} {what} answers to {start!r}")
    return found[0]


# overrides


def override_add(config: Config, arguments: Namespace) -> int:
    now, rules = datetime.now(UTC), rules_of(config)

    def work(session: Session) -> Row:
        name, zone = arguments.name, _zone(session, "", arguments.site)
        if arguments.scope in ("device", "component") and name:
            name = find_device(session, name).id
        row = decide.override(
            session, rules, rule=arguments.rule, scope=arguments.scope, site=arguments.site, name=name,
            component=arguments.component, changes=dict(map(_setting, arguments.set)), why=arguments.why, who=_who(),
            now=now, until_at=_until(arguments.until, zone, now),
        )  # fmt: skip
        return _override(row)

    row = _change(config, work)
    return _say(arguments, row, f"override {row['id']}: {row['rule']} for {row['for']}, {row['changes']}")


def _setting(text: str) -> tuple[str, Any]:
    """`raise_above=0.95`, `hold=2h`, `enabled=false`: as in a rule file, quotes may be left out."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise Problem(f"{text!r} is no KEY=VALUE")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _override(row: Override) -> Row:
    named = " ".join(part for part in (row.site, row.name, row.component) if part)
    return {
        "id": row.id, "rule": row.rule, "scope": row.scope, "for": f"{row.scope} {named}".strip(), "site": row.site,
        "name": row.name, "component": row.component, "changes": row.changes, "why": row.why, "who": row.who,
        "created_at": row.created_at, "until_at": row.until_at,
    }  # fmt: skip


def override_list(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    with reader_maker(open_engine(config.url))() as session:
        rows = [
            _override(row)
            for row in session.scalars(
                select(Override).where(Override.ended_at.is_(None)).order_by(Override.created_at)
            )
            if row.until_at is None or row.until_at > now
        ]
    columns = ("rule", "for", "changes", "until_at", "who", "why", "id")
    return _list(arguments, rows, columns, "No overrides.")


def override_end(config: Config, arguments: Namespace) -> int:
    def work(session: Session) -> Row:
        row = _only(session, Override, arguments.id, "override")
        decide.end_override(session, row.id, who=_who(), now=datetime.now(UTC))
        return {"id": row.id, "rule": row.rule, "ended_at": row.ended_at}

    row = _change(config, work)
    return _say(arguments, row, f"{row['rule']}: the override has ended")


# planned work


def maintenance_plan(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)

    def work(session: Session) -> Row:
        zone = _zone(session, arguments.time_zone, arguments.site)
        device = find_device(session, arguments.device).id if arguments.device else ""
        begins = _moment(arguments.begins, zone)
        row = decide.plan(
            session, starts_at=begins, ends_at=_until(arguments.ends, zone, begins) or begins, why=arguments.why,
            who=_who(), now=now, site=arguments.site, room=arguments.room, device_id=device, rule=arguments.rule,
            weekly=arguments.weekly, time_zone=zone.key, until_at=_until(arguments.until, zone, now),
        )  # fmt: skip
        return _maintenance(row, now)

    row = _change(config, work)
    return _say(
        arguments, row, f"planned work {row['id']}: {row['for']}, {row['begins']:%Y-%m-%d %H:%M} to {row['ends']:%Y-%m-%d %H:%M} UTC"
    )  # fmt: skip


def _maintenance(row: Maintenance, now: datetime) -> Row:
    begins, ends = decisions.current(row, now)
    named = " ".join(part for part in (row.site, row.room, row.device_id, row.rule) if part)
    return {
        "id": row.id, "for": named or "everything", "site": row.site, "room": row.room, "device_id": row.device_id,
        "rule": row.rule, "begins": begins, "ends": ends, "under_way": begins <= now < ends, "weekly": row.weekly,
        "time_zone": row.time_zone, "until_at": row.until_at, "why": row.why, "who": row.who, "source": row.source,
    }  # fmt: skip


def maintenance_list(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    with reader_maker(open_engine(config.url))() as session:
        found = session.scalars(select(Maintenance).where(Maintenance.ended_at.is_(None)))
        rows = [row for row in (_maintenance(one, now) for one in found) if row["ends"] > now]
    rows.sort(key=lambda row: (row["begins"], row["id"]))
    columns = ("begins", "ends", "for", "weekly", "under_way", "who", "why", "id")
    return _list(arguments, rows, columns, "No planned work.")


def maintenance_end(config: Config, arguments: Namespace) -> int:
    def work(session: Session) -> Row:
        row = _only(session, Maintenance, arguments.id, "planned work")
        decide.call_off(session, row.id, who=_who(), now=datetime.now(UTC))
        return {"id": row.id, "why": row.why, "ended_at": row.ended_at}

    row = _change(config, work)
    return _say(arguments, row, f"{row['why']}: called off")


def maintenance_import(config: Config, arguments: Namespace) -> int:
    file, now = Path(arguments.file), datetime.now(UTC)
    try:
        body = file.read_bytes()
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}") from None
    name = arguments.calendar or file.stem

    def work(session: Session) -> Row:
        zone = _zone(session, arguments.time_zone, arguments.site)
        entries, skipped = planned_calendar.read(body, zone, now, timedelta(days=arguments.days))
        told = planned_calendar.take(
            session, entries, calendar=name, site=arguments.site, room=arguments.room, rule=arguments.rule, who=_who(),
            now=now, titles=arguments.titles,
        )  # fmt: skip
        return {
            "calendar": name, "added": told.added, "changed": told.changed, "ended": told.ended,
            "unchanged": told.unchanged, "skipped": skipped,
        }  # fmt: skip

    row = _change(config, work)
    words = [
        f"{name}: {row['added']} added, {row['changed']} changed, {row['ended']} ended, {row['unchanged']} as before"
    ]
    words += [f"not taken: {why}" for why in row["skipped"]]
    _say(arguments, row, "\n".join(words))
    return 1 if row["skipped"] else 0


# situations


def situations_list(config: Config, arguments: Namespace) -> int:
    query = select(Situation).order_by(Situation.number)
    if not arguments.all:
        query = query.where(Situation.state == "open")
    with reader_maker(open_engine(config.url))() as session:
        rows = [
            {
                "number": row.number, "id": row.id, "kind": row.kind, "scope": row.scope, "state": row.state,
                "title": row.title, "opened_at": row.opened_at, "resolved_at": row.resolved_at,
                "devices": len(row.data.get("devices", ())), "ended": row.data.get("ended", ""),
                "seen_by": row.seen_by,
            }
            for row in session.scalars(query)
        ]  # fmt: skip
    columns = ("number", "state", "kind", "scope", "devices", "opened_at", "resolved_at", "title")
    return _list(arguments, rows, columns, "No situations.")


# rules that wait


def _held(session: Session) -> Iterable[RuleHold]:
    return session.scalars(
        select(RuleHold).where(RuleHold.released_at.is_(None)).order_by(RuleHold.rule, RuleHold.held_at)
    ).all()


def rules_held(config: Config, arguments: Namespace) -> int:
    with reader_maker(open_engine(config.url))() as session:
        rows: list[Row] = [
            {"rule": row.rule, "version": row.rule_hash, "held_at": row.held_at, "devices": row.devices, "of": row.of}
            for row in _held(session)
        ]  # fmt: skip
    return _list(
        arguments, rows, ("rule", "devices", "of", "held_at", "version"), "No rule waits for a word."
    )


def rules_release(config: Config, arguments: Namespace) -> int:
    def work(session: Session) -> Row:
        rows = [row for row in _held(session) if row.rule == arguments.rule]
        if not rows:
            raise Problem(f"no version of {arguments.rule!r} is held")
        if not arguments.why.strip():
            raise Problem("say why: whoever meets this in a year will ask")
        for row in rows:
            decide.release_rule(
                session, row.rule, row.rule_hash, who=_who(), now=datetime.now(UTC), why=arguments.why
            )
        return {"rule": arguments.rule, "devices": rows[-1].devices, "of": rows[-1].of}

    row = _change(config, work)
    return _say(
        arguments, row, f"{row['rule']}: released; it may open on {row['devices']} of {row['of']} devices"
    )
