"""What the agent's readers find in the captured answers of package managers, in the words of the samples' EXPECTED files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agent.probes import (
    apt,
    dnf,
    dpkg,
    needrestart,
    pacman,
    snap,
    zypper,
)

Facts = dict[str, Any]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def updates(path: Path, told: Facts) -> Facts:
    text, name = _text(path), path.name
    if name.startswith("puppet_yum") or "check_upgrade" in name:
        offers = dnf.parse_check_update(text)
        packages = [
            {"name": o.name, "arch": o.architecture, "version": o.candidate, "repo": o.repository}
            for o in offers
        ]
        return {"pending": len(offers), "packages": packages}
    if "needs_restarting" in name:
        restart = dnf.parse_restart(text)
        assert restart is not None
        return {"reboot_required": restart[0], "because": restart[1]}
    if told.get("command") == "dnf advisory summary":
        return {"critical": 0, "important": 0, **dnf.parse_summary(text)}
    if "advisory" in name:
        names = list(dict.fromkeys(advisory.name for advisory in dnf.parse_advisories(text)))
        return {"names": names, "advisories": len(dnf.parse_advisories(text))}
    return _OTHER_UPDATES[name](text)


def _zypper_list(text: str) -> Facts:
    read = zypper.parse_updates(text) if text.lstrip().startswith("<") else zypper.parse_plain(text)
    packages = [{"name": row.name, "version": row.version, "arch": row.architecture} for row in read]
    return {"pending": len(read), "packages": packages}


def _zypper_patches(text: str) -> Facts:
    waiting = [words for installed, words in zypper.parse_patches(text).values() if not installed]
    return {
        "pending_patches": len(waiting),
        "security_pending": sum(map(zypper.is_security_summary, waiting)),
    }


def _dist_upgrade(text: str) -> Facts:
    updates = apt.parse_simulation(text)
    first = next(iter(updates.values()))
    lines = text.splitlines()
    named = {line.split()[1] for line in lines if line.startswith("Inst ")}
    return {
        "pending": len(updates),
        "security_pending": sum(update.security for update in updates.values()),
        "new_packages": sorted(named - updates.keys()),
        "first": {"name": first.name, "installed": first.installed, "candidate": first.candidate},
        "removals": sum(line.startswith("Remv ") for line in lines),
        "summary_line": next((line for line in lines if " upgraded, " in line), None),
    }


def _apt_list(text: str) -> Facts:
    """No source of the agent: apt itself says that this output is not for programs."""
    found = re.findall(r"^(\S+)/(\S+) (\S+) \S+ \[upgradable from: (\S+)\]$", text, re.MULTILINE)
    name, _, candidate, installed = found[0]
    return {
        "pending": len(found),
        "security_pending": sum("-security" in suites for _, suites, _, _ in found),
        "first": {"name": name, "installed": installed, "candidate": candidate},
    }


def _needrestart(text: str) -> Facts:
    needs = needrestart.parse(text)
    return {
        "kernel_current": needs.running,
        "kernel_expected": needs.expected,
        "kernel_status": needs.kernel,
        "reboot_required": needs.kernel_waits,
        "services": needs.services,
        "containers": needs.containers,
        "sessions": needs.sessions,
    }


def _dpkg_list(text: str) -> Facts:
    """The agent reads the database itself: what `dpkg -l` shows is put back into its form."""
    lines = [line.split(maxsplit=4) for line in text.splitlines()]
    states = {"ii": "install ok installed", "rc": "deinstall ok config-files"}
    database = "\n".join(
        f"Package: {fields[1]}\nStatus: {states.get(fields[0], 'install ok ' + fields[0])}\nVersion: {fields[2]}\n"
        for fields in lines
        if len(fields) >= 4 and re.fullmatch(r"[uirph][nicufhwt]", fields[0])
    )
    return {"installed": len(list(dpkg.parse(database.splitlines(keepends=True))))}


_OTHER_UPDATES: Final[dict[str, Callable[[str], Facts]]] = {
    "puppet_zypper-list-updates-empty.out": _zypper_list,
    "salt_zypper-updates.xml": _zypper_list,
    "salt_zypper-patches.xml": _zypper_patches,
    "puppet_zypper-search-uninstalled.out": lambda text: {},
    "local_apt-get_s_dist-upgrade.txt": _dist_upgrade,
    "local_apt_list_upgradable.txt": _apt_list,
    "jc_apt_get_sqq.out": lambda text: {
        "inst_lines": len(re.findall("^Inst ", text, re.MULTILINE)),
        "remv_lines": len(re.findall("^Remv ", text, re.MULTILINE)),
    },
    "jc_needrestart_b.out": _needrestart,
    "jc_dpkg-l.out": _dpkg_list,
    "glpi_inventory_pacman.txt": lambda text: {"installed": len(pacman.parse_information(text))},
    # Formats another agent asks rpm and dpkg for; ours are other ones.
    "glpi_inventory_rpm.txt": lambda text: {"lines": len(text.splitlines())},
    "glpi_inventory_dpkg.txt": lambda text: {"lines": len(text.splitlines())},
    "glpi_inventory_snap.txt": lambda text: {"lines": len(snap.parse_list(text)) + 1},  # and the heading
}
