"""The machine itself: maker, model, serials, processors, memory modules, network cards.

Source: /sys/class/dmi/id (device tree where there is none), /proc/cpuinfo, /proc/meminfo, `dmidecode -t 17`, /sys/class/net.
Rights: serials and memory modules need root; the rest needs none.
Cost: 20 ms.
Unavailable: never whole; what cannot be read is left out. A serial its maker never filled in is given and named as a placeholder.
"""

import hashlib
import platform
import re
from typing import Any

from agent.header import version
from agent.probe import Pace, Place, Probe, Taken, Unavailable, item
from agent.probes import dmi, hardware_linux, kernel_files
from agent.probes.hardware_linux import NetworkCard
from agent.probes.memory import parse_meminfo
from protos.enrolment_pb2 import Machine
from protos.placeholders import is_placeholder
from protos.report_pb2 import Item

# fact, and the file under /sys/class/dmi/id
_IDENTITY = (
    ("maker", "sys_vendor"),
    ("model", "product_name"),
    ("version", "product_version"),
    ("sku", "product_sku"),
    ("serial", "product_serial"),
    ("uuid", "product_uuid"),
    ("asset_tag", "chassis_asset_tag"),
    ("board_maker", "board_vendor"),
    ("board_model", "board_name"),
    ("board_serial", "board_serial"),
    ("firmware_maker", "bios_vendor"),
    ("firmware_version", "bios_version"),
    ("firmware_date", "bios_date"),
)


def read(place: Place) -> Taken:
    taken = Taken()
    slots: list[dmi.Slot] = []
    try:
        slots = dmi.memory_slots(dmi.parse(hardware_linux.dmidecode(place)))
    except (Unavailable, TimeoutError, RuntimeError) as error:
        taken.reason = f"memory modules: {error}"
    taken.sections["system"] = [item("system", **system(place, slots))]
    taken.sections["processors"] = processors(kernel_files.text(place.path("/proc/cpuinfo")) or "")
    taken.sections["memory_modules"] = memory_modules(slots)
    taken.sections["network_cards"] = [_card(card) for card in hardware_linux.network_cards(place)]
    if not slots:
        del taken.sections["memory_modules"]  # not known is not "none"
    return taken


def system(place: Place, slots: list[dmi.Slot]) -> dict[str, object]:
    """The facts of the section `system`."""
    identity = _identity(place)
    serial = identity.get("serial")
    chassis = kernel_files.number(place.path("/sys/class/dmi/id/chassis_type"))
    memory = parse_meminfo(kernel_files.text(place.path("/proc/meminfo")) or "")
    filled = [slot.size_bytes for slot in slots if slot.size_bytes]
    return {
        **identity,
        "serial_is_placeholder": is_placeholder(serial) if serial else None,
        "chassis_type": chassis,
        "device_class": _device_class(place, chassis, identity),
        "memory_usable_bytes": memory.get("MemTotal"),
        "memory_installed_bytes": sum(filled) or None,
        "memory_slots": len(slots) or None,
        "memory_slots_free": len(slots) - len(filled) if slots else None,
    }


def _identity(place: Place) -> dict[str, str]:
    facts = {
        fact: text
        for fact, file in _IDENTITY
        if (text := kernel_files.text(place.path(f"/sys/class/dmi/id/{file}"))) is not None
    }
    if not facts:  # ARM boards describe themselves in the device tree, with a NUL at the end
        for fact, file in (("model", "model"), ("serial", "serial-number")):
            text = (kernel_files.text(place.path(f"/proc/device-tree/{file}")) or "").strip("\0")
            if text:
                facts[fact] = text
    return facts


def _device_class(place: Place, chassis: int | None, identity: dict[str, str]) -> str | None:
    known = dmi.device_class(chassis, identity.get("maker", ""), identity.get("model", ""))
    if known is None and not identity:
        # Small hypervisors give no firmware tables at all; the processor still tells.
        flags = re.search(
            r"^flags\s*:(.*)$", kernel_files.text(place.path("/proc/cpuinfo")) or "", re.MULTILINE
        )
        return "virtual" if flags and "hypervisor" in flags[1].split() else None
    return known


def processors(cpuinfo: str) -> list[Item]:
    """One item a socket: model, cores, threads."""
    sockets: dict[str, dict[str, Any]] = {}
    for block in re.split(r"\n\s*\n", cpuinfo):
        fields = {
            name.strip(): value.strip()
            for name, _, value in (line.partition(":") for line in block.splitlines())
        }
        if "processor" not in fields:
            continue
        socket = sockets.setdefault(fields.get("physical id", "0"), {"cores": set(), "threads": 0})
        socket["threads"] += 1
        socket["cores"].add(fields.get("core id", str(socket["threads"])))
        if model := fields.get("model name"):
            socket["model"] = model
    return [
        item(f"socket{name}", model=facts.get("model"), cores=len(facts["cores"]), threads=facts["threads"])
        for name, facts in sorted(sockets.items())
    ]


def memory_modules(slots: list[dmi.Slot]) -> list[Item]:
    """One item a slot, empty ones too: what can be added is as good to know as what is there."""
    items: dict[str, Item] = {}
    for slot in slots:
        key = slot.locator if slot.locator not in items else f"{slot.bank or ''} {slot.locator}".strip()
        if key in items:
            key = f"{key} #{len(items)}"
        items[key] = item(
            key,
            filled=slot.size_bytes is not None,
            size_bytes=slot.size_bytes,
            type=slot.type,
            form_factor=slot.form_factor,
            speed=slot.speed,
            maker=slot.maker,
            part_number=slot.part_number,
            serial=slot.serial,
            bank=slot.bank,
        )
    return list(items.values())


def _card(card: NetworkCard) -> Item:
    return item(
        card.mac or card.name,
        name=card.name,
        mac=card.mac,
        wired=card.wired,
        universally_administered=card.universal,
        permanent=card.permanent,
        bus=card.bus,
        driver=card.driver,
    )


def wired_macs(place: Place) -> list[str]:
    """Addresses that stay with the machine: not of radios, docks, virtual cards, nor invented ones."""
    cards = hardware_linux.network_cards(place)
    return sorted(
        {
            card.mac
            for card in cards
            if card.mac and card.wired and card.universal and card.permanent and card.bus != "usb"
        }
    )


def machine(place: Place) -> Machine:
    """Who this machine seems to be, for enrolment."""
    identity = _identity(place)
    return Machine(
        host_name=_host_name(place),
        os_family="linux",
        system_serial=identity.get("serial", ""),
        smbios_uuid=identity.get("uuid", "").lower(),
        asset_tag=identity.get("asset_tag", ""),
        wired_macs=wired_macs(place),
        maker=identity.get("maker", ""),
        model=identity.get("model", ""),
        agent_version=version(),
    )


def _host_name(place: Place) -> str:
    if place.is_live:
        return platform.node()
    names = map(kernel_files.text, map(place.path, ("/proc/sys/kernel/hostname", "/etc/hostname")))
    return next(filter(None, names), "")


def machine_hash(place: Place) -> int:
    """64 bits that stay the same on this machine and differ on a copy of its disk.

    Addresses count only where the board has no identity of its own: a card that is late at boot or
    switched off in the firmware would make a second machine of this one.
    """
    identity = _identity(place)
    board = [
        text.lower() for name in ("serial", "uuid") if not is_placeholder(text := identity.get(name, ""))
    ]
    machine_id = kernel_files.text(place.path("/etc/machine-id")) or ""
    parts = [*(board or wired_macs(place)), machine_id]
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")


PROBE = Probe(name="hardware", read=read, pace=Pace.INVENTORY, limit_seconds=30, child=True)
