"""Obtains whether updates are installed by themselves, and when that last ran: facts, no judgement.

Read from systemd's own files: a timer is on when it is linked below timers.target.wants, and ran last when
its stamp was written.
"""

from datetime import UTC, datetime

from agent import commands
from agent.probe import Place, Unavailable, item
from agent.probes import apt, kernel_files
from protos.report_pb2 import Item

_TIMERS = (
    ("apt", "apt-daily-upgrade.timer"),
    ("dnf", "dnf-automatic-install.timer"),
    ("dnf", "dnf-automatic.timer"),
    ("dnf5", "dnf5-automatic.timer"),
    ("yum", "yum-cron.service"),
    ("zypper", "transactional-update.timer"),
    ("zypper", "os-update.timer"),
    ("rpm-ostree", "rpm-ostreed-automatic.timer"),
)
_LINKS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_LIMIT_SECONDS = 20.0


def obtain(place: Place) -> list[Item]:
    rows: dict[str, Item] = {}
    for name, timer in _TIMERS:
        if name in rows or not any(_is_there(place, f"{base}/{timer}") for base in _LINKS):
            continue
        enabled: bool | None = any(
            _is_there(place, f"{base}/{target}.wants/{timer}")
            for base in _LINKS
            for target in ("timers.target", "multi-user.target")
        )
        if name == "apt" and enabled:
            enabled = _apt_installs(place)
        rows[name] = item(name, enabled=enabled, last_run=_last_run(place, name, timer))
    return list(rows.values())


def _apt_installs(place: Place) -> bool | None:
    """The timer is there on every Debian; whether it installs anything is apt's configuration."""
    # The program behind the setting: without it the setting does nothing.
    if not _is_there(place, "/usr/bin/unattended-upgrade"):
        return False
    settings = _apt_settings(place)
    if settings is None:
        return None
    return settings.get("APT::Periodic::Enable", "1") != "0" and settings.get(
        "APT::Periodic::Unattended-Upgrade", "0"
    ) not in ("0", "")


def _apt_settings(place: Place) -> dict[str, str] | None:
    if not place.is_live:
        # apt reads this machine's configuration before it can be told of another root.
        files = sorted(place.path("/etc/apt/apt.conf.d").glob("*"))
        return apt.parse_configuration("\n".join(kernel_files.text(path) or "" for path in files))
    try:
        finished = commands.run("apt-config", "dump", "APT::Periodic", limit_seconds=_LIMIT_SECONDS)
    except (Unavailable, TimeoutError):
        return None
    return None if finished.status else apt.parse_configuration(finished.output)


def _last_run(place: Place, name: str, timer: str) -> str | None:
    paths = [f"/var/lib/systemd/timers/stamp-{timer}"]
    if name == "apt":
        paths.insert(0, "/var/lib/apt/periodic/unattended-upgrades-stamp")
        paths.insert(1, "/var/lib/apt/periodic/upgrade-stamp")
    for path in paths:
        try:
            moment = place.path(path).stat().st_mtime
            return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
        except (OSError, ValueError, OverflowError):
            continue
    return None


def _is_there(place: Place, path: str) -> bool:
    # A link into a captured tree points outside of it: it counts all the same.
    return place.path(path).is_symlink() or place.path(path).exists()
