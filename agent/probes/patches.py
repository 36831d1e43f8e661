"""Updates on offer and not installed, and whether that can be known at all.

Source: apt (`apt-get -s` without locks, the heads of /var/lib/apt/lists, `apt-mark showhold`), dnf 4 and 5 from their cache (`-C`).
Rights: none; nothing is refreshed, installed or locked.
Cost: 3 to 10 s of one processor every four hours for apt, below normal priority; no network.
Unavailable: no package manager this probe knows. Lists that are old, expired, empty or without a security source give the state `unknown` with the reason and no counts: not knowing is not zero.

Counts overlap: an update held or kept back is also a security or other one, for it is missing all the same.
Updates the distribution has not given to this device yet (phased) are counted apart and are not missing.
"""

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import patches_linux
from agent.probes.patches_linux import Answer
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN, PatchStatus


def read(place: Place) -> Taken:
    answer = patches_linux.obtain(place)
    if answer is None:
        raise Unavailable("no known package manager")
    return taken(answer)


def taken(answer: Answer) -> Taken:
    status = PatchStatus(method=answer.method, reason=answer.reason)
    result = Taken(patches=status)
    if answer.lists_age_seconds is not None:
        status.lists_age_seconds = answer.lists_age_seconds
        result.readings.append(reading("updates_lists_age_seconds", answer.lists_age_seconds))
    if answer.reason:
        status.state = PATCH_STATE_UNKNOWN
        return result
    updates = answer.updates
    status.state = MISSING if updates else COMPLIANT
    security = sum(update.security for update in updates)
    result.readings += [
        reading("updates_security_count", security),
        reading("updates_other_count", len(updates) - security),
        reading("updates_held_count", sum(update.held for update in updates)),
        reading("updates_phased_count", answer.phased),
        reading("updates_kept_back_count", sum(update.kept_back for update in updates)),
    ]
    result.sections["updates"] = [
        item(
            update.name,
            installed=update.installed or None,
            candidate=update.candidate,
            security=update.security,
            held=update.held,
            kept_back=update.kept_back,
            origin=", ".join(update.origins) or None,
            architecture=update.architecture,
            severity=update.severity or None,
        )
        for update in updates
    ]
    return result


PROBE = Probe(name="patches", read=read, pace=Pace.SLOW, limit_seconds=180, child=True)
