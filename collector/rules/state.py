"""What the rules remember of a device between reports."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

PENDING, OPEN, CLEARED = "pending", "open", "cleared"
_VERSION: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


class Track(NamedTuple):
    """One rule on one component: what was seen of it, and where that has led.

    A tuple and no dataclass: one is made for every open finding in every report.
    """

    state: str
    since: datetime  # the first bad observation of this episode
    seen: datetime  # the last observation of any kind
    bad: bool = True  # what the last clear observation said
    value: float | None = None
    limit: float | None = None
    second: float | None = None  # value of the second condition
    baseline: float | None = None
    label: str = ""
    stale: bool = False  # nothing fresh is known
    flapping: bool = False
    turned: datetime | None = None  # while flapping: when it last turned from bad to well or back
    grown: datetime | None = None  # when a counter last grew
    flips: tuple[datetime, ...] = ()  # openings and clearings of the last hour
    urgent: bool = False  # by its rule's urgent_during
    urged: datetime | None = None  # when that last changed
    turns: datetime | None = None  # when the clock changes it next, as far as bookings tell


Trail = tuple[tuple[datetime, float], ...]  # (moment, value): trails.py


Shown = Mapping[str, Mapping[str, str]]  # key of an item → those of its facts that rules of a room compare


@dataclass(frozen=True, slots=True)
class Roster:
    """The parts of one section that an absence rule expects, and which of them are gone."""

    labels: Mapping[str, str]  # key → what people call it
    missing: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collecting:
    """A section `updates` of which not all parts have come yet."""

    hash: int
    parts: frozenset[int]
    keys: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceState:
    """Never changed in place: evaluate returns another one when there is something new."""

    tracks: Mapping[tuple[str, str], Track] = field(default_factory=dict)  # (rule, component)
    baselines: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (metric, component)
    parts: Mapping[tuple[str, str], datetime] = field(default_factory=dict)  # (kind, component) → first seen
    updates: Mapping[str, datetime] | None = (
        None  # security update and version → first seen; None: never told
    )
    collecting: Collecting | None = None
    trails: Mapping[tuple[str, str], Trail] = field(default_factory=dict)  # (rule, component) → its past
    rosters: Mapping[str, Roster] = field(default_factory=dict)  # by rule
    shown: Mapping[str, Shown] = field(
        default_factory=dict
    )  # by section, where a room's baseline expects parts
    expects: str = ""  # key of the baseline that was in force at the last evaluation
    judged_by: str = ""  # rules and device class of the last evaluation
    due_at: datetime | None = None  # when time alone will do something next

    def to_bytes(self) -> bytes:
        body = {
            "version": _VERSION,
            "tracks": [[*key, *_track_row(track)] for key, track in self.tracks.items()],
            "baselines": [[*key, value] for key, value in self.baselines.items()],
            "parts": [[*key, _ticks(at)] for key, at in self.parts.items()],
            "updates": None if self.updates is None else {k: _ticks(at) for k, at in self.updates.items()},
            "collecting": None
            if self.collecting is None
            else [self.collecting.hash, sorted(self.collecting.parts), sorted(self.collecting.keys)],
            "trails": [
                [*key, [_ticks(at) for at, _ in trail], [value for _, value in trail]]
                for key, trail in self.trails.items()
            ],
            "rosters": [[name, dict(one.labels), sorted(one.missing)] for name, one in self.rosters.items()],
            "shown": self.shown,
            "expects": self.expects,
            "judged_by": self.judged_by,
            "due_at": _ticks(self.due_at),
        }
        return zlib.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), 1)

    @classmethod
    def from_bytes(cls, packed: bytes) -> "DeviceState":
        """Raises ValueError for a version this collector does not know."""
        body = json.loads(zlib.decompress(packed))
        if body.get("version") != _VERSION:
            raise ValueError(
                f"rule state of version {body.get('version')!r}, this collector knows {_VERSION}"
            )
        collecting = body["collecting"]
        return cls(
            tracks={(row[0], row[1]): _track(row[2:]) for row in body["tracks"]},
            baselines={(row[0], row[1]): row[2] for row in body["baselines"]},
            parts={(row[0], row[1]): _known(row[2]) for row in body["parts"]},
            updates=None if body["updates"] is None else {k: _known(at) for k, at in body["updates"].items()},
            collecting=None
            if collecting is None
            else Collecting(
                hash=collecting[0], parts=frozenset(collecting[1]), keys=frozenset(collecting[2])
            ),
            trails={
                (row[0], row[1]): tuple(zip(map(_known, row[2]), row[3], strict=True))
                for row in body.get("trails", ())
            },
            rosters={row[0]: Roster(row[1], frozenset(row[2])) for row in body.get("rosters", ())},
            shown=body.get("shown", {}),
            expects=body.get("expects", ""),
            judged_by=body["judged_by"],
            due_at=_moment(body["due_at"]),
        )


def _ticks(at: datetime | None) -> int | None:
    # Whole microseconds: a float of seconds would not come back exactly, and replay compares times.
    return None if at is None else (at - _EPOCH) // _TICK


def _moment(ticks: int | None) -> datetime | None:
    return None if ticks is None else _EPOCH + ticks * _TICK


def _known(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK


def _track_row(track: Track) -> list[Any]:
    return [
        track.state,
        _ticks(track.since),
        _ticks(track.seen),
        track.bad,
        track.value,
        track.limit,
        track.second,
        track.baseline,
        track.label,
        track.stale,
        track.flapping,
        _ticks(track.turned),
        _ticks(track.grown),
        [_ticks(at) for at in track.flips],
        *_urgency_row(track),
    ]


def _urgency_row(track: Track) -> list[Any]:
    """Nothing for nearly all: only rules of rooms become urgent."""
    if not track.urgent and track.urged is None and track.turns is None:
        return []
    return [track.urgent, _ticks(track.urged), _ticks(track.turns)]


def _track(row: list[Any]) -> Track:
    state, since, seen, bad, value, limit, second, baseline, label, stale, flapping, turned, grown, flips = (
        row[:14]
    )
    urgent, urged, turns = row[14:] or (False, None, None)
    return Track(
        state=state, since=_known(since), seen=_known(seen), bad=bad, value=value, limit=limit, second=second,
        baseline=baseline, label=label, stale=stale, flapping=flapping, turned=_moment(turned),
        grown=_moment(grown), flips=tuple(_known(at) for at in flips), urgent=urgent, urged=_moment(urged),
        turns=_moment(turns),
    )  # fmt: skip
