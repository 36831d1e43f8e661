"""What time alone brings about: holds that run out, devices that fall silent, requests from pages.

A sweep is an errand of the pipeline's thread, so it sees the same memory as the reports do.
"""

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from collector import leases
from collector.changes import Changes, table_of
from collector.directives import Desk, collect_now, subject_of_section
from collector.judge import Bench, judge, release
from collector.memory import Memory
from collector.rooms import checks, morning_mail
from collector.rooms.room import rooms
from collector.store.devices import ONLINE, SILENT, UNKNOWN, Device, DeviceState
from collector.store.installation import Fact, RefreshRequest
from collector.tickets import repair, situations, sla, unrepaired
from protos.intake_pb2 import EVERYTHING

logger = logging.getLogger(__name__)

_BATCH: Final = 500
_LEASE: Final = timedelta(seconds=15)
_TOLD_EVERY: Final = timedelta(seconds=5)
_RELEASE_EVERY: Final = timedelta(seconds=10)
_PROVED_EVERY: Final = timedelta(minutes=5)
# Who waits for a check looks at a page; the clock's moments are minutes.
_CHECKS_END_EVERY: Final = timedelta(seconds=2)
_CHECKS_BEGIN_EVERY: Final = timedelta(seconds=20)
_UNREPAIRED_GRACE: Final = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How patient the collector is; all from its policy."""

    silent_after: timedelta = timedelta(minutes=5)  # a heartbeat each 60 s; five missed
    freeze: timedelta = timedelta(minutes=10)  # after our own absence
    alive_every: timedelta = timedelta(seconds=10)
    gap: timedelta = timedelta(minutes=2)  # our own absence counts from here


class Sweep:
    def __init__(self, bench: Bench, desk: Desk, pace: Pace, *, mails_rooms: bool = False) -> None:
        self._holder = uuid.uuid4().hex
        self._bench = bench
        self._desk = desk
        self._pace = pace
        self._mails_rooms = mails_rooms  # somebody wants the morning's text
        self._alive_at: datetime | None = None
        self._unrepaired_at: datetime | None = None
        self._proved_at: datetime | None = None
        self._told_at: datetime | None = None
        self._released_at: datetime | None = None
        self._checks_begun_at: datetime | None = None
        self._checks_ended_at: datetime | None = None
        self._lease_until: datetime | None = None

    def run(self, session: Session, changes: Changes, memory: Memory, now: datetime) -> None:
        """One sweep, about once a second."""
        # The lease first: whoever waits for it then holds nothing that its holder may want.
        leads = self._leads(session, now)
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY:
            self._told_at = now
            self._tell_heard(session, memory)
        self._hand_over_requests(session, memory, now)
        # Each collector judges the reports it gets: all of them need the decisions, not only the leader.
        anew = self._bench.decisions.refresh(session, now)
        self._advance(session, changes, memory, anew.accepted | anew.booked, now)
        for device_id in anew.accepted:
            self._ask_for_parts(device_id)
        if not leads:
            return
        self._own_absence(session, memory, now)
        merged = self._merged(session)
        for device_id in merged:
            memory.forget(device_id)  # another collector may have heard it last
        self._advance(session, changes, memory, merged, now)
        self._advance(session, changes, memory, self._due(session, now), now)
        fallen = self._fallen_silent(session, memory, now)
        self._advance(session, changes, memory, fallen, now)
        if fallen:
            situations.look_for_outages(session, self._bench.decisions, now)
        if self._released_at is None or now - self._released_at >= _RELEASE_EVERY:
            self._released_at = now
            situations.look_for_ends(session, self._bench.decisions, now)
            release(session, memory, self._bench, now)
        if self._unrepaired_at is None or now - self._unrepaired_at > timedelta(minutes=1):
            self._unrepaired_at = now
            unrepaired.look(session, self._bench.decisions, now, _UNREPAIRED_GRACE)
            sla.escalate(session, now)
        if self._proved_at is None or now - self._proved_at >= _PROVED_EVERY:
            self._proved_at = now
            repair.look_for_clean_days(session, self._bench.rules, now)
        self._check_rooms(session, now)

    def _check_rooms(self, session: Session, now: datetime) -> None:
        if self._checks_begun_at is None or now - self._checks_begun_at >= _CHECKS_BEGIN_EVERY:
            self._checks_begun_at = now
            checks.due(session, rooms(session), now)
        if self._checks_ended_at is None or now - self._checks_ended_at >= _CHECKS_END_EVERY:
            self._checks_ended_at = now
            if checks.finish(session, now) and self._mails_rooms:
                morning_mail.tell(session, now)

    def _leads(self, session: Session, now: datetime) -> bool:
        """Whether the lease is ours. Renewed at a third of its span: an idle collector must not write twice a second."""
        if self._lease_until is not None and now < self._lease_until - 2 * _LEASE / 3:
            return True
        kept = self._lease_until is not None and now < self._lease_until
        if not leases.hold(session, "sweep", self._holder, now, _LEASE):
            self._lease_until = None
            return False
        if not kept:
            self._alive_at = None  # another one may have swept meanwhile: the store knows
        self._lease_until = now + _LEASE
        return True

    def _advance(
        self, session: Session, changes: Changes, memory: Memory, device_ids: Collection[str], now: datetime
    ) -> None:
        memory.bring(session, device_ids)
        for device_id in device_ids:
            try:
                remembered = memory.of(session, device_id)
            except KeyError:
                continue
            judge(session, changes, remembered, self._bench, None, now)

    def _ask_for_parts(self, device_id: str) -> None:
        """A new baseline is judged against what the device shows: whole sections, not "unchanged"."""
        expected = self._bench.decisions.rooms.baseline(device_id).sections
        if expected:
            self._desk.put(device_id, collect_now(sorted({subject_of_section(name) for name in expected})))

    def _tell_heard(self, session: Session, memory: Memory) -> None:
        """Write when devices were last heard, for all that sent only heartbeats, in one statement."""
        heard = memory.heard()
        if not heard:
            return
        table = table_of(Device)
        session.connection().execute(
            update(table).where(table.c.id == bindparam("v_id")).values(seen_at=bindparam("v_seen_at")),
            sorted(
                ({"v_id": m.device.id, "v_seen_at": m.seen_at} for m in heard),
                key=lambda row: str(row["v_id"]),
            ),
        )
        for remembered in heard:
            remembered.flushed_at = remembered.seen_at

    def _hand_over_requests(self, session: Session, memory: Memory, now: datetime) -> None:
        """ "Refresh now" of a page becomes a directive; the request stays open until a report answers it."""
        rows = session.scalars(
            select(RefreshRequest)
            .where(RefreshRequest.sent_at.is_(None), RefreshRequest.asked_at > now - timedelta(minutes=10))
            .limit(_BATCH)
        ).all()
        memory.bring(session, (row.device_id for row in rows))
        for row in rows:
            try:
                remembered = memory.of(session, row.device_id)
            except KeyError:
                continue
            row.sent_at = now
            remembered.refresh.append((row.id, row.number))
            self._desk.put(row.device_id, collect_now([EVERYTHING], row.number))

    def _own_absence(self, session: Session, memory: Memory, now: datetime) -> None:
        """After a gap of our own no device's silence counts for a while: it could not have been heard."""
        last = self._alive_at or _fact_time(session, "alive_at")
        if last is not None and now - last > self._pace.gap:
            until = now + self._pace.freeze
            logger.warning("the collector was away from %s: silence is not judged before %s", last, until)
            _write_fact(session, "silence_frozen_until", until.isoformat())
            session.execute(
                update(Device)
                .where(Device.presence.in_((ONLINE, SILENT)))
                .values(presence=UNKNOWN, presence_at=now)
                .execution_options(synchronize_session=False)
            )
            memory.clear()
            self._bench.silence_frozen_until = until
        elif self._alive_at is None:
            self._bench.silence_frozen_until = _fact_time(session, "silence_frozen_until")
        if self._alive_at is None or now - self._alive_at > self._pace.alive_every or last is None:
            _write_fact(session, "alive_at", now.isoformat())
            self._alive_at = now

    def _due(self, session: Session, now: datetime) -> list[str]:
        return list(
            session.scalars(
                select(DeviceState.device_id)
                .where(DeviceState.due_at <= now)
                .order_by(DeviceState.due_at)
                .limit(_BATCH)
            )
        )

    def _merged(self, session: Session) -> list[str]:
        """Earlier enrolments on which something is still open: an administrator has just merged them."""
        return list(
            session.scalars(
                select(Device.id).where(Device.lives_on_as > "", Device.open_findings > 0).limit(_BATCH)
            )
        )

    def _fallen_silent(self, session: Session, memory: Memory, now: datetime) -> list[str]:
        """Online → silent; unknown → silent too, once we have listened long enough ourselves.

        Returns those to be judged: from then on their state knows when a silence rule speaks.
        """
        frozen = self._bench.silence_frozen_until
        if frozen is not None and now < frozen:
            return []
        limit = now - self._pace.silent_after
        quiet = session.scalars(
            select(Device.id)
            .where(
                Device.presence.in_((ONLINE, UNKNOWN)),
                or_(Device.seen_at < limit, Device.seen_at.is_(None) & (Device.enrolled_at < limit)),
                Device.revoked_at.is_(None),
            )
            .limit(_BATCH)
        ).all()
        fallen: list[str] = []
        memory.bring(session, quiet)
        for device_id in quiet:
            remembered = memory.of(session, device_id)
            if remembered.seen_at is not None and remembered.seen_at >= limit:
                continue
            remembered.device.presence, remembered.device.presence_at = SILENT, now
            fallen.append(device_id)
        if fallen:
            session.execute(
                update(Device)
                .where(Device.id.in_(fallen))
                .values(presence=SILENT, presence_at=now)
                .execution_options(synchronize_session=False)
            )
        return fallen


def _fact_time(session: Session, name: str) -> datetime | None:
    row = session.get(Fact, name)
    return datetime.fromisoformat(row.value) if row is not None else None


def _write_fact(session: Session, name: str, value: str) -> None:
    session.merge(Fact(name=name, value=value))
