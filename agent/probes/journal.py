"""Reads what `journalctl -o json` gives of the kernel and of shut-downs: which starts there were, and how each ended.

A start ended well when systemd said so in it: it reached shutdown.target, or logind announced the shut-down. A
start that another one follows and that holds neither was cut off: power lost, hung and switched off, or crashed.
Not judged by wtmp: new systems no longer write it, and it is rotated away each month.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

# Identities of messages that systemd promises to keep (`journalctl --catalog` explains them).
JOURNAL_STARTED = "f77379a8490b408bbe5f6940505a777b"
UNIT_STARTED = "39f53479d3a045ac8e11786248231fbf"
SHUTDOWN_ANNOUNCED = "98268866d1d54a499c4e98921d93bc40"
_KERNEL_FACILITIES = ("", "0")  # another one: a program wrote to /dev/kmsg


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    boot: str
    message: str  # of the kernel, else empty; never kept
    ends: bool = False  # this start ends well


@dataclass(frozen=True, slots=True)
class Start:
    """One run of the kernel, as far as the journal holds it."""

    boot: str
    first_at: datetime
    last_at: datetime
    ended_well: bool


def fields() -> tuple[str, ...]:
    return ("MESSAGE", "MESSAGE_ID", "UNIT", "SYSLOG_FACILITY", "_TRANSPORT")


def matches() -> tuple[str, ...]:
    """Warnings and worse of the kernel, what it says of disks it found, and how starts begin and end."""
    worse = (f"PRIORITY={level}" for level in range(5))
    return (
        *("_TRANSPORT=kernel", *worse),
        *("+", "_TRANSPORT=kernel", "PRIORITY=5", "_KERNEL_SUBSYSTEM=scsi"),
        *("+", f"MESSAGE_ID={JOURNAL_STARTED}"),
        *("+", f"MESSAGE_ID={UNIT_STARTED}", "UNIT=shutdown.target"),
        *("+", f"MESSAGE_ID={SHUTDOWN_ANNOUNCED}"),
    )


def parse(lines: Iterable[str]) -> Iterator[Entry]:
    """Lines that are no entries are passed over: the last one of a cut answer is half."""
    for line in lines:
        if not line.startswith("{"):
            continue
        try:
            found = json.loads(line)
            micros = int(found["__REALTIME_TIMESTAMP"])
            at = datetime.fromtimestamp(micros / 1_000_000, UTC)
        except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
            continue
        said = found.get("MESSAGE_ID")
        is_kernel = (
            found.get("_TRANSPORT") == "kernel" and _word(found, "SYSLOG_FACILITY") in _KERNEL_FACILITIES
        )
        yield Entry(
            at=at,
            boot=_word(found, "_BOOT_ID"),
            message=_word(found, "MESSAGE") if is_kernel else "",
            ends=said == SHUTDOWN_ANNOUNCED
            or (said == UNIT_STARTED and found.get("UNIT") == "shutdown.target"),
        )


def starts(entries: Iterable[Entry]) -> list[Start]:
    """In order. `entries` are oldest first."""
    found: dict[str, Start] = {}
    for entry in entries:
        if not entry.boot:
            continue
        seen = found.get(entry.boot) or Start(entry.boot, entry.at, entry.at, False)
        ended_well = seen.ended_well or entry.ends
        found[entry.boot] = Start(entry.boot, seen.first_at, max(seen.last_at, entry.at), ended_well)
    return list(found.values())


def cut_off(order: list[Start]) -> list[datetime]:
    """When the device was on again after each start that did not end well. Of the last one nobody knows yet."""
    return [after.first_at for before, after in pairwise(order) if not before.ended_well]


def _word(found: dict[str, object], name: str) -> str:
    """A field that is not text in UTF-8 comes as a list of bytes, one that is too long as null."""
    value = found.get(name)
    if isinstance(value, list):
        try:
            return bytes(value).decode("utf-8", "replace")
        except (TypeError, ValueError):
            return ""
    return value if isinstance(value, str) else ""
