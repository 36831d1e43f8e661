"""What dnf says, as facts. Pure: text in, facts out."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# dnf4 and yum: `FEDORA-2024-1 Important/Sec. name-1.2-3.fc40.x86_64`, `FEDORA-2024-2 bugfix  …`, and with
# --all an `i` or blanks before it. dnf5 has the columns name, type, severity, package.
_ADVISORY = re.compile(
    r"^(?:i )?\s*(?P<id>\S+)\s+"
    r"(?:(?P<severity4>\w+)/Sec\.|(?P<kind>[a-z]\w*)(?:\s+(?P<severity5>\w+))?)\s+"
    r"(?P<package>\S+)(?:\s|$)",
    re.ASCII,
)
_REASON = re.compile(r"^  \* (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    name: str
    architecture: str
    candidate: str
    repository: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Advisory:
    name: str
    kind: str  # security, bugfix, enhancement, …
    severity: str
    packages: tuple[str, ...]  # name-version-release.arch


def parse_check_update(text: str) -> list[Offer]:
    """Output of `check-update` (dnf4, yum) or `check-upgrade` (dnf5), as text or as JSON."""
    if text.lstrip().startswith(("{", "[")):
        return _offers_from_json(text)
    offers = []
    for line in text.splitlines():
        if line.startswith("Obsoleting "):
            break  # what follows replaces packages, it does not update them
        fields = line.split()
        # Three columns exactly, the first one `name.arch`; greetings of plugins have other shapes.
        if line[:1].isspace() or len(fields) != 3 or "." not in fields[0] or not re.search(r"\d", fields[1]):
            continue
        name, _, architecture = fields[0].rpartition(".")
        if name and re.fullmatch(r"(?:\d+:)?[^\s:/]+-[^\s:/]+", fields[1]):
            offers.append(
                Offer(name=name, architecture=architecture, candidate=fields[1], repository=fields[2])
            )
    return offers


def parse_advisories(text: str) -> list[Advisory]:
    """Output of `updateinfo list` (dnf4, yum) or `advisory list`, `advisory info` (dnf5), as text or as JSON."""
    if text.lstrip().startswith(("{", "[")):
        return _advisories_from_json(text)
    if re.search(r"^Name +: ", text, re.MULTILINE):
        return _advisories_from_info(text)
    result = []
    for line in text.splitlines():
        found = _ADVISORY.match(line)
        if found and _is_package(found["package"]):
            kind = "security" if found["severity4"] else found["kind"]
            severity = found["severity4"] or found["severity5"] or ""
            result.append(
                Advisory(name=found["id"], kind=kind, severity=severity, packages=(found["package"],))
            )
    return result


def _is_package(text: str) -> bool:
    """`name-version-release.arch`. Split by hand: as one expression a long word of dashes takes seconds."""
    before, _, architecture = text.rpartition(".")
    parts = before.rsplit("-", 2)
    return len(parts) == 3 and all(parts) and re.fullmatch(r"\w+", architecture, re.ASCII) is not None


def parse_summary(text: str) -> dict[str, int]:
    """Output of `advisory summary`: `security`, `critical`, `bugfix`, … and how many."""
    return {
        found[1].lower(): int(found[2])
        for line in text.splitlines()
        # `Other` stands twice, of security and of all; the last one stays
        if (found := re.match(r"^ *(\w+) *: (\d{1,9})$", line))
    }


def parse_restart(text: str) -> tuple[bool, list[str]] | None:
    """Whether `needs-restarting` asks for a restart of the device, and because of which packages.

    None when it says neither: its exit status is 1 for "yes" and for any error, so only its words count.
    """
    if text.lstrip().startswith("["):
        for row in _rows(text, None):
            if row.get("type") == "reboot" and isinstance(row.get("reboot_required"), bool):
                packages = row.get("packages")
                names = packages if isinstance(packages, list) else []
                return row["reboot_required"], [str(name) for name in names if name]
        return None
    if "Reboot is required" in text or "Reboot is probably required" in text:
        return True, _REASON.findall(text)
    if "Reboot should not be necessary" in text or "Reboot is probably not necessary" in text:
        return False, []
    return None


def parse_repositories(text: str) -> list[str]:
    """The names below the heading `repo id` of `repolist` or `repo list`."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("repo id"):
            break
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("repolist:")]


def has_locks(text: str) -> bool:
    """Whether versionlock.list (a line a package) or versionlock.toml (`[[packages]]`) holds anything back."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if any(line.startswith("version =") or line.startswith("[") for line in lines):
        return any(line.startswith("[[packages]]") for line in lines)
    return bool(lines)


def parse_package(text: str) -> tuple[str, str] | None:
    """(name, architecture) of `name-version-release.arch`."""
    rest, _, architecture = text.rpartition(".")
    parts = rest.rsplit("-", 2)
    return (parts[0], architecture) if len(parts) == 3 and parts[0] else None


def worst(advisories: Iterable[Advisory]) -> dict[tuple[str, str], str]:
    """The severity of each (name, architecture) with a security advisory among these.

    By name and not by version: between the installed and the newest version may lie several, and the fix in
    one of those is in the newest as well.
    """
    result: dict[tuple[str, str], str] = {}
    for advisory in advisories:
        for package in advisory.packages if advisory.kind == "security" else ():
            if key := parse_package(package):
                result[key] = max(result.get(key, ""), advisory.severity, key=_rank)
    return result


def _rank(severity: str) -> int:
    known = ("low", "moderate", "important", "critical")
    return known.index(severity.lower()) if severity.lower() in known else -1


def _offers_from_json(text: str) -> list[Offer]:
    names = ("name", "arch", "evr", "repository")
    return [
        Offer(name=row["name"], architecture=row["arch"], candidate=row["evr"], repository=row["repository"])
        for row in _rows(text, "upgrades")
        if all(isinstance(row.get(name), str) for name in names)
    ]


def _advisories_from_json(text: str) -> list[Advisory]:
    result = []
    for row in _rows(text, None):
        packages: Any
        if "nevra" in row:  # one package a row
            packages = [row["nevra"]]
        else:
            collections = row.get("collections")
            packages = collections.get("packages") if isinstance(collections, dict) else []
        # `list` writes the names small, `info` with a capital
        facts = {key.lower(): str(value) for key, value in row.items() if isinstance(value, str)}
        names = tuple(str(package) for package in packages) if isinstance(packages, list) else ()
        result.append(
            Advisory(
                name=facts.get("name", ""),
                kind=facts.get("type", ""),
                severity=facts.get("severity", ""),
                packages=names,
            )
        )
    return result


def _advisories_from_info(text: str) -> list[Advisory]:
    result = []
    for part in re.split(r"^(?=Name +: )", text, flags=re.MULTILINE):
        fields = dict(re.findall(r"^(Name|Type|Severity) +: (.*)$", part, re.MULTILINE))
        if "Name" in fields:
            # The list goes on below its first line with an empty name.
            packages = re.findall(r"^  (?:Packages)? +: (\S+)$", part, re.MULTILINE)
            result.append(
                Advisory(
                    name=fields["Name"].strip(),
                    kind=fields.get("Type", "").strip(),
                    severity=fields.get("Severity", "").strip(),
                    packages=tuple(packages),
                )
            )
    return result


def _rows(text: str, name: str | None) -> list[dict[str, Any]]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("dnf printed no JSON") from error
    rows = tree.get(name) if isinstance(tree, dict) and name else tree
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
