"""Where a thing to bring comes from, in sentences: under warranty, out of a depot, to be ordered, or not known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from collector.spares.cover import CONTRACT_ENDED, ENDED, IN_FORCE, NOT_BEGUN, Cover
from collector.spares.fitting import Fits
from collector.spares.shelf import Shelf, Taken, Taking
from console import format
from console.brief_facts import short

_MOST_NUMBERS: Final = 3
_MOST_DEPOTS: Final = 3


def numbers(fits: Fits, shelf: Shelf) -> list[str]:
    """Which part number, or why none is known. Nothing where nobody entered a map."""
    if fits.numbers:
        more = len(fits.numbers) - _MOST_NUMBERS
        some = " or ".join(short(number, 40) for number in fits.numbers[:_MOST_NUMBERS])
        return [f"part number {some}" + (f" (or {more} more)" if more > 0 else "")]
    if fits.unknown:
        be = "is" if len(fits.unknown) == 1 else "are"
        return [f"which part number fits is not known: its {' and '.join(fits.unknown)} {be} not known"]
    return ["not in the map: see model and form factor"] if shelf.rows else []


def supply(fits: Fits, count: int, takes: Sequence[Taken], taking: Taking, now: datetime) -> list[str]:
    """Out of which depots, and what is left to order."""
    if not fits.numbers:
        return []
    if not taking.shelf.is_counted:
        return ["whether a spare lies anywhere is not known: no stock is entered"]
    said = [_spare(taken, len(fits.numbers) > 1, count, now) for taken in takes[:_MOST_DEPOTS]]
    said += ["and out of more depots"] * (len(takes) > _MOST_DEPOTS)
    missing = count - sum(taken.count for taken in takes)
    if missing:
        why = "the rest goes to other lines" if taking.lies(fits.numbers) else "none in stock"
        if takes:
            why = "no more in stock"
        said.append(f"order{f' {missing}' if count > 1 else ''}: {why}")
    return said


def _spare(taken: Taken, name_it: bool, count: int, now: datetime) -> str:
    lying = taken.lying
    which = f"{short(lying.part_number, 40)} " if name_it else ""
    many = (
        f"{taken.count} {which}{'spare' if taken.count == 1 else 'spares'}" if count > 1 else f"{which}spare"
    )
    return f"{many} in depot {short(lying.depot, 60)} ({taken.left} left, counted {format.ago(lying.counted_at, now)})"


def claim(cover: Cover | None, now: datetime) -> tuple[str, str] | None:
    """Whom to ask first: (vendor, contact). None: no warranty is in force."""
    # By the day in UTC: on the evening of the last day somewhere it has ended already.
    if cover is None or cover.state(now.date()) != IN_FORCE:
        return None
    return cover.vendor, cover.contact


def warranty(covers: Sequence[Cover | None], now: datetime, *, any_entered: bool) -> list[str]:
    """Of all that one line is for: either all are in force and go to one vendor, or none is."""
    states = [cover.state(now.date()) if cover is not None else "" for cover in covers]
    if not covers:  # a room's part, of which only the name is known
        return []
    if all(state == IN_FORCE for state in states):
        known = [cover for cover in covers if cover is not None]
        ends = sorted({cover.ends_on for cover in known})
        until = f"until {ends[0]}" + (f" (the last until {ends[-1]})" if len(ends) > 1 else "")
        whom = ", ".join(short(text, 80) for text in claim(known[0], now) or () if text)
        return [f"under warranty {until}: " + (f"claim from {whom}, first" if whom else "claim it first")]
    if not any_entered:
        return []
    said = Counter(_lapsed(cover, state) for cover, state in zip(covers, states, strict=True))
    if len(said) == 1:
        return [f"warranty {one}" for one in said]
    kinds = Counter({ENDED: 0, "": 0})
    kinds.update(state if state in (ENDED, NOT_BEGUN, CONTRACT_ENDED) else "" for state in states)
    words = {
        ENDED: "ended for {}",
        NOT_BEGUN: "not begun for {}",
        CONTRACT_ENDED: "in doubt for {}",
        "": "not known for {}",
    }
    return ["warranty " + ", ".join(words[state].format(count) for state, count in kinds.items() if count)]


def _lapsed(cover: Cover | None, state: str) -> str:
    if cover is None:
        return "not known"
    return {
        ENDED: f"ended on {cover.ends_on}",
        NOT_BEGUN: f"begins on {cover.starts_on}",
        CONTRACT_ENDED: f"until {cover.ends_on}, but its contract {short(cover.contract, 60)} ended on {cover.contract_ends_on}",
    }.get(state, "not known")


def card(cover: Cover | None, serial: str, now: datetime) -> list[tuple[str, str]]:
    """Rows of a device's card; an empty text is not known."""
    if cover is None:
        return [("Warranty", "" if serial else "not known: it tells no serial")]
    state = cover.state(now.date())
    if state == IN_FORCE:
        said = f"yes, until {cover.ends_on}"
    else:
        said = _lapsed(cover, state)
    rows = [("Warranty", f"{said} (list of {format.ago(cover.imported_at, now)})")]
    terms = "; ".join(_told(cover))
    return [*rows, ("Contract", terms)] if terms else rows


def _told(cover: Cover) -> Iterable[str]:
    whom = ", ".join(text for text in (cover.contract, cover.vendor, cover.contact) if text)
    return (text for text in (whom, " ".join(cover.terms.split())) if text)
