"""Where a Windows device gets its updates from, by the registry: WSUS, Configuration Manager, policies, Microsoft.

Of a server's address only the host is told.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from agent.windows import Sources, Value

_POLICY: Final = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
_MANAGED: Final = r"HKLM\SOFTWARE\Microsoft\PolicyManager\current\device\Update"  # Intune and other MDM
_SETTINGS: Final = r"HKLM\SOFTWARE\Microsoft\WindowsUpdate\UX\Settings"
# Written up to Windows 10 1607; later ones leave it empty or old.
_DETECTED: Final = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\Results\Detect"
_SERVICE: Final = r"HKLM\SYSTEM\CurrentControlSet\Services\wuauserv"
CCM_SERVICE: Final = r"HKLM\SYSTEM\CurrentControlSet\Services\CcmExec"

_DISABLED: Final = 4
_PAUSE_BY_POLICY: Final = timedelta(days=35)
# Policies of Windows Update for Business, in both places.
_FOR_BUSINESS: Final = (
    "DeferQualityUpdates",
    "DeferQualityUpdatesPeriodInDays",
    "DeferFeatureUpdates",
    "DeferFeatureUpdatesPeriodInDays",
    "TargetReleaseVersion",
    "TargetReleaseVersionInfo",
    "BranchReadinessLevel",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    name: str  # wsus, configuration_manager, windows_update_for_business, microsoft
    host: str | None = None
    doubt: str = ""  # why an empty answer from it says nothing
    service_disabled: bool = False
    paused_until: datetime | None = None
    searched_at: datetime | None = None
    quality_deferred_days: int | None = None
    feature_deferred_days: int | None = None
    target_release: str | None = None

    @property
    def is_managed(self) -> bool:
        return self.name == "configuration_manager"


def read(asked: Sources, now: datetime) -> Source:
    policy = asked.values(_POLICY) or {}
    automatic = asked.values(_POLICY + r"\AU") or {}
    managed = asked.values(_MANAGED) or {}
    settings = asked.values(_SETTINGS) or {}
    service = asked.values(_SERVICE) or {}
    host = _host(policy.get("WUServer"))
    wants_wsus = automatic.get("UseWUServer") == 1
    both = managed | policy
    source = Source(
        name=_name(asked, wants_wsus, both),
        host=host if wants_wsus else None,
        service_disabled=service.get("Start") == _DISABLED,
        paused_until=_paused_until(settings, both, now),
        searched_at=_moment((asked.values(_DETECTED) or {}).get("LastSuccessTime")),
        quality_deferred_days=_whole(both.get("DeferQualityUpdatesPeriodInDays")),
        feature_deferred_days=_whole(both.get("DeferFeatureUpdatesPeriodInDays")),
        target_release=_text(both.get("TargetReleaseVersionInfo")) or _text(both.get("TargetReleaseVersion")),
    )
    return _with_doubt(source, wants_wsus, policy)


def _name(asked: Sources, wants_wsus: bool, policies: dict[str, Value]) -> str:
    if asked.values(CCM_SERVICE) is not None:
        return "configuration_manager"
    if wants_wsus:
        return "wsus"
    if any(name in policies for name in _FOR_BUSINESS):
        return "windows_update_for_business"
    return "microsoft"


def _with_doubt(source: Source, wants_wsus: bool, policy: dict[str, Value]) -> Source:
    doubt = ""
    if source.service_disabled:
        doubt = "the Windows Update service is disabled"
    elif wants_wsus and source.host is None:
        doubt = "policy wants a WSUS server and names none"
    elif not wants_wsus and policy.get("DisableWindowsUpdateAccess") == 1:
        doubt = "policy switches Windows Update off"
    elif not wants_wsus and policy.get("DoNotConnectToWindowsUpdateInternetLocations") == 1:
        doubt = "policy forbids Microsoft's update servers and names no other"
    elif source.paused_until is not None:
        doubt = f"updates are paused until {source.paused_until:%Y-%m-%d}: none is offered meanwhile"
    return replace(source, doubt=doubt)


def _paused_until(settings: dict[str, Value], policies: dict[str, Value], now: datetime) -> datetime | None:
    """A user's pause ends at a written moment, one by policy 35 days after it began."""
    ends = [
        _moment(settings.get("PauseUpdatesExpiryTime")),
        _moment(settings.get("PauseQualityUpdatesEndTime")),
    ]
    began = _moment(policies.get("PauseQualityUpdatesStartTime"))
    if began is not None:
        ends.append(began + _PAUSE_BY_POLICY)
    return max((end for end in ends if end is not None and end > now), default=None)


def _host(address: Value) -> str | None:
    try:
        return urlsplit(address.strip()).hostname if isinstance(address, str) else None
    except ValueError:
        return None


def _moment(value: Value) -> datetime | None:
    """`2026-12-01T10:00:00Z`, or `2013-02-05 10:39:31`, which is UTC too."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _whole(value: Value) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _text(value: Value) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
