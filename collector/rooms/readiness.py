"""Whether a room is ready: each thing one would look at, and the verdict.

`verdicts` reads what the store knows and judges it; it has no clock and writes nothing. The verdict is the worst
mandatory item. What was not checked is never good: a silent host makes a room unknown, neither ready nor not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from collector.rooms import items_findings, items_host, items_parts, known
from collector.rooms.item import (
    FAIL,
    FINDINGS,
    HOST,
    NOT_CHECKED,
    PASS,
    RANK,
    WARN,
    WORK,
    Clock,
    Item,
    clock,
    without_twins,
)
from collector.rooms.known import Known, Place
from collector.rooms.look import Look, Use
from collector.rooms.room import RoomRow
from collector.store.devices import ONLINE
from collector.store.rooms import DEGRADED, NOT_READY, READY, UNKNOWN

__all__ = ["WORST_FIRST", "Item", "Verdict", "judge", "of_items", "verdicts"]

# A room that certainly fails comes before one of which nothing is known.
WORST_FIRST: Final = (NOT_READY, UNKNOWN, DEGRADED, READY)
_NAMED: Final = 3  # parts not checked that the reason names; the rest it counts
_NO_HOST: Final = "no A/V host stands in this room, so nobody looks at it"


@dataclass(frozen=True, slots=True)
class Verdict:
    verdict: str  # ready degraded not_ready unknown
    reason: str  # one sentence
    since: datetime | None  # None: not known
    items: tuple[Item, ...]
    bring: tuple[str, ...]


def verdicts(
    session: Session, rooms: Iterable[RoomRow], now: datetime, asked: Mapping[Place, datetime] | None = None
) -> dict[Place, Verdict]:
    """Of all these rooms, in as many statements as of one. `asked`: when fresh data was asked for, for a check that
    ends now; what is older than that says so."""
    asked = asked or {}
    return {
        place: judge(one, now, asked.get(place)) for place, one in known.read(session, rooms, now).items()
    }


def judge(room: Known, now: datetime, asked_at: datetime | None = None) -> Verdict:
    wall = clock(room.room.time_zone, now)
    is_open = room.room.hours is None or room.room.hours.open_at(now)
    use = Use(room.current(now), room.next(now), now, is_open)
    looks = [Look(one, wall, use, asked_at) for one in room.devices]
    found: list[Item] = []
    for look in looks:
        found += items_host.items(look)
        found += items_parts.items(look)
        found += items_findings.findings(look)
        found += items_findings.tickets(look)
    found += items_findings.baseline(room, wall)
    found += items_findings.work(room, wall)
    items = tuple(sorted(found, key=lambda item: RANK[item.name]))
    verdict = of_items(items)
    return Verdict(
        verdict, _reason(verdict, items), _since(verdict, items, room), items,
        tuple(without_twins(_bring(items))),
    )  # fmt: skip


def of_items(items: Iterable[Item]) -> str:
    """The worst mandatory item decides; an optional one that fails degrades."""
    results = {(item.result, item.mandatory) for item in items}
    if (FAIL, True) in results:
        return NOT_READY
    if (NOT_CHECKED, True) in results or not any(mandatory for _result, mandatory in results):
        return UNKNOWN
    return DEGRADED if (WARN, True) in results or (FAIL, False) in results else READY


_DECIDES: Final = {
    NOT_READY: ((FAIL, True),),
    UNKNOWN: ((NOT_CHECKED, True),),
    DEGRADED: ((WARN, True), (FAIL, False)),
    READY: (),
}


def _deciding(verdict: str, items: Sequence[Item]) -> list[Item]:
    """The items that make the verdict what it is."""
    return [item for item in items if (item.result, item.mandatory) in _DECIDES[verdict]]


def _reason(verdict: str, items: Sequence[Item]) -> str:
    work = next((f"; {item.reason}" for item in items if item.name == WORK), "")
    if verdict == READY:
        counts = {result: sum(item.result == result for item in items) for result in (PASS, NOT_CHECKED)}
        noted = sum(item.is_bad for item in items)
        rest = f", {noted} noted" if noted else ""
        # Only optional ones: a mandatory one that was not checked makes no room ready.
        rest += f", {counts[NOT_CHECKED]} not checked" if counts[NOT_CHECKED] else ""
        return f"all is well ({counts[PASS]} looked at{rest}){work}"
    deciding = _deciding(verdict, items)
    if not deciding:
        return _NO_HOST + work
    # A finding says again what its part has said.
    deciding = [item for item in deciding if item.name != FINDINGS] or deciding
    first = deciding[0]
    said = first.reason + (f"; bring {', '.join(first.bring)}" if first.bring else "")
    if verdict == UNKNOWN:
        return said + _besides(first, deciding[1:]) + work
    if others := [item for item in deciding[1:] if item.part != first.part]:
        said += f"; also {_names(others)}"
    unchecked = [item for item in items if item.mandatory and item.result == NOT_CHECKED]
    if verdict == NOT_READY and unchecked:
        said += f"; not checked: {_names(unchecked)}"
    return said + work


def _besides(first: Item, others: Sequence[Item]) -> str:
    if not others:
        return ""
    if first.name == HOST:
        return f", so {len(others)} more {'were' if len(others) > 1 else 'was'} not checked"
    return f"; not checked either: {_names(others)}"


def _names(items: Sequence[Item]) -> str:
    names = list(dict.fromkeys(item.part or item.name for item in items))
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _bring(items: Sequence[Item]) -> Iterable[str]:
    """A part that is named beats the general words of the finding about it."""
    named = {item.part.casefold() for item in items if item.bring and item.name != FINDINGS}
    for item in items:
        if item.result == PASS or (item.name == FINDINGS and item.part.casefold() in named):
            continue
        yield from item.bring


def _since(verdict: str, items: Sequence[Item], room: Known) -> datetime | None:
    """As far as findings, presence and former checks tell. What is so now was so from the first of them on."""
    known_since = [item.since for item in _deciding(verdict, items) if item.since is not None]
    if known_since:
        return min(known_since)
    run = None
    for ended_at, former in room.runs:
        if former != verdict:
            break
        run = ended_at
    if run is None:
        return None
    # Between two checks that were well the host may have been away: then it is well since it came back.
    back = [
        one.device.presence_at
        for one in room.devices
        if one.device.presence == ONLINE and one.device.presence_at is not None
    ]
    return max([run, *back])


def wall_clock(room: RoomRow, now: datetime) -> Clock:
    return clock(room.time_zone, now)
