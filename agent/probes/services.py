"""Services that failed.

Source: Linux `systemctl list-units --state=failed`, each minute. Windows WMI's Win32_Service and the registry, each hour: services that start by themselves, are stopped, and ended with another code than 0. Those with a trigger wait for it and are never counted; delayed ones are left alone for ten minutes after a start.
Rights: none.
Cost: Linux 20 ms; Windows half a second in a process of its own.
Unavailable: systemd does not run on this device, or WMI does not answer.

A unit that failed since the agent's start is reported as 0 once it is well again: a reading that only
vanished would leave its finding open for ever.
"""

import sys

from agent import commands
from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading
from agent.probes import services_windows

_LIMIT_SECONDS = 10.0
_UNITS_AT_MOST = 200


class Watch:
    """Remembers the units it saw failed. The one instance below belongs to this probe alone."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def read(self, place: Place) -> Taken:
        if place.is_windows:
            return services_windows.read(place)
        # The directory is systemd's own answer to "are you running?" (sd_booted).
        if not place.path("/run/systemd/system").is_dir():
            raise Unavailable("systemd does not run on this device")
        if reason := commands.why_not(place, "systemctl"):
            raise Unavailable(reason)
        finished = commands.run(
            "systemctl",
            "list-units",
            "--state=failed",
            "--all",
            "--plain",
            "--full",
            "--no-legend",
            "--no-pager",
            limit_seconds=_LIMIT_SECONDS,
            ok=(0,),
        )
        return self.taken(parse(finished.output))

    def taken(self, failed: list[str]) -> Taken:
        now = set(failed)
        self._seen = set(sorted(self._seen | now)[:_UNITS_AT_MOST])
        result = Taken(readings=[reading("services_failed_count", len(now))])
        result.readings += [reading("service_failed_state", unit in now, unit) for unit in sorted(self._seen)]
        return result


def parse(text: str) -> list[str]:
    """Unit names from `UNIT LOAD ACTIVE SUB DESCRIPTION`; older versions put a dot before a failed one."""
    units = []
    for line in text.splitlines():
        fields = line.removeprefix("●").removeprefix("*").split()
        if len(fields) >= 4 and fields[2] == "failed" and "." in fields[0]:
            units.append(fields[0])
    return units


PROBE = Probe(
    name="services",
    read=Watch().read,
    # WMI weighs too much for each minute, and its place is a process of its own.
    pace=Pace.INVENTORY if sys.platform == "win32" else Pace.SAMPLE,
    limit_seconds=15,
    child=sys.platform == "win32",
    platforms=("linux", "win32"),
)
