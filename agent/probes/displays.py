r"""Displays that are plugged in, by what their EDID says.

Source: Linux /sys/class/drm; Windows WMI's WmiMonitorID, WmiMonitorConnectionParams and WmiMonitorBasicDisplayParams, and the EDID kept in the registry below Enum\DISPLAY.
Rights: none on Linux; on Windows the right to ask root\wmi, which the service has.
Cost: Linux 1 ms; Windows three questions to WMI.
Unavailable: no graphics card, or none whose driver shows its connectors (NVIDIA without nvidia-drm.modeset); Windows: no display answers, which is so while all sleep as well as where none is plugged in.

A display is known by maker, product code and serial; where the maker filled in no serial (most projectors) by the
first two, with `#2`, `#3` for its twins in the order of connectors. Names of connectors change with the driver, so
they are a fact and not the key; only a display without a readable EDID is `unknown@` its connector.

What plugged in means: PC monitors that sleep still answer, many projectors and televisions do not. A switcher,
splitter, grabber or dummy plug answers for ever, whatever hangs behind it: `via_switcher`. Linux shows what the
driver last saw, and nothing here makes it look again: that would blink. A connector whose driver says `unknown`
counts only with an EDID; without one it is named in the remark, and then nothing is said of how many there are. Sizes
and rates are those the display asks for, not those it is driven with.

Windows lists the displays it draws on; the registry keeps every one it ever saw and is only looked up for those.
Its connectors have no names: `UID` and a number of the graphics driver stand for them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.probe import Place, Taken, item, reading
from agent.probes import edid
from agent.probes.edid import Edid
from protos.report_pb2 import Item

# By the kernel's kind of connector.
_TECHNOLOGIES: Final = {
    "VGA": "VGA", "DVI-I": "DVI", "DVI-D": "DVI", "DVI-A": "DVI", "HDMI-A": "HDMI", "HDMI-B": "HDMI", "HDMI": "HDMI",
    "DP": "DisplayPort", "eDP": "embedded DisplayPort", "LVDS": "LVDS", "DSI": "DSI", "DPI": "DPI", "SPI": "SPI",
    "USB": "USB", "Virtual": "virtual", "Composite": "composite", "SVIDEO": "S-Video", "Component": "component",
}  # fmt: skip
_INTERNAL: Final = frozenset({"eDP", "LVDS", "DSI", "DPI", "SPI"})
_NO_YEAR: Final = 1990  # nobody filled it in


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a display says of itself. None: it does not say."""

    maker: str | None
    product_code: str
    model: str | None = None
    serial: str | None = None
    serial_is_placeholder: bool | None = None
    week: int | None = None
    year: int | None = None
    pixels: tuple[int, int] | None = None  # as it likes it best
    refresh_hertz: float | None = None
    millimetres: tuple[int, int] | None = None
    stand_in: str | None = None  # switcher, capture, dummy: its answer proves no display
    hash: str | None = None

    @property
    def key(self) -> str:
        serial = None if self.serial_is_placeholder else self.serial
        return "-".join(filter(None, (self.maker or "unknown", self.product_code, serial)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Display:
    """One that is plugged in."""

    connector: str
    told: Told | None = None
    technology: str | None = None
    internal: bool | None = None
    pixels: tuple[int, int] | None = None  # where it tells none itself
    is_on: bool | None = None

    @property
    def key(self) -> str:
        return self.told.key if self.told else f"unknown@{self.connector}"


def read(place: Place) -> Taken:
    if place.is_windows:
        from agent.probes import displays_windows

        displays, remark = displays_windows.plugged_in(place)
    else:
        from agent.probes import displays_linux

        displays, remark = displays_linux.plugged_in(place)
    # With a remark there may be more than these.
    return taken_of(displays, is_all=not remark, remark=remark)


def taken_of(displays: Iterable[Display], *, is_all: bool, remark: str = "") -> Taken:
    """`displays` in the order of their connectors; `is_all`: it is known that there are no others."""
    taken = Taken(reason=remark)
    items: list[Item] = []
    times: dict[str, int] = {}
    for display in displays:
        count = times[display.key] = times.get(display.key, 0) + 1
        key = display.key if count == 1 else f"{display.key}#{count}"
        items.append(_item(key, display))
        if display.is_on is not None:
            label = (display.told.model if display.told else None) or display.connector
            taken.readings.append(reading("display_power_state", display.is_on, key, label))
    if is_all:
        taken.readings.append(reading("displays_connected_count", len(items)))
    taken.sections["displays"] = items
    return taken


def _item(key: str, display: Display) -> Item:
    told = display.told or Told(maker=None, product_code="")
    width, height = told.pixels or display.pixels or (None, None)
    wide, tall = told.millimetres or (None, None)
    return item(
        key,
        maker=told.maker,
        model=told.model,
        product_code=told.product_code or None,
        serial=told.serial,
        serial_is_placeholder=told.serial_is_placeholder,
        made_week=told.week,
        made_year=told.year,
        connector=display.connector,
        technology=display.technology,
        width_pixels=width,
        height_pixels=height,
        refresh_hertz=told.refresh_hertz,
        width_millimetres=wide,
        height_millimetres=tall,
        via_switcher=True if told.stand_in else None,
        internal=display.internal,
        edid_hash=told.hash,
    )


def told_by(data: bytes) -> Told | None:
    """By an EDID; None: it is none, or cut or spoiled where its identity stands."""
    try:
        read = edid.parse(data)
    except ValueError:
        return None
    if not read.checksums_ok[0]:
        return None  # a key made of a flipped bit would be another display
    mode = read.preferred
    return Told(
        maker=read.maker,
        product_code=read.product_code,
        model=read.name or None,
        serial=read.serial,
        serial_is_placeholder=_is_placeholder(read),
        week=read.week,
        year=read.year if read.year > _NO_YEAR else None,
        pixels=(mode.width, mode.height) if mode else None,
        refresh_hertz=mode.rate_hertz if mode else None,
        millimetres=(read.width_cm * 10, read.height_cm * 10) if read.width_cm and read.height_cm else None,
        stand_in=read.stand_in,
        hash=hashlib.sha256(data).hexdigest()[:16],
    )


def _is_placeholder(read: Edid) -> bool | None:
    """None: it names no serial at all."""
    if read.serial is not None:
        return False
    return True if read.serial_text or read.serial_number else None


def technology_of(connector: str) -> str | None:
    """By the kernel's name of the connector, `HDMI-A-1`."""
    return _TECHNOLOGIES.get(kind_of(connector))


def is_internal(connector: str) -> bool:
    return kind_of(connector) in _INTERNAL


def kind_of(connector: str) -> str:
    """`HDMI-A` of `HDMI-A-1`."""
    kind, dash, number = connector.rpartition("-")
    return kind if dash and number.isdigit() else connector
