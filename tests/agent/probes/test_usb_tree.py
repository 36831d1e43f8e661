"""The USB tree. Attributes and descriptors here are constructed after the kernel's documentation and USB 3.2; captured
lists lie beside the checkout and are compared in ../test_every_sample.py."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import usb_tree

CAMERA = {
    "idVendor": "046d\n",
    "idProduct": "085e\n",
    "manufacturer": "Logitech\n",
    "product": "BRIO\n",
    "serial": "0ABC12\n",
    "bcdDevice": "0317\n",
    "speed": "5000\n",
    "version": " 3.10\n",
    "devnum": "4\n",
    "bDeviceClass": "ef\n",
    "bMaxPower": "896mA\n",
}
SUPER_SPEED = bytes.fromhex("0a1003000e0001000000")
SUPER_SPEED_PLUS = (
    bytes.fromhex("14100a000100000000000000") + bytes.fromhex("34000a00") + bytes.fromhex("b4000a00")
)


def bos(*capabilities: bytes) -> bytes:
    body = b"".join(capabilities)
    return bytes([5, 15]) + (5 + len(body)).to_bytes(2, "little") + bytes([len(capabilities)]) + body


def test_a_device_says_what_it_is_and_where_it_is_plugged_in() -> None:
    camera = usb_tree.parse_device("1-1.5.1", CAMERA)
    assert (camera.vendor_id, camera.product_id, camera.product, camera.serial) == (
        "046d",
        "085e",
        "BRIO",
        "0ABC12",
    )
    assert (camera.socket, camera.number, camera.firmware) == ("1-1.5.1", 4, "3.17")
    assert (camera.power_milliamperes, camera.is_hub) == (896, False)


def test_a_usb_3_camera_on_a_usb_2_cable_is_slow() -> None:
    fallen = {**CAMERA, "speed": "480", "version": "2.10"}
    assert usb_tree.parse_device("1-1", fallen, bos(SUPER_SPEED)).is_slow is True
    assert usb_tree.parse_device("2-1", CAMERA, bos(SUPER_SPEED)).is_slow is False


def test_without_its_descriptor_a_fallen_device_is_unknown_and_not_fine() -> None:
    assert usb_tree.parse_device("1-1", {**CAMERA, "speed": "480", "version": "2.10"}).is_slow is None
    assert usb_tree.parse_device("1-1", {**CAMERA, "speed": "12", "version": "2.00"}).is_slow is None


def test_a_usb_2_device_at_its_full_rate_is_not_slow() -> None:
    assert usb_tree.parse_device("1-1", {**CAMERA, "speed": "480", "version": "2.00"}).is_slow is False
    assert usb_tree.parse_device("1-1", {**CAMERA, "speed": "1.5", "version": "1.10"}).is_slow is False


def test_a_descriptor_tells_the_fastest_rate() -> None:
    assert usb_tree.parse_bos(bos(SUPER_SPEED, SUPER_SPEED_PLUS)) == 10_000
    assert usb_tree.parse_bos(bos(bytes.fromhex("07100200000000"))) is None


def test_a_device_without_the_five_gigabits_of_usb_3_is_made_for_usb_2() -> None:
    assert usb_tree.parse_bos(bos(bytes.fromhex("0a100300060001000000"))) is None


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (("01", "03", "0E"), "video"),
        (("03", "01"), "audio"),
        (("ff", "03"), "input"),
        (("ff",), None),
        ((), None),
    ],
)
def test_a_device_is_called_by_what_it_is_bought_for(classes: tuple[str, ...], kind: str | None) -> None:
    assert usb_tree.kind_of(classes) == kind


def test_a_cut_descriptor_is_refused_with_the_byte() -> None:
    with pytest.raises(ValueError, match="BOS: byte 5"):
        usb_tree.parse_bos(bos(SUPER_SPEED)[:9])


@pytest.mark.parametrize(
    ("name", "attributes", "place"),
    [
        ("../etc", CAMERA, "no place"),
        ("1-1:1.0", CAMERA, "no place"),
        ("1-1", {}, "1-1: idVendor"),
        ("1-1", {**CAMERA, "idProduct": "zz"}, "1-1: idProduct"),
    ],
)
def test_what_is_no_device_is_refused_with_the_place(
    name: str, attributes: dict[str, str], place: str
) -> None:
    with pytest.raises(ValueError, match=place):
        usb_tree.parse_device(name, attributes)


def test_a_tree_gives_each_device_the_name_of_its_socket() -> None:
    text = (
        "/:  Bus 001.Port 001: Dev 001, Class=root_hub, Driver=xhci_hcd/16p, 480M\n"
        "    |__ Port 001: Dev 002, If 0, Class=Hub, Driver=hub/4p, 480M\n"
        "        |__ Port 004: Dev 003, If 0, Class=Video, Driver=uvcvideo, 480M\n"
        "            ID 046d:085e Logitech, Inc. BRIO\n"
        "    |__ Port 002: Dev 004, If 0, Class=Vendor Specific Class, Driver=[none], 12M\n"
    )
    assert [(branch.socket, branch.driver, branch.speed_mbps) for branch in usb_tree.parse_tree(text)] == [
        ("usb1", "xhci_hcd/16p", 480),
        ("1-1", "hub/4p", 480),
        ("1-1.4", "uvcvideo", 480),
        ("1-2", None, 12),
    ]


def test_a_branch_that_hangs_in_the_air_is_refused_by_its_line() -> None:
    with pytest.raises(ValueError, match="line 1: no branch"):
        usb_tree.parse_tree("    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 480M\n")


def test_an_error_of_lsusb_is_no_empty_bus() -> None:
    assert usb_tree.parse_lsusb("") == []
    with pytest.raises(ValueError, match="lsusb"):
        usb_tree.parse_lsusb("unable to initialize libusb: -99\n")


@settings(max_examples=200, deadline=None)
@given(
    some.dictionaries(some.sampled_from(sorted(CAMERA)), some.text(max_size=12)),
    some.binary(max_size=60),
    some.text(max_size=80),
)
def test_anything_on_the_bus_is_read_or_refused(attributes: dict[str, str], data: bytes, text: str) -> None:
    for call in (
        lambda: usb_tree.parse_device("1-1", {**CAMERA, **attributes}, b"\x05\x0f" + data),
        lambda: usb_tree.parse_device("1-1", {**CAMERA, **attributes}),
        lambda: usb_tree.parse_bos(data),
        lambda: usb_tree.parse_bos(bos(data)),
        lambda: usb_tree.parse_lsusb(text),
        lambda: usb_tree.parse_tree(text),
    ):
        try:
            call()
        except ValueError:
            continue
