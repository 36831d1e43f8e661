"""Constructed /sys and /proc trees of what a room has: USB with cameras and sound on it, and displays.

They are laid out as the kernel does it: a device is a folder below its controller, and the folders of buses and
classes hold links to it. What is unplugged leaves all of them. Links: Linux only.

    usb_device(root, "1-1", kind="09", product="Hub")
    usb_device(root, "1-1.2", kind="0e", product="Room camera")
    video_node(root, 0, "1-1.2", name="Room camera")
    sound_card(root, 1, "1-1.3", id="Ceiling", flows="c")
    display(root, "HDMI-A-1", edid)
    unplug(root, "1-1")
"""

import os
import shutil
from pathlib import Path

_PCI = "sys/devices/pci0000:00"
_CONTROLLER = f"{_PCI}/0000:00:14.0"
_FLOWS = {"p": "PLAYBACK", "c": "CAPTURE"}


def usb_device(
    root: Path,
    path: str,
    *,
    kind: str | tuple[str, ...] = (),
    maker: str | None = "Maker",
    product: str | None = "Device",
    id: str = "046d:085e",
    serial: str | None = None,
    speed: str = "480",
    version: str = "2.00",
    number: int = 5,
    bos: bytes | None = None,
) -> Path:
    """Plug something into a socket. `kind` is the class of its interfaces, two hexadecimal digits each."""
    node = _usb_folder(root, path)
    assert node.parent.is_dir() or path.count(".") == 0, f"{path} hangs on no hub: plug that in first"
    kinds = (kind,) if isinstance(kind, str) else kind
    vendor, _, model = id.partition(":")
    files = {
        "idVendor": vendor, "idProduct": model, "manufacturer": maker, "product": product, "serial": serial,
        "speed": speed, "version": f" {version}", "devnum": str(number), "busnum": path.partition("-")[0],
        "bDeviceClass": "09" if "09" in kinds else "00", "bcdDevice": "0100", "bMaxPower": "100mA",
    }  # fmt: skip
    _write(node, files)
    if bos is not None:
        (node / "bos_descriptors").write_bytes(bos)
    for at, each in enumerate(kinds):
        interface = node / f"{path}:1.{at}"
        _write(interface, {"bInterfaceClass": each, "bInterfaceNumber": f"{at:02x}"})
        _link(root / "sys/bus/usb/devices" / interface.name, interface)
    _link(root / "sys/bus/usb/devices" / path, node)
    return node


def halves(root: Path, slow: str, fast: str) -> None:
    """Tell that two ports are one socket: its USB 2 wires and its USB 3 wires. Devices in them are linked."""
    ports = []
    for path in (slow, fast):
        hub, _, number = path.rpartition("." if "." in path else "-")
        folder = _usb_folder(root, hub) if "-" in hub else root / _CONTROLLER / f"usb{hub}"
        interface = folder / (f"{hub}:1.0" if "-" in hub else f"{hub}-0:1.0")
        port = interface / f"{hub if '-' in hub else f'usb{hub}'}-port{number}"
        port.mkdir(parents=True, exist_ok=True)
        if (device := _usb_folder(root, path)).is_dir():
            _link(device / "port", port)
            _link(port / "device", device)
        ports.append(port)
    _link(ports[0] / "peer", ports[1])
    _link(ports[1] / "peer", ports[0])


def unplug(root: Path, path: str) -> None:
    """Take it out, and with a hub all that hangs on it; its video nodes and sound cards go too."""
    node = _usb_folder(root, path)
    shutil.rmtree(node)
    for folder in ("sys/bus/usb/devices", "sys/class/video4linux", "sys/class/sound"):
        for link in (root / folder).glob("*") if (root / folder).is_dir() else ():
            if not link.exists():
                link.unlink()
                (root / "dev" / link.name).unlink(missing_ok=True)
                shutil.rmtree(root / "proc/asound" / link.name, ignore_errors=True)
    _list_cards(root)


def video_node(
    root: Path,
    number: int,
    path: str | None,
    *,
    name: str = "Camera",
    index: int = 0,
    driver: str = "uvcvideo",
) -> Path:
    """/dev/videoN of the USB device in `path`, or of a PCI card where there is none. The file in /dev is empty."""
    device = _first_interface(root, path, "0e") if path else root / f"{_PCI}/0000:03:00.0"
    node = device / "video4linux" / f"video{number}"
    _write(node, {"name": name, "index": str(index), "dev": f"81:{number}"})
    _link(node / "device", device)
    if not (device / "driver").is_symlink():
        _link(device / "driver", _folder(root / "sys/bus" / ("usb" if path else "pci") / "drivers" / driver))
    _link(root / "sys/class/video4linux" / node.name, node)
    _folder(root / "dev").joinpath(node.name).touch()
    return node


def sound_card(
    root: Path,
    number: int,
    path: str | None,
    *,
    id: str = "Device",
    name: str = "USB Audio Device",
    flows: str = "pc",
    status: str = "closed",
) -> Path:
    """A card of ALSA; `flows`: p plays, c records. `status` is what its streams say."""
    device = _first_interface(root, path, "01") if path else root / f"{_PCI}/0000:00:1f.3"
    node = device / "sound" / f"card{number}"
    _write(node, {"id": id, "number": str(number)})
    _link(node / "device", device)
    _link(root / "sys/class/sound" / node.name, node)
    card = root / "proc/asound" / node.name
    _write(card, {"id": id})
    if path:
        usb = _usb_folder(root, path)
        _write(
            card,
            {
                "usbid": f"{_read(usb / 'idVendor')}:{_read(usb / 'idProduct')}",
                "usbbus": f"{int(_read(usb / 'busnum')):03}/{int(_read(usb / 'devnum')):03}",
            },
        )
    place = f" at usb-0000:00:14.0-{path.partition('-')[2]}, high speed" if path else " at 0xf7c10000 irq 42"
    kind = "USB-Audio" if path else "HDA-Intel"
    (card / ".listed").write_text(f"{number:2} [{id:15}]: {kind} - {name}\n{'':22}{name}{place}\n")
    for flow in flows:
        pcm = card / f"pcm0{flow}"
        told = f"card: {number}\ndevice: 0\nsubdevice: 0\nstream: {_FLOWS[flow]}\nid: USB Audio\nname: USB Audio\n"
        _write(pcm, {"info": told.rstrip("\n")})
        _write(pcm / "sub0", {"status": status.rstrip("\n")})
    _list_cards(root)
    return card


def display(
    root: Path,
    connector: str,
    edid: bytes | None,
    *,
    card: str = "card0",
    status: str | None = None,
    enabled: str = "enabled",
    dpms: str = "On",
    modes: str = "1920x1080",
    driver: str = "i915",
) -> Path:
    """A connector and what hangs on it; without an EDID nothing does, unless `status` says otherwise."""
    graphics = graphics_card(root, card, driver=driver)
    node = graphics / f"{card}-{connector}"
    status = status or ("disconnected" if edid is None else "connected")
    is_there = status == "connected"
    _write(
        node,
        {
            "status": status,
            "enabled": enabled if is_there else "disabled",
            "dpms": dpms if is_there else "Off",
            "modes": modes if is_there else "",
        },
    )
    (node / "edid").write_bytes(edid or b"")
    _link(node / "device", graphics)
    _link(root / "sys/class/drm" / node.name, node)
    return node


def graphics_card(root: Path, card: str = "card0", *, driver: str = "i915") -> Path:
    """A graphics card, with or without connectors."""
    slot = root / _PCI / f"0000:{int(card.removeprefix('card')):02}:02.0"
    graphics = _folder(slot / "drm" / card)
    _link(graphics / "device", slot)
    _link(graphics / "device/driver", _folder(root / "sys/bus/pci/drivers" / driver))
    _link(root / "sys/class/drm" / card, graphics)
    _folder(root / "sys/module" / driver)
    return graphics


def _usb_folder(root: Path, path: str) -> Path:
    bus, _, ports = path.partition("-")
    folder = root / _CONTROLLER / f"usb{bus}"
    steps = ports.split(".")
    for count in range(1, len(steps) + 1):
        folder = folder / f"{bus}-{'.'.join(steps[:count])}"
    return folder


def _first_interface(root: Path, path: str, kind: str) -> Path:
    node = _usb_folder(root, path)
    assert node.is_dir(), f"nothing is plugged in at {path}"
    for interface in sorted(node.glob(f"{path}:*")):
        if _read(interface / "bInterfaceClass") == kind:
            return interface
    raise AssertionError(f"{path} has no interface of class {kind}")


def _list_cards(root: Path) -> None:
    folder = root / "proc/asound"
    if folder.is_dir():
        listed = "".join(path.read_text() for path in sorted(folder.glob("card*/.listed")))
        (folder / "cards").write_text(listed or "--- no soundcards ---\n")


def _write(folder: Path, files: dict[str, str | None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text + "\n" if text else "")


def _read(file: Path) -> str:
    return file.read_text().strip()


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _link(link: Path, target: Path) -> None:
    """Relative, as the kernel's are: the tree may be moved."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent.resolve()))
