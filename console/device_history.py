"""The pictures of one device: which, in what order, over which time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from collector import history
from collector.store.devices import Device
from console import device_limits, pictures, sessions, words
from console.device_facts import Reading

# How far ahead a forecast is drawn. A day tells of no trend.
_AHEAD: Final = {"7d": timedelta(days=3.5), "30d": timedelta(days=15)}
SPANS: Final = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}

# What people look at first. A metric not named here comes after, by name.
_ORDER: Final = (
    "filesystem_used_ratio", "memory_used_ratio", "cpu_used_ratio", "sensor_temperature_celsius",
    "disk_temperature_celsius", "disk_life_used_ratio", "disk_pending_sectors_count", "disk_reallocated_sectors_total",
    "battery_health_ratio", "battery_charge_ratio", "memory_pressure_ratio", "cpu_run_queue_load", "swap_used_ratio",
    "clock_offset_seconds", "sensor_fan_rpm",
)  # fmt: skip
# Not a picture: sizes that stand still, times that only count up, the agent's own housekeeping.
_DULL: Final = (
    "filesystem_size_bytes", "memory_size_bytes", "memory_available_bytes", "disk_power_on_seconds",
    "disk_power_cycles_total", "sensor_temperature_limit_celsius", "disk_spare_threshold_ratio",
    "operating_system_support_left_seconds", "updates_lists_age_seconds", "reboot_pending_age_seconds",
)  # fmt: skip
_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class Chart:
    metric: str
    label: str
    picture: Markup
    limits: tuple[pictures.Limit, ...]
    last: float
    last_at: datetime  # by the device's clock
    ahead: str  # where the trend leads, in a sentence; empty: no forecast


@dataclass(frozen=True, slots=True)
class Charts:
    pictures: list[Chart]
    left_out: int
    since: datetime


def charts(
    session: Session,
    device: Device,
    readings: Sequence[Reading],
    *,
    span: str,
    first: Sequence[tuple[str, str]],
    now: datetime,
    most: int = _MOST,
) -> Charts:
    since = now - SPANS[span]
    labels = {(reading.metric, reading.component): reading.label for reading in readings}
    series = history.series(session, device.id, since, now)
    here = device_limits.read(session, device, readings, since, now)
    ahead = {key: place for place, key in enumerate(first)}
    order = {metric: place for place, metric in enumerate(_ORDER)}
    wanted = sorted(
        (key for key, points in series.items() if _worth_drawing(key, points, ahead)),
        key=lambda key: (ahead.get(key, 99), order.get(key[0], 99), key),
    )
    drawn = []
    for key in wanted[:most]:
        metric, component = key
        label = labels.get(key) or component
        limits = device_limits.limits(here, metric, component)
        points = [pictures.Point(*point) for point in series[key]]
        title = f"{words.metric(metric)} {label}".strip()
        trend = device_limits.ahead(here, metric, component, points[-1].last) if points else None
        picture = pictures.line(
            metric, points, since=since, until=now, zone=sessions.config().zone, limits=limits, title=title,
            stretches=device_limits.spoke(here, metric, component), why_not=partial(device_limits.why_not, here),
            ahead=trend, ahead_for=_AHEAD.get(span, timedelta(0)),
        )  # fmt: skip
        said = trend.said if trend is not None else ""
        drawn.append(Chart(metric, label, picture, limits, points[-1].last, points[-1].at, said))
    return Charts(drawn, max(len(wanted) - most, 0), since)


def _worth_drawing(
    key: tuple[str, str], points: Sequence[history.Point], ahead: dict[tuple[str, str], int]
) -> bool:
    if key in ahead:
        return True
    if key[0] in _DULL or key[0].startswith("agent_") or not points:
        return False
    # A counter or state that never moved from zero says nothing as a line; it stands in the table.
    flat_kind = key[0].endswith(("_total", "_count", "_state"))
    return not flat_kind or any(last != points[0][1] or last != 0 for _, last, _, _ in points)
