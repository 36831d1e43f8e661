"""Obtains what events.py counts: reads the journal, looks up disks in /sys/block and crashes in pstore."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.probe import Place, Unavailable
from agent.probes import events, journal, journal_linux, kernel_files
from agent.probes import kernel_messages as said
from agent.probes.events import CUT_OFF, STOP_ERROR, Disk, Seen, Sighting
from agent.probes.journal import Entry
from protos.placeholders import is_placeholder

_ENTRIES_AT_MOST = 20_000  # some 15 MB: a disk that fails for weeks writes more, and the newest tell enough
_KINDS = frozenset(
    {
        *(said.BAD_BLOCK, said.DISK_ERROR, said.DISK_TIMEOUT, said.FILESYSTEM),
        *(said.MACHINE_CHECK, said.CORRECTED, said.OUT_OF_MEMORY, said.OVERHEATED, said.OVER_CURRENT),
    }
)
_PSTORE, _ARCHIVE = "/sys/fs/pstore", "/var/lib/systemd/pstore"
_ECHO = timedelta(seconds=2)
_SAME_STOP = timedelta(hours=1)  # between the record of a crash and the next start
_ONE_PANIC = timedelta(minutes=1)  # it is kept in several parts
_HEAD = re.compile(rb"^Panic#\d+ Part\d+", re.MULTILINE)  # others are an Oops, a halt, a restart
_EPOCH = re.compile(r"(?:^|-)([12]\d{9})(?:\d{5})?$", re.ASCII)


def seen(place: Place, since: datetime) -> Seen:
    entries, remark = _entries(place, since)
    if not entries:
        raise Unavailable("the journal holds nothing of the kernel, or this user may not read it")
    order = journal.starts(entries)
    disks = Disks(place, entries, order[-1].boot if order else "")
    sightings = events.once_a_second(_sightings(entries, disks))
    crashes, crash_remark = _crashes(place, since)
    sightings += [Sighting(kind=STOP_ERROR, at=at, source="pstore") for at in crashes]
    kinds = _KINDS
    if crashes or (_keeps_crashes(place) and not crash_remark):
        kinds |= {STOP_ERROR}
    if journal_linux.is_persistent(place):
        sightings += unclean(journal.cut_off(order), crashes)
        kinds |= {CUT_OFF}
    else:
        remark = remark or "the journal is kept in memory only: nothing from before this start is known"
    return Seen(
        sightings=sightings,
        kinds=kinds,
        reaches_at=entries[0].at,
        disks=disks.fixed(),
        remark="; ".join(filter(None, (remark, crash_remark))),
    )


def unclean(starts_after: list[datetime], crashes: list[datetime]) -> list[Sighting]:
    """Starts that were cut off, without those a crash explains: each crash explains one."""
    left = list(crashes)
    result = []
    for at in starts_after:
        crash = next((crash for crash in left if abs(at - crash) <= _SAME_STOP), None)
        if crash is not None:
            left.remove(crash)
        else:
            result.append(Sighting(kind=CUT_OFF, at=at, source="journal"))
    return result


# the journal


def _entries(place: Place, since: datetime) -> tuple[list[Entry], str]:
    """Oldest first."""
    entries = journal_linux.entries(place, since, journal.matches(), _ENTRIES_AT_MOST)
    full = len(entries) >= _ENTRIES_AT_MOST
    return entries, "the log is long: only its newest part was read" if full else ""


def _sightings(entries: Iterable[Entry], disks: "Disks") -> Iterator[Sighting]:
    failed: dict[str, datetime] = {}  # when the block layer last told of an error of this disk
    for entry in entries:
        found = said.recognise(entry.message) if entry.message else None
        if found is None:
            continue
        if found.kind in (said.BAD_BLOCK, said.DISK_ERROR):
            before = failed.get(found.device)
            if found.echo and before is not None and abs(entry.at - before) <= _ECHO:
                continue
            if not found.echo:
                failed[found.device] = entry.at
        disk, why = disks.find(found.device, entry.boot) if found.kind in _OF_DISKS else (None, "")
        yield Sighting(
            kind=found.kind, at=entry.at, source="kernel", device=found.device, disk=disk, not_counted=why
        )


_OF_DISKS = (said.BAD_BLOCK, said.DISK_ERROR, said.DISK_TIMEOUT, said.FILESYSTEM)


# disks


@dataclass(frozen=True, slots=True)
class _Node:
    """A disk of now, from /sys/block."""

    name: str
    address: str  # 0:0:0:0, where it is a SCSI or SATA disk
    port: str  # ata1
    sectors: int | None
    removable: bool
    disk: Disk


class Disks:
    """Which disk a name in the log means, in which start."""

    def __init__(self, place: Place, entries: Iterable[Entry], running: str) -> None:
        self._place = place
        own = kernel_files.text(place.path("/proc/sys/kernel/random/boot_id")) or ""
        self._running = own.replace("-", "") or running
        self._now = {node.name: node for node in _nodes(place)}
        self._attached: dict[tuple[str, str], dict[str, int | str | bool]] = {}
        for entry in entries:
            if found := said.attached(entry.message):
                facts = self._attached.setdefault((entry.boot, found.name), {"removable": False})
                facts["address"] = found.address
                if found.sectors is not None:
                    facts["sectors"] = found.sectors
                if found.removable:
                    facts["removable"] = True

    def fixed(self) -> list[Disk]:
        return [node.disk for node in self._now.values() if not node.removable]

    def find(self, device: str, boot: str) -> tuple[Disk | None, str]:
        """The disk, if it can be told, and why its errors are not counted, if they are not."""
        name = said.disk_of(device)
        if re.fullmatch(r"nvme\d+", name):
            name = next((each for each in self._now if each.startswith(name + "n")), name)
        facts = self._attached.get((boot, name), {})
        if facts.get("removable"):
            return None, "removable"
        if name.startswith("ata"):
            node = next((node for node in self._now.values() if node.port == name), None)
        elif boot == self._running:
            node = self._now.get(name)
            if node is None and facts and not self._has_host(str(facts["address"])):
                return None, "unplugged"
        elif facts:
            node = self._alike(facts)
            if node is None:
                return None, "no longer in this device"
        else:
            node = self._only(name)
        if node is None:
            return None, ""
        return node.disk, "removable" if node.removable else ""

    def _has_host(self, address: str) -> bool:
        """A SATA port stays when its disk dies; a USB plug takes its port with it."""
        return self._place.path(f"/sys/class/scsi_host/host{address.split(':')[0]}").exists()

    def _alike(self, facts: dict[str, int | str | bool]) -> _Node | None:
        return next(
            (
                node
                for node in self._now.values()
                if node.address == facts["address"] and node.sectors == facts.get("sectors")
            ),
            None,
        )

    def _only(self, name: str) -> _Node | None:
        """Where there is one disk of its kind, its name was the same in each start."""
        alike = [node for node in self._now.values() if node.name[:2] == name[:2] and not node.removable]
        return alike[0] if len(alike) == 1 and alike[0].name == name else None


def _nodes(place: Place) -> Iterator[_Node]:
    try:
        paths = sorted(path for path in place.path("/sys/block").iterdir() if said.is_disk(path.name))
    except OSError:
        return
    for path in paths:
        sectors = kernel_files.number(path / "size")
        if not sectors:  # an empty card reader
            continue
        try:
            whole, address = path.resolve().parts, (path / "device").resolve().name
        except OSError:
            whole, address = (), ""
        port = next((part for part in whole if re.fullmatch(r"ata\d+", part)), "")
        is_usb = any(re.match(r"usb\d+$", part) for part in whole)
        model = kernel_files.text(path / "device/model")
        yield _Node(
            name=path.name,
            address=address,
            port=port,
            sectors=sectors,
            removable=is_usb or kernel_files.number(path / "removable") == 1,
            disk=Disk(_serial(path) or path.name, f"{model} ({path.name})" if model else path.name),
        )


def _serial(path: Path) -> str | None:
    """As disk_health has it, so that both speak of one disk."""
    for found in (kernel_files.text(path / "device/serial"), kernel_files.text(path / "serial")):
        if found and not is_placeholder(found):
            return found
    try:
        page = (path / "device/vpd_pg80").read_bytes()
    except OSError:
        return None
    # SCSI's page 0x80: four octets of head, the length in the last two, then the serial.
    text = page[4 : 4 + int.from_bytes(page[2:4], "big")].decode("ascii", "replace").strip("\0 ")
    return text if text.isprintable() and text and not is_placeholder(text) else None


# crashes


def _crashes(place: Place, since: datetime) -> tuple[list[datetime], str]:
    """Moments of the panics the firmware kept a record of, and a remark."""
    found: list[datetime] = []
    remark = ""
    for top in (place.path(_PSTORE), place.path(_ARCHIVE)):
        try:
            os.scandir(top).close()  # rglob hides that it may not look
        except FileNotFoundError:
            continue
        except OSError:
            remark = "records of crashes may not be read by this user"
            continue
        moments = (_panicked(path, top) for path in top.rglob("*dmesg*"))
        found += [at for at in moments if at is not None and at >= since]
    merged: list[datetime] = []
    for at in sorted(found):
        if not merged or at - merged[-1] > _ONE_PANIC:
            merged.append(at)
    return merged, remark


def _keeps_crashes(place: Place) -> bool:
    """Whether a panic would leave a record at all: without a back end nothing is ever kept."""
    backend = kernel_files.text(place.path("/sys/module/pstore/parameters/backend"))
    return backend not in (None, "(null)")


def _panicked(path: Path, top: Path) -> datetime | None:
    """When; None when the record is of something else, or cannot be read."""
    try:
        with path.open("rb") as file:
            head = _HEAD.search(file.read(4096))
        written = path.stat().st_mtime
    except OSError:
        return None
    if head is None:
        return None
    # Archived, its own time is that of the next start; but the name of the record begins with the moment.
    names = reversed(path.relative_to(top).parts)
    moment = next((int(match[1]) for name in names if (match := _EPOCH.search(name))), written)
    try:
        return datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        return None
