"""Software RAID of Linux: what /proc/mdstat says. Pure: text in, facts out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.probe import item, reading
from protos.report_pb2 import Item, Reading

_HEAD: Final = re.compile(
    r"(md\S*) : (active|inactive)(?: \([\w-]+\))*(?: (raid\d+|linear|multipath))? ?(.*)"
)
_COUNTS: Final = re.compile(r"\[(\d{1,6})/(\d{1,6})\] \[[U_]+\]")
_PROGRESS: Final = re.compile(r"\b(recovery|resync|reshape|check|repair) *= *(\d{1,3}(?:\.\d+)?)%")


@dataclass(frozen=True, kw_only=True, slots=True)
class Array:
    name: str
    state: str
    level: str = "unknown"
    members: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    missing: int = 0
    work: str | None = None  # recovery, resync, reshape, check
    work_done_ratio: float | None = None
    mismatches: int | None = None  # of the last check; None: none was made, or it means nothing here


def parse_mdstat(text: str) -> list[Array]:
    """Arrays with redundancy, from `md0 : active raid1 sdb1[1] sda1[0]` and `… [2/1] [U_]` below it."""
    result = []
    for block in re.split(r"^(?=md\S* : )", text, flags=re.MULTILINE):
        head = _HEAD.match(block)
        if head is None:
            continue
        name, state, level, members = head[1], head[2], head[3] or "unknown", head[4]
        counts = _COUNTS.search(block)
        if counts is None and state == "active":
            continue  # raid0 and linear have nothing to lose a member of: they are whole or gone
        progress = _PROGRESS.search(block)
        result.append(
            Array(
                name=name,
                state=state,
                level=level,
                members=tuple(sorted(re.findall(r"(\S{1,64})\[\d{1,6}\]", members))),
                failed=tuple(sorted(re.findall(r"(\S{1,64})\[\d{1,6}\]\(F\)", members))),
                # An array that could not start waits for members: it must not look whole.
                missing=max(0, int(counts[1]) - int(counts[2])) if counts else 1,
                work=progress[1] if progress else None,
                work_done_ratio=min(1.0, float(progress[2]) / 100) if progress else None,
            )
        )
    return result


def counts_mismatches(level: str) -> bool:
    """Where parity must fit the data. The halves of a busy mirror (swap) differ without any fault."""
    return level in ("raid4", "raid5", "raid6")


def readings(arrays: Iterable[Array]) -> list[Reading]:
    result = []
    for array in arrays:
        result.append(reading("raid_degraded_state", array.missing > 0, array.name))
        if array.work_done_ratio is not None:
            result.append(reading("raid_work_done_ratio", array.work_done_ratio, array.name))
        if array.mismatches is not None:
            result.append(reading("raid_mismatches_count", array.mismatches, array.name))
    return result


def row(array: Array) -> Item:
    return item(
        array.name,
        state=array.state,
        level=array.level,
        members=" ".join(array.members) or None,
        failed=" ".join(array.failed) or None,
        missing=array.missing,
        work=array.work,
    )
