"""The report log, judged again: with the rules in force to prove the record, with other rules to see before.

Live and replay call the same `evaluate`. What is not in the log cannot be replayed and is left out on both
sides: silence, which is judged by calls and not by reports.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import decisions
from collector.rooms.in_force import baseline_of, booked, hours_of, is_within, next_turn
from collector.rules import transition as why
from collector.rules.context import Baseline, DeviceContext
from collector.rules.evaluate import evaluate
from collector.rules.override import adapted
from collector.rules.rule import Rules
from collector.rules.state import CLEARED, OPEN, DeviceState
from collector.store.devices import Device, Site, StateCheckpoint
from collector.store.findings import Transition as TransitionRow
from collector.store.overrides import SCOPES, Acceptance, Override
from collector.store.reports import StoredReport
from collector.store.rooms import BaselinePart, Booking, Room
from collector.unpack import Refused, unpack
from protos.report_pb2 import Report

# Decisions of people and changes of rules take effect in a sweep, between two reports.
_BETWEEN: Final = (why.ACCEPTED, why.NOT_JUDGED, why.MERGED)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS: Final = 500


@dataclass(frozen=True, order=True, slots=True)
class Told:
    """One change of a finding, live or replayed."""

    at: datetime
    rule: str
    component: str
    old: str
    new: str
    reason: str

    @property
    def key(self) -> tuple[object, ...]:
        """What must be equal. A decision's own moment is between two reports: there replay is late."""
        return (
            None if self.reason in _BETWEEN else self.at,
            self.rule,
            self.component,
            self.old,
            self.new,
            self.reason,
        )


@dataclass(slots=True)
class Replayed:
    told: list[Told]
    reports: int
    state: DeviceState
    began_at: datetime | None  # None: no report in that time


@dataclass(frozen=True, slots=True)
class _InForce:
    rules: Rules
    accepted: dict[tuple[str, str], float]
    baseline: Baseline


class _Past:
    """What people had decided about one device, at each moment."""

    def __init__(self, session: Session, rules: Rules, device: Device) -> None:
        self._rules, self._device = rules, device
        self._acceptances = session.scalars(select(Acceptance).where(Acceptance.device_id == device.id)).all()
        self._overrides = session.scalars(select(Override)).all()
        self._parts = session.scalars(select(BaselinePart).where(BaselinePart.device_id == device.id)).all()
        self.during, self.turns = _room(session, device)
        dated: list[Acceptance | Override | BaselinePart] = [
            *self._acceptances,
            *self._overrides,
            *self._parts,
        ]
        moments = {row.created_at for row in dated} | {row.ended_at for row in dated if row.ended_at}
        moments |= {row.until_at for row in self._overrides if row.until_at}
        self._moments = sorted(moments)
        self._known: dict[int, _InForce] = {}

    def at(self, now: datetime) -> _InForce:
        period = bisect_right(self._moments, now)
        found = self._known.get(period)
        if found is None:
            found = self._known[period] = self._in_force(now)
        return found

    def begun(self, after: datetime, before: datetime) -> list[datetime]:
        """When decisions came into force in that time."""
        dated: list[Acceptance | Override | BaselinePart] = [
            *self._acceptances,
            *self._overrides,
            *self._parts,
        ]
        found = {row.created_at for row in dated}
        return sorted(at for at in found if after < at < before)

    def _in_force(self, now: datetime) -> _InForce:
        def holds(row: Acceptance | Override | BaselinePart) -> bool:
            return row.created_at <= now and (row.ended_at is None or row.ended_at > now)

        fitting = [
            row for row in self._overrides if holds(row) and decisions.override_fits(row, self._device, now)
        ]
        fitting.sort(key=lambda row: (SCOPES.index(row.scope), row.created_at, row.id))
        rules = adapted(self._rules, map(decisions.change_of, fitting)) if fitting else self._rules
        accepted = {(row.rule, row.component): row.value for row in self._acceptances if holds(row)}
        return _InForce(rules, accepted, baseline_of(row for row in self._parts if holds(row)))


def _room(
    session: Session, device: Device
) -> tuple[Callable[[str, datetime], bool], Callable[[str, datetime], datetime | None]]:
    """As the room's hours are now, and its bookings were known then."""
    site = session.get(Site, device.site) if device.site else None
    room = session.get(Room, (site.name, device.room)) if site is not None else None
    hours = hours_of(site, room) if site is not None else None
    rows = session.scalars(
        select(Booking)
        .where(Booking.site == (device.site or ""), Booking.room == device.room)
        .order_by(Booking.starts_at, Booking.id)
    )
    known = [booked(row) for row in rows] if device.room else []
    return (
        lambda when, at: is_within(when, at, hours, known),
        lambda when, at: next_turn(when, at, known),
    )


def replay(session: Session, rules: Rules, device: Device, since: datetime, until: datetime) -> Replayed:
    """Judge the device's reports between two moments again, from what was remembered before them."""
    state, start = _remembered(session, device.id, since)
    past, silent = _Past(session, rules, device), {rule.name for rule in rules if rule.kind == "silence"}
    told: list[Told] = []
    count, began_at = 0, None
    merged = [at for at in _merged(session, device) if at >= start]

    def judge(report: Report | None, now: datetime, lives_on: bool = False) -> None:
        nonlocal state
        in_force = past.at(now)
        context = DeviceContext(
            device_class=device.device_class,
            accepted=in_force.accepted,
            baseline=in_force.baseline,
            during=past.during,
            turns=past.turns,
            lives_on=lives_on,
        )
        state, transitions = evaluate(in_force.rules, state, report, now, context)
        told.extend(
            Told(t.at, t.rule, t.component, t.old, t.new, t.reason)
            for t in transitions
            if t.rule not in silent and since <= t.at <= until
        )

    def leave(last: datetime, at: datetime) -> None:
        for moment in past.begun(last, at):  # no report comes any more that they could wait for
            judge(None, moment)
        judge(None, at, lives_on=True)

    last = start
    for report, now in _reports(session, device.id, start, until):
        count, began_at = count + 1, began_at or now
        while merged and merged[0] <= now:
            leave(last, merged.pop(0))
        judge(report, now)
        last = now
    if began_at is not None:
        for at in merged:
            if at <= until:
                leave(last, at)
        judge(None, until)
    return Replayed(told, count, state, began_at)


def _merged(session: Session, device: Device) -> list[datetime]:
    """When a person's word that it lives on as another device ended what was open."""
    found = list(
        session.scalars(
            select(TransitionRow.at)
            .where(TransitionRow.device_id == device.id, TransitionRow.reason == why.MERGED)
            .distinct()
            .order_by(TransitionRow.at)
        )
    )
    # Where nothing was open no transition tells of it, but what was only pending ended too.
    if device.lives_on_as and device.revoked_at and not any(at >= device.revoked_at for at in found):
        found.append(device.revoked_at)
    return found


def _remembered(session: Session, device_id: str, since: datetime) -> tuple[DeviceState, datetime]:
    row = session.scalar(
        select(StateCheckpoint)
        .where(StateCheckpoint.device_id == device_id, StateCheckpoint.at <= since)
        .order_by(StateCheckpoint.at.desc())
        .limit(1)
    )
    if row is None:  # the first one there is; before it nothing is known, or there was nothing
        row = session.scalar(
            select(StateCheckpoint)
            .where(StateCheckpoint.device_id == device_id)
            .order_by(StateCheckpoint.at)
            .limit(1)
        )
    return (DeviceState(), _EPOCH) if row is None else (DeviceState.from_bytes(row.body), row.at)


def _reports(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[tuple[Report, datetime]]:
    """As they were judged: with what the collector added to them."""
    rows = session.execute(
        select(StoredReport.body, StoredReport.received_at, StoredReport.skew_seconds, StoredReport.added)
        .where(
            StoredReport.device_id == device_id, StoredReport.judged, StoredReport.received_at >= since,
            StoredReport.received_at <= until,
        )
        .order_by(StoredReport.received_at, StoredReport.seq)
        .execution_options(yield_per=_ROWS)
    )  # fmt: skip
    for body, received_at, skew, added in rows:
        try:
            report = unpack(body, received_at).report
        except Refused:  # taken once, by a collector with other limits
            continue
        for metric, value in added or ():
            report.readings.add(metric=str(metric), last=float(str(value)), samples=1)
        if skew is not None:
            report.readings.add(metric="device_clock_skew_seconds", last=skew, samples=1)
        yield report, received_at


def recorded(session: Session, rules: Rules, device_id: str, since: datetime, until: datetime) -> list[Told]:
    """What was written down live in that time."""
    silent = {rule.name for rule in rules if rule.kind == "silence"}
    rows = session.scalars(
        select(TransitionRow)
        .where(TransitionRow.device_id == device_id, TransitionRow.at >= since, TransitionRow.at <= until)
        .order_by(TransitionRow.at)
    )
    return [
        Told(row.at, row.rule, row.component, row.old, row.new, row.reason)
        for row in rows
        if row.rule not in silent
    ]


def differences(live: Iterable[Told], again: Iterable[Told]) -> tuple[list[Told], list[Told]]:
    """(only recorded, only replayed)."""
    left, right = list(live), list(again)
    keys = [told.key for told in right]
    only_live = []
    for told in left:
        if told.key in keys:
            at = keys.index(told.key)
            del keys[at], right[at]
        else:
            only_live.append(told)
    return only_live, right


@dataclass(frozen=True, slots=True)
class Tickets:
    """What a list of changes means in tickets: one open at a time, findings join it."""

    opened: int
    joined: int
    ended: int


def tickets(told: Iterable[Told]) -> Tickets:
    """Of one device. Reopening within a week counts as the same ticket, as it does live."""
    now_open: set[tuple[str, str]] = set()
    opened = joined = ended = 0
    last_end: datetime | None = None
    for change in sorted(told):
        key = (change.rule, change.component)
        if change.new == OPEN and change.old != OPEN:
            if now_open:
                joined += 1
            elif last_end is None or change.at - last_end > timedelta(days=7):
                opened += 1
            now_open.add(key)
        elif change.new == CLEARED and key in now_open:
            now_open.remove(key)
            if not now_open:
                ended, last_end = ended + 1, change.at
    return Tickets(opened, joined, ended)
