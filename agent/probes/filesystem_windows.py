"""Obtains what filesystem.py tells on Windows: volumes on this device's own disks, by their GUID: a letter can be
given to another volume tomorrow."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.windows import Row, rows
from agent.windows.live import sources

_FIXED_DISK = 3
_GUID = re.compile(r"\{([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    guid: str | None
    mount_point: str | None  # `C:\` or a folder; None: a volume of the system's own, which nobody can fill
    type: str | None = None
    label: str | None = None
    size: int | None = None
    available: int | None = None


def read(place: Place) -> Taken:
    extra = place.extra_filesystems
    told = [found for row in sources(place).volumes() if (found := volume(row, extra))]
    if not told:
        raise Unavailable("Windows lists no volumes")
    return taken(told)


def taken(volumes: Iterable[Volume]) -> Taken:
    """Readings of volumes people reach. Recovery and boot partitions are facts only: they are made to be
    nearly full, nobody can empty them, and no rule may fire on them."""
    made = Taken()
    items = made.sections.setdefault("filesystems", [])
    keys: set[str] = set()
    for each in sorted(volumes, key=lambda volume: (volume.mount_point is None, volume.mount_point or "")):
        key = each.guid or each.mount_point
        if key is None or key in keys:
            continue
        keys.add(key)
        items.append(
            item(
                key,
                mount_point=each.mount_point,
                type=each.type,
                size_bytes=each.size,
                label=each.label,
                uuid=each.guid,
            )
        )
        if each.mount_point and each.size and each.available is not None and each.available <= each.size:
            name = each.mount_point
            made.readings += [
                reading("filesystem_size_bytes", each.size, key, name),
                reading("filesystem_available_bytes", each.available, key, name),
                reading("filesystem_used_ratio", 1 - each.available / each.size, key, name),
            ]
    return made


def volume(row: Row, extra: tuple[str, ...] = ()) -> Volume | None:
    """None for what is no fixed disk and was not asked for: sticks, discs, network drives, memory disks."""
    guid = guid_of(rows.text(row, "deviceid"))
    name = rows.text(row, "name") or rows.text(row, "driveletter")
    if rows.whole(row, "drivetype") != _FIXED_DISK and name not in extra:
        return None
    return Volume(
        guid=guid,
        # Without a letter or folder the name is the GUID's path again.
        mount_point=name if name and not name.startswith("\\\\?\\") else None,
        type=rows.text(row, "filesystem"),
        label=rows.text(row, "label"),
        size=rows.whole(row, "capacity"),  # absent while BitLocker keeps it locked
        available=rows.whole(row, "freespace"),
    )


def guid_of(path: str | None) -> str | None:
    r"""`\\?\Volume{…}\` as the bare GUID."""
    found = _GUID.search(path or "")
    return found[1].lower() if found else None
