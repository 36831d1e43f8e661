"""Obtains what patches.py reads where dnf or yum is the package manager: from its cache, without the network."""

import re
from collections.abc import Iterator
from datetime import datetime

from agent import commands
from agent.commands import Finished
from agent.probe import Place
from agent.probes import dnf, kernel_files, repomd
from agent.probes.updates import METADATA_GOOD_FOR_SECONDS, Answer, Update

_LIMIT_SECONDS = 60.0
_CACHES = {"dnf5": "/var/cache/libdnf5", "dnf4": "/var/cache/dnf", "yum": "/var/cache/yum"}
_LOCKS = {
    "dnf5": "/etc/dnf/versionlock.toml",
    "dnf4": "/etc/dnf/plugins/versionlock.list",
    "yum": "/etc/yum/pluginconf.d/versionlock.list",
}
_CHECK = {"dnf5": ("check-upgrade",), "dnf4": ("check-update",), "yum": ("check-update",)}
# Of all packages, to see whether the repositories have any; and those newer than what is installed.
_ALL_ADVISORIES = {
    "dnf5": ("advisory", "list", "--all", "--json"),
    "dnf4": ("updateinfo", "list", "--all"),
    "yum": ("updateinfo", "list", "all"),
}
_SECURITY = {
    "dnf5": ("advisory", "list", "--available", "--security", "--json"),
    "dnf4": ("updateinfo", "list", "--available", "--security"),
    "yum": ("updateinfo", "list", "available", "security"),
}
# Everything an administrator hides from updates on purpose is missing all the same.
_UNHIDDEN = ("--disableplugin=versionlock", "--disableexcludes=all")


def answer(place: Place, program: str, now: datetime) -> Answer:
    method = _method(program)
    age, repository = _age(place, program, method, now)
    if age is None:
        return Answer(method=method, reason="there is no cached metadata: dnf has not been updated")
    if age > METADATA_GOOD_FOR_SECONDS:
        return Answer(
            method=method,
            reason=f"the metadata of repository {repository} is {age / 86400:.0f} days old",
            lists_age_seconds=age,
        )
    if reason := repomd.doubt(_heads(place, method), now):
        return Answer(method=method, reason=reason, lists_age_seconds=age)
    finished = _run(place, program, *_CHECK[method])
    if reason := _doubt(finished, program):
        return Answer(method=method, reason=reason, lists_age_seconds=age)
    offers = dnf.parse_check_update(finished.output)
    shown = set(offers)
    remarks = []
    held_known = True
    if method == "dnf5" and dnf.has_locks(kernel_files.text(place.path(_LOCKS[method])) or ""):
        # dnf 5 has no switch to look behind its locks.
        held_known = False
        remarks.append("packages are locked, and dnf 5 does not say which updates that hides")
        if not offers:
            return Answer(method=method, reason=remarks[0], lists_age_seconds=age)
    elif method != "dnf5":
        unhidden = _run(place, program, *_UNHIDDEN, *_CHECK[method])
        if not _doubt(unhidden, program):
            offers += [offer for offer in dnf.parse_check_update(unhidden.output) if offer not in shown]
        else:
            held_known = False
    security = None
    if offers and _advisories(place, program, *_ALL_ADVISORIES[method]):
        hidden = _UNHIDDEN if method != "dnf5" else ()
        newer = _advisories(place, program, *hidden, *_SECURITY[method])
        security = None if newer is None else dnf.worst(newer)
    if offers and security is None:
        # Some repositories (CentOS Stream) carry none: then nothing can be called security, nor not.
        remarks.append("the repositories carry no advisories: which updates are security is not known")
    return Answer(
        method=method,
        lists_age_seconds=age,
        updates=[update(offer, security, held=offer not in shown) for offer in offers],
        held_known=held_known,
        remarks=tuple(remarks),
    )


def update(offer: dnf.Offer, security: dict[tuple[str, str], str] | None, *, held: bool) -> Update:
    severity = None if security is None else security.get((offer.name, offer.architecture))
    return Update(
        name=f"{offer.name}.{offer.architecture}",
        installed="",
        candidate=offer.candidate,
        origins=(offer.repository,),
        architecture=offer.architecture,
        security=None if security is None else severity is not None,
        severity=severity,
        held=held,
    )


def _advisories(place: Place, program: str, *words: str) -> list[dnf.Advisory] | None:
    """None when they cannot be read."""
    finished = _run(place, program, "-q", *words)
    try:
        return None if finished.status else dnf.parse_advisories(finished.output)
    except ValueError:
        return None


def _doubt(finished: Finished, program: str) -> str:
    """Why an answer cannot be believed. Exit status 100: there are updates; 0: none."""
    said = finished.errors.strip().splitlines()
    # A repository without metadata that may be skipped leaves a status of 0, and its updates out; with -q
    # dnf does not even say so.
    skipped = [line for line in said if line.startswith(("Ignoring repositories", "Error:", "Failed to"))]
    if finished.status not in (0, 100) or skipped:
        return (skipped or said or [f"{program} could not answer"])[-1][:200]
    return ""


def _run(place: Place, program: str, *arguments: str) -> Finished:
    root = () if place.is_live else (f"--installroot={place.root.absolute()}",)
    return commands.run(program, *root, "-C", *arguments, limit_seconds=_LIMIT_SECONDS)


def _method(program: str) -> str:
    if program != "dnf":
        return program
    version = commands.run(program, "--version", limit_seconds=_LIMIT_SECONDS).output
    return "dnf5" if version.startswith("dnf5") else "dnf4"


def _age(place: Place, program: str, method: str, now: datetime) -> tuple[float | None, str]:
    """The age of the oldest enabled repository: a fresh one must not hide that the other ones fail.

    On a refresh that brings nothing new dnf touches one file of the repository (dnf 4 the list of packages
    and not repomd.xml), so the newest of them counts.
    """
    cache = place.path(_CACHES[method])
    ages: dict[str, float] = {}
    found = [path.parent for path in cache.glob("**/repomd.xml")]
    for folder in {path.parent if path.name == "repodata" else path for path in found}:
        files = [*folder.glob("*"), *folder.glob("repodata/*")]
        times = [path.stat().st_mtime for path in files if path.is_file()]
        name = re.sub(r"-[0-9a-f]{16}$", "", folder.name)
        age = max(0.0, now.timestamp() - max(times))
        ages[name] = min(age, ages.get(name, age))  # a folder of an earlier address may lie beside it
    listed = ("repo", "list") if method == "dnf5" else ("repolist",)
    enabled = set(dnf.parse_repositories(_run(place, program, "-q", *listed).output)) if ages else set()
    known = {name: age for name, age in ages.items() if name in enabled} or ages
    oldest = max(known, key=lambda name: known[name], default="")
    return known.get(oldest), oldest


def _heads(place: Place, method: str) -> Iterator[str]:
    for path in place.path(_CACHES[method]).glob("**/repomd.xml"):
        if text := kernel_files.text(path):
            yield text
