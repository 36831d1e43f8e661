"""When each probe is due, and how often reports and heartbeats go."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.config import Settings
from agent.probe import Pace, Probe
from protos.intake_pb2 import Policy
from protos.report_pb2 import BUSY, TIMED_OUT, OutcomeKind

# The bounds of intake.proto: whatever a collector says, a device is neither worn out nor silenced.
_BOUNDS: Final = {
    "sample_seconds": (1, 3600),
    "report_seconds": (1, 86400),
    "heartbeat_seconds": (1, 3600),
    "slow_seconds": (5, 604800),
    "inventory_seconds": (5, 604800),
}
_BUSY_AGAIN_SECONDS: Final = 300.0
_TIMEOUTS_BEFORE_PAUSE: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 7 * 86400.0


@dataclass(kw_only=True, slots=True)
class Intervals:
    sample_seconds: int = 60
    report_seconds: int = 300
    heartbeat_seconds: int = 60
    slow_seconds: int = 14400
    inventory_seconds: int = 3600
    serves_room: bool = False

    def of(self, pace: Pace) -> int:
        if pace is Pace.SAMPLE or (pace is Pace.PRESENCE and self.serves_room):
            return self.sample_seconds
        if pace is Pace.POLL and self.serves_room:
            return self.report_seconds
        return self.slow_seconds if pace is Pace.SLOW else self.inventory_seconds


def intervals(policy: Policy, settings: Settings, *, serves_room: bool = False) -> Intervals:
    """The collector's policy within the bounds; a local setting wins over it."""
    chosen = Intervals(serves_room=serves_room)
    for name, (low, high) in _BOUNDS.items():
        wanted = getattr(settings, name) or getattr(policy, name)
        if wanted:
            setattr(chosen, name, min(max(int(wanted), low), high))
    return chosen


class Schedule:
    """Everything is due at first. Ticks are seconds of agent.clock."""

    def __init__(self, probes: Iterable[Probe], chosen: Intervals) -> None:
        self.intervals = chosen
        self._probes = {probe.name: probe for probe in probes}
        self._due_at = dict.fromkeys(self._probes, float("-inf"))
        self._began_at: dict[str, float] = {}
        self._running: set[str] = set()
        self._timeouts = dict.fromkeys(self._probes, 0)
        self.timeouts_total = 0

    def due(self, tick: float) -> list[Probe]:
        """Probes to start now; one that still runs is not started again."""
        return [p for n, p in self._probes.items() if self._due_at[n] <= tick and n not in self._running]

    def started(self, name: str, tick: float) -> None:
        self._running.add(name)
        self._began_at[name] = tick

    def ended(self, name: str, kind: OutcomeKind, tick: float) -> str:
        """Set the next run. Returns what to add to the outcome's reason when the probe is now paused."""
        self._running.discard(name)
        interval = float(self.intervals.of(self._probes[name].pace))
        self._timeouts[name] = self._timeouts[name] + 1 if kind == TIMED_OUT else 0
        remark = ""
        if kind == TIMED_OUT:
            self.timeouts_total += 1
            over = self._timeouts[name] - _TIMEOUTS_BEFORE_PAUSE
            if over >= 0:
                interval = min(interval * 2.0 ** (over + 1), _LONGEST_PAUSE_SECONDS)
                remark = f"paused after {self._timeouts[name]} time-outs, next try in {in_words(interval)}"
        elif kind == BUSY:
            interval = min(interval, _BUSY_AGAIN_SECONDS)
        # From its start, so that a sample each 60 s does not drift by the time it takes.
        self._due_at[name] = max(self._began_at.get(name, tick) + interval, tick)
        return remark

    def hurry(self, names: Iterable[str]) -> set[str]:
        """Make these due now, paused ones too: somebody asked. Returns those that exist here."""
        known = set(names) & self._probes.keys()
        for name in known:
            self._due_at[name] = float("-inf")
        return known

    def set_intervals(self, chosen: Intervals, tick: float) -> None:
        """A shorter interval counts from the last start, not only after the old one has run out."""
        self.intervals = chosen
        for name, probe in self._probes.items():
            if name in self._began_at and self._timeouts[name] < _TIMEOUTS_BEFORE_PAUSE:
                soonest = max(self._began_at[name] + chosen.of(probe.pace), tick)
                self._due_at[name] = min(self._due_at[name], soonest)

    def next_at(self) -> float:
        """The tick at which the next probe is due; infinite when none waits."""
        waiting = [at for name, at in self._due_at.items() if name not in self._running]
        return min(waiting, default=float("inf"))


def in_words(seconds: float) -> str:
    """`2 h`, `5 min`, `40 s`: for a person, rounded."""
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
