"""Obtains what patches.py reads where apt is the package manager. Nothing is refreshed, locked or changed."""

import os
import re
import struct
from datetime import UTC, datetime
from pathlib import Path

from agent import commands
from agent.probe import Busy, Place, Unavailable, item
from agent.probes import apt, dpkg, kernel_files
from agent.probes.apt import Lists
from agent.probes.updates import Answer, Update
from protos.report_pb2 import Item

_LIMIT_SECONDS = 60.0
_SOURCE = re.compile(r"^(?:deb\s|URIs:)", re.MULTILINE)
_SECURITY_LINE = re.compile(r"^([^|\n]*)\|([^|\n]*)\|", re.MULTILINE)


def answer(place: Place, now: datetime) -> Answer:
    if is_locked(place.path("/var/lib/dpkg/lock-frontend")):
        raise Busy("dpkg is at work")
    broken = _broken(place)
    trust = _lists(place, now)
    if trust.reason:
        return Answer(method="apt", reason=trust.reason, lists_age_seconds=trust.age_seconds, broken=broken)
    try:
        updates, phased = _simulate(place)
    except ValueError as error:
        return Answer(method="apt", reason=str(error), lists_age_seconds=trust.age_seconds, broken=broken)
    paid_only, remark = _paid(place)
    return Answer(
        method="apt",
        lists_age_seconds=trust.age_seconds,
        updates=updates,
        phased=phased,
        broken=broken,
        paid_only=paid_only,
        remarks=(remark,) if remark else (),
    )


def _broken(place: Place) -> list[Item]:
    """Packages an installation left half done; the lock is free, so nobody is at it now."""
    with place.path("/var/lib/dpkg/status").open(encoding="utf-8", errors="replace") as file:
        return [item(name, state=state) for name, state in sorted(dpkg.broken(file))]


def _paid(place: Place) -> tuple[int | None, str]:
    """Ubuntu: what only a subscription (ESM) would bring. Computed from the lists, without the network."""
    if commands.find("pro") is None or commands.why_not(place, "pro"):
        return None, ""
    try:
        finished = commands.run(
            "pro", "security-status", "--format", "json", limit_seconds=_LIMIT_SECONDS, ok=(0,)
        )
        return apt.parse_paid(finished.output)[0], ""
    except (Unavailable, TimeoutError, RuntimeError, ValueError) as error:
        return None, f"Ubuntu Pro: {error}"


def _lists(place: Place, now: datetime) -> Lists:
    directory = place.path("/var/lib/apt/lists")
    releases = []
    for path in [*directory.glob("*InRelease"), *directory.glob("*_Release")]:
        try:
            with path.open("rb") as file:
                releases.append(apt.parse_release(file.read(8192).decode("utf-8", "replace")))
        except OSError:
            continue
    trust = apt.lists(releases, now=now, updated_at=_updated_at(place))
    if not trust.reason and not _has_security_source(place):
        # The list lies there still, though its source was taken out of the configuration.
        return Lists(age_seconds=trust.age_seconds, reason="no security source is configured")
    return trust


def _updated_at(place: Place) -> datetime | None:
    """When apt last succeeded; the stamp is there only with update-notifier or apt's periodic hook."""
    try:
        stamp = place.path("/var/lib/apt/periodic/update-success-stamp").stat().st_mtime
        return datetime.fromtimestamp(stamp, UTC)
    except (OSError, ValueError, OverflowError):
        return None


def _has_security_source(place: Place) -> bool:
    finished = commands.run(
        "apt-get",
        "indextargets",
        "--format",
        "$(LABEL)|$(SUITE)|$(FILENAME)",
        "Created-By: Packages",
        *_root(place),
        limit_seconds=_LIMIT_SECONDS,
    )
    targets = _SECURITY_LINE.findall(finished.output)
    if not targets:
        # No source at all, or an apt that cannot answer this (before 1.1): then the lists themselves must do.
        return _has_any_source(place)
    return any(apt.is_security(f"{label}:/{suite}") for label, suite in targets)


def _has_any_source(place: Place) -> bool:
    directory = place.path("/etc/apt")
    files = (directory / "sources.list", *directory.glob("sources.list.d/*"))
    return any(_SOURCE.search(kernel_files.text(path) or "") for path in files)


def _simulate(place: Place) -> tuple[list[Update], int]:
    plain = _apt_get(place, "upgrade")
    whole = _apt_get(place, "dist-upgrade")
    upgrade, full = apt.parse_simulation(plain), apt.parse_simulation(whole)
    held = set(
        commands.run("apt-mark", "showhold", *_root(place), limit_seconds=_LIMIT_SECONDS).output.split()
    )
    with_held = {}
    if held:
        with_held = apt.parse_simulation(_apt_get(place, "dist-upgrade", "-o", "APT::Ignore-Hold=true"))
    return apt.combine(upgrade, full, with_held, held), len(_phased(place, whole, held | set(full)))


def _phased(place: Place, whole: str, explained: set[str]) -> set[str]:
    """Updates that wait for their turn. Before apt 2.9 they stand among those kept back, unnamed."""
    deferred = apt.parse_block(whole, "The following upgrades have been deferred due to phasing:")
    unexplained = apt.parse_block(whole, "The following packages have been kept back:") - explained
    if unexplained:
        eager = _apt_get(place, "dist-upgrade", "-o", "APT::Get::Always-Include-Phased-Updates=true")
        deferred |= unexplained & set(apt.parse_simulation(eager))
    return deferred


def _apt_get(place: Place, *arguments: str) -> str:
    finished = commands.run(
        "apt-get", "-s", "-o", "Debug::NoLocking=1", *_root(place), *arguments, limit_seconds=_LIMIT_SECONDS
    )
    if finished.status:
        # Unmet dependencies, an interrupted dpkg, a broken source: apt cannot say what it would do.
        raise ValueError(apt.parse_error(finished.errors + finished.output) or "apt-get could not answer")
    return finished.output


def _root(place: Place) -> tuple[str, ...]:
    """apt can speak of a tree elsewhere, so a captured one gets a true answer, and is not written to."""
    if place.is_live:
        return ()
    no_cache = [
        word for name in ("pkgcache", "srcpkgcache") for word in ("-o", f"Dir::Cache::{name}=/dev/null")
    ]
    return ("-o", f"RootDir={place.root.absolute()}", *no_cache)


def is_locked(path: Path) -> bool:
    """Whether another program holds the lock. Only asks (F_GETLK): the lock is never taken."""
    import fcntl  # not there on Windows, where this file is imported too

    # struct flock on 64-bit Linux: type, whence, start, length, pid
    question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with path.open("rb") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
    except OSError:
        return False  # not there, or not for us to see
    return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)
