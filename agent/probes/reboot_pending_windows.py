"""Obtains what reboot_pending.py tells on Windows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.windows import CIMV2, Row, Sources, rows
from agent.windows.live import sources

_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
# A key of this name is there as long as a restart is due, and gone after it.
_FLAGS = (
    ("component_servicing", _VERSION + r"\Component Based Servicing\RebootPending"),
    ("windows_update", _VERSION + r"\WindowsUpdate\Auto Update\RebootRequired"),
)
_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
_RENAMES = ("PendingFileRenameOperations", "PendingFileRenameOperations2")
# Updates finish in the minutes after a restart; until then a flag from before says nothing.
_SETTLED = timedelta(minutes=20)
# Boot times are computed from a counter and wander by seconds.
_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    name: str
    weak: bool = False  # reported, and never a reason to ask anybody for a restart
    since: datetime | None = None  # of those only that a restart takes away
    facts: dict[str, object] = field(default_factory=dict)


def read(place: Place) -> Taken:
    source = sources(place)
    reasons, lost = reasons_of(source)
    booted_at = None
    try:
        booted_at = next((rows.moment(row, "lastbootuptime") for row in _system(source)), None)
    except (Unavailable, OSError) as error:
        lost.append(f"time of the last start: {error}")
    made = taken(reasons, booted_at, datetime.now(UTC))
    made.reason = "; ".join(lost)
    return made


def _system(source: Sources) -> Iterable[Row]:
    return source.rows(CIMV2, "Win32_OperatingSystem")


def reasons_of(source: Sources) -> tuple[list[Reason], list[str]]:
    """Each source on its own: one that may not be read must not hide what another one says. But without the
    flags, which updates leave, nothing is known."""
    reasons = list(_flags(source))
    lost: list[str] = []
    for part in (_update_agent, _domain, _computer_name, _configuration_manager, _file_renames):
        try:
            reasons += part(source)
        except (Unavailable, OSError) as error:  # a TimeoutError is an OSError
            lost.append(str(error))
    return reasons, lost


def taken(reasons: list[Reason], booted_at: datetime | None, now: datetime) -> Taken:
    strong = [reason for reason in reasons if not reason.weak]
    dated = [reason.since for reason in strong if reason.since]
    made = Taken(readings=[reading("reboot_pending_state", bool(strong))])
    made.sections["reboot_reasons"] = [
        item(
            reason.name,
            strength="weak" if reason.weak else "strong",
            since=reason.since.isoformat(timespec="seconds") if reason.since else None,
            **reason.facts,
        )
        for reason in reasons
    ]
    if dated:
        made.readings.append(
            reading("reboot_pending_age_seconds", max(0.0, (now - min(dated)).total_seconds()))
        )
    survived = survived_restart(strong, booted_at, now)
    if survived is not None:
        made.readings.append(reading("reboot_pending_survived_restart_state", survived))
    return made


def survived_restart(strong: list[Reason], booted_at: datetime | None, now: datetime) -> bool | None:
    """Whether a flag is older than the start of this system. None: not known, or too early to say.

    Switching off with Fast Startup and on again is no start in this sense, and takes no flag away.
    """
    if not strong:
        return False
    dated = [reason.since for reason in strong if reason.since]
    if booted_at is None or not dated or now - booted_at < _SETTLED:
        return None
    return min(dated) < booted_at - _MARGIN


def _flags(source: Sources) -> Iterable[Reason]:
    return [
        Reason(name=name, since=source.written_at(path))
        for name, path in _FLAGS
        if source.values(path) is not None
    ]


def _update_agent(source: Sources) -> Iterable[Reason]:
    return [Reason(name="windows_update_agent")] if source.update_needs_restart() else []


def _domain(source: Sources) -> Iterable[Reason]:
    """Joining a domain leaves these; as keys on some versions, as values on others."""
    path = _SERVICES + r"\Netlogon"
    names = {name.lower() for name in (*(source.subkeys(path) or ()), *(source.values(path) or ()))}
    found = [name for name in ("JoinDomain", "AvoidSpnSet") if name.lower() in names]
    return [Reason(name="domain_join", facts={"marks": " ".join(found)})] if found else []


def _computer_name(source: Sources) -> Iterable[Reason]:
    active, wanted = (
        (source.values(rf"{_CONTROL}\ComputerName\{key}") or {}).get("ComputerName")
        for key in ("ActiveComputerName", "ComputerName")
    )
    if not isinstance(active, str) or not isinstance(wanted, str) or active.lower() == wanted.lower():
        return []
    return [Reason(name="computer_name", facts={"active": active, "wanted": wanted})]


def _configuration_manager(source: Sources) -> Iterable[Reason]:
    if source.values(_SERVICES + r"\CcmExec") is None:
        return []  # no such client on this device
    answer = source.call(r"root\ccm\ClientSDK", "CCM_ClientUtilities", "DetermineIfRebootPending")
    if rows.whole(answer, "returnvalue") != 0:
        raise Unavailable("the Configuration Manager client does not say whether it waits for a restart")
    hard = rows.truth(answer, "ishardrebootpending")
    if not hard and not rows.truth(answer, "rebootpending"):
        return []
    return [Reason(name="configuration_manager", facts={"hard": bool(hard)})]


def _file_renames(source: Sources) -> Iterable[Reason]:
    """Virus scanners and installers leave these all the time: alone they mean nothing.
    How many, never which: they are names of files."""
    values = source.values(_CONTROL + r"\Session Manager") or {}
    lists = [value for name in _RENAMES if isinstance(value := values.get(name), list)]
    # Pairs of an old name and a new one, which is empty where the file is to be deleted.
    count = sum(1 for names in lists for old in names[::2] if old)
    return [Reason(name="file_renames", weak=True, facts={"operations": count})] if count else []
