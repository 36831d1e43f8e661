"""What the collector knows of a device beside its reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceContext:
    device_class: str = "unknown"
    seen_at: datetime | None = None  # last call of any kind, before this one
    expected: bool = False  # it should be up and is not heard
    expected_from: datetime | None = None  # since when it should be up
    frozen_until: datetime | None = None  # we were away: no silence is judged before
    accepted: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (rule, component) → value
