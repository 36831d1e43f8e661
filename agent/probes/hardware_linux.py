"""Obtains what hardware.py reads: network cards from /sys/class/net, memory slots from the firmware's table."""

import re
from dataclasses import dataclass
from pathlib import Path

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import buses_linux, dmi, kernel_files, smbios

_LIMIT_SECONDS = 15.0
_TABLE = "/sys/firmware/dmi/tables/DMI"
_ETHERNET = 1  # ARPHRD_ETHER; Wi-Fi has it as well
_PERMANENT = 0  # NET_ADDR_PERM: burnt in; 1 is random, 3 was set by somebody


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkCard:
    name: str
    mac: str | None
    wired: bool | None
    universal: bool  # the maker's address, not one somebody or something made up
    permanent: bool
    bus: str | None
    driver: str | None
    speed: int | None = None  # bits a second, of a cable that is plugged in


def network_cards(place: Place) -> list[NetworkCard]:
    """Cards with a device behind them; bridges, tunnels and virtual pairs have none."""
    return [
        _card(node)
        for node in sorted(place.path("/sys/class/net").glob("*"))
        if (node / "device").exists() and kernel_files.number(node / "type") == _ETHERNET
    ]


def _card(node: Path) -> NetworkCard:
    # In a bond every member wears the first one's address; its own is kept here.
    own = kernel_files.text(node / "bonding_slave/perm_hwaddr")
    mac = (own or kernel_files.text(node / "address") or "").lower()
    valid = re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", mac) and mac != "00:00:00:00:00:00"
    # Radios change theirs by the second; a card without a cable says -1 or refuses.
    radio = (node / "wireless").exists() or (node / "phy80211").exists()
    speed = kernel_files.number(node / "speed")
    return NetworkCard(
        name=node.name,
        mac=mac if valid else None,
        wired=not radio,
        universal=bool(valid) and not int(mac[:2], 16) & 0b10,
        permanent=own is not None or kernel_files.number(node / "addr_assign_type") in (None, _PERMANENT),
        bus=_bus(node / "device"),
        driver=buses_linux.link_name(node / "device/driver"),
        speed=speed * 1_000_000 if not radio and speed is not None and speed > 0 else None,
    )


def _bus(device: Path) -> str | None:
    """`usb` also for a card inside a dock whose own bus is PCI behind nothing but USB."""
    if "/usb" in str(device.resolve()):
        return "usb"
    return buses_linux.link_name(device / "subsystem")


def memory_slots(place: Place) -> list[dmi.Slot]:
    """From the firmware's table; where the kernel does not show it, from what dmidecode says."""
    table = place.path(_TABLE)
    try:
        return _some(smbios.memory_slots(table.read_bytes()))
    except FileNotFoundError:
        return _some(dmi.memory_slots(dmi.parse(_dmidecode(place))))
    except OSError as error:
        raise Unavailable(f"the firmware's table may not be read: {error.strerror}") from error


def _some(slots: list[dmi.Slot]) -> list[dmi.Slot]:
    if not slots:
        raise Unavailable("the firmware tells of no memory slots")
    return slots


def _dmidecode(place: Place) -> str:
    if reason := commands.why_not(place, "dmidecode"):
        raise Unavailable(
            reason if commands.find("dmidecode") else "the kernel shows no table of the firmware"
        )
    finished = commands.run("dmidecode", "-t", "17", limit_seconds=_LIMIT_SECONDS)
    if "Memory Device" not in finished.output:
        # It ends with 0 or 1, with a word on either stream, depending on its version.
        words = (finished.errors or finished.output).strip().splitlines()
        raise Unavailable(words[-1][:200] if words else "dmidecode printed nothing")
    return finished.output
