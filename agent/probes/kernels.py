"""Which of the installed kernels is the newest of the running one's kind. Pure: names in, a name out.

A kernel nobody packaged (built here, given by a hypervisor) is of no kind: then nothing is said.
"""

import re
from collections.abc import Iterable

from agent.probes import versions
from agent.probes.dpkg import Package

# linux-image-6.1.0-40-amd64, and Ubuntu's linux-image-unsigned-…
IMAGE = re.compile(r"^linux-image-(?:unsigned-)?(\d.*)$", re.ASCII)
# 6.1.0-40-amd64 -> 6.1.0-40 and amd64; 6.8.0-45-generic; 6.1.0-40-rt-amd64
_DEBIAN = re.compile(r"^(\d[\d.]*-\d+(?:\.\d+)*)-(.+)$", re.ASCII)
# 6.9.1-200.fc40.x86_64, …x86_64+rt; 6.4.0-150600.23.25-default
_RPM = re.compile(r"^(?P<version>\d[\w.~^]*-\d[\w.~^]*?)(?P<kind>\+[\w-]+|-[a-z]\w*|\.debug)?$", re.ASCII)


def newest_of_dpkg(images: Iterable[Package], running: str) -> str | None:
    """The newest installed kernel of the running one's flavour, as `uname -r` would say it."""
    releases = {found[1]: image.version for image in images if (found := IMAGE.match(image.name))}
    flavour = _DEBIAN.match(running)
    if running not in releases or flavour is None:
        return None
    alike = [release for release in releases if (found := _DEBIAN.match(release)) and found[2] == flavour[2]]
    return max(alike, key=lambda release: (versions.key(release), versions.key(releases[release])))


def newest_of_rpm(releases: Iterable[str], running: str) -> str | None:
    """The same by names alone, of Fedora, Red Hat and SUSE."""
    mine = _RPM.match(running)
    if mine is None:
        return None
    alike = [name for name in releases if (found := _RPM.match(name)) and found["kind"] == mine["kind"]]
    if running not in alike:
        return None
    return max(alike, key=versions.key)


def newest_of_arch(releases: Iterable[str], running: str) -> str | None:
    """The same on Arch, where the modules of the running kernel are gone once a newer one is installed."""
    kind = _words(running)
    alike = [name for name in releases if kind and _words(name) == kind]
    if running in alike:
        return running  # it is not the newest where two are kept by hand, and then somebody wants that
    return max(alike, key=versions.key, default=None)


def _words(release: str) -> frozenset[str]:
    """6.9.7-arch1-1 → arch; 6.9.7-zen1-1-zen → zen; 6.6.36-1-lts → lts."""
    return frozenset(re.findall(r"[a-z]{2,}", release))
