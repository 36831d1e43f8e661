"""Obtains what displays.py tells, on Windows: the monitors WMI draws on, each with its EDID from the registry."""

import re
from typing import Final

from agent.probe import Place, Unavailable
from agent.probes import displays
from agent.probes.displays import Display, Told
from agent.windows import WMI, Row, Sources, rows
from agent.windows.live import sources
from protos.placeholders import is_placeholder

_ENUM = r"HKLM\SYSTEM\CurrentControlSet\Enum"
_NOBODY = "no display answers: all sleep or are off, or none is plugged in; Windows does not say which"
_NOT_SUPPORTED = "0x8004100C"
# D3DKMDT_VIDEO_OUTPUT_TECHNOLOGY: the word, and whether it is the device's own panel. 10 is told of panels too by
# devices with two graphics cards.
_TECHNOLOGIES: Final[dict[int, tuple[str, bool | None]]] = {
    0: ("VGA", False), 1: ("S-Video", False), 2: ("composite", False), 3: ("component", False), 4: ("DVI", False),
    5: ("HDMI", False), 6: ("LVDS", True), 9: ("SDI", False), 10: ("DisplayPort", None),
    11: ("embedded DisplayPort", True), 12: ("UDI", False), 13: ("embedded UDI", True), 15: ("Miracast", False),
    16: ("indirect", False), 17: ("virtual", False), 18: ("DisplayPort over USB", False), 2**31: ("internal", True),
}  # fmt: skip
# What Windows draws on while nothing is plugged in, and where a display gives no EDID: both have this name.
_NAMELESS = "DISPLAY\\DEFAULT_MONITOR\\"


def plugged_in(place: Place) -> tuple[list[Display], str]:
    """In the order of connectors, and why there may be more."""
    source = sources(place)
    try:
        told = source.rows(WMI, "WmiMonitorID")
    except Unavailable as error:
        # So says its provider where it has no monitor at all.
        raise Unavailable(_NOBODY) if _NOT_SUPPORTED in str(error) else error from None
    active = [row for row in told if rows.truth(row, "active") is not False]
    monitors = {name: row for row in active if (name := rows.text(row, "instancename"))}
    nameless = [name for name in monitors if name.upper().startswith(_NAMELESS)]
    if len(nameless) == len(monitors):
        raise Unavailable(_NOBODY)
    wires, glass = (
        _table(source, "WmiMonitorConnectionParams"),
        _table(source, "WmiMonitorBasicDisplayParams"),
    )
    found = [
        _display(source, name, row, wires.get(name, {}), glass.get(name, {}))
        for name, row in sorted(monitors.items(), key=lambda pair: _order(pair[0]))
        if name not in nameless
    ]
    return found, "not known whether a display is there that tells nothing of itself" if nameless else ""


def _table(source: Sources, name: str) -> dict[str, Row]:
    """By monitor; empty where it does not answer: the displays are known without it."""
    try:
        found = source.rows(WMI, name)
    except (Unavailable, TimeoutError, OSError):
        return {}
    return {key: row for row in found if (key := rows.text(row, "instancename"))}


def _display(source: Sources, name: str, row: Row, wire: Row, glass: Row) -> Display:
    way = rows.whole(wire, "videooutputtechnology")
    technology, internal = (None, None) if way is None else _TECHNOLOGIES.get(way, (None, None))
    return Display(
        connector=_connector(name),
        told=displays.told_by(_edid(source, name)) or _told(name, row, glass),
        technology=technology,
        internal=internal,
    )


def _edid(source: Sources, name: str) -> bytes:
    r"""`DISPLAY\SAM07A7\4&4991422&0&UID200195_0` without its last number is the device's key."""
    try:
        values = source.values(rf"{_ENUM}\{name.rpartition('_')[0]}\Device Parameters") or {}
    except (Unavailable, OSError):
        return b""
    data = values.get("EDID")
    return data if isinstance(data, bytes) else b""


def _told(name: str, row: Row, glass: Row) -> Told | None:
    """What WMI read out of the EDID, where the registry does not have it."""
    product = _letters(row, "productcodeid").lower()
    if not re.fullmatch(r"[0-9a-f]{4}", product, re.ASCII):
        return None
    maker = _letters(row, "manufacturername").upper()
    serial = _letters(row, "serialnumberid")
    week, year = rows.whole(row, "weekofmanufacture"), rows.whole(row, "yearofmanufacture")
    wide, tall = rows.whole(glass, "maxhorizontalimagesize"), rows.whole(glass, "maxverticalimagesize")
    return Told(
        maker=maker if re.fullmatch(r"[A-Z]{3}", maker, re.ASCII) else None,
        product_code=product,
        model=_letters(row, "userfriendlyname") or None,
        serial=None if is_placeholder(serial) else serial,
        serial_is_placeholder=is_placeholder(serial) if serial.strip("0") else None,
        week=week if week and week <= 54 else None,
        year=year if year and 1990 < year < 2246 else None,
        millimetres=(wide * 10, tall * 10) if wide and tall else None,
    )


def _letters(row: Row, name: str) -> str:
    """An array of 16-bit letters, filled up with zeros."""
    codes = [code for code in rows.numbers(row, name) if 0 < code < 0x10000]
    text = "".join(map(chr, codes))
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _connector(name: str) -> str:
    """`UID200195`: the graphics driver's number for the way out."""
    found = re.search(r"UID\d{1,12}", name, re.ASCII | re.IGNORECASE)
    return found[0].upper() if found else name.rpartition("\\")[2]


def _order(name: str) -> tuple[int, str]:
    digits = re.search(r"UID(\d{1,12})", name, re.ASCII | re.IGNORECASE)
    return (int(digits[1]) if digits else -1, name)
