"""Obtains what cameras.py reads on Windows: Win32_PnPEntity, the device tree for sockets and serials, and the ConsentStore.

The class `Camera` is of Windows 10 and later; before it, webcams are of the class `Image` as scanners are, and one without a
driver has no class at all: those are known by the USB class 0E of their compatible ids.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from agent.probe import Place, Unavailable
from agent.probes.cameras import Camera, CaptureInput, Found, is_grabber
from agent.probes.device_problems import MEANINGS
from agent.probes.usb import socket_of_location
from agent.windows import CIMV2, Row, Sources, Value, registry, rows
from agent.windows.live import sources

_CONSENT: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
_SUBJECTS: Final = {"camera": "webcam", "microphone": "microphone"}
_USB: Final = re.compile(
    r"USB\\VID_([0-9A-F]{4})&PID_([0-9A-F]{4})(?:&MI_[0-9A-F]{2})?\\([^\\]{1,200})", re.ASCII | re.IGNORECASE
)
_INTERFACE: Final = re.compile(r"&MI_[0-9A-F]{2}", re.ASCII | re.IGNORECASE)
_VIDEO: Final = r"USB\CLASS_0E"
_OF_PROGRAMS: Final = ("ROOT\\", "SWD\\")  # cameras that programs make
_NOT_PLUGGED_IN: Final = 45
# A user's own account, also of a directory in the cloud; not services, not the copies of its classes.
_USER: Final = re.compile(r"S-1-(?:5-21|12-1)(?:-\d{1,10}){4}", re.ASCII)
_MOST_PROGRAMS: Final = 500


def find(place: Place) -> Found:
    source, found = sources(place), Found()
    in_use = _consent(source, found)
    bus, plugged = _Bus(source), dict[str, list[Row]]()
    for row in source.rows(CIMV2, "Win32_PnPEntity"):
        if _is_camera(row):
            plugged.setdefault(_one_device(rows.text(row, "pnpdeviceid") or ""), []).append(row)
    for parts in plugged.values():
        # With a second sensor (infrared) it is there twice. The part at fault speaks for both.
        worst = max(parts, key=lambda row: rows.whole(row, "configmanagererrorcode") or 0)
        _take(bus, worst, found)
    for number, camera in enumerate(found.cameras):
        if in_use is False or (in_use and len(found.cameras) == 1):
            found.cameras[number] = replace(camera, in_use=in_use)
    return found


def parse_path(path: str) -> tuple[str, str] | None:
    r"""`USB\VID_046D&PID_082D&MI_00\7&1A2B3C&0&0000` is (`046d:082d`, `7&1A2B3C&0&0000`); None: it is not on USB."""
    found = _USB.fullmatch(path.strip())
    return (f"{found[1]}:{found[2]}".lower(), found[3]) if found else None


def _is_camera(row: Row) -> bool:
    path = rows.text(row, "pnpdeviceid") or ""
    if not path or path.upper().startswith(_OF_PROGRAMS):
        return False
    if rows.whole(row, "configmanagererrorcode") == _NOT_PLUGGED_IN:
        return False
    kind = (rows.text(row, "pnpclass") or "").lower()
    if kind == "camera":
        return True
    alike = row.get("compatibleid")
    is_video = isinstance(alike, (list, tuple)) and any(str(one).upper().startswith(_VIDEO) for one in alike)
    if kind == "image":
        return is_video or (rows.text(row, "service") or "").lower() == "usbvideo"
    return not kind and is_video


def _one_device(path: str) -> str:
    """The same for all interfaces of one device."""
    told = parse_path(path)
    if told is None or not _INTERFACE.search(path):
        return path.upper()
    usb_id, instance = told
    return f"{usb_id}\\{instance.rpartition('&')[0] or instance}".upper()


def _take(bus: "_Bus", row: Row, found: Found) -> None:
    path = rows.text(row, "pnpdeviceid") or ""
    name, driver = rows.text(row, "name"), rows.text(row, "service")
    told = parse_path(path)
    usb_id, instance = told or (None, path)
    socket = bus.socket(path)
    where = socket or instance
    if usb_id and is_grabber(usb_id, name):
        found.inputs.append(CaptureInput(place=where, id=usb_id, name=name, driver=driver, usb_path=socket))
        return
    code = rows.whole(row, "configmanagererrorcode")
    found.cameras.append(
        Camera(
            place=where,
            id=usb_id,
            name=name,
            serial=bus.serial(path),
            usb_path=socket,
            driver=driver,
            problem_code=code,
            problem=MEANINGS.get(code) if code else None,
            usable=None if code is None else code == 0,
        )
    )


class _Bus:
    """Where the devices of USB are plugged in, and the serials of whole devices. Empty where the tree says nothing."""

    def __init__(self, source: Sources) -> None:
        self._sockets: dict[str, str] = {}
        self._serials: dict[str, str] = {}
        try:
            devices = source.devices("USB")
        except Unavailable:
            devices = []
        for row in devices:
            path = rows.text(row, "id") or ""
            told, socket = parse_path(path), socket_of_location(rows.text(row, "location") or "")
            if told is None or socket is None:
                continue
            self._sockets[path.upper()] = socket
            # The instance of a whole device is its serial; one that Windows made up has an `&`.
            if not _INTERFACE.search(path) and "&" not in told[1]:
                self._serials[socket] = told[1]

    def socket(self, path: str) -> str | None:
        return self._sockets.get(path.upper())

    def serial(self, path: str) -> str | None:
        """Also of one of its interfaces, which sits in the same socket."""
        return self._serials.get(self.socket(path) or "")


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _values(source: Sources, path: str) -> dict[str, Value] | None:
    try:
        return source.values(path)
    except Unavailable:
        return None


def _consent(source: Sources, found: Found) -> bool | None:
    """What the privacy settings say; and whether some program has a camera open now. None: not known."""
    used: bool | None = None
    for subject, name in _SUBJECTS.items():
        stores = [("the whole device", rf"HKLM\{_CONSENT}\{name}")]
        stores += [("a user", rf"HKU\{user}\{_CONSENT}\{name}") for user in _users(source)]
        said: list[tuple[bool, str]] = []
        for who, path in stores:
            said += _said(source, who, path)
            if subject == "camera":
                uses = _in_use(source, path)
                used = used if uses is None else bool(used or uses)
        denied = next((by for blocked, by in said if blocked), None)
        if said:
            found.blocked[subject] = (denied is not None, denied or "")
    return used


def _users(source: Sources) -> list[str]:
    """Those logged on: whose part of the registry is loaded."""
    try:
        return [name for name in source.subkeys("HKU") or [] if _USER.fullmatch(name)]
    except Unavailable:
        return []


def _said(source: Sources, who: str, path: str) -> Iterator[tuple[bool, str]]:
    for key, by in ((path, f"set for {who}"), (rf"{path}\NonPackaged", f"set for {who}, desktop programs")):
        word = _text((_values(source, key) or {}).get("Value")).strip().lower()
        if word in ("allow", "deny"):
            yield word == "deny", by


def _in_use(source: Sources, path: str) -> bool | None:
    """By LastUsedTimeStop: 0 while a program uses it. None: no program ever did, or nobody wrote it down."""
    told = False
    for key in (path, rf"{path}\NonPackaged"):
        try:
            programs = source.subkeys(key) or []
        except Unavailable:
            continue
        for program in programs[:_MOST_PROGRAMS]:
            values = _values(source, rf"{key}\{program}") or {}
            start, stop = values.get("LastUsedTimeStart"), values.get("LastUsedTimeStop")
            if not isinstance(start, int) or not isinstance(stop, int):
                continue
            now = _since_the_start(source, start) if stop == 0 else False
            if now:
                return True
            told = told or now is not None
    return False if told else None


def _since_the_start(source: Sources, ticks: int) -> bool | None:
    """A device that lost its power left "in use" behind. None: it does not say when it was started."""
    try:
        found = source.rows(CIMV2, "Win32_OperatingSystem")
        at = registry.moment(ticks)
    except (Unavailable, TimeoutError, OverflowError):
        return None
    started = rows.moment(found[0], "lastbootuptime") if found else None
    return at >= started if at and started else None
