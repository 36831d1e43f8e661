"""Obtains what usb.py tells, on Windows: the devices of USB that are plugged in, from Plug and Play's device tree."""

import re
from typing import Final

from agent.probe import Place, Unavailable
from agent.probes import usb, usb_tree
from agent.probes.usb import Link
from agent.windows import Row, rows
from agent.windows.live import sources

# `USB\VID_046D&PID_085E\A1B2C3`; `&MI_00` behind it is one interface of a device that has several.
_ID: Final = re.compile(
    r"USB\\VID_([0-9A-F]{4})&PID_([0-9A-F]{4})(&MI_[0-9A-F]{2})?(?:&[^\\]*)?\\.*",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_CLASS: Final = re.compile(r"USB\\(?:Dev)?Class_([0-9A-F]{2})", re.ASCII | re.IGNORECASE)


def links(place: Place) -> tuple[list[Link], str]:
    """And what could not be read."""
    found = sources(place).devices("USB")
    if not found:
        raise Unavailable("Windows lists no USB controller")
    devices: dict[str, tuple[str, Row]] = {}
    classes: dict[str, set[str]] = {}
    lost = 0
    for row in found:
        named = _ID.fullmatch(rows.text(row, "id") or "")
        if named is None:
            continue  # a controller's own hub
        socket = usb.socket_of_location(rows.text(row, "location") or "")
        if socket is None:
            lost += named[3] is None
            continue
        classes.setdefault(socket, set()).update(_CLASS.findall(rows.text(row, "compatible") or ""))
        if named[3] is None:
            devices[socket] = f"{named[1]}:{named[2]}".lower(), row
    made = [
        Link(
            socket=socket,
            name=next(filter(None, (rows.text(row, name) for name in _NAMES)), None),
            id=id,
            kind=usb_tree.kind_of(classes[socket]),
        )
        for socket, (id, row) in sorted(devices.items())
    ]
    return made, f"{lost} devices do not say where they are plugged in" if lost else ""


# As it says it itself, as somebody called it, as its driver calls it.
_NAMES: Final = ("name", "friendlyname", "description")
