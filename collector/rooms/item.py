"""One thing that a readiness check looks at, and what it found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PASS, WARN, FAIL, NOT_CHECKED = "pass", "warn", "fail", "not_checked"

HOST, DISPLAYS, PROJECTORS, SOUND, CAMERAS = "host", "displays", "projectors", "sound", "cameras"
CAPTURE, USB, RECORDER, NETWORK, BASELINE = "capture", "USB", "recorder", "network", "baseline"
FINDINGS, TICKETS, WORK = "findings", "tickets", "planned work"
_LONGEST_SECONDS: Final = 1e10
# The order in which somebody who stands in the room would look.
ORDER: Final = (
    HOST, DISPLAYS, PROJECTORS, SOUND, CAMERAS, USB, CAPTURE, RECORDER, NETWORK, BASELINE, FINDINGS, TICKETS, WORK,
)  # fmt: skip
RANK: Final = {name: place for place, name in enumerate(ORDER)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    name: str  # one of ORDER
    part: str  # which of them: a projector, a host; empty: the whole room
    result: str
    reason: str  # as a technician would say it, with the part's name
    mandatory: bool = True  # without it the room is not ready
    bring: tuple[str, ...] = ()
    since: datetime | None = None  # since when it is so, where that is known

    @property
    def is_bad(self) -> bool:
        return self.result in (WARN, FAIL)

    def as_row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "name": self.name, "part": self.part, "result": self.result, "reason": self.reason,
            "mandatory": self.mandatory, "bring": list(self.bring),
            "since": self.since.isoformat() if self.since is not None else None,
        }  # fmt: skip


def of_row(row: dict[str, Any]) -> Item:
    since = row.get("since")
    return Item(
        name=row["name"], part=row["part"], result=row["result"], reason=row["reason"], mandatory=row["mandatory"],
        bring=tuple(row["bring"]), since=datetime.fromisoformat(since) if since else None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock on the wall of the site."""

    zone: ZoneInfo
    now: datetime

    def says(self, at: datetime) -> str:
        """`06:40` of today, `Sat 21 Nov 06:40` of another day, with the year when it is not this one."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        if local.date() == today.date():
            return f"{local.hour:02}:{local.minute:02}"
        year = f" {local.year}" if local.year != today.year else ""
        return local.strftime(f"%a {local.day} %b{year} %H:%M")

    def when(self, at: datetime) -> str:
        """`at 06:40`, `on Sat 21 Nov 06:40`."""
        said = self.says(at)
        return f"at {said}" if said[0].isdecimal() else f"on {said}"


def clock(zone: str, now: datetime) -> Clock:
    try:
        return Clock(ZoneInfo(zone), now)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # written past the checks
        return Clock(ZoneInfo("UTC"), now)


def span(seconds: float) -> timedelta:
    """What a device said of a time; at a byte an hour a disk lasts longer than the calendar."""
    return timedelta(seconds=max(-_LONGEST_SECONDS, min(seconds, _LONGEST_SECONDS)))


def hours(length: timedelta) -> str:
    """`3 h`, `40 min`, `1.5 h`."""
    minutes = length.total_seconds() / 60
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f}".removesuffix(".0") + " h" if minutes < 600 else f"{minutes / 60:,.0f} h"


def without_twins(words: Iterable[str]) -> list[str]:
    """In order, each once, however it is written."""
    found: dict[str, str] = {}
    for text in words:
        clean = " ".join(text.split()).rstrip(".")
        if clean:
            found.setdefault(clean.casefold(), clean)
    return list(found.values())
