"""What a brief says of a site: its devices with something open or due, its rooms, one list of what to bring."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from collector.rooms import readiness, room
from collector.rooms.readiness import Verdict
from collector.store.devices import Device, Site
from collector.store.rooms import READY
from console import brief_bring, brief_facts, brief_known, words
from console.brief_bring import Thing
from console.brief_facts import Told

_NAMED: Final = 4


@dataclass(frozen=True, slots=True)
class NotReady:
    name: str
    mark: words.Mark
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Shown:
    devices: Sequence[Told]  # with something open or due, the worst first
    total: int
    go: Sequence[tuple[words.Mark, int]]  # how many devices of each, the worst first
    bring: Sequence[Thing]
    rooms: Sequence[NotReady]  # the worst first
    rooms_total: int
    unknown: Sequence[str]
    oldest_at: datetime | None  # data of that device which was silent longest
    never: int  # have never reported
    old: int  # data older than a day


def shown(session: Session, site: Site, now: datetime) -> Shown:
    known = brief_known.read(session, Device.site == site.name, Device.revoked_at.is_(None))
    told = sorted((brief_facts.tell(one, now) for one in known), key=lambda each: each.rank)
    with_something = [each for each in told if each.has_something]
    rows = [row for row in room.rooms(session) if row.site == site.name]
    verdicts = readiness.verdicts(session, rows, now)
    not_ready = sorted(
        (
            NotReady(name, words.READINESS.get(verdict.verdict, words.READINESS["unknown"]), verdict)
            for (_site, name), verdict in verdicts.items()
            if verdict.verdict != READY
        ),
        key=lambda one: (readiness.WORST_FIRST.index(one.verdict.verdict), one.name),
    )
    # A room's own list speaks for the parts of its hosts.
    judged = {name for _site, name in verdicts}
    in_rooms = {
        one.device.id
        for one in known
        if one.device.room in judged and (one.device.group == "av" or one.device.device_class == "av_host")
    }
    things = brief_bring.of_devices((each.known for each in told), in_rooms, name_them=True, now=now)
    counts = Counter(each.go.mark for each in with_something)
    reported = [one.device.reported_at for one in known if one.device.reported_at is not None]
    return Shown(
        devices=with_something,
        total=len(known),
        go=[(mark, counts[mark]) for mark in brief_facts.WORST_FIRST if counts[mark]],
        bring=brief_bring.of_rooms(
            things,
            ((one.name, one.verdict.bring) for one in not_ready),
            spares=known[0].spares if known else None,
            site=site.name,
            now=now,
        ),
        rooms=not_ready,
        rooms_total=len(verdicts),
        unknown=not_known(told),
        oldest_at=min(reported, default=None),
        never=len(known) - len(reported),
        old=sum(each.is_old for each in told) - (len(known) - len(reported)),
    )


def not_known(told: Sequence[Told]) -> list[str]:
    """A sentence for all devices of which the same is not known. What failed comes before what was never told."""
    names: dict[str, list[str]] = {}
    for each in told:
        for text in each.unknown:
            names.setdefault(text, []).append(each.known.name)
    found = []
    for text, whose in sorted(names.items(), key=lambda pair: (pair[0].startswith("Which"), -len(pair[1]))):
        more = f" and {len(whose) - _NAMED} more" if len(whose) > _NAMED else ""
        found.append(
            f"{brief_facts.short(', '.join(whose[:_NAMED]), 160)}{more}: {text[:1].lower()}{text[1:]}"
        )
    return found
