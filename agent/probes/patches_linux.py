"""Obtains what patches.py reads: asks the package manager that is there, without changing anything."""

from datetime import UTC, datetime

from agent import commands
from agent.probe import Place
from agent.probes import (
    patches_linux_apt,
    patches_linux_dnf,
    patches_linux_ostree,
    patches_linux_pacman,
    patches_linux_zypper,
)
from agent.probes.updates import Answer

_RPM_DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")


def obtain(place: Place) -> Answer | None:
    """The answer of the first package manager found, or None."""
    now = datetime.now(UTC)
    if place.path("/run/ostree-booted").exists():
        return patches_linux_ostree.answer(place)
    if place.path("/var/lib/dpkg/status").exists() and commands.find("apt-get"):
        return patches_linux_apt.answer(place, now)
    if any(place.path(path).exists() for path in _RPM_DATABASES):
        if place.path("/etc/zypp").is_dir() and commands.find("zypper"):
            return patches_linux_zypper.answer(place, now)
        for program in ("dnf5", "dnf", "yum"):
            if commands.find(program):
                return patches_linux_dnf.answer(place, program, now)
    if place.path("/var/lib/pacman/local").is_dir() and commands.find("pacman"):
        return patches_linux_pacman.answer(place, now)
    return None
