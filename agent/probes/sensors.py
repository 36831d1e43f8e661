"""Temperatures and fans, as the chips on the board state them.

Source: Linux /sys/class/hwmon; Windows MSAcpi_ThermalZoneTemperature, the zones of the firmware (no fans there).
Rights: Linux none; Windows an administrator.
Cost: 1 to 20 ms; some boards answer over a slow bus.
Unavailable: no temperature or fan sensor is shown, as in most virtual machines.

What is known to lie is not believed: the board's monitoring chip has inputs nothing is connected to, which read
120 °C or 0 rpm and raise alarms. So a limit is told only of chips that measure themselves, a header without a
fan is no fault, and an input that says itself that it is broken or empty is left out.
"""

import re
import sys
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final

from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading
from agent.probes import kernel_files, sensors_windows
from protos.report_pb2 import Reading

_ABSENT_CELSIUS: Final = (-55, 250)  # what chips give for a diode that is not connected lies outside
# Processors, graphics, drives and memory measure themselves. Their limits and flags mean what they say.
_MEASURES_ITSELF: Final = re.compile(
    r"^(coretemp|k8temp|k10temp|zenpower|via_cputemp|cpu_thermal|soc_thermal|nvme|drivetemp|amdgpu|radeon|nouveau|i915"
    r"|xe|jc42|spd5118|acpitz)",
    re.ASCII,
)
_PCI: Final = re.compile(r"^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")
_STEADY_SECONDS: Final = 8 * 3600.0


class Does(Enum):
    """What a fan does, as far as it was watched."""

    STAND = 1
    TURN = 2
    TURN_STEADILY = 3
    STOPPED = 4  # after having turned steadily
    REST_AT_TIMES = 5  # it turned again after such a stop


class Fans:
    """Remembers which fans never stop. The one instance below belongs to this probe alone.

    Graphics cards, power supplies and quiet laptops let their fans rest: only one that turned for hours on end
    and then stands still has changed.
    """

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._known: dict[str, tuple[Does, float]] = {}  # and since when it turns

    def stopped(self, component: str, turns: int) -> bool | None:
        """None while it has not turned for long enough to be judged."""
        now = self._tick()
        does, since = self._known.get(component, (Does.STAND, now))
        if does is Does.STAND and turns > 0:
            does, since = Does.TURN, now
        elif does is Does.TURN and turns > 0 and now - since >= _STEADY_SECONDS:
            does = Does.TURN_STEADILY
        elif does is Does.STOPPED and turns > 0:
            does = Does.REST_AT_TIMES
        elif turns == 0:
            does = {Does.TURN: Does.STAND, Does.TURN_STEADILY: Does.STOPPED}.get(does, does)
        self._known[component] = (does, since)
        return None if does in (Does.STAND, Does.TURN) else does is Does.STOPPED

    def read(self, place: Place) -> Taken:
        taken = sensors_windows.read(place) if place.is_windows else self._linux(place)
        if not taken.readings:
            raise Unavailable("no temperature sensors or fans are shown")
        return taken

    def _linux(self, place: Place) -> Taken:
        taken = Taken()
        silent: list[str] = []
        alarms: list[bool] = []
        seen: set[tuple[str, str]] = set()
        for chip in sorted(place.path("/sys/class/hwmon").glob("hwmon*"), key=_number):
            name = kernel_files.text(chip / "name") or chip.name
            address = _address(chip)
            if (name, address) in seen:  # two of one kind and no place to tell them apart by
                address = f"{address} {chip.name}".strip()
            seen.add((name, address))
            # Before Linux 3.13 the values lay one directory further down.
            for directory in (chip, chip / "device"):
                before = len(taken.readings)
                for path in sorted(directory.glob("temp*_input"), key=_number):
                    taken.readings += _temperature(path, name, address, silent)
                    if _MEASURES_ITSELF.match(name):
                        alarms += _flags(path)
                for path in sorted(directory.glob("fan*_input"), key=_number):
                    taken.readings += self._fan(path, name, address, silent)
                if len(taken.readings) > before:
                    break
        if alarms:
            taken.readings.append(reading("sensor_critical_alarms_count", sum(alarms)))
        if silent:
            taken.reason = "broken or not connected by their own word: " + ", ".join(silent[:5])
        return taken

    def _fan(self, path: Path, name: str, address: str, silent: list[str]) -> list[Reading]:
        turns = kernel_files.number(path)
        key, label = _component(path, name, address)
        if _beside(path, "fault") == 1:
            silent.append(label)
            return []
        if turns is None or turns < 0:
            return []
        stopped = self.stopped(key, turns)
        state = [] if stopped is None else [reading("sensor_fan_stopped_state", stopped, key, label)]
        return [reading("sensor_fan_rpm", turns, key, label), *state]


def _temperature(path: Path, name: str, address: str, silent: list[str]) -> list[Reading]:
    key, label = _component(path, name, address)
    if _beside(path, "fault") == 1:
        silent.append(label)
        return []
    millidegrees = kernel_files.number(path)
    if millidegrees is None or not _ABSENT_CELSIUS[0] < millidegrees / 1000 < _ABSENT_CELSIUS[1]:
        return []
    result = [reading("sensor_temperature_celsius", millidegrees / 1000, key, label)]
    limit = _beside(path, "crit")
    if limit is not None and 0 < limit / 1000 < _ABSENT_CELSIUS[1] and _MEASURES_ITSELF.match(name):
        result.append(reading("sensor_temperature_limit_celsius", limit / 1000, key, label))
    return result


def _flags(path: Path) -> list[bool]:
    """Whether the chip itself says it was too hot to be relied on."""
    told = (_beside(path, flag) for flag in ("crit_alarm", "emergency_alarm"))
    return [flag == 1 for flag in told if flag is not None]


def _beside(path: Path, what: str) -> int | None:
    return kernel_files.number(path.with_name(path.name.removesuffix("input") + what))


def _component(path: Path, name: str, address: str) -> tuple[str, str]:
    """`coretemp coretemp.0 Package id 0` to be known by, `coretemp Package id 0` to be read."""
    plain = path.name.removesuffix("_input")
    title = kernel_files.text(path.with_name(f"{plain}_label")) or plain
    return " ".join(filter(None, (name, address, title))), f"{name} {title}"


def _address(chip: Path) -> str:
    """Where the chip sits. Numbers of hwmon and nvme change from boot to boot and are no name."""
    device = chip / "device"
    if not device.exists():
        return ""
    path = device.resolve()
    slots = [part for part in path.parts if _PCI.match(part)]
    return slots[-1] if slots and re.match(r"nvme\d+$", path.name) else path.name


def _number(path: Path) -> tuple[int, str]:
    found = re.search(r"\d+", path.name)
    return (int(found[0]) if found else 0, path.name)


PROBE = Probe(
    name="sensors",
    read=Fans().read,
    # A WMI call a minute, in a process of its own, is more than an answer that seldom changes is worth.
    pace=Pace.INVENTORY if sys.platform == "win32" else Pace.SAMPLE,
    limit_seconds=20 if sys.platform == "win32" else 10,
    child=sys.platform == "win32",
    platforms=("linux", "win32"),
)
