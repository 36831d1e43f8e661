"""Batteries: charge, what is left of their capacity, cycles, and whether the device is on mains.

Source: Linux /sys/class/power_supply, in µWh or µAh, each minute; Windows root\\wmi BatteryStaticData, BatteryFullChargedCapacity, BatteryStatus and BatteryCycleCount, in mWh, each hour.
Rights: none.
Cost: Linux under 5 ms, the embedded controller may take 50; Windows half a second in a process of its own.
Unavailable: no battery. That is a fact, and not a charge of 0.
"""

import sys
from pathlib import Path

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import battery_windows, kernel_files
from agent.probes.battery_facts import Battery, measured
from protos.placeholders import is_placeholder

_MAINS_TYPES = frozenset({"Mains", "USB", "USB_C", "USB_PD", "Wireless"})


def read(place: Place) -> Taken:
    if place.is_windows:
        return taken(*battery_windows.batteries(place))
    return taken(*_supplies(place.path("/sys/class/power_supply")))


def taken(batteries: list[Battery], on_mains: bool | None, lost: str = "") -> Taken:
    if not batteries:
        raise Unavailable("no battery")
    taken = Taken(reason=lost)
    if on_mains is not None:
        taken.readings.append(reading("battery_on_mains_state", on_mains))
    rows = taken.sections.setdefault("batteries", [])
    keys: set[str] = set()
    for battery in batteries:
        serial = battery.serial if battery.serial and not is_placeholder(battery.serial) else None
        key = serial if serial and serial not in keys else battery.name
        keys.add(key)
        for metric, value in (
            ("battery_charge_ratio", battery.charge_ratio),
            ("battery_health_ratio", battery.health_ratio),
            ("battery_cycles_count", battery.cycles),
        ):
            if value is not None:
                taken.readings.append(reading(metric, value, key))
        rows.append(
            item(
                key,
                name=battery.name,
                maker=battery.maker,
                model=battery.model,
                serial=battery.serial,
                chemistry=battery.chemistry,
                status=battery.status,
                design_capacity_wh=battery.design_wh,
                full_capacity_wh=battery.full_wh,
            )
        )
    return taken


def _supplies(directory: Path) -> tuple[list[Battery], bool | None]:
    batteries, mains = [], []
    for path in sorted(directory.glob("*")):
        facts = {file: value for file in _FILES if (value := kernel_files.text(path / file)) is not None}
        kind = facts.get("type")
        # Mice and headsets report batteries of their own with the scope `Device`.
        if kind == "Battery" and facts.get("scope") != "Device" and facts.get("present") != "0":
            batteries.append(parse(path.name, facts))
        elif kind in _MAINS_TYPES and "online" in facts:
            mains.append(facts["online"] != "0")
    return batteries, any(mains) if mains else None


_FILES = (
    "type", "scope", "present", "online", "status", "capacity", "cycle_count", "technology", "manufacturer",
    "model_name", "serial_number", "energy_now", "energy_full", "energy_full_design", "charge_now",
    "charge_full", "charge_full_design", "voltage_min_design",
)  # fmt: skip


def parse(name: str, facts: dict[str, str]) -> Battery:
    """A battery from the files of its directory."""
    now, full, design = (_whole(facts, f"energy_{part}") for part in ("now", "full", "full_design"))
    volts = 1.0
    if not full:
        # Counted in µAh; only the design voltage makes Wh of it, the momentary one swings with the charge.
        now, full, design = (_whole(facts, f"charge_{part}") for part in ("now", "full", "full_design"))
        volts = (_whole(facts, "voltage_min_design") or 0) / 1e6
    return measured(
        name=name,
        now=now,
        full=full,
        design=design,
        watt_hours=volts / 1e6 or None,
        percent=_whole(facts, "capacity"),
        cycles=_whole(facts, "cycle_count"),
        serial=facts.get("serial_number"),
        maker=facts.get("manufacturer"),
        model=facts.get("model_name"),
        chemistry=facts.get("technology"),
        status=facts.get("status"),
    )


def _whole(facts: dict[str, str], name: str) -> int | None:
    try:
        value = int(facts.get(name, ""))
    except ValueError:
        return None
    return value if 0 <= value < 2**53 else None


PROBE = Probe(
    name="battery",
    read=read,
    # WMI weighs too much for each minute, and its place is a process of its own.
    pace=Pace.INVENTORY if sys.platform == "win32" else Pace.SAMPLE,
    limit_seconds=10,
    child=sys.platform == "win32",
    platforms=("linux", "win32"),
)
