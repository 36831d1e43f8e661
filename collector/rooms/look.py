"""One look at one device of a room: what is known of it, how old that is, and what the room is needed for. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from collector.rooms.item import FAIL, NOT_CHECKED, PASS, WARN, Clock, Item
from collector.rooms.known import KnownDevice, Span
from collector.store.devices import ASLEEP, ONLINE, SHUT_DOWN, UNKNOWN
from collector.store.findings import Finding
from protos import sections

# Older than three reports is said beside a fact; a day old says nothing of today.
OLD: Final = timedelta(minutes=15)
TOO_OLD: Final = timedelta(hours=24)
# Without a booking: half a day in court.
USUAL: Final = timedelta(hours=4)
_SOON: Final = timedelta(hours=1)
_OUTCOMES: Final = {
    "unavailable": "cannot be read on this host",
    "failed": "could not be read",
    "timed_out": "was not read in time",
    "busy": "was busy",
}


@dataclass(frozen=True, slots=True)
class Use:
    """What the room is needed for."""

    current: Span | None
    next: Span | None
    now: datetime
    is_open: bool = True  # the room is in its hours

    @property
    def is_wanted(self) -> bool:
        """Whether what is switched off now should be on. Out of hours a display sleeps and drops its line, and a
        projector without standby network is off: then nobody can tell whether they work."""
        return self.is_open or self.soon

    @property
    def in_session(self) -> bool:
        return self.current is not None

    @property
    def soon(self) -> bool:
        """A session is under way or begins within the hour."""
        return self.within(_SOON)

    def within(self, span: timedelta) -> bool:
        return self.in_session or (self.next is not None and self.next[0] - self.now <= span)

    @property
    def needs(self) -> timedelta:
        """How long the parts must last: what is left of this session, the next one, or a usual one."""
        if self.current is not None:
            return self.current[1] - self.now
        return self.next[1] - self.next[0] if self.next is not None else USUAL


@dataclass(frozen=True, slots=True)
class Look:
    known: KnownDevice
    clock: Clock
    use: Use
    asked_at: datetime | None = None  # of the check this look is for: what is older was known before
    # Of each probe, once: a dozen parts ask for the same words.
    _troubles: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    _ages: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def host(self) -> str:
        return self.known.name

    def away(self) -> tuple[str, datetime | None] | None:
        """Why nothing can be known of the device now, and since when; None: it is online."""
        device = self.known.device
        seen_at, gone_at = device.seen_at, device.presence_at
        if device.revoked_at is not None:
            return f"its certificate was revoked {self.clock.when(device.revoked_at)}", device.revoked_at
        if seen_at is None:
            return "it was never heard of", None
        # A page may be looked at while no collector runs: then nobody has called the device silent yet.
        if device.presence == ONLINE and self.clock.now - seen_at <= OLD:
            return None
        if device.presence in (ASLEEP, SHUT_DOWN):
            since = gone_at or seen_at
            word = "asleep" if device.presence == ASLEEP else "shut down"
            return f"{word} since {self.clock.says(since)}", since
        if device.presence == UNKNOWN:
            return f"the collector was away itself; last heard {self.clock.when(seen_at)}", seen_at
        return f"silent since {self.clock.says(seen_at)}", seen_at

    def trouble(self, probe: str) -> str:
        """Why the newest word of a probe tells nothing of now; empty when it does."""
        found = self._troubles.get(probe)
        if found is None:
            found = self._troubles[probe] = self._trouble(probe)
        return found

    def _trouble(self, probe: str) -> str:
        probed = self.known.probes.get(probe)
        if probed is None:
            return f"{self.host} has told nothing of it yet"
        if probed.outcome not in ("ok", "busy"):
            return probed.reason or _OUTCOMES.get(probed.outcome, f"its probe ended as {probed.outcome}")
        if probed.ok_at is None:
            return probed.reason or "it was busy whenever it was asked"
        if self.clock.now - probed.ok_at > TOO_OLD:
            return f"last seen {self.clock.when(probed.ok_at)}, too long ago"
        return ""

    def aged(self, probe: str) -> str:
        """` (as of 06:40)` where the words before it are not fresh."""
        found = self._ages.get(probe)
        if found is None:
            found = self._ages[probe] = self._aged(probe)
        return found

    def _aged(self, probe: str) -> str:
        probed = self.known.probes.get(probe)
        if probed is None or probed.ok_at is None:
            return ""
        before = self.asked_at is not None and probed.ok_at < self.asked_at
        if before or self.clock.now - probed.ok_at > OLD:
            return f" (as of {self.clock.says(probed.ok_at)})"
        return ""

    def findings(self, rules: Collection[str], components: Collection[str]) -> list[Finding]:
        """The open findings of these rules and parts. They know since when, and what to bring."""
        return [f for f in self.known.findings if f.rule in rules and f.component in components]

    def says(
        self, name: str, part: str, result: str, words: str, *, mandatory: bool = True, probe: str = "",
        bring: tuple[str, ...] = (), rules: Collection[str] = (), components: Collection[str] = (),
    ) -> Item:  # fmt: skip
        """An item; a bad one knows since when if one of these findings is open."""
        since = None
        found = self.findings(rules, components) if result in (WARN, FAIL) else []
        if found:
            since = min(finding.since_at for finding in found)
            words = f"{words} since {self.clock.says(since)}"
        aged = self.aged(probe) if probe and result != NOT_CHECKED else ""
        return Item(
            name=name, part=part, result=result, reason=f"{part}: {words}{aged}", mandatory=mandatory,
            bring=bring if result != PASS else (), since=since,
        )  # fmt: skip


def probe_of(section: str) -> str:
    return sections.BY_NAME[section].probe
