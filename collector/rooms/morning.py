"""All rooms before court, as a text for a mail or a terminal: the worst first, each with its reason.

At most 78 letters a line, so that no mail program breaks it anew.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from collector.rooms import known, readiness
from collector.rooms.item import HOST, NOT_CHECKED, Clock, clock
from collector.rooms.known import Span
from collector.rooms.readiness import WORST_FIRST, Verdict
from collector.rooms.room import RoomRow
from collector.store.rooms import DEGRADED, NOT_READY, READY, UNKNOWN

WIDTH: Final = 78
SIGNS: Final = {READY: "✓", DEGRADED: "!", NOT_READY: "✕", UNKNOWN: "?"}
WORDS: Final = {READY: "ready", DEGRADED: "degraded", NOT_READY: "not ready", UNKNOWN: "unknown"}
_TOLD: Final = (READY, DEGRADED, NOT_READY, UNKNOWN)
_NAMED: Final = 5  # parts not checked that are named; the rest is counted


@dataclass(frozen=True, slots=True)
class Line:
    """One room of the list."""

    room: RoomRow
    verdict: Verdict
    current: Span | None
    next: Span | None
    wall: Clock

    def as_row(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "site": self.room.site, "room": self.room.name, "verdict": self.verdict.verdict,
            "reason": self.verdict.reason, "since": self.verdict.since, "bring": list(self.verdict.bring),
            "next_begins": self.next[0] if self.next else None, "in_use_until": self.current[1] if self.current else None,
            "not_checked": [item.reason for item in self.verdict.items if item.result == NOT_CHECKED],
        }  # fmt: skip


def lines(session: Session, rooms: Iterable[RoomRow], now: datetime, site: str | None = None) -> list[Line]:
    """The worst first; of equal ones the room that is needed next."""
    wanted = [row for row in rooms if site is None or row.site == site]
    found = []
    for one in known.read(session, wanted, now).values():
        verdict = readiness.judge(one, now)
        found.append(Line(one.room, verdict, one.current(now), one.next(now), clock(one.room.time_zone, now)))
    return sorted(found, key=lambda line: _order(line, now))


def _order(line: Line, now: datetime) -> tuple[int, float, str, list[tuple[int, str]]]:
    begins = now if line.current else line.next[0] if line.next else None
    waits = (begins - now).total_seconds() if begins is not None else float("inf")
    return WORST_FIRST.index(line.verdict.verdict), waits, line.room.site, _as_counted(line.room.name)


def _as_counted(name: str) -> list[tuple[int, str]]:
    """Courtroom 2 before Courtroom 11."""
    return [
        (int(piece), "") if piece.isdecimal() and piece.isascii() else (0, piece)
        for piece in re.split(r"([0-9]{1,9})", name)
    ]


def text(session: Session, rooms: Iterable[RoomRow], now: datetime, site: str | None = None) -> str:
    """Subject, an empty line, and the body."""
    told, body = mail(lines(session, rooms, now, site), now, site)
    return f"{told}\n\n{body}"


def mail(found: Sequence[Line], now: datetime, site: str | None = None) -> tuple[str, str]:
    """(subject, body)."""
    zones = {line.room.time_zone for line in found}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    at = now.astimezone(clock(zone, now).zone)
    when = f"{at:%a} {at.day} {at:%b} {at:%H:%M}" + (" UTC" if zone == "UTC" else "")
    where = f" at {site}" if site is not None else ""
    counts = {verdict: sum(line.verdict.verdict == verdict for line in found) for verdict in _TOLD}
    bad = [f"{counts[verdict]} {WORDS[verdict]}" for verdict in WORST_FIRST[:-1] if counts[verdict]]
    state = (", ".join(bad) if bad else "all ready") if found else "none"
    subject = textwrap.shorten(f"Rooms{where}, {when}: {state}", WIDTH, placeholder=" …")
    return subject, "\n".join(_body(found, counts, site)) + "\n"


def _body(found: Sequence[Line], counts: dict[str, int], site: str | None) -> Iterator[str]:
    if not found:
        yield "No rooms: no A/V host has been put into one."
        return
    total = "1 room" if len(found) == 1 else f"{len(found)} rooms"
    summary = ", ".join(f"{counts[verdict]} {WORDS[verdict]}" for verdict in _TOLD if counts[verdict])
    yield f"{total}: {summary}"
    with_sites = site is None and len({line.room.site for line in found}) > 1
    former = ""
    for line in found:
        if line.verdict.verdict != former:
            yield ""
            former = line.verdict.verdict
        yield from _room(line, with_sites)
    unchecked = [part for line in found for part in _not_checked(line, with_sites)]
    if unchecked:
        yield ""
        yield "Not checked:"
        yield from unchecked


def _name(line: Line, with_sites: bool) -> str:
    return f"{line.room.site}, {line.room.name}" if with_sites else line.room.name


def _room(line: Line, with_sites: bool) -> Iterator[str]:
    verdict = line.verdict
    head = f"{SIGNS[verdict.verdict]} {_name(line, with_sites)}: {WORDS[verdict.verdict]}"
    if verdict.since is not None and verdict.verdict != READY:
        head += f" since {line.wall.says(verdict.since)}"
    if line.current is not None:
        head += f", in use until {line.wall.says(line.current[1])}"
    if line.next is not None:
        head += f", next booking {line.wall.says(line.next[0])}"
    yield from _wrapped(head, "", "  ")
    bring = [part for part in verdict.bring if part.casefold() not in verdict.reason.casefold()]
    if verdict.verdict != READY:
        yield from _wrapped(verdict.reason, "    ", "    ")
    if bring:
        yield from _wrapped("bring " + "; ".join(bring), "    ", "    ")


def _not_checked(line: Line, with_sites: bool) -> Iterator[str]:
    unchecked = [item for item in line.verdict.items if item.result == NOT_CHECKED]
    away = {item.part for item in unchecked if item.name == HOST and item.mandatory}
    names = [f"everything on {host}" for host in sorted(away)]
    names += [
        item.reason.partition(" is not known")[0].rstrip(",")
        if item.name == HOST
        else f"{item.name} {item.part}".strip()
        for item in unchecked
        if not any(f"{host} is " in item.reason or item.reason.startswith(f"{host}:") for host in away)
    ]
    names = list(dict.fromkeys(names))
    if names:
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield from _wrapped(f"{_name(line, with_sites)}: {'; '.join(names[:_NAMED])}{rest}", "  ", "      ")


def _wrapped(said: str, first: str, others: str) -> list[str]:
    """Words longer than a line are cut: nothing else keeps the promise about its length."""
    plain = "".join(c if c.isprintable() else " " for c in said)
    return textwrap.wrap(plain, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
