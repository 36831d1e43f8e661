"""The USB tree of a Windows device. The answers are documented: made by us in the form of Plug and Play's properties."""

from typing import Any

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import usb
from tests.agent.windows.captured import Captured

ROOT = "PCIROOT(0)#PCI(1400)#USBROOT(0)"
HUB = {
    "id": r"USB\VID_0BDA&PID_5411\5&1A2B3C&0&1",
    "description": "Generic USB Hub",
    "location": f"{ROOT}#USB(1)\nACPI(_SB_)#ACPI(PC00)#ACPI(XHCI)#ACPI(RHUB)#ACPI(HS01)",
    "compatible": "USB\\Class_09&SubClass_00&Prot_02\nUSB\\Class_09&SubClass_00\nUSB\\Class_09",
}
CAMERA = {
    "id": r"USB\VID_046D&PID_085E\A1B2C3D4",
    "name": "Logitech BRIO",
    "description": "USB Composite Device",
    "location": f"{ROOT}#USB(1)#USB(5)",
    "compatible": "USB\\DevClass_00&SubClass_00&Prot_00\nUSB\\COMPOSITE",
}
PICTURE = {
    "id": r"USB\VID_046D&PID_085E&MI_00\7&1F2E3D&0&0000",
    "location": f"{ROOT}#USB(1)#USB(5)#USBMI(0)",
    "compatible": "USB\\Class_0e&SubClass_03&Prot_00\nUSB\\Class_0e",
}
SOUND = {
    "id": r"USB\VID_046D&PID_085E&MI_02\7&1F2E3D&0&0002",
    "location": f"{ROOT}#USB(1)#USB(5)#USBMI(2)",
    "compatible": "USB\\Class_01&SubClass_01&Prot_00\nUSB\\Class_01",
}
CONTROLLER = {"id": r"USB\ROOT_HUB30\4&1C2D3E&0&0", "location": ROOT}


def read(*devices: dict[str, Any]) -> Taken:
    return usb.read(Place(windows=Captured(tree={"USB": devices})))


def links(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["usb_links"]}


def test_a_device_is_known_by_its_socket_and_its_interfaces_say_what_it_is() -> None:
    taken = read(CONTROLLER, SOUND, HUB, CAMERA, PICTURE)
    assert links(taken) == {
        "1400-1": {"name": "Generic USB Hub", "id": "0bda:5411", "kind": "hub", "parent": "usb1400"},
        "1400-1.5": {"name": "Logitech BRIO", "id": "046d:085e", "kind": "video", "parent": "1400-1"},
    }
    assert (taken.readings, taken.reason) == ([], "")  # Windows tells neither speeds nor returns


def test_no_serial_of_a_device_is_told() -> None:
    assert "A1B2C3D4" not in str(read(CONTROLLER, CAMERA).sections)


def test_a_controller_with_nothing_on_it_is_an_empty_tree() -> None:
    assert links(read(CONTROLLER)) == {}


def test_without_a_controller_nothing_is_known() -> None:
    with pytest.raises(Unavailable, match="no USB controller"):
        read()
    with pytest.raises(Unavailable):
        usb.read(Place(windows=Captured()))


def test_a_device_without_a_place_is_named_in_the_remark() -> None:
    taken = read(CONTROLLER, {"id": CAMERA["id"], "name": "Logitech BRIO"}, PICTURE | {"location": ""})
    assert links(taken) == {}
    assert taken.reason == "1 devices do not say where they are plugged in"
