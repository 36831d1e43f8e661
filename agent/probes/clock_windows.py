"""Obtains what clock.py tells on Windows: the settings of its time service, and that service's own status.

w32tm is the only one who tells the status, and tells it in the language of the system. Its lines keep their
order in every language, and what counts is numbers: those are read, and nothing where one is not where it
should be.
"""

import re
import sys
from dataclasses import dataclass

from agent import commands
from agent.probe import Place, Taken, Unavailable, item, reading
from agent.windows import Sources, Value
from agent.windows.live import sources

_SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\W32Time"
_LIMIT_SECONDS = 10.0
_DISABLED = 4
_NOT_STARTED = "0x80070426"
_LEAP_UNSYNCHRONISED = 3
_LOCAL_CLOCK = 0x4C4F434C  # "LOCL": the device follows nothing but its own clock
_LEAP, _STRATUM, _REFERENCE, _PHASE_OFFSET = 0, 1, 5, 9  # which line tells it


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    synchronised: bool
    stratum: int
    offset_seconds: float | None


def read(place: Place) -> Taken:
    source = sources(place)
    facts = settings(source)
    taken = Taken(sections={"time_service": [item("time_service", **facts)]})
    if facts["start"] == "disabled" or facts["type"] == "NoSync":
        # Perhaps because another program keeps it, perhaps by mistake: that cannot be told from here.
        taken.reason = (
            "Windows' own time service is switched off; whether another one keeps the clock is not known"
        )
        return taken
    status = parse(_ask(place))
    taken.readings.append(reading("clock_synchronised_state", status.synchronised))
    if status.synchronised and status.offset_seconds is not None:
        taken.readings.append(reading("clock_offset_seconds", status.offset_seconds))
    return taken


def settings(source: Sources) -> dict[str, object]:
    service = source.values(_SERVICE)
    if service is None:
        raise Unavailable("Windows' time service is not installed")
    parameters = source.values(_SERVICE + r"\Parameters") or {}
    return {
        "service": "W32Time",
        "start": "disabled" if service.get("Start") == _DISABLED else "enabled",
        "type": parameters.get("Type"),  # NT5DS: the domain's; NTP: the servers below; AllSync: both; NoSync
        "servers": servers(parameters.get("NtpServer")) if parameters.get("Type") != "NT5DS" else None,
    }


def servers(value: Value) -> str | None:
    """`time.windows.com,0x9 10.0.0.1` without its flags."""
    names = [name.partition(",")[0] for name in value.split()] if isinstance(value, str) else []
    return " ".join(filter(None, names)) or None


def _ask(place: Place) -> str:
    if not place.is_live or sys.platform != "win32":
        raise Unavailable("a captured device is read: w32tm would tell of another machine")
    finished = commands.run("w32tm", "/query", "/status", "/verbose", limit_seconds=_LIMIT_SECONDS)
    if _NOT_STARTED in finished.output + finished.errors:
        # Outside a domain Windows starts it for moments only: then nobody knows.
        raise Unavailable("the time service does not run at the moment")
    return finished.output


def parse(text: str) -> Status:
    """What `w32tm /query /status /verbose` prints, in any language."""
    values = [line.partition(":")[2].strip() for line in text.splitlines() if ":" in line]
    leap = re.match(r"([0-3])\s*\(", _at(values, _LEAP))
    stratum = re.match(r"(\d{1,2})\s*\(", _at(values, _STRATUM))
    reference = re.match(r"0x([0-9A-Fa-f]{8})\b", _at(values, _REFERENCE))
    if not leap or not stratum or not reference:
        raise Unavailable("what w32tm prints was not understood")
    offset = re.fullmatch(r"([+-]?\d{1,12}[.,]\d{1,9})\s?s", _at(values, _PHASE_OFFSET), re.ASCII)
    return Status(
        synchronised=int(leap[1]) != _LEAP_UNSYNCHRONISED
        and int(stratum[1]) > 0
        and int(reference[1], 16) not in (0, _LOCAL_CLOCK),
        stratum=int(stratum[1]),
        offset_seconds=float(offset[1].replace(",", ".")) if offset else None,
    )


def _at(values: list[str], number: int) -> str:
    return values[number] if number < len(values) else ""
