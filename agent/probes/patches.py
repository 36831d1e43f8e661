"""Updates on offer and not installed, and whether that can be known at all; on Windows also who brings them.

Source: apt (`apt-get -s` without locks, the heads of /var/lib/apt/lists, `apt-mark showhold`, /var/lib/dpkg/status for packages left half done, `pro security-status`), dnf 4, dnf 5 and yum from their cache (`-C`), zypper from its cache (`--no-refresh`), `checkupdates` or else `pacman -Qu`, `rpm-ostree status`; apart from these `fwupdmgr`, `flatpak remote-ls --cached`, `snap refresh --list`; systemd's files for automatic updates. Windows: the Windows Update Agent (`IsInstalled=0 and IsHidden=0`) and its history; the registry for the source (WSUS, policies, pauses), the component store's cumulative packages and Office Click-to-Run; WMI for Defender's signatures and the Configuration Manager client.
Rights: none on Linux, nothing is refreshed, installed or locked; on Windows an administrator for Defender and Configuration Manager, and nothing is downloaded or installed.
Cost: 3 to 10 s of one processor every four hours for apt, below normal priority, 1 s for dnf and zypper; no network, but for `checkupdates` and arch-audit on Arch (pacman has no list that is both fresh and safe) and for snap, which asks its store. Windows: the search takes seconds to minutes, and the update agent asks the server it is set to.
Unavailable: no package manager this probe knows. Lists that are old, expired, empty or without a security source give the state `unknown` with the reason and no counts: not knowing is not zero. So do, on Windows, a search that fails or ends with errors, and an empty one whose source is paused, disabled, or without a sign of life. Configuration Manager or Defender not installed is a fact.

Counts overlap: an update held or kept back is also a security or other one, for it is missing all the same.
Updates the distribution has not given to this device yet (phased) are counted apart and are not missing.
Where a source gives updates no class (Tumbleweed, Arch, repositories without advisories) they are counted as
unclassified, and there is no count of security ones: that is not zero. What only a subscription brings (Ubuntu
Pro) is counted apart. Where somebody holds packages and the package manager does not say what that hides, an
empty list is unknown. Firmware, flatpak and snap have counts of their own; they neither make a system missing
updates nor unknown, and a count that cannot be read is absent, with a remark.

On Windows updates are classified by CategoryID, never by words. Definitions are not missing updates (Defender's age of
signatures is its own reading); drivers, optional updates and other releases are counted apart. An empty answer
is believed when Automatic Updates searched with success within 7 days, or, where it does not say or
Configuration Manager rules, when an installation succeeded within 35 days. The last cumulative update is taken
from the component store, which knows no language and forgets nothing, and from the history. Whether the build
is the newest the fleet has seen is for the collector to compare: operating_system reports it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.probes import (
    patches_linux,
    patches_linux_apart,
    patches_linux_automatic,
    patches_windows,
    windows_patches,
)
from agent.probes.updates import Answer, Apart
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN, PatchStatus


def read(place: Place) -> Taken:
    if place.is_windows:
        return windows_patches.taken(patches_windows.obtain(place))
    answer = patches_linux.obtain(place)
    apart = patches_linux_apart.obtain(place, datetime.now(UTC))
    if answer is None:
        if not apart:
            raise Unavailable("no known package manager")
        answer = Answer(method="", reason="no known package manager")
    result = taken(answer, apart)
    if automatic := patches_linux_automatic.obtain(place):
        result.sections["automatic_updates"] = automatic
    return result


def taken(answer: Answer, apart: Iterable[Apart] = ()) -> Taken:
    status = PatchStatus(method=answer.method, reason=answer.reason)
    result = Taken(patches=status)
    if answer.lists_age_seconds is not None:
        status.lists_age_seconds = answer.lists_age_seconds
        result.readings.append(reading("updates_lists_age_seconds", answer.lists_age_seconds))
    if answer.broken is not None:
        result.readings.append(reading("packages_broken_count", len(answer.broken)))
        result.sections["packages_broken"] = answer.broken
    _tell_apart(result, apart)
    result.reason = "; ".join(text for text in (*answer.remarks, result.reason) if text)
    if answer.reason:
        status.state = PATCH_STATE_UNKNOWN
        return result
    status.state = MISSING if answer.updates else COMPLIANT
    _count(result, answer)
    result.sections["updates"] = [
        item(
            update.name,
            installed=update.installed or None,
            candidate=update.candidate,
            security=update.security,
            held=update.held,
            kept_back=update.kept_back,
            origin=", ".join(update.origins) or None,
            architecture=update.architecture or None,
            severity=update.severity or None,
        )
        for update in answer.updates
    ]
    return result


def _count(result: Taken, answer: Answer) -> None:
    updates = answer.updates
    unclassified = sum(update.security is None for update in updates)
    counts: dict[str, int | None] = {
        "updates_unclassified_count": unclassified,
        "updates_kept_back_count": sum(update.kept_back for update in updates),
        "updates_held_count": sum(update.held for update in updates) if answer.held_known else None,
        "updates_phased_count": answer.phased,
        "updates_paid_only_count": answer.paid_only,
    }
    if not unclassified:
        security = sum(bool(update.security) for update in updates)
        counts |= {"updates_security_count": security, "updates_other_count": len(updates) - security}
    result.readings += [reading(name, count) for name, count in counts.items() if count is not None]


def _tell_apart(result: Taken, apart: Iterable[Apart]) -> None:
    known = False
    rows = []
    for part in apart:
        result.reason = "; ".join(text for text in (result.reason, part.remark) if text)
        if part.metadata_age_seconds is not None:
            result.readings.append(
                reading(f"updates_{part.kind}_lists_age_seconds", part.metadata_age_seconds)
            )
        if part.rows is not None:
            result.readings.append(reading(f"updates_{part.kind}_count", len(part.rows)))
            rows += part.rows
            known = True
    if known:
        result.sections["updates_apart"] = rows
