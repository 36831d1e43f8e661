"""The USB tree as the kernel and lsusb write it down: sockets, descriptors, rates. Pure: text and bytes in, facts out.

Source: the attributes below `/sys/bus/usb/devices/1-1.5.1/`, where the name is the path of sockets from the
controller; `lsusb` and `lsusb -t` where only their text is at hand. Rates are megabits a second.

Traps this reader knows: `version` is not what a device can but what it says at the rate it got: a USB 3 device
that fell back to a USB 2 cable says 2.10 or 2.00, so only its BOS descriptor tells; serials are missing or the
same in all of a model; `devnum` grows with each re-enumeration, the name of the socket stays.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.probes.own_words import own_words

_SOCKET = re.compile(r"\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,6}|usb\d{1,3}", re.ASCII)
_LSUSB = re.compile(
    r"^Bus (\d{3}) Device (\d{3}): ID ([0-9a-f]{4}):([0-9a-f]{4})(?: (.*))?$", re.ASCII | re.IGNORECASE
)
_TREE_LINE = re.compile(
    r"^(?P<indent> *)(?:/: +Bus (?P<bus>\d+)\.|\|__ )Port (?P<port>\d+): Dev (?P<device>\d+)"
    r"(?:, If (?P<interface>\d+))?, Class=(?P<kind>[^,]*), Driver=(?P<driver>[^,]*), (?P<speed>[\d.]+)M(?:/x\d)?$",
    re.ASCII,
)
_SUPER_SPEED, _SUPER_SPEED_PLUS = 3, 10  # kinds of device capability in a BOS descriptor
_FIVE_GIGABITS: Final = 1 << 3  # of wSpeedsSupported
_FASTEST: Final = {1: 12.0, 2: 480.0, 3: 5000.0}  # by the major number of the version
# By the class of its interfaces, what it is bought for first: a camera brings a microphone, a headset buttons.
KINDS: Final = {
    "09": "hub",
    "0e": "video",  # a camera, or a grabber that passes for one
    "10": "audio and video",
    "08": "storage",
    "07": "printer",
    "0b": "smart card",
    "01": "audio",
    "02": "communications",
    "e0": "wireless",
    "03": "input",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    socket: str  # `1-1.5.1`, root hubs `usb1`: print it on the ticket
    vendor_id: str  # four hexadecimal digits
    product_id: str
    maker: str | None
    product: str | None
    serial: str | None
    firmware: str | None  # bcdDevice, `1.23`
    speed_mbps: float | None
    capable_mbps: float | None  # None: cannot be known from what the kernel shows
    number: int | None  # grows with each enumeration
    is_hub: bool
    power_milliamperes: int | None

    @property
    def is_slow(self) -> bool | None:
        """Talks slower than it could: cable, extender, port. None: not known."""
        if self.speed_mbps is None or self.capable_mbps is None:
            return None
        return self.speed_mbps < self.capable_mbps


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A line of `lsusb`."""

    bus: str
    device: str
    vendor_id: str
    product_id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A line of `lsusb -t`: one interface of a device, a root hub once."""

    bus: int
    socket: str
    device: int
    interface: int | None
    kind: str
    driver: str | None
    speed_mbps: float


def kind_of(classes: Iterable[str]) -> str | None:
    """What a device is by the classes of its interfaces; None: its maker's own, or one not listed."""
    found = {each.strip().lower() for each in classes}
    return next((word for number, word in KINDS.items() if number in found), None)


def parse_device(name: str, attributes: Mapping[str, str], bos: bytes | None = None) -> Device:
    """One folder of /sys/bus/usb/devices: its name, its attribute files, `bos_descriptors` where the kernel has it.

    Raises ValueError naming the folder and the attribute.
    """
    if not _SOCKET.fullmatch(name):
        raise ValueError(f"usb: {name[:40]!r} is no place on the bus")
    speed = _decimal(attributes.get("speed", ""))
    return Device(
        socket=name,
        vendor_id=_hexadecimal(name, attributes, "idVendor"),
        product_id=_hexadecimal(name, attributes, "idProduct"),
        maker=own_words(attributes.get("manufacturer")),
        product=own_words(attributes.get("product")),
        serial=own_words(attributes.get("serial")),
        firmware=_version(attributes.get("bcdDevice", "")),
        speed_mbps=speed,
        capable_mbps=_capable(attributes.get("version", ""), speed, bos),
        number=_whole(attributes.get("devnum", "")),
        is_hub=attributes.get("bDeviceClass", "").strip() == "09",
        power_milliamperes=_whole(attributes.get("bMaxPower", "").strip().removesuffix("mA")),
    )


def _capable(version: str, speed: float | None, bos: bytes | None) -> float | None:
    if bos is not None:
        try:
            fastest = parse_bos(bos)
        except ValueError:
            return None
        return max(filter(None, (fastest, 480.0, speed)))
    number = _decimal(version)
    if number is None:
        return None
    if number >= 3:
        return max(filter(None, (_FASTEST.get(int(number)), speed)))
    # From 2.01 on a device has a BOS descriptor: it may know USB 3 and have fallen back. And 2.00 at less than
    # 480 is a keyboard as often as a camera on a bad cable.
    return None if number > 2 or (number == 2 and speed != 480) else speed


def parse_bos(data: bytes) -> float | None:
    """The fastest rate a BOS descriptor promises in Mb/s; None: it knows no USB 3.

    Raises ValueError naming the byte.
    """
    if len(data) < 5 or data[1] != 0x0F:
        raise ValueError("BOS: byte 0: no such descriptor")
    fastest: float | None = None
    at = data[0]
    end = min(len(data), int.from_bytes(data[2:4], "little"))
    while at < end:
        length = data[at]
        if length < 3 or at + length > end:
            raise ValueError(f"BOS: byte {at}: a capability of {length} bytes")
        row = data[at : at + length]
        if row[1] == 0x10 and row[2] == _SUPER_SPEED and length >= 6 and row[4] & _FIVE_GIGABITS:
            fastest = max(fastest or 0, 5000.0)
        elif row[1] == 0x10 and row[2] == _SUPER_SPEED_PLUS:
            fastest = max(fastest or 0, _sublinks(row), 10_000.0)
        at += length
    return fastest


def _sublinks(row: bytes) -> float:
    """The fastest lane; the exponent is in bits 4 and 5 (3: Gb/s), the mantissa in the upper half."""
    rates = [0.0]
    for at in range(12, len(row) - 3, 4):
        word = int.from_bytes(row[at : at + 4], "little")
        rates.append((word >> 16) * 1000.0 ** (word >> 4 & 3) / 1e6)
    return min(max(rates), 80_000.0)


def parse_lsusb(text: str) -> list[Listed]:
    """`lsusb` and `lsusb -v`; the descriptors of the long form are passed over."""
    listed = [
        Listed(
            bus=found[1],
            device=found[2],
            vendor_id=found[3].lower(),
            product_id=found[4].lower(),
            text=(found[5] or "").strip(),
        )
        for line in text.splitlines()
        if (found := _LSUSB.match(line))
    ]
    if not listed and text.strip():
        raise ValueError("lsusb: line 1: no device in the whole output")
    return listed


def parse_tree(text: str) -> list[Branch]:
    """`lsusb -t`; the socket is built from the ports above. Raises ValueError naming the line."""
    branches: list[Branch] = []
    ports: list[str] = []
    bus = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or re.match(r"^\s+(ID |/sys/)", line):  # what -v adds below a line
            continue
        found = _TREE_LINE.match(line)
        depth = len(found["indent"]) // 4 if found else 0
        if found is None or (found["bus"] is None and (not bus or not 1 <= depth <= len(ports) + 1)):
            raise ValueError(f"lsusb -t: line {number}: no branch of the tree")
        if found["bus"] is not None:
            bus, ports = _number(found["bus"], number), []
        else:
            ports = [*ports[: depth - 1], str(_number(found["port"], number))]
        branches.append(
            Branch(
                bus=bus,
                socket=f"{bus}-{'.'.join(ports)}" if ports else f"usb{bus}",
                device=_number(found["device"], number),
                interface=_number(found["interface"], number) if found["interface"] else None,
                kind=found["kind"],
                driver=None if found["driver"] in ("", "[none]") else found["driver"],
                speed_mbps=_speed(found["speed"], number),
            )
        )
    return branches


def _number(digits: str, line: int) -> int:
    if len(digits) > 4:
        raise ValueError(f"lsusb -t: line {line}: a number of {len(digits)} digits")
    return int(digits)


def _speed(digits: str, line: int) -> float:
    speed = _decimal(digits)
    if speed is None:
        raise ValueError(f"lsusb -t: line {line}: {digits[:20]!r} is no speed")
    return speed


def _hexadecimal(name: str, attributes: Mapping[str, str], attribute: str) -> str:
    value = attributes.get(attribute, "").strip().lower()
    if not re.fullmatch(r"[0-9a-f]{4}", value, re.ASCII):
        raise ValueError(f"usb: {name}: {attribute}: not four hexadecimal digits")
    return value


def _version(value: str) -> str | None:
    """`0123` is 1.23."""
    found = re.fullmatch(r"\s*([0-9a-f]{2})([0-9a-f]{2})\s*", value, re.ASCII | re.IGNORECASE)
    return f"{found[1].lstrip('0') or '0'}.{found[2]}".lower() if found else None


def _decimal(value: str) -> float | None:
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*", value, re.ASCII)
    return float(found[1]) if found else None


def _whole(value: str) -> int | None:
    found = re.fullmatch(r"\s*(\d{1,6})\s*", value, re.ASCII)
    return int(found[1]) if found else None
