"""Reports for rule tests, written as short as they are said: `ok("disk_health", ...)`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from collector.rules.evaluate import DeviceContext, Transition, evaluate
from collector.rules.rule import Rules
from collector.rules.state import DeviceState
from protos.catalogue import BY_NAME
from protos.report_pb2 import FAILED, OK, Item, Outcome, PatchStatus, Reading, Report, Section

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DESKTOP = DeviceContext(device_class="desktop")


def reading(metric: str, value: float, component: str = "", label: str = "") -> Reading:
    return Reading(metric=metric, component=component, last=value, samples=1, label=label)


def report(*readings: Reading, failed: Iterable[str] = (), also_ok: Iterable[str] = ()) -> Report:
    """Each reading's probe ended well, unless it is named in `failed`."""
    probes = sorted({BY_NAME[row.metric].probe for row in readings} | set(also_ok) | set(failed))
    outcomes = [Outcome(probe=name, outcome=FAILED if name in set(failed) else OK) for name in probes]
    return Report(readings=readings, outcomes=outcomes)


def filesystem(
    used: float, size: float = 500e9, component: str = "uuid-1", label: str = "/home"
) -> list[Reading]:
    return [
        reading("filesystem_size_bytes", size, component, label),
        reading("filesystem_available_bytes", size * (1 - used), component, label),
        reading("filesystem_used_ratio", used, component, label),
    ]


def patches(
    state: "PatchStatus.ValueType", security: int | None = None, updates: dict[str, str] | None = None
) -> Report:
    """`updates`: package → version, all of them security updates."""
    made = report(also_ok=["patches"])
    made.patches.state = state
    if security is not None:
        made.readings.append(reading("updates_security_count", security))
    if updates is not None:
        items = [Item(key=name, facts={"candidate": v, "security": "true"}) for name, v in updates.items()]
        made.sections.append(Section(name="updates", hash=hash(tuple(updates)) & 0xFFFF, items=items))
    return made


@dataclass
class Judged:
    """A device that is judged report by report."""

    rules: Rules
    device: DeviceContext = DESKTOP
    state: DeviceState = field(default_factory=DeviceState)
    told: list[Transition] = field(default_factory=list)

    def take(self, made: Report | None, now: datetime) -> list[Transition]:
        self.state, transitions = evaluate(self.rules, self.state, made, now, self.device)
        self.told += transitions
        return transitions

    def open(self) -> set[tuple[str, str]]:
        return {key for key, track in self.state.tracks.items() if track.state == "open"}


def changes(transitions: Iterable[Transition]) -> list[tuple[str, str, str]]:
    return [(t.rule, t.new, t.reason) for t in transitions]
