"""What is on the PCI and USB buses, from /sys; pci.py and usb_tree.py read its parts."""

from pathlib import Path

from agent.probe import Place, item
from agent.probes import kernel_files, pci, usb_tree
from protos.report_pb2 import Item

_PCI_FILES = ("vendor", "device", "class", "subsystem_vendor", "subsystem_device", "revision")
_PCI_NAMES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")
_USB_FILES = (
    "idVendor", "idProduct", "manufacturer", "product", "serial", "bcdDevice", "speed", "version", "devnum",
    "bDeviceClass", "bMaxPower",
)  # fmt: skip
# Classes of interfaces of memory sticks, telephones and cameras: people's own things, whose serial is nobody's concern.
_PRIVATE = frozenset({"06", "08"})


def sections(place: Place) -> dict[str, list[Item]]:
    """A bus that is not there has no section: not known is not "none"."""
    found: dict[str, list[Item]] = {}
    if place.path("/sys/bus/pci/devices").is_dir():
        cards = pci_cards(place)
        names = pci_names(place, cards)
        found["pci_devices"] = [_card(card, names) for card in cards]
        found["graphics_cards"] = [_graphics(card, names) for card in cards if card.kind == "graphics"]
    if place.path("/sys/bus/usb/devices").is_dir():
        found["usb_devices"] = [_usb(device, kind) for device, kind in usb_devices(place)]
    return found


def _card(card: pci.Card, names: dict[str, tuple[str, str | None]]) -> Item:
    maker, model = names.get(card.id, (None, None))
    return item(
        card.address,
        id=card.id,
        subsystem=card.subsystem,
        kind=card.kind,
        revision=card.revision,
        driver=card.driver,
        maker=maker,
        model=model,
    )


def _graphics(card: pci.Card, names: dict[str, tuple[str, str | None]]) -> Item:
    maker, model = names.get(card.id, (None, None))
    return item(card.address, id=card.id, maker=maker, model=model, driver=card.driver)


def _usb(device: usb_tree.Device, kind: str | None) -> Item:
    return item(
        device.socket,
        id=f"{device.vendor_id}:{device.product_id}",
        kind=kind,
        maker=device.maker,
        product=device.product,
        serial=device.serial,
        firmware=device.firmware,
    )


def pci_cards(place: Place) -> list[pci.Card]:
    cards = []
    for node in sorted(place.path("/sys/bus/pci/devices").glob("*")):
        files = {name: text for name in _PCI_FILES if (text := kernel_files.text(node / name)) is not None}
        card = pci.parse(node.name, files, link_name(node / "driver"))
        if card is not None:
            cards.append(card)
    return cards


def pci_names(place: Place, cards: list[pci.Card]) -> dict[str, tuple[str, str | None]]:
    """Empty where the device has no list of names."""
    for path in map(place.path, _PCI_NAMES):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                return pci.names(file, {card.id for card in cards})
        except OSError:
            continue
    return {}


def usb_devices(place: Place) -> list[tuple[usb_tree.Device, str | None]]:
    """Each with its kind. Without the controllers' own hubs, which the PCI cards tell of."""
    found = []
    for node in sorted(place.path("/sys/bus/usb/devices").glob("[0-9]*-*")):
        if ":" in node.name:
            continue  # an interface
        files = {name: text for name in _USB_FILES if (text := kernel_files.text(node / name)) is not None}
        kinds = {
            text for file in sorted(node.glob("*:*/bInterfaceClass")) if (text := kernel_files.text(file))
        }
        if kinds & _PRIVATE:
            files.pop("serial", None)
        try:
            device = usb_tree.parse_device(node.name, files, _bytes(node / "bos_descriptors"))
        except ValueError:
            continue  # pulled out while it was read
        found.append((device, "hub" if device.is_hub else usb_tree.kind_of(kinds)))
    return found


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def link_name(link: Path) -> str | None:
    """What a link points to, without its way."""
    try:
        return link.readlink().name
    except OSError:
        return None
