"""Services that failed.

Source: `systemctl list-units --state=failed`.
Rights: none.
Cost: 20 ms.
Unavailable: systemd does not run on this device.

A unit that failed since the agent's start is reported as 0 once it is well again: a reading that only
vanished would leave its finding open for ever.
"""

from agent import commands
from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading

_LIMIT_SECONDS = 10.0
_UNITS_AT_MOST = 200


class Watch:
    """Remembers the units it saw failed. The one instance below belongs to this probe alone."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def read(self, place: Place) -> Taken:
        # The directory is systemd's own answer to "are you running?" (sd_booted).
        if not place.path("/run/systemd/system").is_dir():
            raise Unavailable("systemd does not run on this device")
        if not place.is_live:
            raise Unavailable("a captured tree is read: systemctl would tell of another machine")
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


PROBE = Probe(name="services", read=Watch().read, pace=Pace.SAMPLE, limit_seconds=15)
