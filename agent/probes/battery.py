"""Batteries: charge, what is left of their capacity, cycles, and whether the device is on mains.

Source: Linux /sys/class/power_supply, in µWh or µAh; Windows psutil (charge and mains only).
Rights: none.
Cost: under 5 ms; the embedded controller may take 50.
Unavailable: no battery. That is a fact, and not a charge of 0.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from agent.probe import Pace, Place, Probe, Taken, Unavailable, item, reading
from agent.probes import kernel_files
from protos.placeholders import is_placeholder

_MAINS_TYPES = frozenset({"Mains", "USB", "USB_C", "USB_PD", "Wireless"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    name: str
    charge_ratio: float | None = None
    health_ratio: float | None = None
    cycles: int | None = None
    design_wh: float | None = None
    full_wh: float | None = None
    serial: str | None = None
    maker: str | None = None
    model: str | None = None
    chemistry: str | None = None
    status: str | None = None


def read(place: Place) -> Taken:
    if sys.platform == "win32":
        return _read_windows()
    batteries, on_mains = _supplies(place.path("/sys/class/power_supply"))
    if not batteries:
        raise Unavailable("no battery")
    taken = Taken()
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
    percent = _whole(facts, "capacity")
    charge = now / full if now is not None and full else None if percent is None else percent / 100
    cycles = _whole(facts, "cycle_count")
    return Battery(
        name=name,
        charge_ratio=_clamped(charge),
        # A new pack holds more than it promises; firmware that knows no design gives 0.
        health_ratio=_clamped(full / design) if full and design else None,
        cycles=cycles or None,  # packs that do not count say 0 or -1
        design_wh=_watt_hours(design, volts),
        full_wh=_watt_hours(full, volts),
        serial=facts.get("serial_number"),
        maker=facts.get("manufacturer"),
        model=facts.get("model_name"),
        chemistry=facts.get("technology"),
        status=facts.get("status"),
    )


def _watt_hours(micro: int | None, volts: float) -> float | None:
    return round(micro * volts / 1e6, 2) if micro and volts else None


def _clamped(ratio: float | None) -> float | None:
    return None if ratio is None else min(1.0, max(0.0, ratio))


def _whole(facts: dict[str, str], name: str) -> int | None:
    try:
        value = int(facts.get(name, ""))
    except ValueError:
        return None
    return value if 0 <= value < 2**53 else None


def _read_windows() -> Taken:
    import psutil

    battery = psutil.sensors_battery()
    if battery is None:
        raise Unavailable("no battery")
    taken = Taken()
    if battery.power_plugged is not None:
        taken.readings.append(reading("battery_on_mains_state", bool(battery.power_plugged)))
    taken.readings.append(reading("battery_charge_ratio", _clamped(battery.percent / 100) or 0.0, "battery"))
    return taken


PROBE = Probe(name="battery", read=read, pace=Pace.SAMPLE, limit_seconds=10, platforms=("linux", "win32"))
