"""What a package manager of Linux answered: the shape all of them are brought into."""

from dataclasses import dataclass, field

from protos.report_pb2 import Item

# Metadata that nobody refreshed for a week tells nothing of today.
METADATA_GOOD_FOR_SECONDS = 7 * 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    name: str
    installed: str
    candidate: str
    origins: tuple[str, ...] = ()
    architecture: str | None = None
    security: bool | None = False  # None: the source does not say
    held: bool = False
    kept_back: bool = False
    severity: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    method: str
    reason: str = ""  # why nothing can be said; empty when `updates` is the truth
    lists_age_seconds: float | None = None
    updates: list[Update] = field(default_factory=list)
    phased: int | None = None  # None here and below: this package manager knows no such thing
    held_known: bool = True
    paid_only: int | None = None
    broken: list[Item] | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    """Updates the package manager does not bring: firmware, flatpak, snap. `None`: not known."""

    kind: str
    rows: list[Item] | None = None
    remark: str = ""
    metadata_age_seconds: float | None = None
