"""What zypper says with --xmlout, as facts. Pure: text in, facts out."""

import re
from dataclasses import dataclass
from xml.etree import ElementTree

# Exit statuses that say nothing against the answer: updates wait, a restart waits, zypper itself has an update.
_ANSWERED = frozenset({0, 100, 101, 102, 103})
LOCKED = 7
_MEANINGS = {
    4: "zypper ended with an error",
    5: "zypper lacks the rights",
    6: "no repositories are configured",
    8: "a package's dependencies are broken",
    104: "zypper did not find what was asked for",
    106: "a repository had to be left out",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    kind: str  # patch, package
    name: str
    version: str
    architecture: str
    installed: str = ""
    category: str = ""  # of a patch: security, recommended, optional, …
    severity: str = ""
    repository: str = ""
    interactive: str = ""  # of a patch: reboot, restart, message, …


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    alias: str
    is_enabled: bool


def verdict(status: int) -> str:
    """Why an exit status forbids to believe the answer; empty when it does not."""
    if status in _ANSWERED:
        return ""
    return _MEANINGS.get(status, f"zypper exited with {status}")


def parse_updates(text: str) -> list[Row]:
    """Output of `list-updates` or `list-patches`. Raises ValueError when it is no answer.

    Without any repository zypper exits with 0 and an empty list.
    """
    root = _tree(text)
    if root.find(".//appletinfo[@status='no-update-repositories']") is not None:
        raise ValueError("no repositories are configured")
    wanted = root.find(".//update-list")
    if wanted is None:
        raise ValueError(_error(root) or "zypper printed no list of updates")
    rows = []
    for element in wanted.iter("update"):
        source = element.find("source")
        rows.append(
            Row(
                kind=element.get("kind", ""),
                name=element.get("name", ""),
                version=element.get("edition", ""),
                architecture=element.get("arch", ""),
                installed=element.get("edition-old", ""),
                category=element.get("category", ""),
                severity=element.get("severity", ""),
                repository="" if source is None else source.get("alias", ""),
                interactive=element.get("interactive", ""),
            )
        )
    return [row for row in rows if row.name]


def parse_patches(text: str) -> dict[str, tuple[bool, str]]:
    """Output of `search --type patch`: name → (installed, summary); an empty one: there are no patches at all.

    Here the class stands in the summary only, and only as words of the maker.
    """
    return {
        element.get("name", ""): (element.get("status") != "not-installed", element.get("summary", ""))
        for element in _tree(text).iter("solvable")
        if element.get("kind") == "patch" and element.get("name")
    }


def is_security_summary(summary: str) -> bool:
    return summary.lower().startswith("security update")


def parse_repositories(text: str) -> list[Repository]:
    """Output of `repos`."""
    return [
        Repository(alias=element.get("alias", ""), is_enabled=element.get("enabled") == "1")
        for element in _tree(text).iter("repo")
        if element.get("alias")
    ]


def parse_locks(text: str) -> list[str]:
    """Output of `locks`: names, with * and ? for any text."""
    names = [element.text or "" for lock in _tree(text).iter("lock") for element in lock.iter("name")]
    return [name.strip() for name in names if name.strip()]


def parse_restart(text: str, status: int) -> bool | None:
    """Whether `needs-rebooting` asks for a restart: 102. None when it says neither."""
    if status == 102:
        return True
    # Older versions do not know the command, and exit with 0 after printing their help.
    return False if status == 0 and "Reboot is probably not necessary" in text else None


def parse_plain(text: str) -> list[Row]:
    """The table `list-updates` prints without --xmlout."""
    rows: list[Row] = []
    columns: list[str] = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if "Name" in fields and "Arch" in fields:
            columns = fields
        elif columns and len(fields) == len(columns):
            row = dict(zip(columns, fields, strict=True))
            version = row.get("Available Version") or row.get("Version", "")
            rows.append(
                Row(
                    kind=row.get("Type") or "package",
                    name=row["Name"],
                    version=version,
                    architecture=row["Arch"],
                    installed=row.get("Current Version", ""),
                    repository=row.get("Repository", ""),
                )
            )
    return rows


def _tree(text: str) -> ElementTree.Element:
    start = text.find("<stream")
    if start < 0 or "<!" in text:  # zypper writes neither entities nor comments
        raise ValueError("zypper printed no XML")
    try:
        return ElementTree.fromstring(text[start:])  # noqa: S314 - no entities, see above
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError("zypper printed no XML") from error


def _error(root: ElementTree.Element) -> str:
    for element in root.iter("message"):
        if element.get("type") == "error":
            return re.sub(r"\s+", " ", element.text or "").strip()[:200]
    return ""
