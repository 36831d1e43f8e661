"""Temperatures and fans, as the chips on the board state them.

Source: /sys/class/hwmon.
Rights: none.
Cost: 1 to 20 ms; some boards answer over a slow bus.
Unavailable: no temperature or fan sensor under /sys/class/hwmon, as in most virtual machines.
"""

import re
from pathlib import Path

from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading
from agent.probes import kernel_files

_ABSENT_CELSIUS = (-55, 250)  # what chips give for a diode that is not connected lies outside


def read(place: Place) -> Taken:
    taken = Taken()
    names: set[str] = set()
    for chip in sorted(place.path("/sys/class/hwmon").glob("hwmon*"), key=_number):
        title = _title(chip, names)
        # Before Linux 3.13 the values lay one directory further down.
        for directory in (chip, chip / "device"):
            for path in sorted(directory.glob("temp*_input"), key=_number):
                _temperature(taken, path, title)
            for path in sorted(directory.glob("fan*_input"), key=_number):
                _fan(taken, path, title)
            if taken.readings:
                break
    if not taken.readings:
        raise Unavailable("no temperature sensors under /sys/class/hwmon")
    return taken


def _title(chip: Path, names: set[str]) -> str:
    """The chip's name; two of one kind (memory modules, drives) get the bus address behind it.

    hwmon numbers change from boot to boot and are no name.
    """
    name = kernel_files.text(chip / "name") or chip.name
    if name in names:
        address = (chip / "device").resolve().name if (chip / "device").exists() else chip.name
        name = f"{name} {address}"
    names.add(name)
    return name


def _temperature(taken: Taken, path: Path, title: str) -> None:
    millidegrees = kernel_files.number(path)
    if millidegrees is None or not _ABSENT_CELSIUS[0] < millidegrees / 1000 < _ABSENT_CELSIUS[1]:
        return
    component = _component(path, title)
    taken.readings.append(reading("sensor_temperature_celsius", millidegrees / 1000, component))
    limit = kernel_files.number(path.with_name(path.name.replace("_input", "_crit")))
    if limit is not None and 0 < limit / 1000 < _ABSENT_CELSIUS[1]:
        taken.readings.append(reading("sensor_temperature_limit_celsius", limit / 1000, component))


def _fan(taken: Taken, path: Path, title: str) -> None:
    turns = kernel_files.number(path)
    if turns is not None and turns >= 0:
        taken.readings.append(reading("sensor_fan_rpm", turns, _component(path, title)))


def _component(path: Path, title: str) -> str:
    """`coretemp Package id 0`, else `nct6775 fan2`."""
    plain = path.name.removesuffix("_input")
    return f"{title} {kernel_files.text(path.with_name(f'{plain}_label')) or plain}"


def _number(path: Path) -> tuple[int, str]:
    found = re.search(r"\d+", path.name)
    return (int(found[0]) if found else 0, path.name)


PROBE = Probe(name="sensors", read=read, pace=Pace.SAMPLE, limit_seconds=10)
