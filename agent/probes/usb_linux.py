"""Obtains what usb.py tells: devices from /sys/bus/usb, and from the journal what the kernel said of plugs."""

from datetime import datetime

from agent.probe import Place, Unavailable
from agent.probes import buses_linux, journal_linux, usb, usb_tree
from agent.probes.journal import Entry
from agent.probes.usb import Link

_DEVICES = "/sys/bus/usb/devices"
_MATCHES = ("_TRANSPORT=kernel", "_KERNEL_SUBSYSTEM=usb")
_ENTRIES_AT_MOST = 5_000  # three hours of a plug that comes and goes each few seconds
_USB_2 = 480.0


def links(place: Place) -> list[Link]:
    if not place.path(_DEVICES).is_dir():
        raise Unavailable("the kernel shows no USB bus")
    return [_link(place, device, kind) for device, kind in buses_linux.usb_devices(place)]


def messages(place: Place, since: datetime) -> list[Entry]:
    found = journal_linux.entries(place, since, _MATCHES, _ENTRIES_AT_MOST)
    if not found and not journal_linux.may_be_read(place):
        raise Unavailable("the journal is not kept, or this user may not read it")
    return found


def _link(place: Place, device: usb_tree.Device, kind: str | None) -> Link:
    capable = device.capable_mbps
    if device.is_hub and capable is not None and capable > _USB_2 >= (device.speed_mbps or 0):
        capable = _capable_half(place, device.socket, capable)
    return Link(
        socket=device.socket,
        name=usb.name_of(device.maker, device.product),
        id=f"{device.vendor_id}:{device.product_id}",
        kind=kind,
        speed=_bits(device.speed_mbps),
        capable=_bits(capable),
    )


def _capable_half(place: Place, socket: str, capable: float) -> float | None:
    """What a USB 3 hub's device on the USB 2 wires can: its other half is on the USB 3 wires of the same socket, or
    the whole hub fell back. None: the kernel does not say which ports are one socket."""
    peer = place.path(f"{_DEVICES}/{socket}/port/peer")
    if not peer.exists():
        return None
    return _USB_2 if (peer / "device").exists() else capable


def _bits(megabits: float | None) -> int | None:
    return round(megabits * 1_000_000) if megabits else None
