"""Obtains what patches.py reads on a system that is replaced as a whole (rpm-ostree)."""

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import rpm_ostree
from agent.probes.updates import Answer

_LIMIT_SECONDS = 30.0
_METHOD = "rpm-ostree"


def answer(place: Place) -> Answer:
    if reason := commands.why_not(place, "rpm-ostree"):
        raise Unavailable(reason)
    finished = commands.run("rpm-ostree", "status", "--json", limit_seconds=_LIMIT_SECONDS, ok=(0,))
    try:
        status = rpm_ostree.parse(finished.output)
    except ValueError as error:
        return Answer(method=_METHOD, reason=str(error))
    if status.update is None:
        # It does not say when it looked last: nothing found and never looked are the same here.
        return Answer(method=_METHOD, reason="rpm-ostree does not say whether it has looked for updates")
    if status.pending is not None and status.pending == status.update[0].candidate:
        return Answer(method=_METHOD)  # installed; it waits for the restart, which reboot_pending tells
    return Answer(method=_METHOD, updates=status.update)
