"""The inventory of a simulated device, section by section, with the facts the real probes give."""

import hashlib
import random
from functools import lru_cache
from typing import Final

from bench.machine import GB, LAPTOP, Machine
from bench.vitals import Vitals
from protos.report_pb2 import Item, Section

_WORDS: Final = (
    "base", "gtk", "perl", "python3", "systemd", "x11", "fonts", "gnome", "cups", "network", "crypto", "ssl",
    "image", "kernel", "libc", "media", "pulse", "qt5", "samba", "printer", "office", "mail", "browser", "java",
)  # fmt: skip
_SECURITY: Final = (
    ("libssl3t64", "3.0.13-0ubuntu3.5", "3.0.13-0ubuntu3.6"), ("firefox", "142.0", "144.0"),
    ("openssh-client", "1:9.6p1-3ubuntu13.13", "1:9.6p1-3ubuntu13.14"), ("libxml2", "2.9.14+dfsg-1.3", "2.9.14+dfsg-1.4"),
)  # fmt: skip

Rows = dict[str, dict[str, str]]


def sections(machine: Machine, vitals: Vitals, names: tuple[str, ...] = ()) -> list[Section]:
    """All sections of the device, or those named."""
    rows: dict[str, Rows] = {
        "system": _system(machine),
        "processors": {"socket0": {"model": machine.model.processor, "cores": str(machine.model.cores), "threads": str(2 * machine.model.cores)}},
        "memory_modules": _memory(machine),
        "network_cards": _network(machine),
        "operating_system": _operating_system(machine),
        "filesystems": _filesystems(machine),
        "reboot_reasons": _reboot(vitals),
        "updates": _updates(machine, vitals),
    }  # fmt: skip
    if machine.battery is not None:
        rows["batteries"] = _batteries(machine)
    if vitals.outcomes["disk_health"][1] == "":
        rows["disks"] = _disks(machine, vitals)
    built = [_section(name, content) for name, content in rows.items() if not names or name in names]
    if not names or "software" in names:
        built.append(_software(machine.system[1], machine.seed))
    return built


def announced(section: Section) -> Section:
    """The hash alone."""
    return Section(name=section.name, hash=section.hash, unchanged=True)


def _section(name: str, rows: Rows) -> Section:
    items = [Item(key=key, facts=facts) for key, facts in sorted(rows.items())]
    # Opaque to the collector: it only has to be the same for the same rows.
    text = repr([(key, sorted(facts.items())) for key, facts in sorted(rows.items())])
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return Section(name=name, hash=number, parts=1, items=items)


def _system(machine: Machine) -> Rows:
    model = machine.model
    return {
        "system": {
            "maker": model.maker, "model": model.name, "serial": machine.serial, "uuid": machine.uuid,
            "asset_tag": machine.asset_tag, "serial_is_placeholder": "false", "chassis_type": str(model.chassis),
            "device_class": "laptop" if model.device_class == LAPTOP else "desktop", "firmware_maker": model.maker,
            "firmware_version": f"1.{machine.number % 30}.0", "firmware_date": "03/14/2025",
            "memory_usable_bytes": str(machine.memory_bytes), "memory_installed_bytes": str(machine.memory_bytes),
            "memory_slots": "2", "memory_slots_free": str(2 - len(_memory_sizes(machine))),
        }
    }  # fmt: skip


def _memory_sizes(machine: Machine) -> list[int]:
    return [machine.memory_bytes] if machine.number % 3 == 0 else [machine.memory_bytes // 2] * 2


def _memory(machine: Machine) -> Rows:
    rows: Rows = {}
    sizes = _memory_sizes(machine)
    for slot in range(2):
        rows[f"DIMM{slot + 1}"] = {"filled": "false", "bank": f"BANK {slot}"}
        if slot < len(sizes):
            rows[f"DIMM{slot + 1}"] = {
                "filled": "true", "size_bytes": str(sizes[slot]), "type": "DDR4", "speed": "3200 MT/s",
                "maker": "Micron Technology", "part_number": "8ATF1G64AZ-3G2R1", "bank": f"BANK {slot}",
                "serial": hashlib.sha256(f"{machine.serial}{slot}".encode()).hexdigest()[:8].upper(),
                "form_factor": "SODIMM" if machine.device_class == LAPTOP else "DIMM",
            }  # fmt: skip
    return rows


def _network(machine: Machine) -> Rows:
    wifi = machine.mac.replace("48:4d:7e", "a4:bb:6d")
    rows: Rows = {
        machine.mac: {
            "name": "eno1", "mac": machine.mac, "wired": "true", "universally_administered": "true",
            "permanent": "true", "bus": "pci", "driver": "e1000e",
        }
    }  # fmt: skip
    if machine.device_class == LAPTOP:
        rows[wifi] = {"name": "wlp2s0", "mac": wifi, "wired": "false", "bus": "pci", "driver": "iwlwifi"}
    return rows


def _operating_system(machine: Machine) -> Rows:
    name, version, codename, kernel, _ = machine.system
    return {
        "operating_system": {
            "family": "linux", "name": name, "id": name.split()[0].lower(), "version": version,
            "codename": codename, "kernel": kernel, "architecture": "x86_64",
        }
    }  # fmt: skip


def _filesystems(machine: Machine) -> Rows:
    return {
        volume.uuid: {
            "mount_point": volume.mount_point, "type": "ext4", "device": f"{machine.disk.device}p{n}",
            "size_bytes": str(volume.size_bytes), "uuid": volume.uuid,
        }
        for n, volume in enumerate(machine.volumes, 1)
    }  # fmt: skip


def _disks(machine: Machine, vitals: Vitals) -> Rows:
    disk = machine.disk
    reason = vitals.facts.get("unreadable", "")
    facts = {
        "device": disk.device, "device_type": "nvme" if disk.kind == "nvme" else "sat", "kind": "disk",
        "model": disk.model, "serial": disk.serial, "capacity_bytes": str(disk.size_bytes),
        "protocol": "NVMe" if disk.kind == "nvme" else "ATA", "readable": "false" if reason else "true",
    }  # fmt: skip
    if disk.kind == "hdd":
        facts["rotation_rate"] = "7200"
    if reason:
        facts["unreadable_reason"] = reason
    return {disk.serial: facts}


def _batteries(machine: Machine) -> Rows:
    battery = machine.battery
    if battery is None:
        return {}
    full = 58.0 * battery.health_ratio
    return {
        battery.serial: {
            "name": "BAT0", "maker": "SMP", "model": "DELL 1V1XF", "serial": battery.serial, "chemistry": "Li-poly",
            "design_capacity_wh": "58.0", "full_capacity_wh": f"{full:.1f}",
        }
    }  # fmt: skip


def _reboot(vitals: Vitals) -> Rows:
    packages = vitals.facts.get("reboot", "")
    return {"reboot_required_file": {"packages": packages}} if packages else {}


def _updates(machine: Machine, vitals: Vitals) -> Rows:
    rows: Rows = {}
    if "updates" in vitals.facts:
        for name, installed, candidate in _SECURITY:
            rows[name] = {
                "installed": installed, "candidate": candidate, "security": "true", "held": "false",
                "kept_back": "false", "origin": f"Ubuntu:{machine.system[1]}/{machine.system[2]}-security",
            }  # fmt: skip
    for number in range(int(vitals.values.get(("updates_other_count", ""), 0))):
        rows[f"lib{_WORDS[number]}-common"] = {
            "installed": "1.2.3-4", "candidate": "1.2.3-5", "security": "false", "held": "false", "kept_back": "false",
        }  # fmt: skip
    return rows


@lru_cache(maxsize=16)
def _software(version: str, seed: int) -> Section:
    """About 300 packages; devices with the same system have the same ones, as from one image."""
    chance = random.Random(f"software/{seed}/{version}")
    rows: Rows = {}
    for number in range(300):
        name = f"lib{chance.choice(_WORDS)}-{chance.choice(_WORDS)}{number % 10}"
        rows[name] = {
            "name": name, "version": f"{chance.randrange(9)}.{chance.randrange(40)}.{chance.randrange(9)}-{chance.randrange(1, 9)}",
            "architecture": "amd64", "installed_bytes": str(chance.randrange(20_000, GB // 100)), "section": "libs",
        }  # fmt: skip
    return _section("software", rows)
