"""Obtains what windows_patches.py reads: the update agent, the component store, Office, Defender, SCCM."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

from agent.probe import Place, Unavailable
from agent.probes import update_source
from agent.probes import windows_updates as updates
from agent.probes.update_source import Source
from agent.windows import CIMV2, Installation, Row, Searched, Sources, Value
from agent.windows.live import sources

T = TypeVar("T")

_HISTORY: Final = 1000  # entries: some months, even where definitions fill it
_PACKAGES: Final = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages"
_OFFICE: Final = r"HKLM\SOFTWARE\Microsoft\Office\ClickToRun\Configuration"
_DEFENDER: Final = r"root\Microsoft\Windows\Defender"
_DEFENDER_SERVICE: Final = r"HKLM\SYSTEM\CurrentControlSet\Services\WinDefend"
_CCM, _INVENTORY_AGENT = r"root\ccm", r"root\ccm\invagt"


@dataclass(kw_only=True, slots=True)
class Defender:
    installed: bool | None = None  # None: not known
    status: Row = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class Client:
    """The Configuration Manager client. Installed and not to be read is a remark: then it is broken."""

    installed: bool | None = None
    client: Row = field(default_factory=dict)
    site: Row = field(default_factory=dict)
    service: Row = field(default_factory=dict)
    reports: list[Row] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Found:
    """What could be asked. None: it could not, and `remarks` says why."""

    now: datetime
    searched: Searched | None
    refusal: str  # why there is no search
    history: list[Installation] | None
    last_search: datetime | None
    source: Source | None
    cumulative: datetime | None  # by the component store
    office: dict[str, Value] | None
    defender: Defender
    client: Client
    remarks: list[str]


class _Asking:
    """One part after the other; what cannot be read becomes a remark and takes nothing else along."""

    def __init__(self, asked: Sources) -> None:
        self.sources = asked
        self.remarks: list[str] = []

    def part(self, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except (Unavailable, TimeoutError) as error:
            self.remarks.append(str(error))
            return None

    def first(self, namespace: str, class_name: str, where: str = "") -> Row:
        found = self.part(lambda: self.sources.rows(namespace, class_name, where))
        return found[0] if found else {}

    def has_key(self, path: str) -> bool | None:
        """None: not known."""
        return self.part(lambda: self.sources.values(path) is not None)


def obtain(place: Place) -> Found:
    asking = _Asking(sources(place))
    asked = asking.sources
    now = datetime.now(UTC)
    searched, refusal = _search(asked)
    return Found(
        now=now,
        searched=searched,
        refusal=refusal,
        history=asking.part(lambda: asked.update_history(_HISTORY)),
        last_search=asking.part(asked.update_last_search),
        source=asking.part(lambda: update_source.read(asked, now)),
        cumulative=asking.part(lambda: _cumulative(asked)),
        office=asking.part(lambda: asked.values(_OFFICE) or asked.values(_OFFICE, view=32)),
        defender=_defender(asking),
        client=_client(asking),
        remarks=asking.remarks,
    )


def _search(asked: Sources) -> tuple[Searched | None, str]:
    """A refusal makes the patch state unknown; it is no reason to drop the rest."""
    try:
        return asked.search_updates(updates.CRITERIA), ""
    except (Unavailable, TimeoutError) as error:
        return None, str(error)


def _cumulative(asked: Sources) -> datetime | None:
    """The store's list is long, so only the few keys of cumulative updates are opened."""
    start = updates.ROLLUP_PACKAGE.lower()
    names = [name for name in asked.subkeys(_PACKAGES) or () if name.lower().startswith(start)]
    times = (updates.installed_at(asked.values(f"{_PACKAGES}\\{name}") or {}) for name in names)
    return max(filter(None, times), default=None)


def _defender(asking: _Asking) -> Defender:
    installed = asking.has_key(_DEFENDER_SERVICE)
    return Defender(
        installed=installed,
        status=asking.first(_DEFENDER, "MSFT_MpComputerStatus") if installed else {},
    )


def _client(asking: _Asking) -> Client:
    # By its service's key and not by its namespace: one that is there without the other is broken.
    if not (installed := asking.has_key(update_source.CCM_SERVICE)):
        return Client(installed=installed)
    asked = asking.sources
    return Client(
        installed=True,
        client=asking.first(_CCM, "SMS_Client"),
        site=asking.part(lambda: asked.call(_CCM, "SMS_Client", "GetAssignedSite")) or {},
        service=asking.first(CIMV2, "Win32_Service", "Name = 'CcmExec'"),
        reports=asking.part(lambda: asked.rows(_INVENTORY_AGENT, "InventoryActionStatus")) or [],
    )
