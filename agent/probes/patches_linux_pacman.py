"""Obtains what patches.py reads where pacman is the package manager. `pacman -Sy` is never run: refreshing the
lists without upgrading leaves a system that breaks at the next installation.
"""

from datetime import datetime

from agent import commands
from agent.probe import Busy, Place
from agent.probes import kernel_files, pacman
from agent.probes.updates import METADATA_GOOD_FOR_SECONDS, Answer

_LIMIT_SECONDS = 60.0
_METHOD = "pacman"


def answer(place: Place, now: datetime) -> Answer:
    if place.path("/var/lib/pacman/db.lck").exists():
        raise Busy("pacman is at work")
    held = pacman.parse_ignored(kernel_files.text(place.path("/etc/pacman.conf")) or "")
    vulnerable, remark = _vulnerable(place)
    if commands.why_not(place, "checkupdates") is None:
        # Keeps lists of its own beside pacman's, fetched now; it leaves out what somebody holds.
        finished = commands.run("checkupdates", "--nocolor", limit_seconds=_LIMIT_SECONDS)
        if finished.status not in (0, 2):  # 0: updates, 2: none
            said = finished.errors.strip().splitlines()[-1:] or ["checkupdates could not answer"]
            return Answer(method=_METHOD, reason=said[0].removeprefix("==> ERROR: ")[:200])
        updates = pacman.parse_updates(finished.output, vulnerable)
        if finished.status == 0 and not updates:
            return Answer(method=_METHOD, reason="checkupdates told of updates and named none")
        if held and not updates:
            return Answer(method=_METHOD, reason="packages are held, and checkupdates does not count those")
        return Answer(
            method=_METHOD,
            lists_age_seconds=0.0,
            updates=updates,
            held_known=not held,
            remarks=(remark,) if updates and remark else (),
        )
    return _offline(place, now, vulnerable, remark)


def _offline(place: Place, now: datetime, vulnerable: dict[str, str] | None, remark: str) -> Answer:
    """By pacman's own lists, as old as the last upgrade."""
    lists = list(place.path("/var/lib/pacman/sync").glob("*.db"))
    if not lists:
        return Answer(method=_METHOD, reason="there are no package lists: pacman has not been updated")
    # The time of a list is the mirror's; the one of the repository that changes daily tells the most.
    age = max(0.0, now.timestamp() - max(path.stat().st_mtime for path in lists))
    if age > METADATA_GOOD_FOR_SECONDS:
        return Answer(
            method=_METHOD,
            reason=f"the package lists are {age / 86400:.0f} days old",
            lists_age_seconds=age,
        )
    root = () if place.is_live else ("--sysroot", str(place.root.absolute()))
    finished = commands.run("pacman", *root, "-Qu", limit_seconds=_LIMIT_SECONDS)
    if finished.status not in (0, 1) or (finished.status and finished.errors.strip()):  # 1: none, or an error
        said = finished.errors.strip().splitlines()[-1:] or ["pacman could not answer"]
        return Answer(method=_METHOD, reason=said[0].removeprefix("error: ")[:200], lists_age_seconds=age)
    updates = pacman.parse_updates(finished.output, vulnerable)
    return Answer(
        method=_METHOD,
        lists_age_seconds=age,
        updates=updates,
        remarks=(remark,) if updates and remark else (),
    )


def _vulnerable(place: Place) -> tuple[dict[str, str] | None, str]:
    if commands.why_not(place, "arch-audit"):
        return None, "Arch gives updates no class: which are security is not known without arch-audit"
    finished = commands.run("arch-audit", "--upgradable", "--color", "never", limit_seconds=_LIMIT_SECONDS)
    if finished.status:
        return None, "arch-audit could not answer: which updates are security is not known"
    return pacman.parse_audit(finished.output), ""
