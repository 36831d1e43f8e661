"""What the collector knows of a device beside its reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Expected:
    """One part of the accepted baseline of the device's room."""

    label: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Baseline:
    key: str  # another one when anything about it is
    sections: Mapping[str, Mapping[str, Expected]]  # section → key of the item → what was accepted


NO_BASELINE: Final = Baseline("", {})


def at_all_times(_when: str, _at: datetime) -> bool:
    return True


def no_turn(_when: str, _at: datetime) -> datetime | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceContext:
    device_class: str = "unknown"
    seen_at: datetime | None = None  # last call of any kind, before this one
    expected: bool = False  # it should be up and is not heard
    expected_from: datetime | None = None  # since when it should be up
    frozen_until: datetime | None = None  # we were away: no silence is judged before
    lives_on: bool = False  # a person said that it was enrolled again: from now on it is judged there
    accepted: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (rule, component) → value
    baseline: Baseline = NO_BASELINE
    # (one of rule.DURING, moment) → whether it is that time in the room.
    during: Callable[[str, datetime], bool] = at_all_times
    # (one of rule.URGENT, moment) → when `during` next says otherwise than at that moment; None: not as far as is known.
    turns: Callable[[str, datetime], datetime | None] = no_turn
