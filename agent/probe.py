"""The contract of a probe.

A probe is a row: a name, what it reads, how often, how long it may take, and a `read` function. `read`
returns what it took (`Taken`); when its source is not there it raises `Unavailable`,
when the source is locked `Busy`. Anything else it raises is a failure. Only runner.py catches.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from agent.room import Room
from agent.windows import Sources
from protos.report_pb2 import Item, PatchStatus, Reading


class Unavailable(Exception):
    """The source is not on this device or may not be read. The text is the reason, in plain words."""


class Busy(Exception):
    """The source is locked by another program; worth another try soon."""


class Pace(Enum):
    """How often a probe runs; the seconds behind it come from the collector's policy."""

    SAMPLE = "sample"  # default 60 s
    SLOW = "slow"  # default 4 h: weighs on the device
    INVENTORY = "inventory"  # default 1 h: facts
    # What is plugged in, and what stands beside the device. Only a device that serves a room looks so often;
    # the others at the pace of the inventory.
    PRESENCE = "presence"  # default 60 s
    POLL = "poll"  # with each report, default 300 s


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where to read. `root` is prefixed to /proc, /sys, /etc, /var, /run; programs are found on PATH, and
    commands.why_not says whether one may answer for this place."""

    root: Path = Path("/")
    extra_filesystems: tuple[str, ...] = ()  # mount points read although their type is normally left out
    windows: Sources | None = None  # other answers than this machine's own: in tests, captured ones
    room: Room | None = None  # what this device looks after in its room; None: it serves none

    def path(self, absolute: str) -> Path:
        """`/proc/stat` below the root."""
        return self.root / absolute.lstrip("/")

    @property
    def is_live(self) -> bool:
        """False when a captured tree is read: then programs and psutil would tell of another machine."""
        return self.root == Path("/") and self.windows is None

    @property
    def is_windows(self) -> bool:
        """False on Windows too when a captured tree is read: those are of Linux devices."""
        return self.windows is not None or (sys.platform == "win32" and self.is_live)


@dataclass(slots=True)
class Taken:
    """What one run of a probe brought. A section that is present replaces the former one whole."""

    readings: list[Reading] = field(default_factory=list)
    sections: dict[str, list[Item]] = field(default_factory=dict)
    patches: PatchStatus | None = None
    reason: str = ""  # a remark to an ok outcome: what part could not be read


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One subject. The module's docstring is its documentation (docs/probes.md is made from it)."""

    name: str
    read: Callable[[Place], Taken]
    pace: Pace
    limit_seconds: float
    child: bool = False  # runs in a short-lived process: the source can hang, leak or weigh
    platforms: tuple[str, ...] = ("linux",)


def reading(metric: str, value: float, component: str = "", label: str = "") -> Reading:
    """One sample of one metric. `label` is what people call the component: its mount point, its model."""
    return Reading(metric=metric, component=_text(component), last=value, samples=1, label=_text(label))


def item(key: str, **facts: object) -> Item:
    """A row of a section. None is left out: a fact that is not known is absent, never empty or zero."""
    return Item(
        key=_text(key), facts={name: _text(value) for name, value in facts.items() if value is not None}
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # The registry and file names may hold halves of letters; a message takes only whole ones.
    return str(value).encode("utf-8", "replace").decode()
