"""Fresh data of a room's hosts: asked for as "Refresh now" does, and whether it has come."""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from collector.rooms.known import PART_PROBES
from collector.store.devices import ONLINE, Device
from collector.store.installation import Counter, RefreshRequest
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart

# As long as a device that is online may take: half a minute a probe, and projectors are slow.
PATIENCE: Final = timedelta(seconds=60)


def hosts(session: Session, devices: Iterable[Device]) -> set[str]:
    """Those by which a room is judged and that can answer now. A clerk's desktop in the room is not asked."""
    online = {device.id: device for device in devices if device.presence == ONLINE}
    if not online:
        return set()
    expected = set(
        session.scalars(
            select(BaselinePart.device_id)
            .where(BaselinePart.device_id.in_(online), BaselinePart.ended_at.is_(None))
            .distinct()
        )
    )
    return expected | {
        device.id for device in online.values() if device.device_class == "av_host" or device.group == "av"
    }


def request(session: Session, devices: Collection[str], who: str, now: datetime) -> None:
    """One that waits to be asked already is not asked twice."""
    if not devices:
        return
    asked = session.scalars(
        select(RefreshRequest.device_id).where(
            RefreshRequest.device_id.in_(devices), RefreshRequest.sent_at.is_(None),
            RefreshRequest.asked_at > now - PATIENCE,
        )
    )  # fmt: skip
    fresh = sorted(set(devices) - set(asked))
    if not fresh:
        return
    first = _numbers(session, len(fresh)) - len(fresh) + 1
    session.add_all(
        RefreshRequest(
            id=uuid.uuid4().hex, device_id=device_id, number=first + n, asked_by=who[:100], asked_at=now
        )
        for n, device_id in enumerate(fresh)
    )
    session.flush()


def _numbers(session: Session, count: int) -> int:
    """The last of so many numbers of the counter by which requests are told apart."""
    last = session.scalar(
        update(Counter)
        .where(Counter.name == "refresh")
        .values(value=Counter.value + count)
        .returning(Counter.value)
    )
    if last is None:
        session.add(Counter(name="refresh", value=count))
        session.flush()
        return count
    return int(last)


def answered(session: Session, devices: Collection[str]) -> dict[str, datetime]:
    """By device since when all is fresh that its room is judged by: it has answered, and each of these probes has
    run since. The answer is its first report after being asked, and slow probes come with the next."""
    answers = dict(
        session.execute(
            select(RefreshRequest.device_id, func.max(RefreshRequest.answered_at))
            .where(RefreshRequest.device_id.in_(devices), RefreshRequest.answered_at.is_not(None))
            .group_by(RefreshRequest.device_id)
        ).all()
    )
    ran = dict(
        session.execute(
            select(ProbeResult.device_id, func.min(ProbeResult.received_at))
            .where(
                ProbeResult.device_id.in_(answers), ProbeResult.probe.in_(PART_PROBES),
                ProbeResult.outcome != "unavailable",
            )
            .group_by(ProbeResult.device_id)
        ).all()
    )  # fmt: skip
    return {device: min(at, ran.get(device) or at) for device, at in answers.items() if at is not None}
