"""Plug and Play's device tree of the prefix: what wine lists, and a device that SetupAPI's own calls write into it."""

import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from agent.windows.device_tree import DEVICE_PROPERTIES, present

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

BUS = "TOCSINBUS"  # nobody else's
ID = rf"{BUS}\VID_046D&PID_085E\1"
KIND = uuid.UUID("36fc9e60-c465-11cf-8056-444553540000").bytes_le
TOLD: dict[str, tuple[int, object]] = {
    "location": (0x2012, "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)\0ACPI(_SB_)#ACPI(HS01)\0\0"),
    "name": (0x12, "Größte Kamera\0"),
    "problem": (0x07, 43),
    "compatible": (0x2012, "x" * 5000 + "\0\0"),  # longer than any
}


@pytest.fixture
def device() -> Iterator[None]:
    import ctypes
    from ctypes import wintypes

    from agent.windows.device_tree import empty_device

    setup: Any = ctypes.WinDLL("setupapi", use_last_error=True)
    setup.SetupDiCreateDeviceInfoList.restype = wintypes.HANDLE
    devices = wintypes.HANDLE(setup.SetupDiCreateDeviceInfoList(None, None))
    made = empty_device()
    assert setup.SetupDiCreateDeviceInfoW(devices, ID, KIND, None, None, 0, ctypes.byref(made)), (
        ctypes.get_last_error()
    )
    assert setup.SetupDiRegisterDeviceInfo(devices, ctypes.byref(made), 0, None, None, None)
    keys = {name: key for name, key in DEVICE_PROPERTIES.items() if name in TOLD}
    for name, key in keys.items():
        kind, value = TOLD[name]
        data = value.encode("utf-16-le") if isinstance(value, str) else int(str(value)).to_bytes(4, "little")
        assert setup.SetupDiSetDevicePropertyW(devices, ctypes.byref(made), key, kind, data, len(data), 0)
    yield
    setup.SetupDiRemoveDevice(devices, ctypes.byref(made))
    setup.SetupDiDestroyDeviceInfoList(devices)


def test_a_bus_nobody_has_holds_no_devices() -> None:
    assert present("TOCSINNOBUS") == []


def test_devices_that_are_there_are_named() -> None:
    found = present("ROOT") + present("PCI")
    assert found
    assert all("\\" in str(row["id"]) for row in found)


@pytest.mark.usefixtures("device")
def test_what_a_device_tells_is_read_and_what_is_too_long_is_left_out() -> None:
    assert present(BUS) == [
        {
            "id": ID,
            "location": "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)\nACPI(_SB_)#ACPI(HS01)",
            "name": "Größte Kamera",
            "problem": 43,
        }
    ]
