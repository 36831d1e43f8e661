"""Rooms at the command line: what belongs in them, when they are used, and who stands where."""

import hashlib
import re
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.commands.deciding import Row, _change, _list, _say, _who, _zone
from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.problem import Problem
from collector.rooms import baseline, bookings, room
from collector.rooms.baseline import MISSING, NEW, NOT_KNOWN, SAME
from collector.rooms.room import RoomRow
from collector.store import open_engine, reader_maker
from collector.store.rooms import BaselinePart, Booking, Room
from collector.tickets.explain import find_device

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_SPAN: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?", re.ASCII)
_HOURS: Final = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)


def _reading(config: Config) -> Session:
    return reader_maker(open_engine(config.url))()


# which there are


def rooms_list(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    with _reading(config) as session:
        found = [one for one in room.rooms(session) if arguments.site in ("", one.site)]
        coming: dict[bookings.Place, Booking] = {}
        for booking in bookings.between(session, now, now + bookings.AHEAD):
            coming.setdefault((booking.site, booking.room), booking)
        ids = [device.id for one in found for device in one.devices]
        in_force = select(BaselinePart.device_id).where(
            BaselinePart.device_id.in_(ids), BaselinePart.ended_at.is_(None)
        )
        parts = Counter(session.scalars(in_force))
        rows: list[Row] = [
            {
                "site": one.site, "room": one.name, "devices": len(one.devices),
                "parts": sum(parts[device.id] for device in one.devices), "hours": _hours_said(one),
                "next_begins": coming[one.site, one.name].starts_at if (one.site, one.name) in coming else None,
                "note": one.note,
            }
            for one in found
        ]  # fmt: skip
    columns = ("site", "room", "devices", "parts", "hours", "next_begins", "note")
    return _list(
        arguments, rows, columns, "No rooms. Put an A/V host into one: tocsin-collector rooms place --help"
    )


def _hours_said(one: RoomRow) -> str:
    if one.hours is None:
        return "at all times"
    return "its own" if one.own_hours else "the site's"


def rooms_show(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    with _reading(config) as session:
        found = room.room(session, arguments.site, arguments.room)
        parts = [_part(row) for row in baseline.difference(session, found.site, found.name, now)]
        here = (session, found.site, found.name, now)
        under_way, coming = bookings.current(*here), bookings.next_of(*here)
        answer: Row = {
            "site": found.site, "room": found.name, "time_zone": found.time_zone, "hours": _hours_said(found),
            "note": found.note, "under_way": _booking(under_way) if under_way is not None else None,
            "next": _booking(coming) if coming is not None else None,
            "devices": [
                {"id": d.id, "host_name": d.host_name, "device_class": d.device_class, "group": d.group,
                 "presence": d.presence, "seen_at": d.seen_at, "open_findings": d.open_findings}
                for d in found.devices
            ],
            "parts": parts,
        }  # fmt: skip
    if arguments.json:
        print(as_json(answer))
        return 0
    zone = ZoneInfo(found.time_zone)
    print(f"{found.name}, {found.site}. Hours: {answer['hours']} ({found.time_zone}).")
    if found.note:
        print(found.note)
    for word, booking in (("In use", under_way), ("Next", coming)):
        if booking is not None:
            begins, ends = booking.starts_at.astimezone(zone), booking.ends_at.astimezone(zone)
            print(f"{word}: {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}")
    columns = ("host_name", "device_class", "group", "presence", "seen_at", "open_findings")
    print("\n" + (as_table(answer["devices"], columns) if answer["devices"] else "No device stands there."))
    print("\n" + _parts_table(parts))
    return 0


# what belongs in them


def _short(key: baseline.Key) -> str:
    """A part's name for the command line: its own may hold any letter."""
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:8]


def _part(row: baseline.Row) -> Row:
    """One line of the difference."""
    if row.what == NOT_KNOWN:
        said = row.reason
    else:
        said = "; ".join(f"{fact}: {before} → {now}" for fact, (before, now) in row.changed.items())
    return {
        "id": _short((row.device_id, row.section, row.key)), "device_id": row.device_id, "host_name": row.host_name,
        "section": row.section, "key": row.key, "label": row.label, "what": row.what, "mandatory": row.mandatory,
        "said": said, "facts_before": dict(row.facts_before), "facts_now": dict(row.facts_now),
        "accepted_at": row.accepted.created_at if row.accepted is not None else None,
        "accepted_by": row.accepted.who if row.accepted is not None else "",
    }  # fmt: skip


def _parts_table(parts: Sequence[Row]) -> str:
    if not parts:
        return "Its devices tell of no parts, and none was accepted."
    rows = [row | {"needed": "yes" if row["mandatory"] else "no"} for row in parts]
    return as_table(rows, ("what", "host_name", "section", "label", "needed", "said", "id"))


def rooms_baseline(config: Config, arguments: Namespace) -> int:
    """Without --accept the difference; 1: there is one, or something is not known."""
    now = datetime.now(UTC)
    if arguments.accept:
        return _accept(config, arguments, now)
    for name in ("why", "only", "optional"):
        if getattr(arguments, name):
            raise Problem(f"--{name} belongs to --accept")
    with _reading(config) as session:
        parts = [_part(row) for row in baseline.difference(session, arguments.site, arguments.room, now)]
    whats = [row["what"] for row in parts]
    words = ", ".join(
        f"{whats.count(what)} {said}"
        for what, said in ((SAME, "as accepted"), (MISSING, "missing"), ("changed", "changed"), (NEW, "new"),
                           (NOT_KNOWN, "not known"))
        if what in whats
    )  # fmt: skip
    _say(arguments, {"parts": parts}, _parts_table(parts) + (f"\n\n{words}" if words else ""))
    return 0 if set(whats) <= {SAME} else 1


def _accept(config: Config, arguments: Namespace, now: datetime) -> int:
    def work(session: Session) -> Row:
        rows = baseline.difference(session, arguments.site, arguments.room, now)
        told = baseline.accept(
            session, arguments.site, arguments.room, why=arguments.why, who=_who(), now=now,
            only=[_named(rows, text) for text in arguments.only] if arguments.only else None,
            optional=[_named(rows, text) for text in arguments.optional],
        )  # fmt: skip
        return {"added": told.added, "changed": told.changed, "ended": told.ended, "same": told.same}

    row = _change(config, work)
    words = f"{row['added']} added, {row['changed']} changed, {row['ended']} expected no more, {row['same']} as before"
    return _say(arguments, row, f"{arguments.room}, {arguments.site}: {words}")


def _named(rows: Sequence[baseline.Row], text: str) -> baseline.Key:
    """By the id of the difference's table, or its start."""
    keys = [(row.device_id, row.section, row.key) for row in rows if row.key]
    found = [key for key in keys if text and _short(key).startswith(text)]
    if len(found) != 1:
        raise Problem(f"{'no' if not found else 'more than one'} part answers to {text!r}")
    return found[0]


def rooms_part(config: Config, arguments: Namespace) -> int:
    now, who = datetime.now(UTC), _who()

    def work(session: Session) -> Row:
        rows = baseline.difference(session, arguments.site, arguments.room, now)
        key = _named(rows, arguments.id)
        (label,) = (row.label for row in rows if (row.device_id, row.section, row.key) == key)
        if arguments.becomes == "gone":
            baseline.expect_no_more(session, *key, who=who, why=arguments.why, now=now)
        else:
            baseline.set_mandatory(
                session, *key, arguments.becomes == "mandatory", who=who, why=arguments.why, now=now
            )
        return {"section": key[1], "key": key[2], "label": label, "becomes": arguments.becomes}

    row = _change(config, work)
    words = {
        "gone": "expected no more", "mandatory": "the room is not ready without it",
        "optional": "the room is ready without it",
    }  # fmt: skip
    return _say(arguments, row, f"{row['label']}: {words[row['becomes']]}")


# when they are used


def bookings_import(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    try:
        body = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise Problem(f"{arguments.file}: {error.strerror}") from None
    name = arguments.calendar or ("bookings" if arguments.file == "-" else Path(arguments.file).stem)
    locations = dict(map(_location, arguments.location))

    def work(session: Session) -> Row:
        entries, unread = bookings.read(body, _zone(session, arguments.time_zone, arguments.site), now)
        told = bookings.take(
            session, entries, calendar=name, site=arguments.site, room=arguments.room or None, who=_who(), now=now,
            locations=locations, whole=not unread,
        )  # fmt: skip
        return {
            "calendar": name, "added": told.added, "changed": told.changed, "cancelled": told.ended,
            "unchanged": told.unchanged, "skipped": unread + told.skipped,
        }  # fmt: skip

    row = _change(config, work)
    words = [
        f"{name}: {row['added']} added, {row['changed']} changed, {row['cancelled']} cancelled, {row['unchanged']} as before"
    ]
    words += [f"not taken: {why}" for why in row["skipped"]]
    _say(arguments, row, "\n".join(words))
    return 1 if row["skipped"] else 0


def _location(text: str) -> tuple[str, str]:
    said, equals, name = text.rpartition("=")
    if not equals or not said.strip() or not name.strip():
        raise Problem(f"{text!r} is no LOCATION=ROOM")
    return said.strip(), name.strip()


def _booking(row: Booking) -> Row:
    return {
        "begins": row.starts_at, "ends": row.ends_at, "site": row.site, "room": row.room, "source": row.source,
        "id": row.id,
    }  # fmt: skip


def bookings_list(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)
    with _reading(config) as session:
        found = bookings.between(session, now, now + timedelta(days=arguments.days))
        rows = [
            _booking(row)
            for row in found
            if arguments.site in ("", row.site) and arguments.room in ("", row.room)
        ]
    return _list(arguments, rows, ("begins", "ends", "site", "room", "source"), "No bookings.")


# their hours, and who stands there


def rooms_hours(config: Config, arguments: Namespace) -> int:
    """Without --set and --as-site what they are."""
    now = datetime.now(UTC)
    wanted: dict[str, list[list[str]]] | None = {} if arguments.as_site else None
    if arguments.set:
        wanted = _week(arguments.set)

    def work(session: Session) -> Row:
        kept = session.get(Room, (arguments.site, arguments.room))
        if wanted is not None or arguments.note is not None:
            kept = room.keep(
                session,
                arguments.site,
                arguments.room,
                hours=wanted,
                note=arguments.note,
                who=_who(),
                now=now,
            )
            session.flush()
        found = room.room(session, arguments.site, arguments.room)
        own: dict[str, Any] = kept.hours if kept is not None else {}
        return {
            "site": found.site, "room": found.name, "time_zone": found.time_zone, "hours": own,
            "of": _hours_said(found), "note": found.note,
        }  # fmt: skip

    row = _change(config, work)
    said = "; ".join(
        f"{_DAYS[int(day)]} {', '.join('-'.join(span) for span in spans)}"
        for day, spans in sorted(row["hours"].items())
    )
    words = f"{row['room']}, {row['site']}: {said or row['of']} ({row['time_zone']})"
    return _say(arguments, row, words + (f"\n{row['note']}" if row["note"] else ""))


def _week(text: str) -> dict[str, list[list[str]]]:
    """`mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00`. Raises Problem."""
    week: dict[str, list[list[str]]] = {}
    for part in filter(None, (part.strip().lower() for part in text.split(";"))):
        days, _, spans = part.partition(" ")
        named = _DAY_SPAN.fullmatch(days)
        hours = [_HOURS.fullmatch(span.strip()) for span in spans.split(",")]
        if named is None or not {named[1], named[2] or named[1]} <= set(_DAYS) or None in hours:
            raise Problem(f"{part!r} are no hours; mon-fri 08:00-12:00,13:00-17:00 would be")
        first, last = _DAYS.index(named[1]), _DAYS.index(named[2] or named[1])
        for day in range(first, last + 1):
            week[str(day)] = [[span[1], span[2]] for span in hours if span is not None]
    return week


def rooms_place(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)

    def work(session: Session) -> Row:
        device = find_device(session, arguments.device)
        site = device.site or "" if arguments.site is None else arguments.site
        placed = room.place(session, device.id, site, arguments.room, arguments.group, who=_who(), now=now)
        ours = any((one.site, one.name) == (site, placed.room) for one in room.rooms(session))
        return {
            "id": placed.id, "host_name": placed.host_name, "site": placed.site, "room": placed.room,
            "group": placed.group, "room_is_looked_after": ours,
        }  # fmt: skip

    row = _change(config, work)
    where = f"{row['room']}, {row['site']}" if row["room"] else f"in no room at {row['site'] or 'no site'}"
    hint = "" if row["room_is_looked_after"] or not row["room"] else (
        "\nNo A/V host stands there: to have the room looked after, place one, or this one with --group av"
    )  # fmt: skip
    return _say(arguments, row, f"{row['host_name'] or row['id']}: {where}{hint}")
