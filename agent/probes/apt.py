"""What apt says, as facts. Pure: text in, facts out."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from agent.probes.updates import METADATA_GOOD_FOR_SECONDS, Update

LISTS_GOOD_FOR = timedelta(seconds=METADATA_GOOD_FOR_SECONDS)
# A mirror that stopped following keeps its signature valid where the archive sets no Valid-Until (Ubuntu).
MIRROR_GOOD_FOR = timedelta(days=30)

# Inst name [old] (new Label:version/suite, Label:version/suite [arch]) []
_INST = re.compile(
    r"^Inst (?P<name>\S+)(?: \[(?P<installed>[^\]]+)\])? "
    r"\((?P<candidate>\S+) (?P<origins>.+?)(?: \[(?P<architecture>[^\]]+)\])?\)(?: \[.*\])?\s*$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """The head of an InRelease file."""

    label: str
    suite: str
    codename: str
    at: datetime | None
    valid_until: datetime | None

    @property
    def is_security(self) -> bool:
        return is_security(f"{self.label}:/{self.suite}") or self.codename.endswith("-security")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lists:
    """How far the package lists can be trusted. `reason` is empty when they can."""

    age_seconds: float | None
    reason: str


def is_security(origin: str) -> bool:
    """`Debian-Security:12/oldstable-security`: by label or by suite, never by code name.

    The suite is called oldstable-security once the release is; Ubuntu's has ESM suites as well
    (`jammy-infra-security`, `jammy-apps-security`).
    """
    label, _, rest = origin.partition(":")
    return label == "Debian-Security" or rest.rpartition("/")[2].endswith("-security")


def parse_simulation(text: str) -> dict[str, Update]:
    """The updates in the output of `apt-get -s upgrade` or `dist-upgrade`, by package name.

    A line without the installed version is a package that would be added: no update that is missing.
    """
    updates = {}
    for line in text.splitlines():
        found = _INST.match(line) if line.startswith("Inst ") else None
        if found is None or found["installed"] is None:
            continue
        origins = tuple(origin.strip() for origin in found["origins"].split(","))
        updates[found["name"]] = Update(
            name=found["name"],
            installed=found["installed"],
            candidate=found["candidate"],
            origins=origins,
            architecture=found["architecture"],
            security=any(map(is_security, origins)),
        )
    return updates


def parse_block(text: str, heading: str) -> set[str]:
    """The names listed, indented, below a heading such as `The following packages have been kept back:`."""
    names: set[str] = set()
    inside = False
    for line in text.splitlines():
        if inside and line.startswith("  "):
            names.update(line.split())
        else:
            inside = line.startswith(heading)
    return names


def parse_error(text: str) -> str | None:
    """The first error line of apt, `E: …`."""
    found = re.search(r"^E: (.+)$", text, re.MULTILINE)
    return found[1][:200] if found else None


def parse_configuration(text: str) -> dict[str, str]:
    """Output of `apt-config dump`: `APT::Periodic::Enable "1";` by name."""
    return dict(re.findall(r'^([\w:/.+-]+) +"(.*)"; *$', text, re.MULTILINE))


def parse_paid(text: str) -> tuple[int, bool | None]:
    """Output of `pro security-status --format json`: security updates that only a subscription brings, and
    whether this device has one."""
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("pro printed no JSON") from error
    packages = tree.get("packages") if isinstance(tree, dict) else None
    if not isinstance(packages, list):
        raise ValueError("pro printed no packages")
    waiting = {
        str(row.get("package"))
        for row in packages
        # upgrade_available is on offer to apt, and counted there
        if isinstance(row, dict) and row.get("status") in ("pending_attach", "pending_enable")
    }
    summary = tree.get("summary")
    subscription = summary.get("ua") if isinstance(summary, dict) else None
    attached = subscription.get("attached") if isinstance(subscription, dict) else None
    return len(waiting), attached if isinstance(attached, bool) else None


def combine(
    upgrade: dict[str, Update], full: dict[str, Update], with_held: dict[str, Update], held: Iterable[str]
) -> list[Update]:
    """All updates on offer: of the plain upgrade, those kept back from it, and those somebody holds."""
    holds = set(held)
    result = dict(upgrade)
    for name, update in full.items():
        if name not in upgrade:
            result[name] = replace(update, kept_back=True)
    for name, update in with_held.items():
        if name not in result and name in holds:
            result[name] = replace(update, held=True)
    return [result[name] for name in sorted(result)]


def parse_release(text: str) -> Release:
    """The head of an InRelease or Release file."""
    fields: dict[str, str] = {}
    for line in text[:8192].splitlines():
        name, colon, value = line.partition(":")
        if colon and name in {"Label", "Suite", "Codename", "Date", "Valid-Until"}:
            fields.setdefault(name, value.strip())
    return Release(
        label=fields.get("Label", ""),
        suite=fields.get("Suite", ""),
        codename=fields.get("Codename", ""),
        at=_moment(fields.get("Date")),
        valid_until=_moment(fields.get("Valid-Until")),
    )


def lists(releases: Iterable[Release], *, now: datetime, updated_at: datetime | None = None) -> Lists:
    """Judges nothing but the lists: are they of the present?

    The mtime of a list is the server's, the mtime of the directory does not move on an update that brought
    nothing new, that of `partial` moves on failure too, and `apt-get update` ends with 0 when its mirror
    was away. What is left: the signed dates of the security suite, and apt's own success stamp.
    """
    releases = list(releases)
    if not releases:
        return Lists(age_seconds=None, reason="there are no package lists: apt has not been updated")
    security = [release for release in releases if release.is_security]
    if not security:
        return Lists(age_seconds=None, reason="no security source is among the package lists")
    dates = [release.at for release in security if release.at]
    if not dates:
        return Lists(age_seconds=None, reason="the security source's list has no date")
    newest = max(dates)
    age = now - max(newest, updated_at or newest)
    return Lists(
        age_seconds=max(0.0, age.total_seconds()), reason=_doubt(releases, security, newest, age, now)
    )


def _doubt(
    releases: list[Release], security: list[Release], newest: datetime, age: timedelta, now: datetime
) -> str:
    ends = [release.valid_until for release in security if release.valid_until]
    if newest - now > timedelta(days=1):
        return "the package lists are from the future: this device's clock is wrong"
    if ends and max(ends) < now:
        return f"the security source's list expired on {max(ends):%Y-%m-%d}"
    if age > LISTS_GOOD_FOR:
        return f"the package lists are {age.days} days old"
    moved_at = max(release.at for release in releases if release.at)
    if now - moved_at > MIRROR_GOOD_FOR:
        return f"the mirror has not changed since {moved_at:%Y-%m-%d}"
    return ""


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
