"""Devices that Windows itself finds fault with, and graphics cards with their drivers. Pure: rows in, items out."""

from collections.abc import Iterable

from agent.probe import Taken, item, reading
from agent.windows import Row, rows
from protos.report_pb2 import Item

NO_DRIVER = 28
# Device Manager's problem codes, in words of ours.
MEANINGS = {
    1: "not configured",
    3: "its driver is damaged or memory is short",
    9: "its firmware reports no valid resources",
    10: "it cannot start",
    12: "not enough free resources",
    14: "works after a restart",
    16: "its resources are not all known",
    18: "its driver must be installed again",
    19: "its registry entries are damaged",
    21: "is being removed",
    22: "switched off by somebody",
    24: "not there, or its driver is not complete",
    NO_DRIVER: "no driver installed",
    29: "switched off in the firmware",
    31: "its driver could not be loaded for it",
    32: "its driver's service is switched off",
    33: "its resources could not be found out",
    34: "its resources must be set by hand",
    35: "the firmware does not describe it",
    36: "its interrupt is set up wrong",
    37: "its driver failed to initialise",
    38: "an earlier copy of its driver is still loaded",
    39: "its driver is damaged or missing",
    40: "its driver's registry entry is wrong",
    41: "its driver was loaded and the device not found",
    42: "the same device is there twice",
    43: "it reported a fault and was stopped",
    44: "a program stopped it",
    45: "not plugged in",
    47: "ready to be unplugged",
    48: "its driver is blocked",
    49: "the registry is too large",
    50: "its properties cannot all be set",
    51: "waits for another device",
    52: "its driver is not signed",
    54: "failed and is being reset",
}
# Codes a person should look at. Left out: what somebody chose (22, 29, 32), what is not there (24, 45), what
# passes by itself (14, 21, 47, 51, 54), and a missing driver: spare functions of a board often have none.
FAULTS = frozenset(
    {1, 3, 9, 10, 12, 16, 18, 19, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 48, 49, 50, 52}
)
# Below these lies no graphics card but a remote session's or a program's.
_NO_HARDWARE = ("ROOT\\", "SWD\\")
# AdapterRAM has 32 bits: from here on it says nothing.
_MOST_ADAPTER_BYTES = 4_293_918_720


def problems(entities: Iterable[Row]) -> Taken | None:
    """None when no device has a code at all: then nothing is known."""
    told = False
    found: dict[str, tuple[Row, int]] = {}
    for row in entities:
        code = rows.whole(row, "configmanagererrorcode")
        told = told or code is not None
        path = rows.text(row, "pnpdeviceid") or rows.text(row, "deviceid")
        if code and path:
            found.setdefault(path, (row, code))
    if not told:
        return None
    codes = [code for _, code in found.values()]
    taken = Taken(
        readings=[
            reading("devices_with_problem_count", sum(code in FAULTS for code in codes)),
            reading("devices_without_driver_count", codes.count(NO_DRIVER)),
        ]
    )
    taken.readings += [
        reading("device_fault_state", 1, path, rows.text(row, "name") or path)
        for path, (row, code) in sorted(found.items())
        if code in FAULTS
    ]
    taken.sections["device_problems"] = [
        item(
            path,
            name=rows.text(row, "name"),
            kind=rows.text(row, "pnpclass"),
            maker=rows.text(row, "manufacturer"),
            code=code,
            meaning=MEANINGS.get(code),
            is_fault=code in FAULTS,
        )
        for path, (row, code) in sorted(found.items())
    ]
    return taken


def graphics_cards(controllers: Iterable[Row]) -> list[Item]:
    """Real cards; not what a remote session draws on."""
    items: dict[str, Item] = {}
    for row in controllers:
        path = rows.text(row, "pnpdeviceid") or rows.text(row, "deviceid")
        if not path or path.upper().startswith(_NO_HARDWARE):
            continue
        memory = rows.whole(row, "adapterram")
        dated = rows.moment(row, "driverdate")
        items.setdefault(
            path,
            item(
                path,
                model=rows.text(row, "name"),
                maker=rows.text(row, "adaptercompatibility"),
                driver_version=rows.text(row, "driverversion"),
                driver_date=f"{dated:%Y-%m-%d}" if dated else None,
                memory_bytes=memory if memory and memory < _MOST_ADAPTER_BYTES else None,
            ),
        )
    return [items[key] for key in sorted(items)]
