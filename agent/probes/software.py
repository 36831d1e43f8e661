"""Installed packages.

Source: Linux /var/lib/dpkg/status, read as a file; else `rpm -qa`, else /var/lib/pacman/local; beside these `flatpak list --system` and `snap list`, or the files they installed. Windows: the registry's Uninstall keys, of both views and of the people signed in (nobody is named: `scope` says `user`); Appx packages are only counted.
Rights: none.
Cost: dpkg 20 ms a thousand packages; rpm 1 to 3 s. In a process of its own, for its memory.
Unavailable: no package database this probe knows.
"""

from collections.abc import Iterable

from agent.probe import Place, Taken, item
from agent.probes import software_linux, software_windows
from agent.probes.dpkg import Package
from protos.report_pb2 import Item


def read(place: Place) -> Taken:
    if place.is_windows:
        return software_windows.read(place)
    packages, remark = software_linux.packages(place)
    return Taken(sections={"software": rows(packages)}, reason=remark)


def rows(packages: Iterable[Package]) -> list[Item]:
    """One item a package; `name:architecture` where it is installed for two, `#version` where twice."""
    items: dict[str, Item] = {}
    for package in packages:
        name = f"{package.manager} {package.name}" if package.manager else package.name
        key = name
        if key in items:
            key = f"{name}:{package.architecture}"
        if key in items:
            key = f"{name}:{package.architecture}#{package.version}"  # kernels, signing keys
        if key in items and package.section:
            key = f"{key}/{package.section}"  # branches of a flatpak
        items[key] = item(
            key,
            name=package.name,
            version=package.version or None,
            manager=package.manager or None,
            architecture=package.architecture or None,
            installed_bytes=package.installed_bytes,
            source=package.source,
            section=package.section,
        )
    return list(items.values())
