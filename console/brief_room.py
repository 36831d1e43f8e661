"""What a brief says of one room: when it is free, its hosts, what differs from its baseline, what to bring."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.rooms import baseline, bookings, item
from collector.rooms.item import Item
from collector.store.devices import Device
from collector.store.rooms import Booking
from collector.tickets import calendar
from collector.tickets.calendar import Calendar, Span
from console import brief_bring, brief_facts, brief_known, brief_site, room_facts, words
from console.brief_bring import Thing
from console.brief_facts import Told
from console.room_facts import Part

_AHEAD: Final = timedelta(days=14)
_VISIT: Final = timedelta(hours=1)
_MOST_FREE: Final = 3
_NEXT_BOOKINGS: Final = 4
# What differs, in the order in which somebody would miss it.
_DIFFERS: Final = (baseline.MISSING, baseline.CHANGED, baseline.NOT_KNOWN, baseline.NEW)


@dataclass(frozen=True, slots=True)
class Differs:
    part: Part
    changes: Sequence[tuple[str, str, str]]  # fact, accepted, now


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    facts: room_facts.Shown
    hosts: list[Told]  # the worst first
    others: list[Told]  # what else stands there and has something open or due
    to_look_at: Sequence[Item]
    bring: Sequence[Thing]
    bookings: Sequence[Booking]  # under way and next
    booked_ever: bool  # False: no calendar tells of this room, so no gap proves that it is free
    free: Sequence[Span]  # at least an hour long, within its hours
    differs: Sequence[Differs]
    mandatory: Mapping[str, int]  # how many mandatory parts are missing, changed, not known, the same
    due: Sequence[str]
    unknown: Sequence[str]


def shown(session: Session, site: str, name: str, now: datetime) -> Shown:
    """As many statements for a room of one host as for one of ten. Aborts with 404 where there is no such room."""
    facts = room_facts.shown(session, site, name, now)
    known = brief_known.read(session, Device.site == site, Device.room == name, Device.revoked_at.is_(None))
    serving = {host.device.id for host in facts.hosts}
    told = sorted((brief_facts.tell(one, now) for one in known), key=lambda each: each.rank)
    things = brief_bring.of_devices(known, serving, name_them=len(known) > 1, now=now)
    spares = known[0].spares if known else None
    bring = brief_bring.of_rooms(things, [(name, facts.verdict.bring)], spares=spares, site=site, now=now)
    booked = bookings.between(session, now, now + _AHEAD, [(site, name)])
    ever = select(Booking.id).where(Booking.site == site, Booking.room == name).limit(1)
    expected = [part for part in facts.parts if part.row.accepted is not None and part.row.mandatory]
    return Shown(
        facts=facts,
        hosts=[one for one in told if one.known.device.id in serving],
        others=[one for one in told if one.known.device.id not in serving and one.has_something],
        # Findings and tickets stand with their hosts.
        to_look_at=[one for one in facts.items if one.is_bad and one.name not in (item.FINDINGS, item.TICKETS)],
        # On the page of one room its name says nothing.
        bring=[replace(thing, for_whom=()) if thing.for_whom == (name,) else thing for thing in bring],
        bookings=booked[:_NEXT_BOOKINGS],
        booked_ever=bool(booked) or session.scalar(ever) is not None,
        free=free([(one.starts_at, one.ends_at) for one in booked], facts.room.hours, now),
        differs=[_differs(part) for part in sorted(facts.parts, key=_order) if part.row.what in _DIFFERS],
        mandatory=Counter(part.row.what for part in expected),
        due=_named(told),
        unknown=item.without_twins([*facts.unknown, *brief_site.not_known(told)]),
    )  # fmt: skip


def free(booked: Iterable[Span], hours: Calendar | None, now: datetime) -> list[Span]:
    """The next stretches of at least an hour that nobody has booked, within the room's hours where it has any."""
    # Merged: midnight ends no stretch where the hours go on past it.
    within = calendar.merged((hours or calendar.ALWAYS).spans(now, now + _AHEAD))
    taken = calendar.merged(booked)
    found: list[Span] = []
    for begins, ends in within:
        at = begins
        for from_at, to_at in taken:
            if to_at <= at or from_at >= ends:
                continue
            if from_at - at >= _VISIT:
                found.append((at, from_at))
            at = to_at
        if ends - at >= _VISIT:
            found.append((at, ends))
        if len(found) >= _MOST_FREE:
            break
    return found[:_MOST_FREE]


def _order(part: Part) -> tuple[bool, int, str]:
    what = part.row.what
    rank = _DIFFERS.index(what) if what in _DIFFERS else len(_DIFFERS)
    return not part.row.mandatory, rank, part.row.label.casefold()


def _differs(part: Part) -> Differs:
    changed = dict(part.row.changed)
    changes: list[tuple[str, str, str]] = []
    if "width_pixels" in changed or "height_pixels" in changed:
        before, after = (
            f"{facts.get('width_pixels', '?')} × {facts.get('height_pixels', '?')}"
            for facts in (part.row.facts_before, part.row.facts_now)
        )
        changes.append(("Resolution", before, after))
    if "name" in changed:  # says the same as its key, in people's words
        changed.pop("endpoint", None)
    for name, (was, now) in changed.items():
        if name not in ("width_pixels", "height_pixels"):
            changes.append((words.plain(name), room_facts.fact(name, was), room_facts.fact(name, now)))
    return Differs(part, changes)


def _named(told: Sequence[Told]) -> list[str]:
    """What is due, with the device's name where several stand in the room."""
    if len(told) == 1:
        return list(told[0].due)
    return [f"{each.known.name}: {text}" for each in told for text in each.due]
