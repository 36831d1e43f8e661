r"""What the system's own log says of failing hardware: counts with first and last time, never a message.

Source: Linux the journal (journalctl), /sys/fs/pstore and /var/lib/systemd/pstore; Windows the System log.
Rights: root, or the groups adm and systemd-journal; Windows none beyond reading the System log.
Cost: 50 ms to 2 s, by the length of the log; at most the newest 20,000 messages are read.
Unavailable: no journal, or one that says nothing of the kernel, which is what a user without the right sees; Windows: a System log that cannot be asked, or that does not even hold a start of the system.

On Linux warnings and worse of the kernel are recognised by its words (kernel_messages.py); several lines of one
failure within a second count once. How each start ended is read from the journal (journal.py). On Windows events are
known by provider and id.

A disk's errors are kept under its serial where that can be told: `sda` of an earlier start may be another disk
today, so its address and size must agree; else the name stands for it. A removable disk's errors, and those of one
that was unplugged, are in the section (`not_counted`) and in no count: somebody pulled it out. On Windows that
holds for all events of a disk and decides event 51, which on a card or an optical drive is no fault: it counts for
fixed disks only, and not where it cannot be told which disks are fixed.

A count says what the log holds. Where it reaches back less far than the window, `events_log_reach_seconds` says so.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.probe import Place, Taken, item, reading
from agent.probes import kernel_messages as said
from protos.report_pb2 import Item, Reading

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
FAILURE_PREDICTED = "disk_failure_predicted"
STOP_ERROR, CUT_OFF = "stop_error", "unclean_shutdown"

_OF_DISKS = {
    said.BAD_BLOCK: "events_disk_bad_blocks_week_count",
    said.DISK_ERROR: "events_disk_errors_week_count",
    said.DISK_TIMEOUT: "events_disk_timeouts_week_count",
    FAILURE_PREDICTED: "events_disk_failures_predicted_week_count",
}
_OF_FILESYSTEMS = {said.FILESYSTEM: "events_filesystem_errors_week_count"}
_OF_DEVICE = {
    said.MACHINE_CHECK: ("events_machine_checks_week_count", WEEK),
    said.CORRECTED: ("events_hardware_errors_corrected_week_count", WEEK),
    said.OUT_OF_MEMORY: ("events_out_of_memory_week_count", WEEK),
    said.OVERHEATED: ("events_overheated_week_count", WEEK),
    said.OVER_CURRENT: ("events_usb_over_current_week_count", WEEK),
    STOP_ERROR: ("events_stop_errors_month_count", MONTH),
    CUT_OFF: ("events_unclean_shutdowns_month_count", MONTH),
}
_ITEMS_AT_MOST = 200  # a USB hub that fails names hundreds of devices


@dataclass(frozen=True, slots=True)
class Disk:
    """A fixed disk of now: what its counts are kept under, and what people call it."""

    component: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One event."""

    kind: str
    at: datetime
    source: str  # `kernel`, `disk 7`: what said it
    device: str = ""  # as the log names it
    disk: Disk | None = None
    detail: str = ""
    not_counted: str = ""  # why it is in no count


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a system's log gave. `kinds`: what could be seen at all; only of these an absence is a zero."""

    sightings: list[Sighting]
    kinds: frozenset[str]
    reaches_at: datetime
    disks: list[Disk] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    remark: str = ""


def read(place: Place) -> Taken:
    now = datetime.now(UTC)
    if place.is_windows:
        from agent.probes import events_windows

        return taken(events_windows.seen(place, now - MONTH), now)
    from agent.probes import events_linux

    return taken(events_linux.seen(place, now - MONTH), now)


def taken(seen: Seen, now: datetime) -> Taken:
    # A clock that was wrong once leaves events of the future. They are not of this week.
    recent = [one for one in seen.sightings if now - MONTH <= one.at <= now + timedelta(minutes=5)]
    reach = min(MONTH, max(timedelta(0), now - seen.reaches_at))
    return Taken(
        readings=[reading("events_log_reach_seconds", reach.total_seconds()), *_readings(seen, recent, now)],
        sections={"events": [*_items(recent), *seen.items]},
        reason=seen.remark,
    )


def _readings(seen: Seen, recent: list[Sighting], now: datetime) -> list[Reading]:
    counted = [one for one in recent if not one.not_counted]
    totals = Counter(
        one.kind for one in counted if one.kind in _OF_DEVICE and one.at >= now - _OF_DEVICE[one.kind][1]
    )
    result = [reading(metric, totals[kind]) for kind, (metric, _) in _OF_DEVICE.items() if kind in seen.kinds]
    last_week = [one for one in counted if one.at >= now - WEEK]
    for kind, metric in (_OF_DISKS | _OF_FILESYSTEMS).items():
        labels = {disk.component: disk.label for disk in seen.disks} if kind in _OF_DISKS else {}
        counts = Counter(dict.fromkeys(labels, 0)) if kind in seen.kinds else Counter[str]()
        for one in last_week:
            if one.kind == kind and (one.device or one.disk):
                name = one.disk.component if one.disk and kind in _OF_DISKS else one.device
                counts[name] += 1
                labels.setdefault(name, one.device)
        result += [reading(metric, count, name, labels[name]) for name, count in sorted(counts.items())]
    return result


def _items(recent: list[Sighting]) -> list[Item]:
    """One for each source, device and kind; the newest first where there are too many."""
    groups: dict[str, list[Sighting]] = {}
    for one in recent:
        disk = one.disk.component if one.disk else ""
        words = (one.source, one.kind, one.device, disk, one.detail, one.not_counted)
        groups.setdefault(", ".join(word for word in words if word), []).append(one)
    newest = sorted(groups.items(), key=lambda group: max(one.at for one in group[1]), reverse=True)
    return [_item(key, group) for key, group in sorted(newest[:_ITEMS_AT_MOST])]


def _item(key: str, group: list[Sighting]) -> Item:
    one = group[0]
    moments = [each.at for each in group]
    return item(
        key,
        kind=one.kind,
        source=one.source,
        device=one.device or None,
        disk=one.disk.component if one.disk else None,
        count=len(group),
        first_at=_second(min(moments)),
        last_at=_second(max(moments)),
        detail=one.detail or None,
        not_counted=one.not_counted or None,
    )


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def once_a_second(sightings: Iterable[Sighting]) -> list[Sighting]:
    """One failure writes several lines: the same kind of the same device within a second is one."""
    kept: list[Sighting] = []
    last: dict[tuple[str, str], datetime] = {}
    for one in sightings:
        before = last.get((one.kind, one.device))
        if before is None or abs(one.at - before) >= timedelta(seconds=1):
            kept.append(one)
            last[one.kind, one.device] = one.at
    return kept
