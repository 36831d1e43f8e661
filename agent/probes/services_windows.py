"""Obtains what services.py tells on Windows: services that start by themselves and do not run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.windows import CIMV2, Row, Sources, rows
from agent.windows.live import sources

_SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
_NEVER_STARTED = 1077  # since the last start of the system nobody tried
_SPECIFIC = 1066  # look at the service's own code
_OF_A_USER = 0xC0  # of the registry's Type: started for each person who signs in, under a name of its own
# Delayed services start two minutes after the others, one by one, on a busy disk.
_SETTLED = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """One that starts by itself and is stopped."""

    name: str
    label: str
    start: str  # auto, delayed, trigger
    exit_code: int | None
    specific_code: int | None = None

    def failed(self, settled: bool) -> bool | None:
        """None where it cannot be told. One that ended with 0 stopped by itself, as many do when there is
        nothing to do, and one with a trigger waits for it."""
        if self.start == "trigger" or (self.start == "delayed" and not settled):
            return False
        return self.exit_code not in (0, _NEVER_STARTED) if self.exit_code is not None else None


def read(place: Place) -> Taken:
    source = sources(place)
    found = [made for row in source.rows(CIMV2, "Win32_Service") if (made := stopped(row, source))]
    return taken(found, _settled(source, datetime.now(UTC)))


def taken(found: Iterable[Stopped], settled: bool) -> Taken:
    judged = sorted(((each, each.failed(settled)) for each in found), key=lambda pair: pair[0].name)
    made = Taken()
    made.readings = [
        reading("service_failed_state", 1, each.name, each.label) for each, failed in judged if failed
    ]
    untold = [each.name for each, failed in judged if failed is None]
    if untold:
        made.reason = f"why these are stopped is not told: {', '.join(untold[:5])}"
    else:
        made.readings.append(reading("services_failed_count", len(made.readings)))
    made.sections["stopped_services"] = [
        item(
            each.name,
            name=each.label,
            start=each.start,
            exit_code=each.exit_code,
            specific_code=each.specific_code,
            failed=failed,
        )
        for each, failed in judged
    ]
    return made


def stopped(row: Row, source: Sources) -> Stopped | None:
    """The registry is asked only about those that are stopped: they are few."""
    name = rows.text(row, "name")
    if name is None or rows.text(row, "startmode") != "Auto" or rows.text(row, "state") != "Stopped":
        return None
    path = rf"{_SERVICES}\{name}"
    try:
        values = source.values(path) or {}
        has_trigger = source.subkeys(path + r"\TriggerInfo") is not None
    except Unavailable:  # some virus scanners close their own keys
        values, has_trigger = {}, False
    kind = values.get("Type")
    if isinstance(kind, int) and kind & _OF_A_USER:
        return None
    delayed = rows.truth(row, "delayedautostart") or values.get("DelayedAutostart") == 1
    code = rows.whole(row, "exitcode")
    return Stopped(
        name=name,
        label=rows.text(row, "displayname") or name,
        start="trigger" if has_trigger else "delayed" if delayed else "auto",
        exit_code=code,
        specific_code=rows.whole(row, "servicespecificexitcode") if code == _SPECIFIC else None,
    )


def _settled(source: Sources, now: datetime) -> bool:
    """Whether the start of the system is over. Not known: a failure that is told then counts."""
    try:
        started = [rows.moment(row, "lastbootuptime") for row in source.rows(CIMV2, "Win32_OperatingSystem")]
    except (Unavailable, OSError):
        return True
    return not any(at is not None and timedelta(0) <= now - at < _SETTLED for at in started)
