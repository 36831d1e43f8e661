"""Obtains what backup_evidence.py reads on Linux. Names of users and repositories stay here."""

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import kernel_files
from agent.probes.backup_evidence import (
    Evidence,
    borg_manifest,
    duplicity_manifest,
    services,
    snapper_date,
    timeshift_created,
)

_LIMIT_SECONDS = 10.0
_HOMES_AT_MOST = 200
_FILES_AT_MOST = 20_000
_BYTES_AT_MOST = 65_536
# method, the program, where its settings are: either says that it was meant to be used
_SET_UP = (
    ("borgmatic", "/etc/borgmatic", "/etc/borgmatic.d"),
    ("snapper", "/etc/snapper/configs/*"),
    ("timeshift", "/etc/timeshift/timeshift.json"),
)
_UNITS = ("restic*.service", "borg*.service", "duplicity*.service", "duply*.service")


def find(place: Place) -> tuple[list[Evidence], list[str]]:
    if not place.path("/etc").is_dir():
        raise Unavailable("there is no /etc to look into")
    found = [
        Evidence(method=method)
        for method, *patterns in _SET_UP
        if any(any(_glob(place, pattern)) for pattern in patterns)
    ]
    remarks: list[str] = []
    found += _snapper(place)
    found += _timeshift(place)
    for home in _homes(place):
        found += _of_home(home)
    found += _services(place, remarks)
    return found, remarks


def _glob(place: Place, pattern: str) -> Iterator[Path]:
    """Sources that may not be looked into are as good as none."""
    try:
        yield from islice(place.root.glob(pattern.lstrip("/")), _FILES_AT_MOST)
    except OSError:
        return


def _homes(place: Place) -> Iterator[Path]:
    yield from _glob(place, "/root")
    yield from islice(_glob(place, "/home/*"), _HOMES_AT_MOST)


def _below(directory: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from islice(directory.glob(pattern), _FILES_AT_MOST)
    except OSError:
        return


def _of_home(home: Path) -> Iterator[Evidence]:
    for file in _below(home, ".config/borg/security/*/manifest-timestamp"):
        yield Evidence(method="borg", at=borg_manifest(_small(file)), proof="record")
    for repository in _below(home, ".cache/restic/*/snapshots"):
        # A snapshot's record is written, and copied here, after all of its data; the name is its hash.
        times = [at for file in _below(repository, "**/*") if (at := _changed_at(file)) is not None]
        yield Evidence(method="restic", at=max(times, default=None), proof="cache" if times else None)
    for pattern in (".cache/duplicity/*/*.manifest*", ".cache/deja-dup/*/*.manifest*"):
        for file in _below(home, pattern):
            if at := duplicity_manifest(file.name):
                yield Evidence(method="duplicity", at=at, proof="record")


def _small(path: Path) -> str:
    """Homes belong to their users: a pipe or an endless file put there must not hold up a reader that is root."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _BYTES_AT_MOST:
            return ""
    except OSError:
        return ""
    return kernel_files.text(path) or ""


def _changed_at(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.is_file() else None
    except (OSError, ValueError, OverflowError):
        return None


def _snapper(place: Place) -> Iterator[Evidence]:
    for config in _glob(place, "/etc/snapper/configs/*"):
        volume = re.search(r'^SUBVOLUME="?(/[^"\n]*)"?\s*$', _small(config), re.MULTILINE)
        if volume is None:
            continue
        for info in _below(place.path(volume[1]), ".snapshots/*/info.xml"):
            yield Evidence(method="snapper", at=snapper_date(_small(info)), proof="record")


def _timeshift(place: Place) -> Iterator[Evidence]:
    """Snapshots on a disk of their own are seen only while it is mounted."""
    for pattern in (
        "/timeshift/snapshots/*/info.json",
        "/run/timeshift/*/backup/timeshift*/snapshots/*/info.json",
    ):
        for info in _glob(place, pattern):
            yield Evidence(method="timeshift", at=timeshift_created(_small(info)), proof="record")


def _services(place: Place, remarks: list[str]) -> list[Evidence]:
    """How the services of timers ended. systemd forgets it at a restart of the device."""
    if not place.path("/run/systemd/system").is_dir() or commands.why_not(place, "systemctl"):
        return []
    arguments = (
        "show",
        "--timestamp=unix",  # without it the moment is in the zone and words of this device
        "--property=Id,LoadState,Result,ExecMainStatus,ExecMainExitTimestamp",
        *_UNITS,
    )
    try:
        finished = commands.run("systemctl", *arguments, limit_seconds=_LIMIT_SECONDS)
    except TimeoutError as error:
        remarks.append(f"services: {error}")
        return []
    if finished.status != 0:  # systemd before 247 does not know that option
        remarks.append("services: systemctl does not tell when they ended")
        return []
    return services(finished.output)
