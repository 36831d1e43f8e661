"""Obtains what software.py reads on Linux: the package database, and what flatpak and snap installed."""

import re
from collections.abc import Callable
from dataclasses import replace

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import dpkg, flatpak, kernel_files, pacman, snap
from agent.probes.dpkg import Package

_LIMIT_SECONDS = 50.0
_APART_SECONDS = 10.0
_RPM_DATABASES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_RPM_FORMAT = r"%{NAME}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SIZE}\t%{GROUP}\n"
_SNAP_FILE = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9-]*)(?:_[a-z0-9]+)?_(?P<revision>x?\d{1,9})\.snap$", re.ASCII
)


def packages(place: Place) -> tuple[list[Package], str]:
    """All installed packages, in a fixed order: a section's hash must not change with the order. And a
    remark, when something beside the package database could not be read."""
    found: list[Package] | None = None
    for read in (_dpkg, _rpm, _pacman):
        if found is None:
            found = read(place)
    remarks = []
    apart: list[Package] = []
    for manager, ask in _APART:
        try:
            apart += [replace(package, manager=manager) for package in ask(place)]
        except (Unavailable, RuntimeError, OSError) as error:  # a TimeoutError is an OSError
            remarks.append(f"{manager}: {error}")
    if found is None and not apart:
        raise Unavailable("no package database of dpkg, rpm or pacman")
    if found is None:
        remarks.append("no package database of dpkg, rpm or pacman")
    return sorted([*(found or []), *apart], key=_order), "; ".join(remarks)


def _order(package: Package) -> tuple[str, str, str, str]:
    return package.manager, package.name, package.architecture, package.version


def _dpkg(place: Place) -> list[Package] | None:
    status = place.path("/var/lib/dpkg/status")
    if not status.exists():
        return None
    with status.open(encoding="utf-8", errors="replace") as file:
        # An empty file lies there where another package manager rules and dpkg is only a tool.
        return list(dpkg.parse(file)) or None


def _rpm(place: Place) -> list[Package] | None:
    database = next((path for path in _RPM_DATABASES if place.path(path).exists()), None)
    if database is None:
        return None
    # This machine's rpm may keep its own database elsewhere than the tree's did.
    root = () if place.is_live else ("--root", str(place.root.absolute()), "--dbpath", database)
    finished = commands.run("rpm", *root, "-qa", "--qf", _RPM_FORMAT, limit_seconds=_LIMIT_SECONDS, ok=(0,))
    found = parse_rpm(finished.output)
    if not found:
        raise Unavailable("rpm's database is there and names no package")
    return found


def _pacman(place: Place) -> list[Package] | None:
    folder = place.path("/var/lib/pacman/local")
    if not folder.is_dir():
        return None
    texts = (kernel_files.text(path) for path in folder.glob("*/desc"))
    return [package for text in texts if text and (package := pacman.parse_description(text))]


def parse_rpm(text: str) -> list[Package]:
    """Rows of the format above."""
    result = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) != 6 or not fields[0]:
            continue
        name, epoch, version, architecture, size, group = fields
        result.append(
            Package(
                name=name,
                version=version if epoch in ("0", "(none)", "") else f"{epoch}:{version}",
                architecture="" if architecture == "(none)" else architecture,  # imported signing keys
                installed_bytes=int(size) if size.isdecimal() and len(size) < 19 else None,
                source=None,
                section=group if group not in ("Unspecified", "(none)", "") else None,
            )
        )
    return result


def _flatpak(place: Place) -> list[Package]:
    """The system's; what people install for themselves is theirs."""
    places = [
        path
        for kind in ("app", "runtime")
        for path in place.path("/var/lib/flatpak").glob(f"{kind}/*/*/*")
        if path.parent.name != "current" and (path / "active").is_symlink()
    ]
    if not places:
        return []
    if commands.why_not(place, "flatpak") is None:
        finished = commands.run(
            "flatpak", "list", "--system", flatpak.COLUMNS, limit_seconds=_APART_SECONDS, ok=(0,)
        )
        return flatpak.parse_list(finished.output)
    # The version stands in a file of flatpak's own form; the branch is in the path.
    return [
        Package(
            name=path.parent.parent.name,
            version="",
            architecture=path.parent.name,
            installed_bytes=None,
            source=None,
            section=path.name,
        )
        for path in places
    ]


def _snap(place: Place) -> list[Package]:
    files = [
        found
        for path in place.path("/var/lib/snapd/snaps").glob("*.snap")
        if (found := _SNAP_FILE.match(path.name))
    ]
    if not files:
        return []
    # Without its service the program waits for minutes.
    answers = not place.is_live or place.path("/run/snapd.socket").exists()
    if answers and commands.why_not(place, "snap") is None:
        return snap.parse_list(commands.run("snap", "list", limit_seconds=_APART_SECONDS, ok=(0,)).output)
    newest: dict[str, int] = {}
    for found in files:  # older revisions are kept beside the newest
        revision = int(found["revision"].removeprefix("x"))
        newest[found["name"]] = max(revision, newest.get(found["name"], 0))
    return [
        Package(
            name=name,
            version=f"revision {revision}",
            architecture="",
            installed_bytes=None,
            source=None,
            section=None,
        )
        for name, revision in newest.items()
    ]


_Ask = Callable[[Place], list[Package]]
_APART: tuple[tuple[str, _Ask], ...] = (("flatpak", _flatpak), ("snap", _snap))
