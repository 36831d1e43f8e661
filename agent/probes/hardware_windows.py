"""Obtains what hardware.py reads, on Windows: WMI's Win32_* tables, MSFT_NetAdapter for network cards, and the
firmware's own table, which alone lists empty memory slots."""

import re
import uuid
from collections.abc import Iterable, Mapping

from agent.probe import Place, Unavailable
from agent.probes import dmi, smbios
from agent.probes.hardware_linux import NetworkCard
from agent.windows import CIMV2, Row, rows
from agent.windows.live import sources
from protos.placeholders import is_placeholder

NETWORK = r"root\StandardCimv2"
_ETHERNET_MEDIUM = 14  # NdisPhysicalMedium802_3; 9 is Wi-Fi, 10 Bluetooth
_CONNECTED = 2  # NetConnectionStatus
# What lies below these buses is made of software: tunnels, switches of virtual machines, Bluetooth PAN.
_NO_HARDWARE = ("ROOT\\", "SWD\\", "BTH\\", "{")
# CIM's numbering of FormFactor, which is not SMBIOS's. Only the words dmidecode uses too.
_FORM_FACTORS = {7: "SIMM", 8: "DIMM", 11: "RIMM", 12: "SODIMM", 13: "SRIMM", 15: "SSMP"}
# SMBIOS 3.x, table 77.
_MEMORY_TYPES = {
    18: "DDR", 19: "DDR2", 20: "DDR2 FB-DIMM", 24: "DDR3", 26: "DDR4", 27: "LPDDR", 28: "LPDDR2", 29: "LPDDR3",
    30: "LPDDR4", 34: "DDR5", 35: "LPDDR5",
}  # fmt: skip
_SYSTEM, _SERIAL, _UUID = 1, 0x07, 0x08  # SMBIOS 3.x, 7.2: structure and offsets
_SYSTEM_MEMORY = 3  # Win32_PhysicalMemoryArray.Use
# Win32_ComputerSystem.PCSystemType, for boards whose chassis type says nothing.
_SYSTEM_TYPES = {1: "desktop", 2: "laptop", 3: "desktop", 4: "server", 5: "server", 7: "server"}


def tables(place: Place, *classes: str) -> tuple[dict[str, list[Row]], list[str]]:
    """The rows of each class, and what was said of those that could not be read."""
    source = sources(place)
    found: dict[str, list[Row]] = {}
    lost: list[str] = []
    for name in classes:
        try:
            found[name] = source.rows(CIMV2, name)
        except (Unavailable, TimeoutError, RuntimeError, OSError) as error:  # the other classes still count
            lost.append(f"{name}: {error}")
    return found, lost


IDENTITY_CLASSES = (
    "Win32_ComputerSystem",
    "Win32_ComputerSystemProduct",
    "Win32_BIOS",
    "Win32_BaseBoard",
    "Win32_SystemEnclosure",
)


def identity(found: Mapping[str, list[Row]]) -> dict[str, str]:
    """The facts of hardware.py, under the same names as on Linux."""
    system, product, bios, board, enclosure = (first(found.get(name, [])) for name in IDENTITY_CLASSES)
    released = rows.moment(bios, "releasedate")
    # Both come from the same field of the firmware; some makers' providers fill only one.
    serials = [
        serial
        for serial in (rows.text(product, "identifyingnumber"), rows.text(bios, "serialnumber"))
        if serial is not None
    ]
    number = rows.text(product, "uuid")
    facts = {
        "maker": rows.text(system, "manufacturer") or rows.text(product, "vendor"),
        "model": rows.text(system, "model") or rows.text(product, "name"),
        "version": rows.text(product, "version") or rows.text(system, "systemfamily"),
        "sku": rows.text(system, "systemskunumber"),
        "serial": min(serials, key=is_placeholder, default=None),
        "uuid": number.lower() if number else None,
        "asset_tag": rows.text(enclosure, "smbiosassettag"),
        "board_maker": rows.text(board, "manufacturer"),
        "board_model": rows.text(board, "product"),
        "board_serial": rows.text(board, "serialnumber"),
        "firmware_maker": rows.text(bios, "manufacturer"),
        "firmware_version": rows.text(bios, "smbiosbiosversion"),
        # As the firmware writes it, and as Linux gives it.
        "firmware_date": f"{released:%m/%d/%Y}" if released else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def first(table: list[Row]) -> Row:
    return table[0] if table else {}


def chassis_type(found: Mapping[str, list[Row]]) -> int | None:
    """The first true number: the array may hold garbage, and bit 7 says that there is a lock."""
    for row in found.get("Win32_SystemEnclosure", []):
        for number in rows.numbers(row, "chassistypes"):
            if number < 256 and 3 <= number & 0x7F <= 36:  # 1 and 2 are "other" and "unknown"
                return number & 0x7F
    return None


def device_class(found: Mapping[str, list[Row]], facts: Mapping[str, str]) -> str | None:
    known = dmi.device_class(chassis_type(found), facts.get("maker", ""), facts.get("model", ""))
    kind = rows.whole(first(found.get("Win32_ComputerSystem", [])), "pcsystemtype")
    return known or _SYSTEM_TYPES.get(kind or 0)


def board(place: Place) -> list[str] | None:
    """Serial and UUID of the machine, without WMI where that can be: the resident agent asks for them at its start,
    and WMI may not be up yet. None: not known; half of an identity would make a second machine of this one."""
    try:
        table = sources(place).firmware_table()
        system = next(each for each in smbios.structures(table) if each.kind == _SYSTEM)
    except (Unavailable, StopIteration):
        found, lost = tables(place, *IDENTITY_CLASSES)
        facts = identity(found)
        return None if lost else [facts.get("serial", ""), facts.get("uuid", "")]
    data = system.data[_UUID : _UUID + 16]
    return [system.text(_SERIAL) or "", str(uuid.UUID(bytes_le=data)) if len(data) == 16 else ""]


def slots(place: Place, found: Mapping[str, list[Row]]) -> tuple[list[dmi.Slot], int | None]:
    """Memory slots, and how many there are."""
    try:
        told = smbios.memory_slots(sources(place).firmware_table())
    except Unavailable:
        told = []
    if any(slot.size_bytes for slot in told):
        return told, len(told)
    filled = memory_slots(found.get("Win32_PhysicalMemory", []))
    return filled, slot_count(found.get("Win32_PhysicalMemoryArray", []), len(filled))


def memory_slots(modules: Iterable[Row]) -> list[dmi.Slot]:
    """The filled ones; WMI does not list the empty ones."""
    slots = []
    for row in modules:
        size = rows.whole(row, "capacity")
        if not size:
            continue
        speed = rows.whole(row, "speed") or rows.whole(row, "configuredclockspeed")
        slots.append(
            dmi.Slot(
                locator=rows.text(row, "devicelocator") or rows.text(row, "tag") or "?",
                bank=rows.text(row, "banklabel"),
                size_bytes=size,
                type=_MEMORY_TYPES.get(rows.whole(row, "smbiosmemorytype") or 0),
                form_factor=_FORM_FACTORS.get(rows.whole(row, "formfactor") or 0),
                speed=f"{speed} MT/s" if speed else None,
                maker=_known(row, "manufacturer"),
                part_number=_known(row, "partnumber"),
                serial=_known(row, "serialnumber"),
            )
        )
    return slots


def _known(row: Row, name: str) -> str | None:
    text = rows.text(row, name)
    return text if text and not is_placeholder(text) else None


def slot_count(arrays: Iterable[Row], filled: int) -> int | None:
    """All slots, empty ones too; None where the firmware does not tell, or tells fewer than are filled."""
    counts = [
        rows.whole(row, "memorydevices") or 0
        for row in arrays
        if rows.whole(row, "use") in (None, _SYSTEM_MEMORY)
    ]
    total = sum(counts)
    return total if total and total >= filled else None


def network_cards(place: Place) -> list[NetworkCard]:
    source = sources(place)
    adapters = source.rows(CIMV2, "Win32_NetworkAdapter")
    try:
        modern = source.rows(NETWORK, "MSFT_NetAdapter")
    except Unavailable:
        modern = []  # Windows 7
    by_guid = {guid.lower(): row for row in modern if (guid := rows.text(row, "interfaceguid"))}
    cards = []
    for row in adapters:
        path = rows.text(row, "pnpdeviceid") or ""
        if not rows.truth(row, "physicaladapter") or not path or path.upper().startswith(_NO_HARDWARE):
            continue
        more = by_guid.get((rows.text(row, "guid") or "").lower(), {})
        cards.append(network_card(row, more, path))
    return sorted(cards, key=lambda card: (card.name, card.mac or ""))


def network_card(row: Row, more: Row, path: str) -> NetworkCard:
    """`more` is its row in MSFT_NetAdapter, which alone tells Wi-Fi from a cable and the burnt-in address."""
    own = mac(rows.text(more, "permanentaddress"))
    address = own or mac(rows.text(row, "macaddress"))
    medium = rows.whole(more, "ndisphysicalmedium")
    wired = medium == _ETHERNET_MEDIUM if medium else None
    speed = rows.whole(row, "speed")
    linked = rows.whole(row, "netconnectionstatus") == _CONNECTED
    return NetworkCard(
        name=rows.text(row, "name") or path,
        mac=address,
        wired=wired,
        universal=address is not None and not int(address[:2], 16) & 0b10,
        permanent=own is not None,
        bus=path.partition("\\")[0].lower(),
        driver=rows.text(row, "servicename"),
        # Radios change theirs by the second, and an unplugged card says the largest number there is.
        speed=speed if wired and linked and speed and speed < 2**62 else None,
    )


def mac(text: str | None) -> str | None:
    """`AC1A3D000001` or `AC:1A:…` as `ac:1a:3d:00:00:01`."""
    plain = re.sub(r"[:-]", "", text or "").lower()
    if not re.fullmatch(r"[0-9a-f]{12}", plain, re.ASCII) or plain == "0" * 12:
        return None
    return ":".join(plain[n : n + 2] for n in range(0, 12, 2))


def host_name(place: Place) -> str:
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName"
    name = (sources(place).values(key) or {}).get("ComputerName")
    return name if isinstance(name, str) else ""


def machine_id(place: Place) -> str:
    """What stays with this installation, and is copied with its disk."""
    value = (sources(place).values(r"HKLM\SOFTWARE\Microsoft\Cryptography") or {}).get("MachineGuid")
    return value.lower() if isinstance(value, str) else ""
