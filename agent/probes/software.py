"""Installed packages.

Source: /var/lib/dpkg/status, read as a file; `rpm -qa` where rpm is the package manager.
Rights: none.
Cost: dpkg 20 ms a thousand packages; rpm 1 to 3 s. In a process of its own, for its memory.
Unavailable: no package database this probe knows.
"""

from collections.abc import Iterable

from agent.probe import Pace, Place, Probe, Taken, item
from agent.probes import software_linux
from agent.probes.dpkg import Package
from protos.report_pb2 import Item


def read(place: Place) -> Taken:
    return Taken(sections={"software": rows(software_linux.packages(place))})


def rows(packages: Iterable[Package]) -> list[Item]:
    """One item a package; `name:architecture` where it is installed for two, and `name#version` where twice."""
    items: dict[str, Item] = {}
    for package in packages:
        key = package.name
        if key in items:
            key = f"{package.name}:{package.architecture}"
        if key in items:
            key = f"{package.name}:{package.architecture}#{package.version}"  # kernels, signing keys
        items[key] = item(
            key,
            name=package.name,
            version=package.version,
            architecture=package.architecture or None,
            installed_bytes=package.installed_bytes,
            source=package.source,
            section=package.section,
        )
    return list(items.values())


PROBE = Probe(name="software", read=read, pace=Pace.INVENTORY, limit_seconds=60, child=True)
