"""The USB tree: what is plugged in where, how fast it talks, and what comes and goes.

Source: Linux /sys/bus/usb/devices, and of the last hours the journal (journalctl); Windows the device tree of Plug and Play (CfgMgr32).
Rights: none; the journal needs root, or the groups adm and systemd-journal.
Cost: Linux 15 ms with twenty devices, half of it journalctl; Windows one list of the device tree, without WMI.
Unavailable: the kernel shows no USB bus; Windows: the device tree does not answer.

A device is known by its socket: `1-1.5.1` is bus 1, port 1 of the controller, port 5 of the hub there, port 1 of the
next. Every section of A/V parts names sockets so, of the device and not of its interfaces. On Windows the location
path gives the same form, with the controller's place on the PCI bus for the number of the bus: `1400-1.5.1`.

Of a device made for USB 3 that talks USB 2 (a bad cable, an extender) `usb_speed_ratio` is below 1. What it is
made for stands in its BOS descriptor only, which Linux shows since 6.9: at USB 2 rates it says version 2.10, and so
does many a headset and keyboard that knows no USB 3. Without the descriptor nothing is said. A USB 3 hub is two
devices, and its USB 2 half names USB 3 in its descriptor although it will never talk it: that half is left out. In
USB 3 the same socket of the computer is on another bus: a device that fell back has moved from `2-1` to `1-1`.

`usb_reconnections_hour_count` counts in the journal how often a device left a socket and one came back there, since
the agent keeps nothing between two looks. What it cannot see: a journal that is not kept or may not be read, resets
without a new number, a device that returned on another bus. After the device slept it counts ports that lost power.
Windows tells neither speeds nor returns without opening the hubs: both are absent.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.probes.journal import Entry

_HOUR: Final = timedelta(hours=1)
# A socket keeps its reading for two hours more, at 0: a finding ends with a number and not with silence.
_LOOK_BACK: Final = timedelta(hours=3)
_USB_2: Final = 480_000_000
_MOVED: Final = re.compile(
    r"usb (\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,6}): "
    r"(?:(USB disconnect), device number \d|new [\w -]{3,40} USB device number \d{1,3} using )",
    re.ASCII,
)
_STEP: Final = re.compile(r"([A-Z]{1,16})\((\w{0,32})\)", re.ASCII)
_MOST_PORTS: Final = 7  # tiers of USB


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A device and its line to the hub above it."""

    socket: str
    name: str | None
    id: str  # maker and model: `046d:085e`
    kind: str | None
    speed: int | None = None  # bits a second
    capable: int | None = None  # what it is made for, where it says so


def read(place: Place) -> Taken:
    if place.is_windows:
        from agent.probes import usb_windows

        links, remark = usb_windows.links(place)
        return taken_of(links, {}, remark)
    from agent.probes import usb_linux

    now = datetime.now(UTC)
    links, remark = usb_linux.links(place), ""
    returns: dict[str, int] = {}
    try:
        returns = reconnections(usb_linux.messages(place, now - _LOOK_BACK), now)
    except (Unavailable, TimeoutError, RuntimeError) as error:  # the tree itself is known
        remark = f"what left and came back: {error}"
    return taken_of(links, returns, remark)


def taken_of(links: Iterable[Link], returns: Mapping[str, int], remark: str) -> Taken:
    by_socket = {link.socket: link for link in links}
    taken = Taken(reason=remark)
    for socket, link in sorted(by_socket.items()):
        if link.speed and link.capable and link.capable > _USB_2:
            ratio = min(1.0, link.speed / link.capable)
            taken.readings.append(reading("usb_speed_ratio", ratio, socket, link.name or link.id))
    for socket, count in sorted(returns.items()):
        here = by_socket.get(socket)
        label = (here.name or here.id) if here else ""
        taken.readings.append(reading("usb_reconnections_hour_count", count, socket, label))
    taken.sections["usb_links"] = [
        item(
            socket,
            name=link.name,
            id=link.id,
            kind=link.kind,
            parent=hub_of(socket),
            speed_bits_per_second=link.speed,
            capable_bits_per_second=link.capable,
        )
        for socket, link in sorted(by_socket.items())
    ]
    return taken


def reconnections(entries: Iterable[Entry], now: datetime) -> dict[str, int]:
    """By socket, how often something came back to it in the last hour; of sockets where that happened since `entries`
    begin. They are oldest first. What a start of the system finds was never gone."""
    found: dict[str, int] = {}
    left: set[str] = set()
    boot = ""
    for entry in entries:
        said = _MOVED.match(entry.message)
        if said is None:
            continue
        if entry.boot != boot:
            left.clear()
            boot = entry.boot
        socket = said[1]
        if said[2]:
            left.add(socket)
        elif socket in left:
            left.remove(socket)
            found[socket] = found.get(socket, 0) + (entry.at >= now - _HOUR)
    return found


def name_of(maker: str | None, product: str | None) -> str | None:
    """Both, where the product does not begin with its maker."""
    if maker and product and not product.lower().startswith(maker.lower()):
        return f"{maker} {product}"
    return product or maker


def socket_of_location(paths: str) -> str | None:
    r"""The socket a Windows location path means, also of an interface; None: it is not on USB.

    `paths` are a device's location paths, one a line, or parted by `;` or NUL: the first that comes by a USBROOT counts.
    The others tell the same by ACPI's names. `PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#USB(5)#USBMI(0)` is `1400-1.5`, the
    controller's own hub `usb1400`.
    """
    for path in re.split(r"[\n\r;\0]+", paths):
        if socket := _socket(path.strip()):
            return socket
    return None


def _socket(path: str) -> str | None:
    controller: list[str] = []
    ports: list[str] = []
    on_usb = False
    for step in path.split("#"):
        found = _STEP.fullmatch(step)
        if found is None:
            return None
        bus, place = found[1], found[2].lower()
        if bus == "USBMI":
            break  # an interface, and what hangs on it
        if on_usb:
            if bus != "USB" or not place:
                return None
            ports.append(place)
        elif bus == "USBROOT":
            on_usb = True
            controller += [] if place == "0" else [f"r{place}"]
        elif place.strip("_") not in ("", "sb") and step != "PCIROOT(0)":  # what every path begins with
            controller.append(place.strip("_"))
    if not on_usb or not controller or len(ports) > _MOST_PORTS:
        return None
    name = "_".join(controller)
    return f"{name}-{'.'.join(ports)}" if ports else f"usb{name}"


def hub_of(socket: str) -> str | None:
    """The socket of the hub a socket belongs to, in either form; None for a root hub."""
    bus, dash, ports = socket.partition("-")
    if not dash:
        return None
    above, dot, _ = ports.rpartition(".")
    return f"{bus}-{above}" if dot else f"usb{bus}"
