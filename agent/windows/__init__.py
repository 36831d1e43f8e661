"""What a Windows device can be asked. The probes' `*_windows.py` files speak to `Sources` only.

live.py answers for this machine, unless the place brings other sources: in tests, captured answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

# One WMI instance. Names are in lower case (WMI does not mind, dictionaries do); values as the system gives
# them (64-bit numbers and dates are text), or all text where a dump was read: rows.py reads both.
Row = Mapping[str, object]

# What registry values are: text, numbers, lists of text, bytes.
Value = str | int | bytes | list[str] | None

CIMV2 = r"root\cimv2"
WMI = r"root\wmi"
STORAGE = r"root\Microsoft\Windows\Storage"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One entry of the event log, without its words: they may hold names of people and files."""

    provider: str
    id: int
    at: datetime
    level: int = 0  # 1 critical, 2 error, 3 warning, 4 information; 0 not told
    # The values a probe asked for, by name; one that has no name is called by its place, `1`.
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One update on offer, as the Windows Update Agent tells it."""

    title: str
    identity: str  # UpdateID
    categories: tuple[str, ...]  # CategoryID, lower case: names are localised
    severity: str | None  # MsrcSeverity; none: not rated
    is_driver: bool = False
    is_optional: bool = False  # never installed by itself, only when somebody picks it
    is_downloaded: bool = False
    needs_restart: bool = False
    knowledge_base: tuple[str, ...] = ()  # `5031356`
    published_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """One line of the update history."""

    title: str
    at: datetime
    operation: int  # 1 installed, 2 removed
    result: int  # 0 not started, 1 under way, 2 succeeded, 3 succeeded with errors, 4 failed, 5 aborted
    code: int  # HRESULT, unsigned; 0 is fine
    identity: str | None = None
    client: str | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """What a search for updates brought. `result` has the numbers of Installation.result."""

    result: int
    updates: tuple[Update, ...]
    warnings: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundDefault:
    """What programs play to or record from if nobody chooses."""

    flow: str  # render, capture
    is_for_calls: bool  # Windows keeps another one for communications
    endpoint: str | None  # `{0.0.1.00000000}.{guid}`; None: there is none to choose


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundLevel:
    """How an active endpoint is set."""

    endpoint: str
    volume_ratio: float
    is_muted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    defaults: tuple[SoundDefault, ...]
    levels: tuple[SoundLevel, ...] = ()


class Sources(Protocol):
    """Everything raises Unavailable, with the reason in plain words, where the source itself is not there or
    may not be read. An empty answer is an answer."""

    def rows(self, namespace: str, class_name: str, where: str = "") -> list[Row]:
        """All instances of a WMI class; `where` is the WQL condition."""

    def call(self, namespace: str, path: str, method: str) -> Row:
        """Run a WMI method that takes nothing and changes nothing. `path` is a class or an instance."""

    def values(self, path: str, view: int = 64) -> dict[str, Value] | None:
        r"""The values of a registry key, names as written; None: there is no such key.
        `path` begins with HKLM\ or HKU\; `view` 32 reads what 32-bit programs see."""

    def subkeys(self, path: str, view: int = 64) -> list[str] | None:
        """Names of the keys below it; None: there is no such key."""

    def written_at(self, path: str, view: int = 64) -> datetime | None:
        """When something in a registry key was last written; None: there is no such key."""

    def volumes(self) -> list[Row]:
        """All volumes, in the form of Win32_Volume: DeviceID, Name, DriveType, Label, FileSystem, Capacity, FreeSpace."""

    def devices(self, bus: str) -> list[Row]:
        """Devices of a bus (`USB`) that are plugged in now: `id`, and where it is known `name` as the device says it,
        `friendlyname`, `description`, `pnpclass`, `service`, `problem`, and a part a line `compatible` and `location`."""

    def sound(self) -> Sound:
        """Default endpoints and volumes, as the Core Audio API tells them."""

    def firmware_table(self) -> bytes:
        """SMBIOS, structure after structure."""

    def events(
        self, log: str, wanted: Mapping[str, Sequence[int]], since: datetime, names: Sequence[str] = ()
    ) -> Iterable[Event]:
        """Entries since a moment, oldest first, by provider and ids; `names` are the data fields to bring."""

    def search_updates(self, criteria: str) -> Searched:
        """Ask the Windows Update Agent. Takes minutes."""

    def update_history(self, most: int) -> list[Installation]:
        """Newest first."""

    def update_last_search(self) -> datetime | None:
        """When Automatic Updates last searched with success; None: never, or it does not say."""

    def update_needs_restart(self) -> bool:
        """ISystemInformation.RebootRequired."""
