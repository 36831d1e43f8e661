"""Obtains what operating_system.py tells on Windows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.probe import Place, Unavailable
from agent.windows import CIMV2, Row, Value, rows
from agent.windows.live import sources

CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
# Of the licences of Windows itself, the one a key was entered for: the others are what could be bought.
LICENCE = "ApplicationID = '55c92734-d682-4d71-983e-d6ec3f16059f' AND PartialProductKey IS NOT NULL"
_LICENSED = 1  # LicenseStatus; the others are grace periods and notifications
_FIRST_WINDOWS_11 = 22000
# EditionID without the N, KN and CN of countries, whose support is the same.
_LIKE_ENTERPRISE = ("Enterprise", "Education", "IoTEnterprise", "ServerRdsh", "CloudEdition")


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    build: int
    revision: int | None
    name: str | None
    version: str | None
    edition: str | None
    edition_kind: str  # pro, enterprise, ltsc, iot_ltsc, server: what the table of support knows
    architecture: str | None
    installed_at: datetime | None
    activated: bool | None


def obtain(place: Place) -> tuple[Windows, str]:
    """The system, and what could not be read."""
    source = sources(place)
    lost = ""
    licences: list[Row] | None = None
    try:
        licences = source.rows(CIMV2, "SoftwareLicensingProduct", LICENCE)
    except (Unavailable, OSError) as error:
        lost = f"licence: {error}"
    values = source.values(CURRENT_VERSION)
    if not values:
        raise Unavailable("the registry has no CurrentVersion")
    return parse(values, source.values(ENVIRONMENT) or {}, activated(licences)), lost


def parse(values: Mapping[str, Value], environment: Mapping[str, Value], licensed: bool | None) -> Windows:
    build = _whole(values.get("CurrentBuildNumber")) or _whole(values.get("CurrentBuild"))
    if not build:
        raise Unavailable("the registry does not tell the build of Windows")
    edition = _text(values.get("EditionID"))
    is_server = "server" in (_text(values.get("InstallationType")) or "").lower()
    name = _text(values.get("ProductName"))
    if name and build >= _FIRST_WINDOWS_11 and not is_server:
        name = name.replace("Windows 10", "Windows 11")  # Windows 11 still writes the former name
    installed = _whole(values.get("InstallDate"))
    return Windows(
        build=build,
        revision=_whole(values.get("UBR")),
        name=name,
        version=_text(values.get("DisplayVersion")) or _text(values.get("ReleaseId")),
        edition=edition,
        edition_kind=edition_kind(edition or "", is_server),
        architecture=_text(environment.get("PROCESSOR_ARCHITECTURE")),
        installed_at=_moment(installed),
        activated=licensed,
    )


def edition_kind(edition: str, is_server: bool) -> str:
    """What Microsoft's table of support calls it; empty where that cannot be told."""
    if not edition:
        return "server" if is_server else ""
    if edition.startswith("IoTEnterpriseS"):
        return "iot_ltsc"
    if edition in ("EnterpriseS", "EnterpriseSN"):
        return "ltsc"
    if edition.startswith(_LIKE_ENTERPRISE):
        return "enterprise"  # also ServerRdsh, which is Enterprise for many people at once
    if is_server or edition.startswith("Server"):
        return "server"
    return "pro" if edition.startswith(("Professional", "Core")) else ""


def activated(licences: Iterable[Row] | None) -> bool | None:
    """None when nothing was told: no row with a key is not the same as a row that says no."""
    states = [state for row in licences or () if (state := rows.whole(row, "licensestatus")) is not None]
    return _LICENSED in states if states else None


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds < 2**32 else None


def _whole(value: Value) -> int | None:
    if isinstance(value, int):
        return value if value >= 0 else None
    is_number = isinstance(value, str) and len(value) < 19 and value.isascii() and value.isdecimal()
    return int(str(value)) if is_number else None


def _text(value: Value) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
