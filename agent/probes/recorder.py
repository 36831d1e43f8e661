"""Recording programs of the room: whether they run, whether what they write grows, and how long the space lasts.

Source: room.toml for what to look after; Linux /proc/*/comm and cmdline, Windows Win32_Process, for the programs; the newest file of the folder by its time of writing, and the free space below it.
Rights: to list the folder; on Linux none for the programs.
Cost: two seconds of waiting for all recorders together, 2 to 30 ms of work, on Windows 0.3 s of WMI; at most 2,000 entries of a folder, two levels deep.
Unavailable: room.toml lists no recorder, or has a mistake.

Growing means: the newest file became larger or was written to between two looks two seconds apart, or was written to
within the last minute (programs write in blocks). Without any file nothing grows: 0. Where the folder is not there, or
has more entries than are looked at, nothing is said of what was not seen. Of the files only times and sizes are read;
no name leaves the device. Nothing is written either: the agent only reads, so whether the folder can be written to
shows in that the file grows.

Free time is free space over the rate stated in room.toml; without it over what the newest file grew by between the
two looks, a rough figure; and absent while nothing grows.
"""

import heapq
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.room import Recorder
from agent.windows import CIMV2, rows
from agent.windows.live import sources
from protos.report_pb2 import Reading

MOST_ENTRIES: Final = 2000
LEVELS: Final = 2  # below the folder: by day, by hearing
_BETWEEN_SECONDS: Final = 2.0
_FRESH_SECONDS: Final = 60.0
_CLOCKS_DIFFER_SECONDS: Final = (
    60.0  # a share has a clock of its own; a file from further ahead tells nothing
)
_CANDIDATES: Final = 8
_CUT_AT: Final = 15  # bytes of a program's name that Linux keeps


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The newest file below a folder at one moment."""

    path: Path | None = None  # None: there is no file
    size: int = 0
    written_at: float = 0.0
    at: float = 0.0  # by a clock that only runs forward
    not_seen: str = ""  # why there may be a newer one


def read(place: Place) -> Taken:
    room = place.room
    if room is None or not room.recorders:
        raise Unavailable((room.problem if room else "") or "room.toml lists no recorder")
    result = Taken()
    names, remark = _programs(place)
    remarks = [remark] if remark else []
    folders = {one.name: _folder(place, one.folder) for one in room.recorders if one.folder}
    looks = {name: look(folder, time.time()) for name, folder in folders.items()}
    if any(one and one.path for one in looks.values()):
        time.sleep(_BETWEEN_SECONDS)
    for one in room.recorders:
        if names is not None:
            result.readings.append(
                reading("recorder_running_state", runs(one.process, names, place.is_windows), one.name)
            )
        before, size = looks.get(one.name), None
        if before is not None:
            size, free = _space(place, folders[one.name])
            result.readings += grown(one, before, _again(before), time.time(), free)
            if before.not_seen:
                remarks.append(f"{one.name}: {before.not_seen}")
        elif one.folder:
            remarks.append(f"{one.name}: its folder is not there or may not be read")
        result.sections.setdefault("recorders", []).append(
            item(
                one.name,
                process=one.process,
                folder=one.folder,
                folder_is_there=before is not None if one.folder else None,
                size_bytes=size,
            )
        )
    result.reason = "; ".join(remarks)
    return result


def grown(
    recorder: Recorder, before: Look, after: Look | None, now: float, free: int | None
) -> list[Reading]:
    """What two looks and the free space say."""
    told: list[Reading] = []
    name, rate = recorder.name, (recorder.bytes_per_hour or 0) / 3600
    last = after or before
    growing = before.path is not None and (
        last.size > before.size
        or last.written_at != before.written_at
        or abs(now - last.written_at) <= _FRESH_SECONDS
    )
    if growing or not before.not_seen:
        told.append(reading("recorder_growing_state", growing, name))
        if before.path is not None:
            age = max(0.0, now - last.written_at)
            told.append(reading("recorder_newest_file_age_seconds", age, name))
    if free is not None:
        told.append(reading("recorder_free_bytes", free, name))
        if not rate and last.size > before.size and last.at > before.at:
            rate = (last.size - before.size) / (last.at - before.at)
        if rate:
            told.append(reading("recorder_free_seconds", free / rate, name))
    return told


def look(folder: Path, now: float) -> Look | None:
    """Its newest file. None: the folder is not there or may not be read."""
    files: list[tuple[float, str]] = []
    waiting: list[tuple[int, str]] = [(0, str(folder))]
    seen, not_seen = 0, ""
    while waiting:
        level, path = waiting.pop()
        below: list[tuple[float, str]] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST_ENTRIES:
                        break
                    about = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        below.append((about.st_mtime, entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        files.append((about.st_mtime, entry.path))
        except OSError:
            if level == 0:
                return None
            not_seen = not_seen or "some of its folders may not be read"
        if seen > MOST_ENTRIES:
            not_seen = f"more than {MOST_ENTRIES} files and folders: not all were looked at"
            break
        if below and level == LEVELS:
            not_seen = not_seen or f"it has folders more than {LEVELS} levels deep"
        elif below:
            # The newest is looked into next, so that a limit costs the old ones.
            waiting += [(level + 1, each) for _, each in sorted(below)]
    # Asked again one by one: for a file that is open, Windows' lists of a folder are behind.
    found = [one for _, path in heapq.nlargest(_CANDIDATES, files) if (one := _file(Path(path), not_seen))]
    found = [one for one in found if one.written_at <= now + _CLOCKS_DIFFER_SECONDS]
    return max(found, key=lambda one: one.written_at, default=Look(not_seen=not_seen))


def _file(path: Path, not_seen: str) -> Look | None:
    try:
        about = path.stat(follow_symlinks=False)
    except OSError:
        return None  # it was deleted or renamed
    at = time.monotonic()
    return Look(path=path, size=about.st_size, written_at=about.st_mtime, at=at, not_seen=not_seen)


def _again(before: Look) -> Look | None:
    return _file(before.path, before.not_seen) if before.path else None


def _space(place: Place, folder: Path) -> tuple[int | None, int | None]:
    """Size and free bytes of the filesystem; not those of this machine where a captured tree is read."""
    if not place.is_live:
        return None, None
    import psutil

    try:
        usage = psutil.disk_usage(str(folder))
    except OSError:
        return None, None
    return usage.total, usage.free


def _folder(place: Place, folder: Path) -> Path:
    return folder if place.is_windows else place.path(folder.as_posix())


def runs(process: str, names: Iterable[str], is_windows: bool) -> bool:
    """`process` is a program's file name; on Windows without regard to case, and `.exe` may be missing."""
    if is_windows:
        wanted = process.lower().removesuffix(".exe")
        return any(name.lower().removesuffix(".exe") == wanted for name in names)
    cut = process.encode()[:_CUT_AT].decode(errors="ignore")
    return any(name in (process, cut) for name in names)


def _programs(place: Place) -> tuple[set[str] | None, str]:
    """Names of all programs that run; or why they are not known."""
    if place.is_windows:
        try:
            found = sources(place).rows(CIMV2, "Win32_Process")
        except Unavailable as reason:
            return None, f"programs: {reason}"
        return {name for row in found if (name := rows.text(row, "name"))}, ""
    names: set[str] = set()
    for process in place.path("/proc").glob("[0-9]*"):
        try:
            name = parse_stat((process / "stat").read_bytes())
            if name is not None and len(name.encode()) >= _CUT_AT:
                # A process may call itself what it likes: its whole name only where that begins alike.
                first = (process / "cmdline").read_bytes().partition(b"\0")[0].decode("utf-8", "replace")
                whole = first.rpartition("/")[2]
                name = whole if whole.startswith(name) else name
        except OSError:
            continue  # it ended
        if name:
            names.add(name)
    return (names, "") if names else (None, "/proc cannot be read: whether the programs run is not known")


def parse_stat(data: bytes) -> str | None:
    """The name in /proc/PID/stat, `4711 (obs) S 1 …`; it may hold brackets. None: it ended and only its entry is left."""
    start, end = data.find(b"("), data.rfind(b")")
    if start < 0 or end < start or data[end + 1 : end + 3].strip() in (b"Z", b"X", b""):
        return None
    return data[start + 1 : end].decode("utf-8", "replace")
