"""LVM's RAID volumes and thin pools: what `dmsetup status --noflush` says. Pure: text in, facts out.

Not `lvs`: that reads the volumes' labels, takes locks and wakes sleeping disks. The kernel knows the state of
what is in use, and `--noflush` keeps a thin pool from writing its metadata before it answers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.probe import reading
from agent.probes.md import Array
from protos.report_pb2 import Reading

_LINE: Final = re.compile(r"^(\S+): \d+ \d+ (raid|mirror|thin-pool) (.*)$", re.MULTILINE | re.ASCII)
_SHARE: Final = re.compile(r"(\d{1,18})/(\d{1,18})", re.ASCII)
_IDLE: Final = ("idle", "frozen")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """A thin pool. Data that is full stops writes, metadata that is full breaks the pool."""

    name: str
    failed: bool
    data_used_ratio: float | None = None
    metadata_used_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    arrays: list[Array]
    pools: list[Pool]


def parse_status(text: str) -> Status:
    """Of `vg-lv: 0 409600 raid raid1 2 AA 409600/409600 idle 0 0 -` and its like; other targets have no health."""
    result = Status([], [])
    for name, target, rest in _LINE.findall(text):
        fields = rest.split()
        if target == "thin-pool":
            result.pools.append(_pool(name, fields))
        elif (array := _raid(name, fields) if target == "raid" else _mirror(name, fields)) is not None:
            result.arrays.append(array)
    return result


def _raid(name: str, fields: list[str]) -> Array | None:
    # <level> <members> <a letter for each> <synchronised>/<all> <work> <mismatches> …
    if len(fields) < 4 or not re.fullmatch(r"[AaD-]+", fields[2]):
        return None
    share = _ratio(fields[3])
    work = fields[4] if len(fields) > 4 and fields[4] not in _IDLE else None
    level = fields[0].partition("_")[0]  # raid5_ls
    return Array(
        name=name,
        state="active",
        level=level,
        # D is dead. One that is alive and not in step (a) is being rebuilt, or was left behind.
        missing=sum(letter in ("D-" if work == "resync" else "aD-") for letter in fields[2]),
        work=work,
        work_done_ratio=share if work else None,
    )


def _mirror(name: str, fields: list[str]) -> Array | None:
    # <members> <device …> <synchronised>/<all> <words> <a letter for each> …
    share = next((n for n, field in enumerate(fields) if _SHARE.fullmatch(field)), None)
    letters = fields[share + 2] if share is not None and len(fields) > share + 2 else ""
    if not re.fullmatch(r"[ADFSRU]+", letters):
        return None
    return Array(name=name, state="active", level="mirror", missing=sum(letter != "A" for letter in letters))


def _pool(name: str, fields: list[str]) -> Pool:
    # <transaction> <used>/<all metadata> <used>/<all data> <root> rw|ro|out_of_data_space … needs_check|-
    if len(fields) < 5:
        return Pool(name=name, failed=fields[:1] in (["Fail"], ["Error"]))
    return Pool(
        name=name,
        failed=bool({"ro", "out_of_data_space", "needs_check"} & set(fields[4:])),
        metadata_used_ratio=_ratio(fields[1]),
        data_used_ratio=_ratio(fields[2]),
    )


def _ratio(text: str) -> float | None:
    found = _SHARE.fullmatch(text)
    if found is None or not int(found[2]):
        return None
    return min(1.0, int(found[1]) / int(found[2]))


def readings(pools: Iterable[Pool]) -> list[Reading]:
    result = []
    for pool in pools:
        label = volume(pool.name)
        result.append(reading("thin_pool_failed_state", pool.failed, pool.name, label))
        if pool.data_used_ratio is not None:
            result.append(reading("thin_pool_data_used_ratio", pool.data_used_ratio, pool.name, label))
        if pool.metadata_used_ratio is not None:
            result.append(
                reading("thin_pool_metadata_used_ratio", pool.metadata_used_ratio, pool.name, label)
            )
    return result


def volume(name: str) -> str:
    """`group/volume` from the mapper's `group-volume-tpool`, in which a hyphen of a name is doubled."""
    parts = re.split(r"(?<!-)-(?!-)", name.removesuffix("-tpool"))
    return "/".join(part.replace("--", "-") for part in parts) if len(parts) == 2 else name
