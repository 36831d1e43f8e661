"""What to bring: from the rules' words and the parts they are about, each thing once."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from collector.rooms.item import without_twins
from collector.store.findings import Finding
from collector.tickets import parts
from console.brief_facts import short
from console.brief_known import Known

# `A data cable; a replacement drive of the same size.` are two things, `…; look at the free slots first.` is one.
_NEXT: Final = re.compile(r";\s+(?=an?\s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Thing:
    text: str
    like: str  # what another one must be like; empty: not known
    count: int
    for_whom: tuple[str, ...]  # which part of which device or room


@dataclass(frozen=True, slots=True)
class _Wanted:
    component: str
    text: str
    like: str
    which: str


def of_devices(devices: Iterable[Known], in_rooms: Collection[str] = (), *, name_them: bool) -> list[Thing]:
    """Two findings about one drive want one drive. Of `in_rooms` the room says itself what to bring, but for parts
    that only the inventory knows."""
    found: dict[tuple[str, str], tuple[_Wanted, dict[tuple[str, str], str]]] = {}
    for one in devices:
        wanted = [each for finding in one.findings for each in _of_finding(one, finding)]
        with_part = {each.text.casefold() for each in wanted if each.like}
        for each in wanted:
            if not each.like and (one.device.id in in_rooms or each.text.casefold() in with_part):
                continue
            # Rules say the same of one part in their own words: the part decides.
            key = ("", each.like.casefold()) if each.like else (each.text.casefold(), "")
            name = (f"{one.name}: {each.which}" if each.which else one.name) if name_them else each.which
            found.setdefault(key, (each, {}))[1].setdefault((one.device.id, each.component), short(name, 160))
    # Two pieces of one device that no serial tells apart are still two.
    return [
        Thing(short(each.text), each.like, len(whom), tuple(without_twins(whom.values())))
        for each, whom in found.values()
    ]


def _of_finding(one: Known, finding: Finding) -> list[_Wanted]:
    said = finding.texts.get("bring", "")
    if not said:
        return []
    probe, facts = one.part(finding)
    like, which = parts.kind(probe, facts), parts.identity(facts) or short(finding.label, 80)
    word = parts.name(probe).split()[-1]
    pieces = [piece[:1].upper() + piece[1:] for piece in without_twins(_NEXT.split(said))]
    return [
        _Wanted(finding.component, piece, short(like, 160) if word in piece.casefold() else "", which)
        for piece in pieces
    ]


def of_rooms(things: Iterable[Thing], rooms: Iterable[tuple[str, Iterable[str]]]) -> list[Thing]:
    """The same list with what the rooms need, without what is in it already."""
    listed = list(things)
    known = {thing.text.casefold() for thing in listed}
    wanted: dict[str, tuple[str, list[str]]] = {}
    for room, texts in rooms:
        for text in without_twins(piece for said in texts for piece in _NEXT.split(said)):
            if text.casefold() not in known:
                wanted.setdefault(text.casefold(), (text, []))[1].append(room)
    return listed + [Thing(short(text), "", len(names), tuple(names)) for text, names in wanted.values()]
