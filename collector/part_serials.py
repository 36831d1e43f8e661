"""Serials of parts, apart from their packed sections: so that a search for one is a look into an index."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_

from collector.store.inventory import PartSerial
from protos.placeholders import is_placeholder

# Sections whose items tell a serial, and what one such item is called. The migration that made the table filled it
# from the sections of that day: a section that is new here is known of a device from its next change on.
PARTS: Final = {
    "disks": "disk",
    "batteries": "battery",
    "memory_modules": "memory module",
    "displays": "display",
    "projectors": "projector",
    "cameras": "camera",
    "usb_devices": "USB device",
}
SHORTEST: Final = 3  # characters; fewer would find half of all devices
_LONGEST: Final = 255
_BEHIND: Final = "\U0010ffff"  # sorts after every letter a serial has


def plain(text: str) -> str:
    """As serials are compared: people copy them in any case, and with the blanks of the label."""
    return "".join(text.split()).upper()[:_LONGEST]


def of_section(device_id: str, section: str, items: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Rows of the parts that tell a serial of their own."""
    if section not in PARTS:
        return []
    return [
        {"device_id": device_id, "section": section, "key": key, "serial": plain(facts["serial"])}
        for key, facts in items.items()
        if facts.get("serial", "").strip()
        and facts.get("serial_is_placeholder") != "true"
        and not is_placeholder(facts["serial"])
    ]


def begins_with(text: str) -> ColumnElement[bool] | None:
    """Parts whose serial is this or begins so; None when the text is too short to say anything.

    A range, not LIKE: both databases answer it from the index, whatever the text holds.
    """
    begin = plain(text)
    if len(begin) < SHORTEST:
        return None
    return and_(PartSerial.serial >= begin, PartSerial.serial < begin + _BEHIND)
