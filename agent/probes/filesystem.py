"""Filesystems on this device's own disks: size, room, inodes, and whether one fell read-only.

Source: Linux /proc/1/mountinfo and the agent's own, /etc/fstab, /dev/disk/by-uuid or udev's database, and statvfs. Windows FindFirstVolume and its kin; volumes without a letter or folder (recovery, boot) are facts only.
Rights: none; the mounts of process 1 need root, without it only the agent's own are read.
Cost: under 5 ms with ten filesystems; statvfs answers from memory and wakes no disk.
Unavailable: no table of mounts can be read, or Windows lists no volumes.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import filesystem_windows, kernel_files

# What people put files on. Left out by not being here: pseudo filesystems, network ones, and images that
# are full by nature (squashfs of a snap, iso9660 of a disc).
_DISK_TYPES = frozenset(
    {
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "bcachefs",
        "f2fs",
        "jfs",
        "nilfs2",
        "reiserfs",
        "zfs",
        "vfat",
        "exfat",
        "ntfs",
        "ntfs3",
        "fuseblk",
        "hfsplus",
    }
)
# These make inodes as they need them: a share of the momentary number means nothing.
_NO_FIXED_INODES = frozenset({"btrfs", "xfs", "zfs", "bcachefs"})
# A file on these shows another device number than the table of mounts does (subvolumes).
_OWN_NUMBERS = frozenset({"btrfs", "bcachefs", "overlay", "aufs"})
_TABLES = ("/proc/1/mountinfo", "/proc/self/mountinfo")
_OLD_TABLES = ("/proc/1/mounts", "/proc/self/mounts", "/proc/mounts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    mount_point: str
    type: str
    source: str
    options: frozenset[str]  # of the filesystem, not of this one mount
    numbers: str = ""  # major:minor; empty from a table that does not tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    size: int
    available: int
    used_ratio: float
    inodes_used_ratio: float | None


def read(place: Place) -> Taken:
    if place.is_windows:
        return filesystem_windows.read(place)
    taken = Taken()
    wanted = _wanted_options(kernel_files.text(place.path("/etc/fstab")) or "")
    identities = _Identities(place)
    lost: list[str] = []
    rows = taken.sections.setdefault("filesystems", [])
    keys: set[str] = set()
    for mount in chosen(_mounts(place), place.extra_filesystems):
        if _is_removable(place, mount) and mount.mount_point not in place.extra_filesystems:
            continue
        uuid = identities.uuid(mount)
        # A cloned disk brings a second filesystem of the same UUID; then the mount point tells them apart.
        key = uuid if uuid and uuid not in keys else mount.mount_point
        keys.add(key)
        read_only = is_read_only(mount, wanted)
        if read_only is not None:
            taken.readings.append(reading("filesystem_read_only_state", read_only, key, mount.mount_point))
        room = None
        try:
            room = _room(place, mount)
        except OSError as error:
            # One that cannot be asked (I/O error, no rights) must not lose the others.
            lost.append(f"{mount.mount_point}: {error.strerror or error}")
        if room is not None:
            _add_room(taken, key, mount.mount_point, room)
        rows.append(
            item(
                key,
                mount_point=mount.mount_point,
                type=mount.type,
                device=mount.source,
                size_bytes=room.size if room else None,
                label=identities.label(mount),
                uuid=uuid,
            )
        )
    taken.reason = "; ".join(lost)
    return taken


def _add_room(taken: Taken, key: str, label: str, room: Room) -> None:
    taken.readings += [
        reading("filesystem_size_bytes", room.size, key, label),
        reading("filesystem_available_bytes", room.available, key, label),
        reading("filesystem_used_ratio", room.used_ratio, key, label),
    ]
    if room.inodes_used_ratio is not None:
        taken.readings.append(reading("filesystem_inodes_used_ratio", room.inodes_used_ratio, key, label))


def parse_mountinfo(text: str) -> list[Mount]:
    """Rows of /proc/PID/mountinfo: id parent major:minor root mount_point options … - type source super-options."""
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(), after.split(" ")
        if not dash or len(fields) < 6 or len(rest) < 2:
            continue
        mounts.append(
            Mount(
                mount_point=_unescape(fields[4]),
                type=rest[0],
                source=_unescape(rest[1]),
                # The superblock's options: the agent's own sandbox (systemd ProtectSystem) and bind mounts
                # are read-only as mounts, while errors=remount-ro turns the whole filesystem.
                options=frozenset(rest[2].split(",")) if len(rest) > 2 else frozenset(),
                numbers=fields[2],
            )
        )
    return mounts


def parse_mounts(text: str) -> list[Mount]:
    """Rows of /proc/PID/mounts or fstab: source mount_point type options …"""
    mounts = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith("#"):
            source, mount_point, kind, options = fields[:4]
            mounts.append(
                Mount(
                    mount_point=_unescape(mount_point),
                    type=kind,
                    source=_unescape(source),
                    options=frozenset(options.split(",")),
                )
            )
    return mounts


def chosen(mounts: Iterable[Mount], extra: tuple[str, ...] = ()) -> list[Mount]:
    """The mounts worth a reading, each filesystem once, shortest mount point first.

    An overlay counts only as the root: then the device is a container and has no other disk. Further
    overlays lie on a filesystem that is counted already.
    """
    visible = {mount.mount_point: mount for mount in mounts}  # a later mount hides an earlier one
    result: dict[tuple[str, str], Mount] = {}
    for mount in sorted(visible.values(), key=lambda mount: (len(mount.mount_point), mount.mount_point)):
        overlay_root = mount.mount_point == "/" and mount.type in {"overlay", "aufs", "fuse.fuse-overlayfs"}
        if mount.mount_point in extra:
            result[mount.mount_point, ""] = mount
        elif mount.type in _DISK_TYPES or overlay_root:
            # Bind mounts and subvolumes share their source.
            result.setdefault((mount.source, mount.type), mount)
    return list(result.values())


def is_read_only(mount: Mount, wanted: dict[str, frozenset[str]]) -> bool | None:
    """Read-only against the wish of /etc/fstab; None when it is read-only and fstab says nothing of it."""
    # Since Linux 6.15 ext4 no longer turns `ro` after an error but shows this word and refuses writes.
    if mount.options & {"emergency_ro", "shutdown"}:
        return True
    if "ro" not in mount.options:
        return False
    if mount.mount_point not in wanted:
        return None
    return "ro" not in wanted[mount.mount_point]


def _wanted_options(fstab: str) -> dict[str, frozenset[str]]:
    return {mount.mount_point: mount.options for mount in parse_mounts(fstab)}


def _mounts(place: Place) -> list[Mount]:
    tables = [
        parse_mountinfo(content) for name in _TABLES if (content := kernel_files.text(place.path(name)))
    ]
    if tables and place.is_live:
        # Process 1 comes last and wins: a sandbox may hide a disk from the agent, and that must be said.
        return [mount for table in reversed(tables) for mount in table]
    if tables:
        # Below another root `self` may be this process again, with the mounts of its container.
        return tables[0]
    for name in _OLD_TABLES:
        if content := kernel_files.text(place.path(name)):
            return parse_mounts(content)
    raise Unavailable("no table of mounts can be read under /proc")


def room_of(numbers: "os.statvfs_result", kind: str) -> Room | None:
    """What a normal user sees, as df counts: blocks kept for root are neither size nor room."""
    unit = numbers.f_frsize or numbers.f_bsize
    used = numbers.f_blocks - numbers.f_bfree
    seen = used + numbers.f_bavail
    if numbers.f_blocks <= 0 or seen <= 0:
        return None
    inodes = None
    if numbers.f_files > 0 and kind not in _NO_FIXED_INODES:
        inodes = min(1.0, max(0.0, 1 - numbers.f_ffree / numbers.f_files))
    return Room(
        size=numbers.f_blocks * unit,
        available=numbers.f_bavail * unit,
        used_ratio=min(1.0, max(0.0, used / seen)),
        inodes_used_ratio=inodes,
    )


def _room(place: Place, mount: Mount) -> Room | None:
    path = place.path(mount.mount_point)
    if not _is_mounted_there(path, mount, place.is_live):
        # Below another root stands either the filesystem itself (a container that was given the host's
        # tree) or a mere copy of files, and then statvfs would speak of the disk the copy lies on.
        if not place.is_live:
            return None
        raise OSError(errno.ENXIO, "hidden from the agent by its sandbox")
    return room_of(os.statvfs(path), mount.type)


def _is_mounted_there(path: Path, mount: Mount, live: bool) -> bool:
    if not live and not (path.exists() and path.is_mount()):
        return False
    if not mount.numbers or mount.type in _OWN_NUMBERS:
        return True
    device = path.stat().st_dev
    return mount.numbers == f"{os.major(device)}:{os.minor(device)}"


def _is_removable(place: Place, mount: Mount) -> bool:
    if mount.mount_point.startswith(("/media/", "/run/media/")):
        return True
    node = _block(place, mount)
    if node is None:
        return False
    return any(kernel_files.number(path / "removable") == 1 for path in (node, node.parent))


def _block(place: Place, mount: Mount) -> Path | None:
    """The directory of its block device under /sys; of a partition, inside that of its disk."""
    for name in (f"/sys/dev/block/{mount.numbers}", f"/sys/class/block/{Path(mount.source).name}"):
        path = place.path(name)
        with contextlib.suppress(OSError):  # a source of FUSE may be longer than any name of a file
            if not name.endswith("/") and path.exists():
                return path.resolve()
    return None


class _Identities:
    """UUID and label of block devices, as udev left them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._uuids = _links(place.path("/dev/disk/by-uuid"))
        self._labels = _links(place.path("/dev/disk/by-label"))

    def uuid(self, mount: Mount) -> str | None:
        return self._uuids.get(self._device(mount)) or self._from_udev(mount, "ID_FS_UUID")

    def label(self, mount: Mount) -> str | None:
        return self._labels.get(self._device(mount)) or self._from_udev(mount, "ID_FS_LABEL")

    def _device(self, mount: Mount) -> str:
        node = _block(self._place, mount)
        if node is not None:
            return node.name
        # /dev/mapper/vg-root is itself a link to ../dm-0, as are the links by UUID.
        return self._place.path(mount.source).resolve().name if mount.source.startswith("/dev/") else ""

    def _from_udev(self, mount: Mount, name: str) -> str | None:
        numbers = mount.numbers
        node = _block(self._place, mount)
        if node is not None:
            numbers = kernel_files.text(node / "dev") or numbers
        content = kernel_files.text(self._place.path(f"/run/udev/data/b{numbers}")) or ""
        found = re.search(rf"^E:{name}=(.+)$", content, re.MULTILINE)
        return found[1] if found else None


def _links(directory: Path) -> dict[str, str]:
    """Device name -> name of the link that points to it."""
    try:
        return {link.readlink().name: _unescape_udev(link.name) for link in directory.iterdir()}
    except OSError:
        return {}


def _unescape(text: str) -> str:
    """The kernel writes blanks, tabs, newlines and backslashes in octal."""
    plain = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
    return plain.replace("\0", "\ufffd")  # no name holds one, and no path may be asked with it


def _unescape_udev(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


PROBE = Probe(name="filesystem", read=read, pace=Pace.SAMPLE, limit_seconds=10, platforms=("linux", "win32"))
