"""Cameras and the inputs of capture cards: there, usable, in use. Never a picture.

Source: Linux /sys/class/video4linux and /sys/bus/usb/devices, /proc/*/fd for who has one open, and four questions to the drivers of capture cards (QUERYCAP, ENUMINPUT, G_INPUT, QUERY_DV_TIMINGS). Windows Win32_PnPEntity, the registry's Enum\\\\USB, and the ConsentStore for the privacy settings and for what is in use.
Rights: none for what is plugged in. Linux: the group `video` for the signal of a capture card; root for who has a camera open, without it only "yes" is told, never "no". Windows: none.
Cost: Linux under 5 ms, and where a camera is there 5 ms more for each thousand files that programs have open; Windows half a second in a process of its own.
Unavailable: there is no /sys; Windows' WMI does not answer. No camera at all is an answer, not that.

A camera is never opened, not even to ask it: that alone would wake it. Its driver says what it is: uvcvideo and the old
webcam drivers are cameras, unless the USB id or the name is that of a capture stick. Those tell nothing of their signal
(with no source they show black or a logo): `unknown`, and no number. v4l2loopback and cameras of programs are nothing
that can be plugged in and are left out, as are laptops' cameras without USB, and on Windows capture cards in a slot.

The key is the camera's own serial only where the device serves a room; else the socket. Of twins with one serial the
first by socket has it, the others go by their socket. Windows says that a camera is in use and not which: with several,
"in use" is told of none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from agent.probe import Place, Taken, item, reading
from agent.probes.own_words import own_words
from agent.probes.v4l2 import LOCKED, UNKNOWN
from protos.placeholders import is_placeholder

# Capture sticks that call themselves cameras (UVC). 534d: the kernel's sound/usb/quirks.c; 345f, its maker's later
# number, 0fd9 and 2935: as owners' lsusb shows them.
_GRABBERS: Final = frozenset({"534d:0021", "534d:2109", "345f:2109", "345f:2130", "0fd9:0066", "0fd9:0067"})
_GRABBER_MAKERS: Final = frozenset({"2935"})  # Magewell makes nothing else
_GRABBER_WORDS: Final = re.compile(r"\b(?:capture|grabber|cam link|live gamer)\b", re.IGNORECASE)
_SHORTEST_SERIAL: Final = 4  # `001` is all of a model's


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    place: str  # USB socket, or what the system calls its place: unique on the device
    id: str | None = None  # `046d:085c`
    name: str | None = None
    serial: str | None = None
    usb_path: str | None = None
    driver: str | None = None
    problem_code: int | None = None  # Windows' own; 0 is none
    problem: str | None = None
    usable: bool | None = None
    in_use: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureInput:
    place: str
    id: str | None = None
    name: str | None = None
    driver: str | None = None
    input: str | None = None
    usb_path: str | None = None
    signal: str = UNKNOWN
    width: int | None = None
    height: int | None = None
    refresh_hertz: float | None = None


@dataclass(slots=True)
class Found:
    cameras: list[Camera] = field(default_factory=list)
    inputs: list[CaptureInput] = field(default_factory=list)
    blocked: dict[str, tuple[bool, str]] = field(default_factory=dict)  # camera, microphone: and by what
    remarks: list[str] = field(default_factory=list)


def read(place: Place) -> Taken:
    if place.is_windows:
        from agent.probes import cameras_windows

        found = cameras_windows.find(place)
    else:
        from agent.probes import cameras_linux

        found = cameras_linux.find(place)
    return taken(found, serves_room=place.room is not None)


def taken(found: Found, *, serves_room: bool) -> Taken:
    result = Taken(reason="; ".join(dict.fromkeys(found.remarks)))
    for subject, (blocked, by) in found.blocked.items():
        result.readings.append(reading(f"{subject}_blocked_state", blocked, label=by))
    cameras = result.sections.setdefault("cameras", [])
    for key, camera in keyed(found.cameras, serves_room=serves_room):
        if camera.in_use is not None:
            result.readings.append(
                reading("camera_in_use_state", camera.in_use, key, own_words(camera.name) or key)
            )
        cameras.append(
            item(
                key,
                name=own_words(camera.name),
                id=camera.id,
                serial=own_serial(camera) if serves_room else None,
                usb_path=camera.usb_path,
                driver=camera.driver,
                problem_code=camera.problem_code,
                problem=camera.problem,
                usable=camera.usable,
            )
        )
    inputs = result.sections.setdefault("capture_inputs", [])
    for found_input in sorted(found.inputs, key=lambda one: one.place):
        key = f"{found_input.id}@{found_input.place}" if found_input.id else found_input.place
        if found_input.signal != UNKNOWN:
            label = " ".join(filter(None, map(own_words, (found_input.name, found_input.input))))
            result.readings.append(
                reading("capture_signal_state", found_input.signal == LOCKED, key, label or key)
            )
        inputs.append(
            item(
                key,
                name=own_words(found_input.name),
                driver=found_input.driver,
                input=own_words(found_input.input),
                usb_path=found_input.usb_path,
                signal=found_input.signal,
                width_pixels=found_input.width,
                height_pixels=found_input.height,
                refresh_hertz=found_input.refresh_hertz,
            )
        )
    return result


def keyed(cameras: Iterable[Camera], *, serves_room: bool) -> list[tuple[str, Camera]]:
    """Each with what it is known by, in the order of their places."""
    named: dict[str, Camera] = {}
    for camera in sorted(cameras, key=lambda one: one.place):
        by_place = f"{camera.id}@{camera.place}" if camera.id else camera.place
        serial = own_serial(camera) if serves_room and camera.id else None
        by_serial = f"{camera.id}-{serial}" if serial else by_place
        named.setdefault(by_place if by_serial in named else by_serial, camera)
    return list(named.items())


def own_serial(camera: Camera) -> str | None:
    """Its serial where that can tell it from others of its model."""
    serial = own_words(camera.serial) or ""
    return serial if len(serial) >= _SHORTEST_SERIAL and not is_placeholder(serial) else None


def is_grabber(usb_id: str, *names: str | None) -> bool:
    """A capture stick that the system takes for a camera."""
    if usb_id in _GRABBERS or usb_id.partition(":")[0] in _GRABBER_MAKERS:
        return True
    return any(name and _GRABBER_WORDS.search(name) for name in names)
