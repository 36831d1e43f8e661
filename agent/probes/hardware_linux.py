"""Obtains what hardware.py reads: network cards from /sys/class/net, memory modules from dmidecode."""

import re
from dataclasses import dataclass
from pathlib import Path

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import kernel_files

_LIMIT_SECONDS = 15.0
_ETHERNET = 1  # ARPHRD_ETHER; Wi-Fi has it as well
_PERMANENT = 0  # NET_ADDR_PERM: burnt in; 1 is random, 3 was set by somebody


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkCard:
    name: str
    mac: str | None
    wired: bool
    universal: bool  # the maker's address, not one somebody or something made up
    permanent: bool
    bus: str | None
    driver: str | None


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
    return NetworkCard(
        name=node.name,
        mac=mac if valid else None,
        wired=not ((node / "wireless").exists() or (node / "phy80211").exists()),
        universal=bool(valid) and not int(mac[:2], 16) & 0b10,
        permanent=own is not None or kernel_files.number(node / "addr_assign_type") in (None, _PERMANENT),
        bus=_bus(node / "device"),
        driver=_link_name(node / "device/driver"),
    )


def _bus(device: Path) -> str | None:
    """`usb` also for a card inside a dock whose own bus is PCI behind nothing but USB."""
    if "/usb" in str(device.resolve()):
        return "usb"
    return _link_name(device / "subsystem")


def _link_name(link: Path) -> str | None:
    try:
        return link.readlink().name
    except OSError:
        return None


def dmidecode(place: Place) -> str:
    """The memory modules' part of the firmware's table."""
    if not place.is_live:
        raise Unavailable("a captured tree is read: dmidecode would tell of another machine")
    finished = commands.run("dmidecode", "-t", "17", limit_seconds=_LIMIT_SECONDS)
    if "Memory Device" not in finished.output:
        # It ends with 0 or 1, with a word on either stream, depending on its version.
        words = (finished.errors or finished.output).strip().splitlines()
        raise Unavailable(words[-1][:200] if words else "dmidecode printed nothing")
    return finished.output
