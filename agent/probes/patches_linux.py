"""Obtains what patches.py reads: asks the package manager that is there, without changing anything."""

import fcntl
import os
import re
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agent import commands
from agent.probe import Busy, Place
from agent.probes import apt, dnf, kernel_files
from agent.probes.apt import Lists, Update

_LIMIT_SECONDS = 60.0
_SOURCE = re.compile(r"^(?:deb\s|URIs:)", re.MULTILINE)
_SECURITY_LINE = re.compile(r"^([^|\n]*)\|([^|\n]*)\|", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    method: str
    reason: str = ""  # why nothing can be said; empty when `updates` is the truth
    lists_age_seconds: float | None = None
    updates: list[Update] = field(default_factory=list)
    phased: int = 0


def obtain(place: Place) -> Answer | None:
    """The answer of the first package manager found, or None."""
    now = datetime.now(UTC)
    if place.path("/var/lib/dpkg/status").exists() and commands.find("apt-get"):
        return _apt(place, now)
    if place.is_live and commands.find("rpm"):
        for program in ("dnf5", "dnf"):
            if commands.find(program):
                return _dnf(place, program, now)
    return None


def _apt(place: Place, now: datetime) -> Answer:
    if _is_locked(place.path("/var/lib/dpkg/lock-frontend")):
        raise Busy("dpkg is at work")
    trust = _lists(place, now)
    if trust.reason:
        return Answer(method="apt", reason=trust.reason, lists_age_seconds=trust.age_seconds)
    try:
        updates, phased = _simulate(place)
    except ValueError as error:
        return Answer(method="apt", reason=str(error), lists_age_seconds=trust.age_seconds)
    return Answer(method="apt", lists_age_seconds=trust.age_seconds, updates=updates, phased=phased)


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
    """apt can speak of a tree elsewhere, so a captured one gets a true answer."""
    return () if place.is_live else ("-o", f"RootDir={place.root.absolute()}")


def _is_locked(path: Path) -> bool:
    """Whether another program holds the lock. Only asks (F_GETLK): the lock is never taken."""
    # struct flock on 64-bit Linux: type, whence, start, length, pid
    question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with path.open("rb") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
    except OSError:
        return False  # not there, or not for us to see
    return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)


def _dnf(place: Place, program: str, now: datetime) -> Answer:
    method = "dnf5" if program == "dnf5" or _is_dnf5(program) else "dnf4"
    age = _dnf_age(place, method, now)
    if age is None:
        return Answer(method=method, reason="there is no cached metadata: dnf has not been updated")
    if age > apt.LISTS_GOOD_FOR.total_seconds():
        return Answer(
            method=method, reason=f"the metadata is {age / 86400:.0f} days old", lists_age_seconds=age
        )
    check = "check-update"
    listing: tuple[str, ...] = ("updateinfo", "list", "--security")
    every: tuple[str, ...] = ("updateinfo", "list", "--all")
    if method == "dnf5":
        check = "check-upgrade"
        listing = ("advisory", "list", "--security", "--available", "--json")
        every = ("advisory", "list", "--all", "--json")
    finished = commands.run(program, "-q", "-C", check, limit_seconds=_LIMIT_SECONDS)
    if finished.status not in (0, 100):  # 100: there are updates
        reason = finished.errors.strip().splitlines()[-1:] or [f"{program} could not answer"]
        return Answer(method=method, reason=reason[0][:200], lists_age_seconds=age)
    advisories = commands.run(program, "-q", "-C", *every, limit_seconds=_LIMIT_SECONDS)
    if advisories.status or not dnf.parse_security(advisories.output):
        # Some repositories (CentOS Stream) carry no advisories: then nothing can be called security.
        return Answer(method=method, reason="the repositories carry no advisories", lists_age_seconds=age)
    security = dnf.parse_security(
        commands.run(program, "-q", "-C", *listing, limit_seconds=_LIMIT_SECONDS, ok=(0,)).output
    )
    updates = [_update(offer, security) for offer in dnf.parse_check_update(finished.output)]
    return Answer(method=method, lists_age_seconds=age, updates=updates)


def _update(offer: dnf.Offer, security: dict[str, str]) -> Update:
    severity = dnf.severity_of(offer, security)
    return Update(
        name=f"{offer.name}.{offer.architecture}",
        installed="",
        candidate=offer.candidate,
        origins=(offer.repository,),
        architecture=offer.architecture,
        security=severity is not None,
        severity=severity,
    )


def _is_dnf5(program: str) -> bool:
    return commands.run(program, "--version", limit_seconds=_LIMIT_SECONDS).output.startswith("dnf5")


def _dnf_age(place: Place, method: str, now: datetime) -> float | None:
    cache = place.path("/var/cache/libdnf5" if method == "dnf5" else "/var/cache/dnf")
    times = [path.stat().st_mtime for path in cache.glob("*/repodata/repomd.xml")]
    return max(0.0, now.timestamp() - max(times)) if times else None
