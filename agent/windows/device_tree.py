"""The devices of a bus that are plugged in now, by the system's own calls (SetupAPI): WMI takes a second for its list
of all devices and does not tell where they are plugged in."""

import sys
import uuid
from typing import Any, Final

from agent.probe import Unavailable
from agent.windows import Row

_PRESENT_OF_ALL_CLASSES: Final = 0x2 | 0x4
_NO_MORE_ITEMS: Final = 259
_TEXT, _TEXTS, _NUMBER = 0x12, 0x2012, 0x07  # DEVPROP_TYPE_*
_LONGEST: Final = 4096  # bytes of a property: location paths of a deep tree have some hundred


def _key(family: str, number: int) -> bytes:
    """A DEVPROPKEY."""
    return uuid.UUID(family).bytes_le + number.to_bytes(4, "little")


_DEVICE: Final = "a45c254e-df1c-4efd-8020-67d146a850e0"
DEVICE_PROPERTIES: Final = {
    "description": _key(_DEVICE, 2),
    "compatible": _key(_DEVICE, 4),  # a list
    "service": _key(_DEVICE, 6),
    "pnpclass": _key(_DEVICE, 9),
    "friendlyname": _key(_DEVICE, 14),
    "location": _key(_DEVICE, 37),  # a list
    "name": _key("540b947e-8b40-45bc-a8a2-6a0b894cbda2", 4),  # as the device itself says it
    "problem": _key("4340a6c5-93fa-4706-972c-7b648008a5a7", 3),
}


def present(bus: str) -> list[Row]:
    """Lists stand in one text, a part a line."""
    if sys.platform != "win32":
        raise Unavailable("the device tree of Plug and Play is there on Windows only")
    import ctypes
    from ctypes import wintypes

    setup = ctypes.WinDLL("setupapi", use_last_error=True)
    setup.SetupDiGetClassDevsW.restype = wintypes.HANDLE
    setup.SetupDiGetClassDevsW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR, wintypes.HWND, wintypes.DWORD)
    setup.SetupDiDestroyDeviceInfoList.argtypes = (wintypes.HANDLE,)
    setup.SetupDiEnumDeviceInfo.argtypes = (wintypes.HANDLE, wintypes.DWORD, wintypes.LPVOID)
    devices = setup.SetupDiGetClassDevsW(None, bus, None, _PRESENT_OF_ALL_CLASSES)
    if devices in (None, wintypes.HANDLE(-1).value):
        raise Unavailable(f"Windows lists no devices of {bus} ({ctypes.get_last_error()})")
    try:
        rows: list[Row] = []
        device = empty_device()
        while setup.SetupDiEnumDeviceInfo(devices, len(rows), ctypes.byref(device)):
            rows.append(_row(setup, devices, device))
        if (code := ctypes.get_last_error()) != _NO_MORE_ITEMS:
            raise Unavailable(f"Windows stopped listing the devices of {bus} ({code})")
        return rows
    finally:
        setup.SetupDiDestroyDeviceInfoList(devices)


def empty_device() -> Any:
    """An empty SP_DEVINFO_DATA."""
    import ctypes
    from ctypes import wintypes

    class Device(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("kind", ctypes.c_byte * 16),
            ("number", wintypes.DWORD),
            ("reserved", ctypes.c_size_t),
        )

    return Device(size=ctypes.sizeof(Device))


def _row(setup: Any, devices: int, device: Any) -> Row:
    import ctypes
    from ctypes import wintypes

    setup.SetupDiGetDeviceInstanceIdW.argtypes = (
        *(wintypes.HANDLE, wintypes.LPVOID, wintypes.LPWSTR, wintypes.DWORD, wintypes.LPVOID),
    )
    id = ctypes.create_unicode_buffer(256)  # MAX_DEVICE_ID_LEN is 200
    row: dict[str, object] = {}
    if setup.SetupDiGetDeviceInstanceIdW(devices, ctypes.byref(device), id, len(id), None):
        row["id"] = id.value
    for name, key in DEVICE_PROPERTIES.items():
        told = _property(setup, devices, device, key)
        if told is not None:
            row[name] = told
    return row


def _property(setup: Any, devices: int, device: Any, key: bytes) -> object:
    """None: the device has no such property."""
    import ctypes
    from ctypes import wintypes

    ask = setup.SetupDiGetDevicePropertyW
    ask.argtypes = (
        *(wintypes.HANDLE, wintypes.LPVOID, wintypes.LPCVOID, wintypes.LPVOID, wintypes.LPVOID),
        *(wintypes.DWORD, wintypes.LPVOID, wintypes.DWORD),
    )
    kind, length = wintypes.DWORD(), wintypes.DWORD()
    data = ctypes.create_string_buffer(_LONGEST)
    if not ask(
        *(devices, ctypes.byref(device), key, ctypes.byref(kind), data, len(data), ctypes.byref(length), 0)
    ):
        return None
    value = data.raw[: length.value]
    if kind.value == _NUMBER:
        return int.from_bytes(value, "little")
    if kind.value in (_TEXT, _TEXTS):
        return "\n".join(filter(None, value.decode("utf-16-le", "replace").split("\0")))
    return None
