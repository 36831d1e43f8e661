"""Obtains what software.py reads."""

from collections.abc import Iterable

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import dpkg
from agent.probes.dpkg import Package

_LIMIT_SECONDS = 50.0
_RPM_FORMAT = r"%{NAME}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SIZE}\t%{GROUP}\n"


def packages(place: Place) -> Iterable[Package]:
    """All installed packages, in a fixed order: a section's hash must not change with the order."""
    status = place.path("/var/lib/dpkg/status")
    if status.exists():
        with status.open(encoding="utf-8", errors="replace") as file:
            return sorted(dpkg.parse(file), key=_order)
    if not any(place.path(name).exists() for name in ("/var/lib/rpm", "/usr/lib/sysimage/rpm")):
        raise Unavailable("no package database of dpkg or rpm")
    root = () if place.is_live else ("--root", str(place.root.absolute()))
    finished = commands.run("rpm", *root, "-qa", "--qf", _RPM_FORMAT, limit_seconds=_LIMIT_SECONDS, ok=(0,))
    return sorted(parse_rpm(finished.output), key=_order)


def _order(package: Package) -> tuple[str, str, str]:
    return package.name, package.architecture, package.version


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
