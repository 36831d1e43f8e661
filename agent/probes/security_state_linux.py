"""Obtains what security_state.py reads on Linux: files under /sys, /proc and /etc, and the firewall's units."""

import re
from pathlib import Path

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import kernel_files
from agent.probes.security_state import Found, Ruleset, encryption, root_mount, ruleset, secure_boot_variable

_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SERVICES = ("ufw", "firewalld", "nftables")
_LAYERS = 16  # of device-mapper devices on each other; real chains have three
_LIMIT_SECONDS = 10.0


def find(place: Place) -> Found:
    found = Found()
    _secure_boot(place, found)
    _tpm(place, found)
    _disk_encryption(place, found)
    _firewall(place, found)
    lockdown = re.search(r"\[(\w+)\]", kernel_files.text(place.path("/sys/kernel/security/lockdown")) or "")
    found.fact(
        "kernel",
        lockdown=lockdown[1] if lockdown else None,
        selinux=_word(place, "/sys/fs/selinux/enforce", {"1": "enforcing", "0": "permissive"}),
        apparmor=_word(place, "/sys/module/apparmor/parameters/enabled", {"Y": "on", "N": "off"}),
    )
    return found


def _word(place: Place, file: str, words: dict[str, str]) -> str | None:
    return words.get(kernel_files.text(place.path(file)) or "")


def _secure_boot(place: Place, found: Found) -> None:
    if not place.path("/sys/firmware").is_dir():
        return
    if not place.path("/sys/firmware/efi").is_dir():
        found.fact("secure_boot", firmware="legacy")  # it cannot have it: a fact, not a state that is off
        return
    try:
        data = place.path(_SECURE_BOOT).read_bytes()
    except OSError:
        data = None
    on = secure_boot_variable(data)
    found.state("secure_boot_state", on)
    found.fact("secure_boot", firmware="uefi", on=on)


def _tpm(place: Place, found: Found) -> None:
    chips = sorted(place.path("/sys/class/tpm").glob("tpm[0-9]*"))
    if chips:
        # Kernels before 5.6 have no such file; a chip of version 1.2 then still shows its capabilities.
        version = kernel_files.text(chips[0] / "tpm_version_major")
        if version is None and (chips[0] / "device/caps").exists():
            version = "1"
        found.fact("tpm", present=True, version=version)
    elif place.path("/sys/firmware/acpi/tables/TPM2").exists():
        found.fact("tpm", present=True, version="2")  # the firmware has one, the kernel no driver for it
    elif place.path("/sys/class/tpm").is_dir():
        found.fact("tpm", present=False)


def _disk_encryption(place: Place, found: Found) -> None:
    mount = root_mount(kernel_files.text(place.path("/proc/self/mountinfo")) or "")
    if mount is None:
        return
    name = _block_name(place, *mount)
    if name is None:
        return  # overlay, ZFS, network: this says nothing about encryption
    layers = _layers(place, name)
    encrypted = bool(layers) and None not in layers
    by = next((layer for layer in layers if layer), None)
    found.state("disk_encrypted_state", encrypted, "/", "/")
    found.fact("disk_encryption /", encrypted=encrypted, by=by if encrypted else None)


def _block_name(place: Place, number: str, kind: str, source: str) -> str | None:
    """The block device below the root filesystem, as /sys/class/block calls it."""
    blocks = place.path("/sys/class/block")
    if kind == "zfs" or not source.startswith("/dev/"):
        return None
    if source.startswith("/dev/mapper/"):
        for node in sorted(blocks.glob("dm-*")):
            if kernel_files.text(node / "dm/name") == source.removeprefix("/dev/mapper/"):
                return node.name
    name = source.removeprefix("/dev/").replace("/", "!")
    if (blocks / name).exists():
        return name
    # /dev/root, or a name by UUID: by its number. btrfs has a number of its own, so the name goes first.
    return next(
        (node.name for node in sorted(blocks.glob("*")) if kernel_files.text(node / "dev") == number), None
    )


def _layers(place: Place, name: str, depth: int = 0) -> list[str | None]:
    """How each device at the bottom is reached: by which encryption, or None. Several disks under LVM or md
    must all be encrypted."""
    node = place.path("/sys/class/block") / name
    kind = encryption(kernel_files.text(node / "dm/uuid") or "")
    slaves = sorted(_names(node / "slaves"))
    if kind or not slaves or depth == _LAYERS:
        return [kind]
    return [layer for slave in slaves for layer in _layers(place, slave, depth + 1)]


def _names(directory: Path) -> list[str]:
    try:
        return [entry.name for entry in directory.iterdir()]
    except OSError:
        return []


def _firewall(place: Place, found: Found) -> None:
    wanted = [name for name in _SERVICES if _is_wanted(place, name)]
    rules = _rules(place, found)
    in_force = rules.filtering if rules else None
    if in_force is not True and (rules is None or _has_old_tables(place)):
        running = [_is_running(place, name) for name in wanted]
        in_force = True if True in running else False if running and None not in running else None
    if wanted:
        # Only where one is meant to run: a desktop without a firewall is a policy, not a fault.
        found.state("firewall_state", in_force, wanted[0], wanted[0])
    if wanted or rules is not None or place.path("/etc/systemd/system").is_dir():
        found.fact(
            "firewall",
            configured=" ".join(wanted) or "none",
            in_force=in_force,
            input_chains=rules.chains if rules else None,
        )


def _is_wanted(place: Place, name: str) -> bool:
    """Its unit is enabled; Debian enables ufw's on installing, so its own switch counts too."""
    if not any(place.path("/etc/systemd/system").glob(f"*.wants/{name}.service")):
        return False
    text = kernel_files.text(place.path("/etc/ufw/ufw.conf")) or ""
    return name != "ufw" or bool(
        re.search(r"^\s*ENABLED\s*=\s*[\"']?yes", text, re.MULTILINE | re.IGNORECASE)
    )


def _is_running(place: Place, name: str) -> bool | None:
    if commands.why_not(place, "systemctl") or not place.path("/run/systemd/system").is_dir():
        return None
    try:
        finished = commands.run("systemctl", "is-active", f"{name}.service", limit_seconds=_LIMIT_SECONDS)
    except TimeoutError:
        return None
    return finished.output.strip() == "active"


def _has_old_tables(place: Place) -> bool:
    """iptables of before nftables, which nft does not show."""
    return "filter" in (kernel_files.text(place.path("/proc/net/ip_tables_names")) or "").split()


def _rules(place: Place, found: Found) -> Ruleset | None:
    if commands.why_not(place, "nft"):
        return None
    try:
        finished = commands.run("nft", "-j", "list", "ruleset", limit_seconds=_LIMIT_SECONDS)
    except (Unavailable, TimeoutError) as error:
        found.remarks.append(f"firewall rules in force: {error}")
        return None
    if finished.status != 0:
        found.remarks.append("firewall rules in force: this user may not read them")
        return None
    return ruleset(finished.output)
