"""Obtains what displays.py tells: connectors, and what is plugged into them, from /sys/class/drm."""

import re
from pathlib import Path
from typing import Final

from agent.probe import Place, Unavailable
from agent.probes import buses_linux, displays, kernel_files
from agent.probes.displays import Display

_FOLDER = "/sys/class/drm"
_CONNECTOR: Final = re.compile(r"card(\d{1,3})-(.{1,60})", re.ASCII)
_MODE: Final = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII)
# Not a way out of the computer, or one whose driver never knows whether something hangs on it.
_PASSED_OVER: Final = frozenset({"Writeback", "Composite", "SVIDEO", "Component", "TV", "DIN"})
# The firmware's picture, before a real driver has the card: `connected` for ever.
_NOT_ASKED: Final = "Unknown"
_NO_MODESET = "the NVIDIA driver shows no connectors: nvidia-drm.modeset is off"


def plugged_in(place: Place) -> tuple[list[Display], str]:
    """In the order of connectors, and why there may be more."""
    nodes = sorted(place.path(_FOLDER).glob("card*-*"), key=lambda node: _order(node.name))
    hidden = _hides_connectors(place, nodes)
    found: list[Display] = []
    unknown: list[str] = []
    asked = 0
    for node in nodes:
        named = _CONNECTOR.fullmatch(node.name)
        if named is None or displays.kind_of(named[2]) in _PASSED_OVER:
            continue
        asked += 1
        data = _edid(node)
        status = kernel_files.text(node / "status")
        is_asked = displays.kind_of(named[2]) != _NOT_ASKED
        # What the driver once read of it is taken away when it is pulled out.
        if (status == "connected" and is_asked) or (status != "disconnected" and data):
            found.append(_display(node, named[2], data))
        elif status != "disconnected":
            unknown.append(named[2])
    if not asked:
        raise Unavailable(_NO_MODESET if hidden else _no_card(place))
    if hidden:
        if not found:
            raise Unavailable(_NO_MODESET)
        return found, _NO_MODESET
    if unknown and not found:
        raise Unavailable(f"the driver does not know whether a display is at {', '.join(unknown)}")
    return found, f"not known whether a display is at {', '.join(unknown)}" if unknown else ""


def _display(node: Path, connector: str, data: bytes) -> Display:
    return Display(
        connector=connector,
        told=displays.told_by(data),
        technology=displays.technology_of(connector),
        internal=displays.is_internal(connector),
        pixels=_pixels(node),
        is_on=_is_on(node),
    )


def _is_on(node: Path) -> bool | None:
    """None: no driver's word, or the system draws nothing on it: then it has not fallen asleep either."""
    power = kernel_files.text(node / "dpms")
    if power not in ("On", "Off", "Standby", "Suspend") or kernel_files.text(node / "enabled") == "disabled":
        return None
    return power == "On"


def _pixels(node: Path) -> tuple[int, int] | None:
    """The first is the one it likes best."""
    first = (kernel_files.text(node / "modes") or "").partition("\n")[0]
    found = _MODE.match(first)
    return (int(found[1]), int(found[2])) if found else None


def _edid(node: Path) -> bytes:
    try:
        return (node / "edid").read_bytes()  # its size is told as 0
    except OSError:
        return b""


def _hides_connectors(place: Place, nodes: list[Path]) -> bool:
    """Whether NVIDIA's own driver runs without telling the kernel of its connectors."""
    if not place.path("/sys/module/nvidia").is_dir():
        return False
    # Where it may be read: a card without a way out of its own has no connectors to show.
    if kernel_files.text(place.path("/sys/module/nvidia_drm/parameters/modeset")) == "Y":
        return False
    return not any(buses_linux.link_name(node / "device/device/driver") == "nvidia" for node in nodes)


def _no_card(place: Place) -> str:
    if any(place.path(_FOLDER).glob("card*")):
        return "the graphics card has no connectors, or its driver does not show them"
    return "no graphics card that the kernel has a driver for"


def _order(name: str) -> tuple[tuple[int, str], ...]:
    """`card0-DP-2` before `card0-DP-10`."""
    return tuple(
        (int(part), "") if part.isascii() and part.isdigit() else (-1, part)
        for part in re.split(r"(\d{1,9})", name)
    )
