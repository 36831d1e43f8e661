"""Obtains what reboot_pending.py tells on Linux.

needrestart, dnf and zypper are asked where they are there, and only their words count: their exit statuses
mean "yes" and "error" at once.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent import commands
from agent.probe import Place, Taken, Unavailable, item, reading
from agent.probes import dnf, dpkg, kernel_files, kernels, needrestart, rpm_ostree, zypper

_FLAG = "/run/reboot-required"
_LIMIT_SECONDS = 15.0
_RPM_DATABASES = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
# Before it needrestart could be led to run other people's programs while it looked for old libraries
# (CVE-2024-48990 and its neighbours); its look at the kernel is harmless.
_SAFE_NEEDRESTART = (3, 8)
# Boot times are computed from a counter and wander by seconds.
_MARGIN_SECONDS = 120.0
# Updates and their hooks may go on for a while after a start.
_SETTLED_SECONDS = 1200.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    name: str
    weak: bool = False  # reported, and never a reason to ask anybody for a restart
    since: float | None = None  # seconds since 1970
    facts: Mapping[str, object] = field(default_factory=dict)


def read(place: Place) -> Taken:
    reasons: list[Reason] = []
    known: set[str] = set()
    lost: list[str] = []
    for name, ask in _SOURCES:
        try:
            found = ask(place)
        except (Unavailable, RuntimeError, ValueError, OSError) as error:  # a TimeoutError is an OSError
            lost.append(str(error))
            continue
        if found is not None:
            known.add(name)
            names = {reason.name for reason in reasons}
            reasons += [reason for reason in found if reason.name not in names]
    if not known:
        raise Unavailable(
            "; ".join(lost)
            or "neither a packaged kernel nor anything that would ask for a restart is on this device"
        )
    now = time.time()
    made = taken(reasons, now)
    made.reason = "; ".join(lost)
    survived = survived_restart(reasons, _booted_at(place), now)
    if survived is not None and "kernel" in known:
        made.readings.append(reading("reboot_pending_survived_restart_state", survived))
    return made


def taken(reasons: list[Reason], now: float) -> Taken:
    strong = [reason for reason in reasons if not reason.weak]
    made = Taken(readings=[reading("reboot_pending_state", bool(strong))])
    made.sections["reboot_reasons"] = [
        item(reason.name, strength="weak" if reason.weak else "strong", **reason.facts) for reason in reasons
    ]
    dated = [reason.since for reason in strong if reason.since is not None]
    if dated:
        made.readings.append(reading("reboot_pending_age_seconds", max(0.0, now - min(dated))))
    return made


def survived_restart(reasons: list[Reason], booted_at: float | None, now: float) -> bool | None:
    """Whether a newer kernel was there before the last start, which took the old one again. None: not known.

    Of the other reasons none outlives a start: the flag lies below /run, the rest is counted from the start.
    """
    kernel = next((reason for reason in reasons if reason.name == "kernel"), None)
    if kernel is None:
        return False
    if kernel.since is None or booted_at is None or now - booted_at < _SETTLED_SECONDS:
        return None
    return kernel.since < booted_at - _MARGIN_SECONDS


def _flag(place: Place) -> list[Reason] | None:
    flag = place.path(_FLAG)
    if not flag.exists():
        return [] if _has_flag_writer(place) else None
    names = kernel_files.text(place.path(_FLAG + ".pkgs")) or ""
    packages = " ".join(sorted(set(names.split())))
    since = flag.stat().st_mtime  # below /run: gone at every start
    return [Reason(name="reboot_required_file", since=since, facts={"packages": packages or None})]


def _has_flag_writer(place: Place) -> bool:
    """Whether something here would write the file: without it, its absence says nothing."""
    hooks = (
        "/usr/share/update-notifier/notify-reboot-required",
        "/etc/kernel/postinst.d/unattended-upgrades",
    )
    return any(place.path(hook).exists() for hook in hooks)


def _kernel(place: Place) -> list[Reason] | None:
    """Reasons by the kernel; None when it cannot be judged."""
    running = kernel_files.text(place.path("/proc/sys/kernel/osrelease"))
    if running is None or is_container(place):
        return None  # a container runs its host's kernel, and the host restarts
    for look in (_newest_of_dpkg, _newest_of_rpm, _newest_of_arch):
        newest = look(place, running)
        if newest is not None:
            break
    else:
        return None
    if newest == running:
        return []
    facts = {"running": running, "newest_installed": newest}
    return [Reason(name="kernel", since=_installed_at(place, newest), facts=facts)]


def _newest_of_dpkg(place: Place, running: str) -> str | None:
    status = place.path("/var/lib/dpkg/status")
    if not status.exists():
        return None
    with status.open(encoding="utf-8", errors="replace") as file:
        images = [package for package in dpkg.parse(file) if kernels.IMAGE.match(package.name)]
    return kernels.newest_of_dpkg(images, running)


def _newest_of_rpm(place: Place, running: str) -> str | None:
    if _rpm_database(place) is None:
        return None
    newest = kernels.newest_of_rpm(_installed(place), running)
    # Both from packages: one built here may have any name.
    return newest if newest and all(_is_of_rpm(place, name) for name in {newest, running}) else None


def _newest_of_arch(place: Place, running: str) -> str | None:
    if not place.path("/var/lib/pacman/local").is_dir():
        return None
    packaged = [path.parent.name for path in place.path("/usr/lib/modules").glob("*/pkgbase")]
    return kernels.newest_of_arch(packaged, running)


def _installed(place: Place) -> list[str]:
    """Kernels with an image and modules. What was removed leaves a folder with a few files behind."""
    return [
        path.parent.name
        for path in place.path("/usr/lib/modules").glob("*/modules.dep")
        if (path.parent / "vmlinuz").exists() or place.path(f"/boot/vmlinuz-{path.parent.name}").exists()
    ]


def _is_of_rpm(place: Place, release: str) -> bool:
    folder = f"/usr/lib/modules/{release}"
    root = (
        ()
        if place.is_live
        else ("--root", str(place.root.absolute()), "--dbpath", _rpm_database(place) or "")
    )
    finished = commands.run("rpm", *root, "-qf", folder, limit_seconds=_LIMIT_SECONDS)
    return finished.status == 0


def _installed_at(place: Place, release: str) -> float | None:
    """By what is made on the device: dpkg's list of files, or else the list of modules. All other files have
    their maker's times."""
    for path in (
        f"/var/lib/dpkg/info/linux-image-{release}.list",
        f"/usr/lib/modules/{release}/modules.dep",
    ):
        try:
            return place.path(path).stat().st_mtime
        except OSError:
            continue
    return None


def _rpm_database(place: Place) -> str | None:
    return next((path for path in _RPM_DATABASES if place.path(path).exists()), None)


def _needrestart(place: Place) -> list[Reason] | None:
    if is_container(place) or commands.why_not(place, "needrestart"):
        return None
    # -r l: list only, whatever its configuration says
    finished = commands.run("needrestart", "-b", "-k", "-r", "l", limit_seconds=_LIMIT_SECONDS)
    needs = needrestart.parse(finished.output)
    if needs.kernel_waits is None:
        return None  # without the rights it names its version and nothing else
    reasons = []
    if needs.kernel_waits:
        facts = {"running": needs.running or None, "newest_installed": needs.expected or None}
        reasons.append(Reason(name="kernel", facts=facts))
    if needs.version >= _SAFE_NEEDRESTART:
        finished = commands.run("needrestart", "-b", "-l", "-r", "l", limit_seconds=_LIMIT_SECONDS)
        services = sorted(set(needrestart.parse(finished.output).services))
        if services:
            named = {"count": str(len(services)), "services": " ".join(services)[:400]}
            reasons.append(Reason(name="services", weak=True, facts=named))
    return reasons


def _dnf(place: Place) -> list[Reason] | None:
    if is_container(place) or _rpm_database(place) is None or place.path("/etc/zypp").is_dir():
        return None
    program = next((name for name in ("dnf5", "dnf") if commands.why_not(place, name) is None), None)
    if program is None:
        return None
    # dnf 5 asks about the device without a word, dnf 4 with -r; where `dnf` is dnf 5 it takes -r too.
    words = ("-r",) if program == "dnf" else ()
    finished = commands.run(program, "-q", "-C", "needs-restarting", *words, limit_seconds=_LIMIT_SECONDS)
    answer = dnf.parse_restart(finished.output)
    if answer is None:
        return None  # the plugin is not installed, or it failed
    needs, packages = answer
    facts = {"packages": " ".join(packages) or None}
    return [Reason(name="packages_updated_since_start", facts=facts)] if needs else []


def _zypper(place: Place) -> list[Reason] | None:
    if is_container(place) or not place.path("/etc/zypp").is_dir() or commands.why_not(place, "zypper"):
        return None
    finished = commands.run("zypper", "--non-interactive", "needs-rebooting", limit_seconds=_LIMIT_SECONDS)
    answer = zypper.parse_restart(finished.output, finished.status)
    if answer is None:
        return None
    return [Reason(name="packages_updated_since_start")] if answer else []


def _ostree(place: Place) -> list[Reason] | None:
    if not place.path("/run/ostree-booted").exists() or commands.why_not(place, "rpm-ostree"):
        return None
    finished = commands.run("rpm-ostree", "status", "--json", limit_seconds=_LIMIT_SECONDS, ok=(0,))
    status = rpm_ostree.parse(finished.output)
    if status.pending is None:
        return []
    return [Reason(name="system_image", facts={"running": status.booted, "newest_installed": status.pending})]


def _booted_at(place: Place) -> float | None:
    text = kernel_files.text(place.path("/proc/stat")) or ""
    found = [line.split()[1:2] for line in text.splitlines() if line.startswith("btime ")]
    return float(found[0][0]) if found and found[0] and found[0][0].isdecimal() else None


def is_container(place: Place) -> bool:
    if place.path("/.dockerenv").exists() or place.path("/run/.containerenv").exists():
        return True
    if kernel_files.text(place.path("/run/systemd/container")):
        return True
    return "microsoft" in (kernel_files.text(place.path("/proc/sys/kernel/osrelease")) or "").lower()  # WSL


_Ask = Callable[[Place], list[Reason] | None]
_SOURCES: tuple[tuple[str, _Ask], ...] = (
    ("flag", _flag),
    ("kernel", _kernel),
    ("needrestart", _needrestart),
    ("dnf", _dnf),
    ("zypper", _zypper),
    ("rpm-ostree", _ostree),
)
