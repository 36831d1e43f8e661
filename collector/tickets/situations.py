"""One thing for people instead of hundreds: a site that fell silent, everything silent, a storm of tickets."""

import ipaddress
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from collector import decide
from collector.decisions import Decisions
from collector.outbound import news
from collector.store.devices import ONLINE, SILENT, UNKNOWN, Device
from collector.store.findings import CLEARED, Finding
from collector.store.situations import EVERYTHING_SILENT, SITE_OUTAGE, STORM, Situation
from collector.tickets.numbers import next_number

# Of the devices of a site (or subnet) that should be up, so many must fall silent within so long. Three is
# the least that is not a coincidence; 40 % is one floor's switch in a small office.
_LEAST: Final = 3
_SHARE: Final = 0.4
_WITHIN: Final = timedelta(minutes=5)
# All of them at once is rather our own network than theirs.
_EVERYTHING: Final = 0.8
# Back: half of them. The others get tickets of their own after a while: they may still be starting.
_BACK: Final = 0.5
_LATE: Final = timedelta(minutes=10)
# After an absence of our own nobody is silent, and nobody is back: unknown is no recovery.
_NOT_HEARD: Final = (SILENT, UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Seen:
    id: str
    places: tuple[str, ...]
    fallen: bool


def places(device: Device) -> tuple[str, ...]:
    """Where a device can go silent together with others: its site, its subnet."""
    found = [f"site {device.site}"] if device.site else []
    try:
        address = ipaddress.ip_address(device.address)
    except ValueError:
        return tuple(found)
    bits = 24 if address.version == 4 else 64
    return (*found, f"subnet {ipaddress.ip_network((address, bits), strict=False)}")


def covering(decisions: Decisions, device: Device) -> Situation | None:
    """The situation that explains this device's silence."""
    everything = decisions.situation(EVERYTHING_SILENT)
    if everything is not None and device.id in everything.data["devices"]:
        return everything
    for place in places(device):
        found = decisions.situation(SITE_OUTAGE, place)
        if found is not None and device.id in found.data["devices"]:
            return found
    return None


def look_for_outages(session: Session, decisions: Decisions, now: datetime) -> None:
    """After devices fell silent: did they fall together?"""
    seen = _expected_up(session, now)
    fallen = [device for device in seen if device.fallen]
    if len(fallen) < _LEAST:
        return
    by_place: defaultdict[str, list[_Seen]] = defaultdict(list)
    for device in seen:
        for place in device.places:
            by_place[place].append(device)
    if len(by_place) > 1 and len(fallen) >= _EVERYTHING * len(seen) and _several_sites(fallen):
        for open_one in [one for one in decisions.situations() if one.kind == SITE_OUTAGE]:
            _resolve(session, open_one, now, "everything is silent: see there")
        _open_or_grow(session, decisions, EVERYTHING_SILENT, "", fallen, len(seen), now)
        return
    covered = _covered(decisions)
    for place in sorted(by_place, key=lambda name: (name.startswith("subnet"), name)):
        members = by_place[place]
        down = [device for device in members if device.fallen and device.id not in covered]
        known = decisions.situation(SITE_OUTAGE, place)
        if known is not None or (len(down) >= _LEAST and len(down) >= _SHARE * len(members)):
            _open_or_grow(session, decisions, SITE_OUTAGE, place, down, len(members), now)
            covered |= {device.id for device in down}


def _several_sites(fallen: Iterable[_Seen]) -> bool:
    return len({device.places[0] for device in fallen if device.places}) > 1


def _covered(decisions: Decisions) -> set[str]:
    """Devices whose silence is explained already."""
    return {device_id for one in decisions.situations() for device_id in one.data.get("devices", ())}


def _expected_up(session: Session, now: datetime) -> list[_Seen]:
    """Devices that are up, or were until just now. Laptops come and go: they tell nothing."""
    rows = session.scalars(
        select(Device).where(
            Device.revoked_at.is_(None),
            Device.device_class != "laptop",
            or_(
                Device.presence == ONLINE,
                (Device.presence == SILENT) & (Device.presence_at > now - _WITHIN),
            ),
        )
    )
    return [_Seen(device.id, places(device), device.presence == SILENT) for device in rows]


def _open_or_grow(
    session: Session,
    decisions: Decisions,
    kind: str,
    scope: str,
    down: list[_Seen],
    members: int,
    now: datetime,
) -> None:
    ids = {device.id for device in down}
    known = decisions.situation(kind, scope)
    if known is not None:
        missing = ids - set(known.data["devices"])
        if missing:
            row = session.get_one(Situation, known.id)
            row.data = {**row.data, "devices": sorted({*row.data["devices"], *missing})}
            decide.changed(session)
        return
    if kind == EVERYTHING_SILENT:
        title = f"{len(ids)} of {members} devices fell silent at once, everywhere"
        body = "So many at once is rather this collector's own network, name or firewall than theirs. Look here first. No device gets a ticket for it."
    else:
        title = f"{scope[0].upper()}{scope[1:]} is silent: {len(ids)} of {members} devices within {_WITHIN.seconds // 60} minutes"
        body = "Power, line or switch of this place. Its devices get no tickets; those that do not come back with it get their own."
    _open(session, kind, scope, title, body, {"devices": sorted(ids), "of": members}, now)


def storm(session: Session, scope: str, limit: int, now: datetime) -> None:
    """Make sure that the storm has its situation."""
    if session.scalar(
        select(Situation.id).where(
            Situation.kind == STORM, Situation.scope == scope, Situation.state == "open"
        )
    ):
        return
    title = f"{limit} new tickets within an hour ({scope}): the others wait"
    body = "Something common is likely behind them. What is still bad gets its ticket as soon as fewer than that were opened in an hour, the worst first."
    _open(session, STORM, scope, title, body, {}, now)


def _open(
    session: Session, kind: str, scope: str, title: str, body: str, data: dict[str, object], now: datetime
) -> None:
    row = Situation(
        id=uuid.uuid4().hex, number=next_number(session), kind=kind, scope=scope, state="open", title=title, body=body,
        opened_at=now, data=data,
    )  # fmt: skip
    session.add(row)
    news.of_situation(session, row, "create", now)
    session.flush()
    decide.changed(session)


def look_for_ends(session: Session, decisions: Decisions, now: datetime) -> None:
    """Sites that are back, storms that are drained."""
    for known in list(decisions.situations()):
        if known.kind == STORM:
            _end_storm(session, known, now)
        else:
            _end_outage(session, known, now)


def _end_outage(session: Session, known: Situation, now: datetime) -> None:
    ids = known.data["devices"]
    away = 0
    for start in range(0, len(ids), 500):
        away += (
            session.scalar(
                select(func.count())
                .select_from(Device)
                .where(Device.id.in_(ids[start : start + 500]), Device.presence.in_(_NOT_HEARD))
            )
            or 0
        )
    back_at = known.data.get("back_at")
    if len(ids) - away < _BACK * len(ids):
        if back_at is not None:
            _remember(session, known, back_at=None)
        return
    if back_at is None:
        _remember(session, known, back_at=now.isoformat())
    elif away == 0 or now - datetime.fromisoformat(back_at) >= _LATE:
        rest = f"; {away} did not come back with it" if away else ""
        _resolve(session, known, now, f"{len(ids) - away} of {len(ids)} devices are heard again{rest}")


def _end_storm(session: Session, known: Situation, now: datetime) -> None:
    held = session.scalar(
        select(Finding.id).where(Finding.suppressed == STORM, Finding.state != CLEARED).limit(1)
    )
    if held is None and now - known.opened_at > _LATE:
        _resolve(session, known, now, "nothing waits any more")


def _remember(session: Session, known: Situation, **facts: object) -> None:
    row = session.get_one(Situation, known.id)
    row.data = {**row.data, **facts}
    decide.changed(session)


def _resolve(session: Session, known: Situation, now: datetime, words: str) -> None:
    row = session.get_one(Situation, known.id)
    row.state, row.resolved_at = "resolved", now
    row.data = {**row.data, "ended": words}
    news.of_situation(session, row, "resolve", now, words)
    session.flush()
    decide.changed(session)
