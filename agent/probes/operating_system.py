"""Which operating system, which kernel, and how long its maker supports it.

Source: Linux /etc/os-release and /proc/sys/kernel; Windows the registry's CurrentVersion and WMI's SoftwareLicensingProduct; and a dated table that comes with the agent (end_of_life.json).
Rights: none.
Cost: Linux under 1 ms; Windows 1 to 3 s in a process of its own, for the licence.
Unavailable: there is no os-release, or no CurrentVersion. A release the table does not know gets no reading: not knowing is not ended. A licence that cannot be read is neither activated nor not.
"""

import json
import platform
import shlex
import sys
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import kernel_files, operating_system_windows

# Makers move dates by months now and then; four months is as often as the agent is built anew.
_OLD_AFTER = timedelta(days=120)


def read(place: Place) -> Taken:
    if place.is_windows:
        return _read_windows(place)
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
    result = Taken()
    facts = _support(result, support_of(release, table()), now)
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


def _read_windows(place: Place) -> Taken:
    system, lost = operating_system_windows.obtain(place)
    result = Taken(reason=lost)
    row = {"ID": "windows", "VERSION_ID": f"{system.build} {system.edition_kind}"}
    facts = _support(result, support_of(row, table()), datetime.now(UTC))
    if system.activated is not None:
        result.readings.append(reading("operating_system_activated_state", system.activated))
    build = f"{system.build}.{system.revision}" if system.revision is not None else str(system.build)
    result.sections["operating_system"] = [
        item(
            "operating_system",
            family="windows",
            name=system.name,
            id="windows",
            version=system.version,
            edition=system.edition,
            build=build,
            architecture=system.architecture,
            installed_at=system.installed_at.isoformat() if system.installed_at else None,
            activated=system.activated,
            **facts,
        )
    ]
    return result


def _support(result: Taken, support: dict[str, str] | None, now: datetime) -> dict[str, object]:
    """Adds the reading; gives the facts."""
    if support is None:
        return {}
    if now - end_of_day(support["as_of"]) > _OLD_AFTER:
        remark = f"the table of support dates is of {support['as_of']}: look them up before relying on them"
        result.reason = f"{remark}; {result.reason}".removesuffix("; ")
    left = end_of_day(support["until"]) - now
    result.readings.append(reading("operating_system_support_left_seconds", left.total_seconds()))
    return {
        "support_until": support["until"],
        "regular_support_until": support.get("regular_until"),
        "as_of": support["as_of"],
        "support_source": support["source"],
    }


def support_of(release: dict[str, str], known: dict[str, Any]) -> dict[str, str] | None:
    """The table's row: exact version first, then the major one (RHEL writes 9.4, its support is that of 9)."""
    family = known["families"].get(release.get("ID", ""))
    version = release.get("VERSION_ID", "")
    if family is None or not version:
        return None
    releases = family["releases"]
    row = releases.get(version) or releases.get(version.partition(".")[0])
    return {"as_of": family["as_of"], "source": family["source"], **row} if row else None


def end_of_day(text: str) -> datetime:
    """The last day counts whole."""
    return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)


@cache
def table() -> dict[str, Any]:
    content = resources.files("agent.probes").joinpath("end_of_life.json").read_text("utf-8")
    known: dict[str, Any] = json.loads(content)
    return known


PROBE = Probe(
    name="operating_system",
    read=read,
    pace=Pace.INVENTORY,
    limit_seconds=60 if sys.platform == "win32" else 5,  # the licence service starts first
    child=sys.platform == "win32",  # WMI
    platforms=("linux", "win32"),
)
