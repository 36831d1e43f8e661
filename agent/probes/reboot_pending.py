"""Whether a restart is needed to finish an update, and why.

Source: /run/reboot-required and its list of packages; the running kernel against the newest installed one of its flavour in /var/lib/dpkg/status; a missing /lib/modules of the running kernel.
Rights: none.
Cost: 50 ms, most of it reading the package database.
Unavailable: none of the sources applies, as in a container without the file.
"""

import re
import time
from pathlib import Path

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import dpkg, kernel_files, versions
from agent.probes.dpkg import Package
from protos.report_pb2 import Item

_FLAG = "/run/reboot-required"
# linux-image-6.1.0-40-amd64, and Ubuntu's linux-image-unsigned-…
_IMAGE = re.compile(r"^linux-image-(?:unsigned-)?(\d.*)$", re.ASCII)
# 6.1.0-40-amd64 -> 6.1.0-40 and amd64; 6.8.0-45-generic; 6.1.0-40-rt-amd64
_FLAVOUR = re.compile(r"^(\d[\d.]*-\d+(?:\.\d+)*)-(.+)$", re.ASCII)


def read(place: Place) -> Taken:
    flag = place.path(_FLAG)
    reasons: list[Item] = []
    if flag.exists():
        names = kernel_files.text(place.path(_FLAG + ".pkgs")) or ""
        packages = " ".join(sorted(set(names.split())))
        reasons.append(item("reboot_required_file", packages=packages or None))
    kernel = _kernel_reason(place)
    if kernel is not None:
        reasons += kernel
    elif not flag.exists() and not _has_flag_writer(place):
        raise Unavailable(
            "neither a packaged kernel nor anything that would ask for a restart is on this device"
        )
    taken = Taken(
        readings=[reading("reboot_pending_state", bool(reasons))], sections={"reboot_reasons": reasons}
    )
    age = _age(flag)
    if age is not None:
        taken.readings.append(reading("reboot_pending_age_seconds", age))
    return taken


def _age(flag: Path) -> float | None:
    try:
        return max(0.0, time.time() - flag.stat().st_mtime)
    except OSError:
        return None


def _has_flag_writer(place: Place) -> bool:
    """Whether something here would write the file: without it, its absence says nothing."""
    hooks = (
        "/usr/share/update-notifier/notify-reboot-required",
        "/etc/kernel/postinst.d/unattended-upgrades",
    )
    return any(place.path(hook).exists() for hook in hooks)


def _kernel_reason(place: Place) -> list[Item] | None:
    """Reasons by the kernel; None when it cannot be judged."""
    running = kernel_files.text(place.path("/proc/sys/kernel/osrelease"))
    if running is None or is_container(place):
        return None  # a container runs its host's kernel, and the host restarts
    status = place.path("/var/lib/dpkg/status")
    if not status.exists():
        return None
    with status.open(encoding="utf-8", errors="replace") as file:
        newest = newest_kernel(
            [package for package in dpkg.parse(file) if _IMAGE.match(package.name)], running
        )
    if newest is None:
        return None
    if newest == running:
        return []
    return [item("kernel", running=running, newest_installed=newest)]


def newest_kernel(images: list[Package], running: str) -> str | None:
    """The newest installed kernel of the running one's flavour, as `uname -r` would say it.

    None when the running kernel is not packaged: built here, or given by a hypervisor.
    """
    releases = {found[1]: image.version for image in images if (found := _IMAGE.match(image.name))}
    flavour = _FLAVOUR.match(running)
    if running not in releases or flavour is None:
        return None
    alike = [release for release in releases if (found := _FLAVOUR.match(release)) and found[2] == flavour[2]]
    return max(alike, key=lambda release: (versions.key(release), versions.key(releases[release])))


def is_container(place: Place) -> bool:
    if place.path("/.dockerenv").exists() or place.path("/run/.containerenv").exists():
        return True
    if kernel_files.text(place.path("/run/systemd/container")):
        return True
    return "microsoft" in (kernel_files.text(place.path("/proc/sys/kernel/osrelease")) or "").lower()  # WSL


PROBE = Probe(name="reboot_pending", read=read, pace=Pace.INVENTORY, limit_seconds=20)
