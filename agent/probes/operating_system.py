"""Which operating system, which kernel, and how long its maker supports it.

Source: /etc/os-release, /proc/sys/kernel, and a dated table that comes with the agent (end_of_life.json).
Rights: none.
Cost: under 1 ms.
Unavailable: there is no os-release. A release the table does not know gets no reading: not knowing is not ended.
"""

import json
import platform
import shlex
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import kernel_files


def read(place: Place) -> Taken:
    release = os_release(place)
    if not release:
        raise Unavailable("there is no os-release")
    machine = platform.machine() if place.is_live else None
    kernel = kernel_files.text(place.path("/proc/sys/kernel/osrelease"))
    return taken(release, kernel, machine, datetime.now(UTC))


def os_release(place: Place) -> dict[str, str]:
    """The fields of os-release; /etc wins over /usr/lib, which is the maker's copy."""
    for name in ("/etc/os-release", "/usr/lib/os-release"):
        if content := kernel_files.text(place.path(name)):
            return parse_os_release(content)
    return {}


def parse_os_release(text: str) -> dict[str, str]:
    fields = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            fields[name] = " ".join(shlex.split(value))  # the values are quoted as a shell would
        except ValueError:
            continue
    return fields


def taken(release: dict[str, str], kernel: str | None, machine: str | None, now: datetime) -> Taken:
    support = support_of(release, table())
    result = Taken()
    facts: dict[str, object] = {}
    if support is not None:
        until = end_of_day(support["until"])
        result.readings.append(
            reading("operating_system_support_left_seconds", (until - now).total_seconds())
        )
        facts = {
            "support_until": support["until"],
            "regular_support_until": support.get("regular_until"),
            "as_of": support["as_of"],
            "support_source": support["source"],
        }
    result.sections["operating_system"] = [
        item(
            "operating_system",
            family="linux",
            name=release.get("PRETTY_NAME") or release.get("NAME"),
            id=release.get("ID"),
            version=release.get("VERSION_ID"),
            codename=release.get("VERSION_CODENAME"),
            variant=release.get("VARIANT_ID"),
            kernel=kernel,
            architecture=machine,
            **facts,
        )
    ]
    return result


def support_of(release: dict[str, str], known: dict[str, Any]) -> dict[str, str] | None:
    """The table's row: exact version first, then the major one (RHEL writes 9.4, its support is that of 9)."""
    family = known["families"].get(release.get("ID", ""))
    version = release.get("VERSION_ID", "")
    if family is None or not version:
        return None
    releases = family["releases"]
    row = releases.get(version) or releases.get(version.partition(".")[0])
    return {**row, "as_of": family["as_of"], "source": family["source"]} if row else None


def end_of_day(text: str) -> datetime:
    """The last day counts whole."""
    return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)


@cache
def table() -> dict[str, Any]:
    content = resources.files("agent.probes").joinpath("end_of_life.json").read_text("utf-8")
    known: dict[str, Any] = json.loads(content)
    return known


PROBE = Probe(name="operating_system", read=read, pace=Pace.INVENTORY, limit_seconds=5)
