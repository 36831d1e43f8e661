"""Obtains what cameras.py reads on Linux: the nodes of video4linux, their parents on the USB and PCI buses, who has one
open, and of capture cards what their driver answers."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.probe import Place, Unavailable
from agent.probes import kernel_files, v4l2
from agent.probes.buses_linux import link_name
from agent.probes.cameras import Camera, CaptureInput, Found, is_grabber

_VIDEO_MAJOR: Final = 81
_HIGHEST: Final = 8  # steps from a node up to its card or stick; real ones are two or three
_CAMERA_DRIVERS: Final = frozenset({"uvcvideo", "pwc", "stkwebcam"})
_CAMERA_MODULES: Final = "gspca_"  # one module for each make of old webcams
_SENSORS: Final = (
    "intel-ipu",
    "ipu3",
    "ipu6",
)  # a laptop's own camera: dozens of nodes, none of them a picture
_VIDEO_CONTROL: Final = (
    "0e",
    "01",
)  # class and subclass of the interface that each UVC camera has once or more


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """One /sys/class/video4linux/videoN."""

    name: str  # `video0`
    title: str | None
    index: int
    driver: str | None
    module: str | None
    parent: Path  # the USB device or the PCI card
    is_usb: bool

    @property
    def is_camera(self) -> bool:
        return self.driver in _CAMERA_DRIVERS or (self.module or "").startswith(_CAMERA_MODULES)


def find(place: Place) -> Found:
    if not place.path("/sys/class").is_dir():
        raise Unavailable("/sys/class cannot be read")
    found = Found()
    nodes = _nodes(place)
    sticks: dict[str, list[_Node]] = {}
    for node in nodes:
        if node.is_usb and node.is_camera:
            if node.index == 0:  # the others carry what is said about a picture, not the picture
                sticks.setdefault(node.parent.name, []).append(node)
        elif not (node.driver or "").startswith(_SENSORS):
            _card(place, node, found)
    openers = _Openers(place) if sticks else None
    for nodes_of_one in sticks.values():
        _stick(nodes_of_one, openers, found)
    _without_a_picture(place, set(sticks), found)
    return found


def _nodes(place: Place) -> list[_Node]:
    root = place.root.resolve()
    found = []
    for path in sorted(place.path("/sys/class/video4linux").glob("video[0-9]*"), key=_number):
        device = path / "device"
        parent = _parent(device, root)
        if parent is None:
            continue  # made by a program: v4l2loopback, vivid
        driver = device / "driver"
        found.append(
            _Node(
                name=path.name,
                title=kernel_files.text(path / "name"),
                index=kernel_files.number(path / "index") or 0,
                driver=link_name(driver) or link_name(parent / "driver"),
                module=link_name(driver / "module"),
                parent=parent,
                is_usb=(parent / "idVendor").exists(),
            )
        )
    return found


def _number(path: Path) -> int:
    digits = path.name.removeprefix("video")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def _parent(device: Path, root: Path) -> Path | None:
    """The USB device or PCI card that the node's `device` lies in."""
    try:
        path = device.resolve(strict=True)
    except (OSError, RuntimeError):  # gone, or links in a circle
        return None
    for _ in range(_HIGHEST):
        if path == root or root not in path.parents:
            return None
        if (path / "idVendor").exists() or ((path / "vendor").exists() and (path / "class").exists()):
            return path
        path = path.parent
    return None


def _usb_id(device: Path) -> str | None:
    pair = [kernel_files.text(device / name) or "" for name in ("idVendor", "idProduct")]
    if all(re.fullmatch(r"[0-9a-f]{4}", part, re.ASCII) for part in pair):
        return ":".join(pair)
    return None


def _stick(nodes: list[_Node], openers: "_Openers | None", found: Found) -> None:
    """A camera, or a capture stick; one with a second sensor (infrared) has two nodes and is one."""
    first = nodes[0]
    usb_id, product = _usb_id(first.parent), kernel_files.text(first.parent / "product")
    if usb_id is None:
        return  # pulled out while it was read
    if is_grabber(usb_id, product):
        found.inputs.append(
            CaptureInput(
                place=first.parent.name,
                id=usb_id,
                name=product or first.title,
                driver=first.driver,
                usb_path=first.parent.name,
            )
        )
        return
    found.cameras.append(
        Camera(
            place=first.parent.name,
            id=usb_id,
            name=first.title or product,
            serial=kernel_files.text(first.parent / "serial"),
            usb_path=first.parent.name,
            driver=first.driver,
            usable=True,
            in_use=openers.have_open([node.name for node in nodes]) if openers else None,
        )
    )


def _without_a_picture(place: Place, known: set[str], found: Found) -> None:
    """Cameras that are plugged in and have no node: no driver took them, or theirs gave up."""
    for control in sorted(place.path("/sys/bus/usb/devices").glob("[0-9]*-*:*")):
        kind = tuple(kernel_files.text(control / name) for name in ("bInterfaceClass", "bInterfaceSubClass"))
        socket = control.name.partition(":")[0]
        if kind != _VIDEO_CONTROL or socket in known:
            continue
        known.add(socket)
        device = control.with_name(socket)
        usb_id, product = _usb_id(device), kernel_files.text(device / "product")
        if usb_id is None or is_grabber(usb_id, product):
            continue
        driver = link_name(control / "driver")
        found.cameras.append(
            Camera(
                place=socket,
                id=usb_id,
                name=product,
                serial=kernel_files.text(device / "serial"),
                usb_path=socket,
                driver=driver,
                problem="its driver does not offer it" if driver else "no driver took it",
                usable=False,
            )
        )


def _card(place: Place, node: _Node, found: Found) -> None:
    """An input of a capture card, or of a stick with a driver of its own."""
    if node.is_usb:
        usb_id = _usb_id(node.parent)
    else:
        pair = [kernel_files.text(node.parent / name) or "" for name in ("vendor", "device")]
        usb_id = ":".join(part.removeprefix("0x") for part in pair) if all(pair) else None
    asked = _ask(node.name, found) if place.is_live else None
    if asked is not None and not asked.captures:
        return
    timings = asked.timings if asked else None
    where = node.parent.name + (f"/{node.index}" if node.index else "")
    found.inputs.append(
        CaptureInput(
            place=where,
            id=usb_id,
            name=node.title,
            driver=node.driver,
            input=asked.input if asked else None,
            usb_path=node.parent.name if node.is_usb else None,
            signal=asked.signal if asked else v4l2.UNKNOWN,
            width=timings.width if timings else None,
            height=timings.height if timings else None,
            refresh_hertz=timings.refresh_hertz if timings else None,
        )
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    captures: bool
    input: str | None = None
    signal: str = v4l2.UNKNOWN
    timings: v4l2.Timings | None = None


def _ask(name: str, found: Found) -> _Asked | None:
    """Opening a card for reading and without waiting disturbs nobody who has it open. None: it could not be asked."""
    try:
        descriptor = os.open(f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except PermissionError:
        found.remarks.append("signal of capture inputs: this user may not ask their driver")
        return None
    except OSError as error:
        found.remarks.append(f"signal of capture inputs: {os.strerror(error.errno or 0)}")
        return None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISCHR(about.st_mode) or os.major(about.st_rdev) != _VIDEO_MAJOR:
            return None
        return _answers(descriptor)
    finally:
        os.close(descriptor)


def _answers(descriptor: int) -> _Asked | None:
    told, _ = _query(descriptor, v4l2.Query.QUERYCAP)
    if told is None:
        return None
    able = v4l2.parse_capabilities(told)
    if not able.captures:
        return _Asked(captures=False)
    selected = None
    chosen, _ = _query(descriptor, v4l2.Query.G_INPUT)
    if chosen is not None:
        told, _ = _query(descriptor, v4l2.Query.ENUMINPUT, chosen)
        selected = v4l2.parse_input(told) if told is not None else None
    told, refused = _query(descriptor, v4l2.Query.QUERY_DV_TIMINGS)
    timings = v4l2.parse_timings(told) if told is not None else None
    return _Asked(
        captures=True,
        input=selected.name if selected else None,
        signal=v4l2.signal(able.driver, selected, timings, refused),
        timings=timings,
    )


def _query(descriptor: int, query: v4l2.Query, start: bytes = b"") -> tuple[bytes | None, int | None]:
    """The structure filled by the driver, which begins as `start`; or the errno it refused with."""
    import fcntl

    answer = bytearray(start.ljust(query.size, b"\0"))
    try:
        fcntl.ioctl(descriptor, query, answer, True)
    except OSError as error:
        return None, error.errno
    return bytes(answer), None


class _Openers:
    """Which video nodes programs have open. One look at all of them serves all cameras."""

    def __init__(self, place: Place) -> None:
        self._open: set[str] = set()
        seen = hidden = 0
        # Thousands of files: as plain texts they are read nearly twice as fast as through Path.
        for process in place.path("/proc").glob("[0-9]*"):
            folder = f"{process}/fd"
            try:
                numbers = os.listdir(folder)  # noqa: PTH208
            except PermissionError:
                hidden += 1
                continue
            except OSError:
                continue  # it ended
            seen += 1
            for number in numbers:
                try:
                    target = os.readlink(f"{folder}/{number}")  # noqa: PTH115 (see above)
                except OSError:
                    continue
                if target.startswith("/dev/video"):
                    self._open.add(target.removeprefix("/dev/"))
        self._saw_all = bool(seen) and not hidden

    def have_open(self, names: list[str]) -> bool | None:
        """None: no program seen has it open, and not all could be seen."""
        if self._open.intersection(names):
            return True
        return False if self._saw_all else None
