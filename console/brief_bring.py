"""What to bring: from the rules' words and the parts they are about, each thing once, and where it comes from."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from collector.rooms.item import without_twins
from collector.spares import cover, needs
from collector.spares.cover import Cover
from collector.spares.fitting import Fits
from collector.spares.needs import Machine, Need
from collector.spares.shelf import Taken, Taking
from collector.store.findings import Finding
from collector.tickets import parts
from console import brief_supply
from console.brief_facts import short
from console.brief_known import Known, Spares

# `A data cable; a replacement drive of the same size.` are two things, `…; look at the free slots first.` is one.
_NEXT: Final = re.compile(r";\s+(?=an?\s)", re.IGNORECASE)
# What a room's readiness calls a part that is to be brought.
_OF_ROOM: Final = re.compile(r"(lamp|filter|camera|microphone) (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Thing:
    text: str
    like: str  # what another one must be like; empty: not known
    count: int
    for_whom: tuple[str, ...]  # which part of which device or room
    said: tuple[str, ...] = ()  # who pays, which part number, which depot
    takes: tuple[Taken, ...] = ()

    @property
    def supply(self) -> str:
        """One sentence."""
        text = "; ".join(self.said)
        return f"{text[:1].upper()}{text[1:]}." if text else ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    component: str
    text: str
    like: str
    which: str
    need: Need | None = None


@dataclass(slots=True)
class _Group:
    """The same thing for several."""

    first: _Wanted
    fits: Fits | None
    claim: tuple[str, str] | None  # whom to ask first
    whom: dict[tuple[str, str], str] = field(default_factory=dict)
    covers: list[Cover | None] = field(default_factory=list)


def of_devices(
    devices: Iterable[Known], in_rooms: Collection[str] = (), *, name_them: bool, now: datetime
) -> list[Thing]:
    """Two findings about one drive want one drive. Of `in_rooms` the room says itself what to bring, but for parts
    that only the inventory knows."""
    known = list(devices)
    spares = known[0].spares if known else Spares()
    found: dict[object, _Group] = {}
    for one in known:
        wanted = [each for finding in one.findings for each in _of_finding(one, finding)]
        with_part = {each.text.casefold() for each in wanted if each.like}
        for each in wanted:
            if not each.like and (one.device.id in in_rooms or each.text.casefold() in with_part):
                continue
            fits = spares.shelf.fits(each.need.wanted) if each.need is not None else None
            mine = cover.find(spares.covers, each.need.serial) if each.need is not None else None
            claim = brief_supply.claim(mine, now)
            # Rules say the same of one part in their own words: the part decides.
            key = (("", each.like.casefold()) if each.like else (each.text.casefold(), ""), fits, claim)
            name = (f"{one.name}: {each.which}" if each.which else one.name) if name_them else each.which
            group = found.setdefault(key, _Group(each, fits, claim))
            if (one.device.id, each.component) not in group.whom:
                group.whom[one.device.id, each.component] = short(name, 160)
                group.covers.append(mine)
    # Two pieces of one device that no serial tells apart are still two.
    things = [
        Thing(
            short(each.first.text), each.first.like, len(each.whom), tuple(without_twins(each.whom.values()))
        )
        for each in found.values()
    ]
    sites = {one.device.site for one in known}
    taking = Taking(spares.shelf, sites.pop() if len(sites) == 1 else None)
    return _supplied(things, list(found.values()), taking, now)


def of_findings(one: Known, now: datetime) -> dict[str, list[str]]:
    """For each finding by itself, as if nothing else were to be brought: where its parts come from."""
    return {
        finding.id: [
            thing.supply
            for thing in of_devices([replace(one, findings=[finding])], name_them=False, now=now)
            if thing.said
        ]
        for finding in one.findings
    }


def _supplied(
    things: Sequence[Thing], groups: Sequence[_Group], taking: Taking, now: datetime
) -> list[Thing]:
    told = list(things)
    # What a vendor replaces leaves the depot to the others.
    for place in sorted(range(len(groups)), key=lambda place: groups[place].claim is not None):
        group = groups[place]
        if group.fits is None:
            continue
        takes = taking.take(group.fits.numbers, things[place].count)
        said = [
            *brief_supply.warranty(group.covers, now, any_entered=taking.shelf.has_warranties),
            *brief_supply.numbers(group.fits, taking.shelf),
            *brief_supply.supply(group.fits, things[place].count, takes, taking, now),
        ]
        if not group.fits.numbers and group.claim is None and not taking.shelf.is_entered:
            said = []
        told[place] = replace(told[place], said=tuple(said), takes=tuple(takes))
    return told


def _of_finding(one: Known, finding: Finding) -> list[_Wanted]:
    said = finding.texts.get("bring", "")
    if not said:
        return []
    probe, facts = one.part(finding)
    like, which = parts.kind(probe, facts), parts.identity(facts) or short(finding.label, 80)
    word = parts.name(probe).split()[-1]
    pieces = [piece[:1].upper() + piece[1:] for piece in without_twins(_NEXT.split(said))]
    machine = Machine(
        maker=one.device.maker, model=one.device.model, serial=one.device.system_serial,
        sections={name: items or {} for name, items in one.sections.items()},
    )  # fmt: skip
    return [
        _Wanted(
            finding.component,
            piece,
            short(like, 160) if word in piece.casefold() else "",
            which,
            needs.of(piece, probe, facts, finding.component, finding.label, machine),
        )
        for piece in pieces
    ]


def of_rooms(
    things: Iterable[Thing], rooms: Iterable[tuple[str, Iterable[str]]], *, spares: Spares | None = None, site: str | None = None,
    now: datetime | None = None,
) -> list[Thing]:  # fmt: skip
    """The same list with what the rooms need, without what is in it already. With `spares` (and `now`) it says where
    from, of what the list has not taken."""
    listed = list(things)
    known = {thing.text.casefold() for thing in listed}
    wanted: dict[str, tuple[str, list[str]]] = {}
    for room, texts in rooms:
        for text in without_twins(piece for said in texts for piece in _NEXT.split(said)):
            if text.casefold() not in known:
                wanted.setdefault(text.casefold(), (text, []))[1].append(room)
    more = [Thing(short(text), "", len(names), tuple(names)) for text, names in wanted.values()]
    if spares is None or now is None:
        return listed + more
    taking = Taking(spares.shelf, site)
    for thing in listed:
        taking.without(thing.takes)
    groups = []
    for text, _names in wanted.values():
        part = _OF_ROOM.fullmatch(text)
        fits = spares.shelf.fits(needs.named(part[1], part[2]).wanted) if part else None
        groups.append(_Group(_Wanted("", text, "", ""), fits, None))
    return listed + _supplied(more, groups, taking, now)
