"""What dnf says, as facts. Pure: text in, facts out."""

import json
import re
from dataclasses import dataclass
from typing import Any

# dnf4: `FEDORA-2024-1 Important/Sec. name-1.2-3.fc40.x86_64`; dnf5 has the columns name, type, severity, package.
_ADVISORY = re.compile(r"^(\S+)\s+(?:(\w+)/Sec\.|security\s+(\w+))\s+(\S+-\S+-\S+\.\w+)(?:\s|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    name: str
    architecture: str
    candidate: str
    repository: str


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


def parse_security(text: str) -> dict[str, str]:
    """Packages (`name-version-release.arch`) with a security advisory, and its severity."""
    if text.lstrip().startswith(("{", "[")):
        rows = [row for row in _rows(text, None) if row.get("type") == "security"]
        return {str(row["nevra"]): str(row.get("severity", "")) for row in rows if "nevra" in row}
    result = {}
    for line in text.splitlines():
        if found := _ADVISORY.match(line):
            result[found[4]] = found[2] or found[3] or ""
    return result


def severity_of(offer: Offer, security: dict[str, str]) -> str | None:
    """The severity when the offer is a security update, else None. An epoch may stand before the version."""
    version = offer.candidate.rpartition(":")[2]
    for shape in (f"{offer.name}-{version}", f"{offer.name}-{offer.candidate}"):
        if (package := f"{shape}.{offer.architecture}") in security:
            return security[package]
    return None


def _offers_from_json(text: str) -> list[Offer]:
    names = ("name", "arch", "evr", "repository")
    return [
        Offer(name=row["name"], architecture=row["arch"], candidate=row["evr"], repository=row["repository"])
        for row in _rows(text, "upgrades")
        if all(isinstance(row.get(name), str) for name in names)
    ]


def _rows(text: str, name: str | None) -> list[dict[str, Any]]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("dnf printed no JSON") from error
    rows = tree.get(name) if isinstance(tree, dict) and name else tree
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
