"""What the answers of the Windows Update Agent mean: kinds of updates, doubt, failures, the last cumulative one.

Nothing here asks the system. Names of categories and updates are in the device's language, so ids decide.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.windows import Installation, Searched, Update, Value

CRITERIA: Final = "IsInstalled=0 and IsHidden=0"

# Classifications by CategoryID.
KINDS: Final = {
    "0fa1201d-4330-4fa8-8ae9-b877473b6441": "security",
    "e6cf1350-c01b-414d-a61f-263d14d133b4": "critical",
    "28bc880e-0592-4cbf-8f95-c79b17911d5f": "rollup",
    "68c5b0a3-d1a6-4553-ae49-01d3a7827828": "service pack",
    "cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83": "update",
    "b54e7d24-7add-428f-8b75-90a396fa584f": "feature pack",
    "3689bdc8-b205-4af4-8d4a-a63924c5e9d5": "upgrade",  # another release of Windows
    "e0789628-ce08-4437-be74-2495b842f43b": "definition",
    "ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0": "driver",
    "77835c8d-62a7-41f5-82ad-f28d1af1e3b1": "driver",  # driver sets
}
# Definitions come several times a day; drivers and optional updates wait for somebody to want them.
NOT_MISSING: Final = ("definition", "driver", "optional")
# First match wins: what is left out or counted apart stands first.
_ORDER: Final = ("definition", "driver", "upgrade", "security", "critical", "rollup", "service pack")
# Cumulative updates come under these; which of them depends on the month's content.
_CUMULATIVE_KINDS: Final = ("security", "critical", "rollup", "update")

# Automatic Updates searches about once a day. A week is what package lists are trusted for, too.
SEARCH_GOOD_FOR: Final = timedelta(days=7)
# Something comes every month, on the second Tuesday; 35 days is the longest such month.
INSTALLATION_GOOD_FOR: Final = timedelta(days=35)
FAILURES_LOOK_BACK: Final = timedelta(days=30)
_CLOCK_SLACK: Final = timedelta(days=1)

_INSTALL, _REMOVE = 1, 2  # operations
SUCCEEDED, WITH_ERRORS, FAILED, ABORTED = 2, 3, 4, 5
RESULTS: Final = {
    0: "not started",
    1: "under way",
    SUCCEEDED: "succeeded",
    WITH_ERRORS: "succeeded with errors",
    FAILED: "failed",
    ABORTED: "aborted",
}

_KB: Final = re.compile(r"\bKB(\d{6,8})\b", re.ASCII)
# Monthly updates are named `2026-11 …` in every language.
_MONTHLY: Final = re.compile(r"^\W*20\d\d-(?:0[1-9]|1[0-2])\b", re.ASCII)
_NOT_THE_SYSTEM: Final = re.compile(r"\.NET|servicing stack|\bSSU\b|defender", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failures:
    """One update that failed and was not installed since."""

    name: str
    count: int
    last: Installation


def kind(update: Update) -> str:
    """security, critical, rollup, … ; `definition` is never missing, `driver` and `optional` are counted apart."""
    if update.is_driver:
        return "driver"
    found = _kinds(update.categories)
    named = next((name for name in _ORDER if name in found), None)
    if named in ("definition", "driver"):
        return named
    if update.is_optional or named == "upgrade":
        return "optional"
    if named is None or (named != "security" and update.severity):
        # Rated by the Security Response Center, whatever it was filed under.
        return "security" if update.severity else "update"
    return named


def _kinds(categories: Iterable[str]) -> set[str]:
    return {KINDS[each.lower()] for each in categories if each.lower() in KINDS}


def names(updates: Sequence[Update]) -> list[str]:
    """`KB5031356` for each, with the update's id where two have the same or one has none."""
    told = [f"KB{update.knowledge_base[0]}" if update.knowledge_base else "" for update in updates]
    return [
        f"{name} {update.identity}".strip() if not name or told.count(name) > 1 else name
        for name, update in zip(told, updates, strict=True)
    ]


def search_doubt(searched: Searched) -> str:
    """Why the search itself is no answer; empty: it is one."""
    if searched.result == SUCCEEDED:
        return ""
    told = RESULTS.get(searched.result, f"ended with the unknown result {searched.result}")
    warnings = f" and {searched.warnings} warnings" if searched.warnings else ""
    return f"the search for updates {told}{warnings}"


def empty_doubt(
    *,
    searched_at: datetime | None,
    installed_at: datetime | None,
    is_managed: bool,
    now: datetime,
) -> str:
    """Why an answer without a single update says nothing; empty: it may be believed.

    A source that brings nothing answers just like a device that lacks nothing. So there must be a witness that
    the source is alive: Automatic Updates searched with success within a week, or, where it does not say or
    somebody else manages updates, an installation that succeeded since the last monthly round.
    """
    searched_ago = _ago(searched_at, now)
    installed_ago = _ago(installed_at, now)
    if searched_ago is not None and searched_ago <= SEARCH_GOOD_FOR:
        return ""
    if (searched_ago is None or is_managed) and installed_ago is not None:
        if installed_ago <= INSTALLATION_GOOD_FOR:
            return ""
        return (
            f"nothing is on offer, and the last installation that succeeded is {installed_ago.days} days old"
        )
    if searched_ago is not None:
        return f"nothing is on offer, and the last automatic search that succeeded is {searched_ago.days} days old"
    return "nothing is on offer, and nothing shows that this device ever got updates from its source"


def _ago(at: datetime | None, now: datetime) -> timedelta | None:
    """A date in the future is no witness: the clock was wrong."""
    if at is None or at > now + _CLOCK_SLACK:
        return None
    return max(now - at, timedelta(0))


def last_success(history: Sequence[Installation]) -> datetime | None:
    return max((each.at for each in history if _is_installed(each)), default=None)


def _is_installed(entry: Installation) -> bool:
    return entry.operation == _INSTALL and entry.result == SUCCEEDED


def failed_count(history: Sequence[Installation], now: datetime) -> int:
    return sum(_has_failed(each, now) for each in history)


def _has_failed(entry: Installation, now: datetime) -> bool:
    recent = now - FAILURES_LOOK_BACK <= entry.at <= now + _CLOCK_SLACK
    return recent and entry.operation == _INSTALL and entry.result == FAILED


def failures(history: Sequence[Installation], now: datetime) -> list[Failures]:
    """Updates that failed lately and were not installed since, most failures first."""
    good: dict[str, datetime] = {}
    bad: dict[str, list[Installation]] = {}
    for entry in history:
        if _is_installed(entry):
            good[_name(entry)] = max(entry.at, good.get(_name(entry), entry.at))
        elif _has_failed(entry, now):
            bad.setdefault(_name(entry), []).append(entry)
    still = []
    for name, entries in bad.items():
        since = [each for each in entries if name not in good or each.at > good[name]]
        if since:
            still.append(Failures(name=name, count=len(since), last=max(since, key=lambda each: each.at)))
    return sorted(still, key=lambda each: (-each.count, each.name))


def _name(entry: Installation) -> str:
    """The same update over its revisions: its KB number, which no language changes; drivers have none."""
    found = _KB.search(entry.title)
    return f"KB{found[1]}" if found else entry.identity or entry.title or "unnamed"


def last_result(history: Sequence[Installation]) -> Installation | None:
    """The newest installation that is not a daily definition."""
    wanted = [
        each for each in history if each.operation == _INSTALL and "definition" not in _kinds(each.categories)
    ]
    return max(wanted, key=lambda each: each.at, default=None)


def last_cumulative(history: Sequence[Installation]) -> datetime | None:
    """By the history, which forgets, and which knows a cumulative update by its classification, its KB number
    and the month its name begins with; .NET and the servicing stack are named in the same way."""
    removed: dict[str, datetime] = {}
    for entry in history:
        if entry.operation == _REMOVE and entry.result == SUCCEEDED:
            removed[_name(entry)] = max(entry.at, removed.get(_name(entry), entry.at))
    times = [
        entry.at
        for entry in history
        if _is_installed(entry)
        and _is_cumulative(entry)
        and not (_name(entry) in removed and removed[_name(entry)] >= entry.at)
    ]
    return max(times, default=None)


def _is_cumulative(entry: Installation) -> bool:
    found = _kinds(entry.categories)
    return (
        (not found or bool(found.intersection(_CUMULATIVE_KINDS)))
        and bool(_KB.search(entry.title))
        and bool(_MONTHLY.match(entry.title))
        and not _NOT_THE_SYSTEM.search(entry.title)
    )


# The component store's own record of cumulative updates: without words, and whoever installed them.
ROLLUP_PACKAGE: Final = "Package_for_RollupFix~"
_PRESENT: Final = (80, 112)  # superseded by a later one, installed


def installed_at(package: Mapping[str, Value]) -> datetime | None:
    """When a package of the component store was put in place; None: it is not in place."""
    high, low = package.get("InstallTimeHigh"), package.get("InstallTimeLow")
    if package.get("CurrentState") not in _PRESENT or not isinstance(high, int) or not isinstance(low, int):
        return None
    return filetime((high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF)


def filetime(ticks: int) -> datetime | None:
    """Tenths of microseconds since 1601."""
    try:
        at = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None
    return at if at.year > 2000 else None


def age(at: datetime | None, now: datetime) -> float | None:
    """Seconds; None for an unknown moment and for one that has not come yet."""
    ago = _ago(at, now)
    return None if ago is None else ago.total_seconds()
