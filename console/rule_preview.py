"""What an override would have changed: the last days of some devices judged again, with it and without.

Bounded by a span of time and not by a number of devices: a page is asked for by somebody who waits. It says how much of
the fleet it looked at.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector import decisions, replay
from collector.rules.override import Change, adapted
from collector.rules.rule import Rule, Rules
from collector.rules.state import OPEN
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.overrides import Override

DAYS: Final = 3
_SECONDS: Final = 3.0
_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Line:
    device: Device
    component: str
    at: datetime
    more: bool  # it would open with the override and did not without; else the other way


@dataclass(slots=True)
class Preview:
    devices: int = 0  # looked at
    of: int = 0  # in the override's scope
    reports: int = 0
    opened: int = 0  # without it
    would_open: int = 0
    open_now: int = 0
    would_be_open: int = 0
    lines: list[Line] = field(default_factory=list)
    hidden: int = 0  # further lines


def of(session: Session, rule: Rule, made: Mapping[str, Any], now: datetime) -> Preview:
    """`made`: what decide.override takes. Devices on which the rule lately spoke come first."""
    shown, until = Preview(), time.monotonic() + _SECONDS
    plain = Rules([rule])
    changed = adapted(plain, [Change(rule=rule.name, changes=made["changes"], component=made["component"])])
    devices = _in_scope(session, rule, made, now)
    shown.of = len(devices)
    for device in devices:
        if shown.devices and time.monotonic() > until:
            break
        since = now - timedelta(days=DAYS)
        without = replay.replay(session, plain, device, since, now)
        with_it = replay.replay(session, changed, device, since, now)
        shown.devices += 1
        shown.reports += without.reports
        before, after = _openings(without, rule), _openings(with_it, rule)
        shown.opened += len(before)
        shown.would_open += len(after)
        shown.open_now += _open(without, rule)
        shown.would_be_open += _open(with_it, rule)
        for key in sorted(before ^ after):
            if len(shown.lines) < _LINES:
                shown.lines.append(Line(device, key[1], key[0], key in after))
            else:
                shown.hidden += 1
    return shown


def _in_scope(session: Session, rule: Rule, made: Mapping[str, Any], now: datetime) -> list[Device]:
    lately = select(Finding.device_id, func.max(Finding.opened_at).label("at")).where(
        Finding.rule == rule.name
    )
    spoke = lately.group_by(Finding.device_id).subquery()
    rows = session.scalars(
        select(Device)
        .outerjoin(spoke, spoke.c.device_id == Device.id)
        .where(Device.revoked_at.is_(None))
        .order_by(spoke.c.at.is_(None), spoke.c.at.desc(), Device.id)
    )
    row = Override(scope=made["scope"], site=made["site"], name=made["name"], until_at=None)
    return [d for d in rows if rule.is_for(d.device_class) and decisions.override_fits(row, d, now)]


def _openings(told: replay.Replayed, rule: Rule) -> set[tuple[datetime, str]]:
    return {(t.at, t.component) for t in told.told if t.rule == rule.name and t.new == OPEN and t.old != OPEN}


def _open(told: replay.Replayed, rule: Rule) -> int:
    return sum(key[0] == rule.name and track.state == OPEN for key, track in told.state.tracks.items())
