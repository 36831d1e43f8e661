"""Which time service keeps this device's clock, and by which server: files of the services, and what they say."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import commands
from agent.probe import Place, item
from agent.probes import kernel_files
from protos.report_pb2 import Item

_LIMIT_SECONDS = 5.0
_ASK_EVERY_SECONDS = 3600.0
# service, its sign of life, the units that enable it
_SERVICES = (
    ("chrony", "/run/chrony/chronyd.pid", ("chrony", "chronyd")),
    ("ntpd", "/run/ntpd.pid", ("ntp", "ntpd", "ntpsec")),
    ("systemd-timesyncd", "/run/systemd/timesync", ("systemd-timesyncd",)),
)
_CONFIGURED = {
    "chrony": ("/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/chrony/conf.d/*.conf", "/etc/chrony.d/*.conf",
               "/etc/chrony/sources.d/*.sources"),
    "ntpd": ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf"),
    "systemd-timesyncd": ("/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/*.conf"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    service: str
    running: bool
    server: str | None  # followed now
    configured: tuple[str, ...]

    def item(self) -> Item:
        return item(
            "time_service",
            service=self.service,
            running=self.running,
            server=self.server,
            servers=" ".join(self.configured) or None,
        )


class Watch:
    """Remembers the source for an hour: the kernel is asked each minute, and its services need not be. The one
    instance below belongs to the probe alone."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._known: tuple[Place, float, Source | None] | None = None

    def source(self, place: Place) -> Source | None:
        now = self._tick()
        if self._known is None or self._known[0] != place or now - self._known[1] >= _ASK_EVERY_SECONDS:
            self._known = place, now, find(place)
        return self._known[2]


def find(place: Place) -> Source | None:
    """The service that runs, else one that is meant to; None: no sign of any."""
    for name, sign, _ in _SERVICES:
        if _is_alive(place, sign):
            return Source(name, True, _server(place, name), _configured(place, name))
    for name, _, units in _SERVICES:
        if any(_glob(place, f"/etc/systemd/system/*.wants/{unit}.service") for unit in units):
            return Source(name, False, None, _configured(place, name))
    return None


def _is_alive(place: Place, sign: str) -> bool:
    """A directory that systemd takes away with the service, or a file with the number of a process that is there."""
    path = place.path(sign)
    try:
        if path.is_dir():
            return True
        number = kernel_files.number(path)
        return number is not None and place.path(f"/proc/{number}").exists()
    except OSError:  # chrony's directory is closed to ordinary users: then nobody knows
        return False


def _glob(place: Place, pattern: str) -> list[Path]:
    """Also links that lead nowhere: in a captured tree an enabled unit points outside of it."""
    try:
        return sorted(place.root.glob(pattern.lstrip("/")))
    except OSError:
        return []


def _configured(place: Place, service: str) -> tuple[str, ...]:
    texts = (
        kernel_files.text(path) or "" for pattern in _CONFIGURED[service] for path in _glob(place, pattern)
    )
    return tuple(dict.fromkeys(server for text in texts for server in servers(text)))


def servers(text: str) -> Iterator[str]:
    """`server`, `pool` and `peer` of chrony and ntpd, `NTP=` of timesyncd."""
    for line in text.splitlines():
        if found := re.match(r"\s*(?:server|pool|peer)\s+([\w.:-]{1,253})(?:\s|$)", line, re.ASCII):
            yield found[1]
        elif found := re.match(r"\s*NTP\s*=(.*)", line):
            yield from re.findall(r"[\w.:-]{1,253}", found[1], re.ASCII)


def _server(place: Place, service: str) -> str | None:
    # -n: names would be asked of the network.
    if service == "chrony":
        return chrony_server(_said(place, "chronyc", "-n", "-c", "tracking"))
    if service == "systemd-timesyncd":
        return timesyncd_server(_said(place, "timedatectl", "show-timesync"))
    return None


def _said(place: Place, program: str, *arguments: str) -> str:
    if commands.why_not(place, program):
        return ""
    try:
        finished = commands.run(program, *arguments, limit_seconds=_LIMIT_SECONDS)
    except TimeoutError:
        return ""
    return finished.output if finished.status == 0 else ""


def chrony_server(text: str) -> str | None:
    """`chronyc -c tracking`: the second of fourteen fields, empty while nothing is followed; 7F7F0101 is itself."""
    fields = text.strip().split(",")
    if len(fields) != 14 or fields[0] in ("00000000", "7F7F0101"):
        return None
    return fields[1] or None


def timesyncd_server(text: str) -> str | None:
    """`timedatectl show-timesync`: the name, else the address."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return fields.get("ServerName") or fields.get("ServerAddress") or None


WATCH = Watch()
