"""Obtains what alsa.py reads: the cards, their place on the bus, and their streams. Files only: no device is opened."""

import contextlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.probe import Place
from agent.probes import alsa, kernel_files
from agent.probes.audio_facts import MICROPHONE, SPEAKER

_FLOWS: Final = {"playback": SPEAKER, "capture": MICROPHONE}
_SOCKET = re.compile(r"\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,6}", re.ASCII)
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
_LOOK_AGAIN_SECONDS: Final = 1.0

Wait = Callable[[float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pcm:
    """A stream that a card can have, one way. Nothing of its content."""

    device: int
    flow: str
    name: str | None
    is_running: bool
    stuck: bool | None  # None: does not run, or not the same run between the looks


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    number: int
    id: str
    name: str
    bus: str | None
    usb_id: str | None
    socket: str | None
    pcms: tuple[Pcm, ...] = field(default=())


def cards(place: Place, wait: Wait = time.sleep) -> list[Card] | None:
    """None: this kernel has no sound. `wait` lies between two looks at streams that run, and only at those."""
    try:
        text = place.path("/proc/asound/cards").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    listed = alsa.parse_cards(text)
    looks = {card.number: _streams(place, card.number) for card in listed}
    running = any(
        stream.state == "RUNNING" for look in looks.values() for _, streams in look for stream in streams
    )
    again = {}
    if running:
        wait(_LOOK_AGAIN_SECONDS)
        again = {card.number: _streams(place, card.number) for card in listed}
    return [_card(place, card, looks[card.number], again.get(card.number, [])) for card in listed]


_Look = list[tuple[alsa.Device, list[alsa.Stream]]]


def _streams(place: Place, number: int) -> _Look:
    look: _Look = []
    for folder in sorted(place.path(f"/proc/asound/card{number}").glob("pcm*")):
        with contextlib.suppress(ValueError):  # unplugged while it was read
            device = alsa.parse_info(kernel_files.text(folder / "info") or "")
            states = (kernel_files.text(each / "status") for each in sorted(folder.glob("sub*")))
            look.append((device, [alsa.parse_status(state) for state in states if state]))
    return look


def _card(place: Place, card: alsa.Card, before: _Look, after: _Look) -> Card:
    later = {(device.device, device.flow): streams for device, streams in after}
    path = device_path(place, card.number)
    socket = socket_of(path) or (usb_socket(place, card.usb_path) if card.usb_path else None)
    usb_id = None
    with contextlib.suppress(ValueError):
        usb_id = ":".join(
            alsa.parse_usb_id(kernel_files.text(place.path(f"/proc/asound/card{card.number}/usbid")) or "")
        )
    return Card(
        number=card.number,
        id=card.id,
        name=card.name,
        bus="usb" if socket or usb_id else bus_of(path),
        usb_id=usb_id,
        socket=socket,
        pcms=tuple(
            Pcm(
                device=device.device,
                flow=_FLOWS[device.flow],
                name=device.name,
                is_running=any(stream.state == "RUNNING" for stream in streams),
                stuck=_stuck(streams, later.get((device.device, device.flow), [])),
            )
            for device, streams in before
        ),
    )


def _stuck(before: list[alsa.Stream], after: list[alsa.Stream]) -> bool | None:
    """One that stands is enough."""
    told = [alsa.is_stuck(one, other) for one, other in zip(before, after, strict=False)]
    known = [each for each in told if each is not None]
    return any(known) if known else None


def device_path(place: Place, number: int | str) -> str | None:
    """Where card `number` hangs: `/sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0`."""
    link = place.path(f"/sys/class/sound/card{number}/device")
    return os.path.realpath(link) if link.exists() else None


def socket_of(path: str | None) -> str | None:
    """The last place on USB in a path of /sys: `1-4.2` of `…/usb1/1-4/1-4.2/1-4.2:1.0/sound/card3`."""
    return next(filter(_SOCKET.fullmatch, reversed((path or "").split("/"))), None)


def bus_of(path: str | None) -> str | None:
    if socket_of(path):
        return "usb"
    return "pci" if any(map(_PCI_ADDRESS.fullmatch, (path or "").split("/"))) else None


def usb_socket(place: Place, text: str) -> str | None:
    """The socket in /sys of a place that alsa.parse_usb_place reads: it names the controller, and not which of
    its two buses (one for USB 2, one for 3)."""
    found = alsa.parse_usb_place(text)
    if found is None:
        return None
    controller, ports = found
    devices = place.path("/sys/bus/usb/devices")
    for hub in sorted(devices.glob("usb*")):
        socket = f"{hub.name.removeprefix('usb')}-{ports}"
        if controller in Path(os.path.realpath(hub)).parts and (devices / socket).exists():
            return socket
    return None
