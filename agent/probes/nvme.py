"""What nvme-cli's JSON says, as facts of a disk. Pure: text in, facts out. Used where smartctl is missing.

Traps this reader knows: numbers come as whole numbers, as floats or as text, by version; the temperature is in
kelvin; the list of devices has had three shapes.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.probes.smart import DiskFacts

_ZERO_CELSIUS: Final = 273
_WARNINGS: Final = 6  # defined bits of critical_warning


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A line of `nvme list`."""

    path: str
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    capacity_bytes: int | None = None


def parse_list(text: str) -> list[Listed]:
    """The devices, one namespace each. Raises ValueError when the text is no JSON object."""
    return [listed for device in _dicts(_tree(text), "Devices") for listed in _devices(device)]


def _devices(device: dict[str, Any]) -> Iterator[Listed]:
    """A device by itself, or since 2.9 the host with subsystems, controllers and namespaces below it."""
    if path := _text(device, "DevicePath"):
        yield Listed(
            path=path,
            model=_text(device, "ModelNumber"),
            serial=_text(device, "SerialNumber"),
            firmware=_text(device, "Firmware"),
            capacity_bytes=_whole(device, "PhysicalSize"),
        )
    for subsystem in _dicts(device, "Subsystems"):
        controllers = list(_dicts(subsystem, "Controllers"))
        first: dict[str, Any] = controllers[0] if controllers else {}
        for namespace in _dicts(subsystem, "Namespaces"):  # with several paths they stand here
            yield from _namespace(first, namespace)
        for controller in controllers:
            for namespace in _dicts(controller, "Namespaces"):
                yield from _namespace(controller, namespace)


def _namespace(controller: dict[str, Any], namespace: dict[str, Any]) -> Iterator[Listed]:
    if name := _text(namespace, "NameSpace"):
        yield Listed(
            path=f"/dev/{name}",
            model=_text(controller, "ModelNumber"),
            serial=_text(controller, "SerialNumber"),
            firmware=_text(controller, "Firmware"),
            capacity_bytes=_whole(namespace, "PhysicalSize"),
        )


def parse_smart_log(text: str) -> DiskFacts:
    """The facts of `nvme smart-log -o json`. Raises ValueError when the text is no JSON object."""
    tree = _tree(text)
    warning = _whole(tree, "critical_warning")
    if warning is None:  # an object of its bits, with the whole beside them
        part = tree.get("critical_warning")
        warning = _whole(part, "value") if isinstance(part, dict) else None
    kelvin = _whole(tree, "temperature")
    used = _ratio(tree, "percent_used", "percentage_used")
    spare = _ratio(tree, "avail_spare", "available_spare")
    log = {
        "percentage_used_ratio": used,
        "available_spare_ratio": spare,
        "available_spare_threshold_ratio": _ratio(tree, "spare_thresh", "available_spare_threshold"),
        "critical_warning": warning,
        "critical_warning_bits": [bit for bit in range(_WARNINGS) if (warning or 0) >> bit & 1],
        "media_errors": _whole(tree, "media_errors"),
        "unsafe_shutdowns": _whole(tree, "unsafe_shutdowns"),
    }
    readable = warning is not None and spare is not None
    return DiskFacts(
        protocol="NVMe",
        interface="NVMe",
        temperature_celsius=kelvin - _ZERO_CELSIUS if kelvin else None,
        power_on_hours=_whole(tree, "power_on_hours"),
        power_cycles=_whole(tree, "power_cycles"),
        life_used_ratio=used,
        nvme=log if readable else None,
        readable=readable,
        unreadable_reason=None if readable else "no health data in the answer of nvme",
    )


def combined(listed: Listed, health: DiskFacts) -> DiskFacts:
    return replace(
        health,
        device=listed.path,
        model=listed.model,
        serial=listed.serial,
        firmware=listed.firmware,
        capacity_bytes=listed.capacity_bytes,
    )


def _tree(text: str) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("nvme printed no JSON") from error
    if not isinstance(tree, dict):
        raise ValueError("nvme printed no JSON object")
    return tree


def _dicts(tree: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    value = tree.get(name)
    return (row for row in value if isinstance(row, dict)) if isinstance(value, list) else iter(())


def _text(tree: dict[str, Any], name: str) -> str | None:
    value = tree.get(name)
    return (value.strip() or None) if isinstance(value, str) else None


def _whole(tree: dict[str, Any], name: str) -> int | None:
    value = tree.get(name)
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and 0 <= value < 2**63 and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,19}(\.0+)?", value, re.ASCII):
        value = int(value.partition(".")[0])
    return value if isinstance(value, int) and 0 <= value < 2**63 else None


def _ratio(tree: dict[str, Any], *names: str) -> float | None:
    percent = next((value for name in names if (value := _whole(tree, name)) is not None), None)
    return None if percent is None else percent / 100
