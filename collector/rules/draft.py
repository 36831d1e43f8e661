"""A state while it is being changed: copied only where something is written."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from collector.rules.lifecycle import Moved, due_at
from collector.rules.rule import Table
from collector.rules.state import Collecting, DeviceState, Roster, Shown, Track, Trail
from collector.rules.transition import Transition

Key = tuple[str, str]
_TRAILS: Final = 200


class Draft:
    """Reads go to the plain attributes; writes through the methods, which copy first."""

    __slots__ = (
        "baselines",
        "collecting",
        "expects",
        "judged_by",
        "parts",
        "rosters",
        "shown",
        "state",
        "tracks",
        "trails",
        "transitions",
        "updates",
    )

    def __init__(self, state: DeviceState) -> None:
        self.state = state
        self.tracks: dict[Key, Track] = state.tracks  # type: ignore[assignment]
        self.baselines: dict[Key, float] = state.baselines  # type: ignore[assignment]
        self.parts: dict[Key, datetime] = state.parts  # type: ignore[assignment]
        self.trails: dict[Key, Trail] = state.trails  # type: ignore[assignment]
        self.rosters: dict[str, Roster] = state.rosters  # type: ignore[assignment]
        self.shown: dict[str, Shown] = state.shown  # type: ignore[assignment]
        self.expects = state.expects
        self.updates = state.updates
        self.collecting = state.collecting
        self.judged_by = state.judged_by
        self.transitions: list[Transition] = []

    def move(self, key: Key, moved: Moved) -> Moved:
        """Take over what the lifecycle made of one track."""
        track, made = moved
        if track is not self.tracks.get(key):
            if self.tracks is self.state.tracks:
                self.tracks = dict(self.tracks)
            if track is None:
                self.tracks.pop(key, None)
            else:
                self.tracks[key] = track
        if made:
            self.transitions += made
        return moved

    def baseline(self, key: Key, value: float) -> None:
        if self.baselines is self.state.baselines:
            self.baselines = dict(self.baselines)
        self.baselines[key] = value

    def part(self, key: Key, at: datetime) -> None:
        if self.parts is self.state.parts:
            self.parts = dict(self.parts)
        self.parts[key] = at

    def trail(self, key: Key, trail: Trail) -> None:
        if self.trails is self.state.trails:
            self.trails = dict(self.trails)
        self.trails[key] = trail
        if len(self.trails) > _TRAILS:  # of filesystems and disks that are long gone
            self.trails.pop(min(self.trails, key=lambda known: self.trails[known][-1][0]))

    def forget_trails(self, gone: Iterable[Key]) -> None:
        for key in gone:
            if self.trails is self.state.trails:
                self.trails = dict(self.trails)
            self.trails.pop(key, None)

    def roster(self, rule: str, roster: Roster) -> None:
        if self.rosters is self.state.rosters:
            self.rosters = dict(self.rosters)
        self.rosters[rule] = roster

    def show(self, section: str, items: Shown) -> None:
        if self.shown.get(section) != items:
            self.shown = {**self.shown, section: items}

    def hide(self, section: str) -> None:
        self.shown = {name: items for name, items in self.shown.items() if name != section}

    def remember_updates(self, known: Mapping[str, datetime] | None, collecting: Collecting | None) -> None:
        if known != self.updates:
            self.updates = known
        self.collecting = collecting

    def finished(self, table: Table) -> DeviceState:
        """The given state itself when nothing was written."""
        old = self.state
        if (
            self.tracks is old.tracks
            and self.baselines is old.baselines
            and self.parts is old.parts
            and self.trails is old.trails
            and self.rosters is old.rosters
            and self.shown is old.shown
            and self.expects == old.expects
            and self.updates is old.updates
            and self.collecting is old.collecting
            and self.judged_by == old.judged_by
        ):
            return old
        moments = [due_at(table.rule(*key), track) for key, track in self.tracks.items()]
        return DeviceState(
            tracks=self.tracks,
            baselines=self.baselines,
            parts=self.parts,
            trails=self.trails,
            rosters=self.rosters,
            shown=self.shown,
            expects=self.expects,
            updates=self.updates,
            collecting=self.collecting,
            judged_by=self.judged_by,
            due_at=min((at for at in moments if at is not None), default=None),
        )
