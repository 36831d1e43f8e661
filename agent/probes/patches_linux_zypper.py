"""Obtains what patches.py reads where zypper is the package manager: from its cache, without the network.

SUSE's distributions give out patches, and a patch has a class; Tumbleweed has none, only newer packages.
"""

import fnmatch
from datetime import datetime

from agent import commands
from agent.commands import Finished
from agent.probe import Busy, Place
from agent.probes import kernel_files, repomd, zypper
from agent.probes.updates import METADATA_GOOD_FOR_SECONDS, Answer, Update
from agent.probes.zypper import Row

_LIMIT_SECONDS = 60.0
_METHOD = "zypper"


def answer(place: Place, now: datetime) -> Answer:
    try:
        age, reason = _age(place, now)
        if reason:
            return Answer(method=_METHOD, reason=reason, lists_age_seconds=age)
        return _answer(place, age)
    except ValueError as error:
        return Answer(method=_METHOD, reason=str(error)[:200])


def _answer(place: Place, age: float | None) -> Answer:
    has_patches = bool(zypper.parse_patches(_ask(place, "search", "--type", "patch")))
    patches = zypper.parse_updates(_ask(place, "list-patches")) if has_patches else []
    packages = zypper.parse_updates(_ask(place, "list-updates"))
    every = zypper.parse_updates(_ask(place, "list-updates", "--all"))
    updates = [_patch(row) for row in patches]
    if not patches:
        # While patches wait, the packages they bring stand among these: they would be counted twice.
        updates += [_package(row, security=False if has_patches else None) for row in packages]
    shown = {row.name for row in packages}
    locks = zypper.parse_locks(_ask(place, "locks"))
    for row in every:
        if row.name not in shown:
            held = any(fnmatch.fnmatchcase(row.name, lock) for lock in locks)
            security = False if has_patches else None
            updates.append(_package(row, security=security, held=held, kept_back=not held))
    remark = "these repositories have no patches: which updates are security is not known"
    return Answer(
        method=_METHOD,
        lists_age_seconds=age,
        updates=updates,
        remarks=(remark,) if updates and not has_patches else (),
    )


def _patch(row: Row) -> Update:
    return Update(
        name=row.name,
        installed="",
        candidate=row.version,
        origins=(row.repository,) if row.repository else (),
        architecture=row.architecture,
        security=row.category == "security",
        severity=row.severity if row.severity not in ("", "none", "unspecified") else None,
    )


def _package(row: Row, *, security: bool | None, held: bool = False, kept_back: bool = False) -> Update:
    return Update(
        name=f"{row.name}.{row.architecture}",
        installed=row.installed,
        candidate=row.version,
        origins=(row.repository,) if row.repository else (),
        architecture=row.architecture,
        security=security,
        held=held,
        kept_back=kept_back,
    )


def _age(place: Place, now: datetime) -> tuple[float | None, str]:
    """The age of the oldest enabled repository, and why nothing can be said of it.

    It is looked for before anything else is asked: for a repository without metadata zypper would go and
    get it, in spite of --no-refresh. A refresh that brings nothing new touches repomd.xml.
    """
    enabled = [row for row in zypper.parse_repositories(_ask(place, "repos")) if row.is_enabled]
    if not enabled:
        return None, "no repositories are configured"
    ages: dict[str, float] = {}
    heads: list[str] = []
    for repository in enabled:
        folder = place.path("/var/cache/zypp/raw") / repository.alias.replace("/", "_")
        files = [*folder.glob("repodata/repomd.xml"), *folder.glob("cookie"), *folder.glob("content")]
        if not files:
            return None, f"repository {repository.alias} has never been refreshed"
        heads += [text for path in files if (text := kernel_files.text(path))]
        ages[repository.alias] = max(0.0, now.timestamp() - max(path.stat().st_mtime for path in files))
    oldest = max(ages, key=lambda alias: ages[alias])
    if ages[oldest] > METADATA_GOOD_FOR_SECONDS:
        return ages[oldest], f"the metadata of repository {oldest} is {ages[oldest] / 86400:.0f} days old"
    return ages[oldest], repomd.doubt(heads, now)


def _ask(place: Place, *arguments: str) -> str:
    finished = run(place, "--xmlout", *arguments)
    if finished.status == zypper.LOCKED:
        raise Busy("zypper is at work")
    # `search` finds nothing, `repos` has none: that is an answer here
    if reason := zypper.verdict(finished.status) if finished.status not in (6, 104) else "":
        raise ValueError(reason)
    return finished.output


def run(place: Place, *arguments: str) -> Finished:
    root = () if place.is_live else ("--root", str(place.root.absolute()))
    return commands.run(
        "zypper", *root, "--non-interactive", "--no-refresh", *arguments, limit_seconds=_LIMIT_SECONDS
    )
