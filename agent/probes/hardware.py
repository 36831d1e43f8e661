"""The machine itself: maker, model, serials, processors, memory modules, network cards.

Source: Linux /sys/class/dmi/id (device tree where there is none), /proc/cpuinfo, /proc/meminfo, the firmware's table /sys/firmware/dmi/tables/DMI (`dmidecode -t 17` on kernels that do not show it), /sys/class/net, /sys/bus/pci, /sys/bus/usb; Windows WMI's Win32_ComputerSystem, ComputerSystemProduct, BIOS, BaseBoard, SystemEnclosure, Processor, PhysicalMemory and PhysicalMemoryArray (where the firmware's own table has no slots), NetworkAdapter (with MSFT_NetAdapter), VideoController and PnPEntity.
Rights: on Linux serials and memory modules need root; the rest needs none, nor does Windows.
Cost: Linux 20 ms; Windows 1 to 3 s in a process of its own, most of it listing devices.
Unavailable: on Linux never whole, on Windows when WMI answers nothing at all; what cannot be read is left out. A serial its maker never filled in is given and named as a placeholder. Free memory slots are told only where the firmware tells how many there are.
"""

import hashlib
import platform
import re
from typing import Any

from agent.header import version
from agent.probe import Place, Taken, Unavailable, item
from agent.probes import buses_linux, device_problems, dmi, hardware_linux, hardware_windows, kernel_files
from agent.probes.hardware_linux import NetworkCard
from agent.probes.memory import parse_meminfo
from agent.windows import rows
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
    if place.is_windows:
        return _read_windows(place)
    taken = Taken()
    slots: list[dmi.Slot] = []
    try:
        slots = hardware_linux.memory_slots(place)
    except (Unavailable, TimeoutError, RuntimeError) as error:
        taken.reason = f"memory modules: {error}"
    taken.sections["system"] = [item("system", **system(place, slots))]
    taken.sections["processors"] = processors(kernel_files.text(place.path("/proc/cpuinfo")) or "")
    taken.sections["memory_modules"] = memory_modules(slots)
    taken.sections["network_cards"] = [_card(card) for card in hardware_linux.network_cards(place)]
    if not slots:
        del taken.sections["memory_modules"]  # not known is not "none"
    taken.sections.update(buses_linux.sections(place))
    return taken


def _read_windows(place: Place) -> Taken:
    found, lost = hardware_windows.tables(
        place,
        *hardware_windows.IDENTITY_CLASSES,
        "Win32_Processor",
        "Win32_PhysicalMemory",
        "Win32_PhysicalMemoryArray",
        "Win32_VideoController",
        "Win32_PnPEntity",
    )
    if not found:
        raise Unavailable(lost[0])
    taken = device_problems.problems(found.get("Win32_PnPEntity", [])) or Taken()
    slots, slot_count = hardware_windows.slots(place, found)
    identity = hardware_windows.identity(found)
    memory = rows.whole(hardware_windows.first(found.get("Win32_ComputerSystem", [])), "totalphysicalmemory")
    taken.sections["system"] = [
        item(
            "system",
            **_system(
                identity,
                chassis=hardware_windows.chassis_type(found),
                device_class=hardware_windows.device_class(found, identity),
                usable=memory,
                slots=slots,
                slot_count=slot_count,
            ),
        )
    ]
    taken.sections["processors"] = [
        item(
            f"socket{number}",
            model=rows.text(row, "name"),
            cores=rows.whole(row, "numberofcores"),
            threads=rows.whole(row, "numberoflogicalprocessors"),
        )
        for number, row in enumerate(found.get("Win32_Processor", []))
    ]
    taken.sections["memory_modules"] = memory_modules(slots)
    taken.sections["graphics_cards"] = device_problems.graphics_cards(found.get("Win32_VideoController", []))
    try:
        taken.sections["network_cards"] = [_card(card) for card in hardware_windows.network_cards(place)]
    except Unavailable as error:
        lost.append(f"network cards: {error}")
    for section in ("processors", "memory_modules", "graphics_cards"):
        if not taken.sections[section]:
            del taken.sections[section]  # every computer has them: none told is not known
    taken.reason = "; ".join(lost)
    return taken


def system(place: Place, slots: list[dmi.Slot]) -> dict[str, object]:
    """The facts of the section `system`, on Linux."""
    identity = _identity(place)
    chassis = kernel_files.number(place.path("/sys/class/dmi/id/chassis_type"))
    memory = parse_meminfo(kernel_files.text(place.path("/proc/meminfo")) or "")
    return _system(
        identity,
        chassis=chassis,
        device_class=_device_class(place, chassis, identity),
        usable=memory.get("MemTotal"),
        slots=slots,
        slot_count=len(slots) or None,
    )


def _system(
    identity: dict[str, str],
    *,
    chassis: int | None,
    device_class: str | None,
    usable: int | None,
    slots: list[dmi.Slot],
    slot_count: int | None,
) -> dict[str, object]:
    serial = identity.get("serial")
    filled = [slot.size_bytes for slot in slots if slot.size_bytes]
    return {
        **identity,
        "serial_is_placeholder": is_placeholder(serial) if serial else None,
        "chassis_type": chassis,
        "device_class": device_class,
        "memory_usable_bytes": usable,
        "memory_installed_bytes": sum(filled) or None,
        "memory_slots": slot_count,
        "memory_slots_free": slot_count - len(filled) if slot_count is not None else None,
    }


def _identity(place: Place) -> dict[str, str]:
    if place.is_windows:
        return hardware_windows.identity(
            hardware_windows.tables(place, *hardware_windows.IDENTITY_CLASSES)[0]
        )
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
        speed_bits_per_second=card.speed,
    )


def wired_macs(place: Place) -> list[str]:
    """Addresses that stay with the machine: not of radios, docks, virtual cards, nor invented ones."""
    if place.is_windows:
        cards = hardware_windows.network_cards(place)
    else:
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
        os_family="windows" if place.is_windows else "linux",
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
    if place.is_windows:
        return hardware_windows.host_name(place)
    names = map(kernel_files.text, map(place.path, ("/proc/sys/kernel/hostname", "/etc/hostname")))
    return next(filter(None, names), "")


def machine_hash(place: Place) -> int:
    """64 bits that stay the same on this machine and differ on a copy of its disk.

    Addresses count only where the board has no identity of its own: a card that is late at boot or
    switched off in the firmware would make a second machine of this one.
    """
    if place.is_windows:
        told = hardware_windows.board(place)
        if told is None:
            return 0  # not known
        machine_id = hardware_windows.machine_id(place)
    else:
        identity = _identity(place)
        told = [identity.get(name, "") for name in ("serial", "uuid")]
        machine_id = kernel_files.text(place.path("/etc/machine-id")) or ""
    board = [text.lower() for text in told if not is_placeholder(text)]
    parts = [*(board or wired_macs(place)), machine_id]
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")
