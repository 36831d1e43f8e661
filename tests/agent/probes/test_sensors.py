"""Temperatures and fans: captured boards, fans that stop, chips that keep their names."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes.sensors import Fans
from agent.windows import WMI
from collector.rules.load import load
from collector.rules.rule import Rules
from tests.agent.windows.captured import Captured
from tests.collector.rules.reports import MINUTE, NOON, Judged, report

# captured: `sensors -j` of two PCs. The tree below is made by us from what it says.
BOARDS = ("HJS_asrock.json", "HJS_kfanless.json")
HOUR = 3600.0


def grow(root: Path, chips: dict[str, Any]) -> Place:
    """/sys/class/hwmon as the kernel would show these chips, under a device named as `sensors` names it."""
    for number, (title, inputs) in enumerate(chips.items()):
        name, _, address = title.partition("-")
        chip = root / "sys/class/hwmon" / f"hwmon{number}"
        device = root / "sys/devices" / address
        device.mkdir(parents=True, exist_ok=True)
        chip.mkdir(parents=True)
        (chip / "device").symlink_to(device)
        (chip / "name").write_text(name + "\n")
        for label, values in inputs.items():
            if not isinstance(values, dict):
                continue
            for file, value in values.items():
                scale = (
                    1000 if file.startswith(("temp", "in")) and file.endswith(("input", "crit", "max")) else 1
                )
                (chip / file).write_text(f"{round(value * scale)}\n")
                if label != file.partition("_")[0]:
                    (chip / f"{file.partition('_')[0]}_label").write_text(label + "\n")
    return Place(root=root)


def told(taken: Taken, metric: str, chip: str) -> list[list[object]]:
    """[chip, label, value] as EXPECTED has them."""
    name = chip.partition("-")[0]
    return [
        [chip, reading.label.removeprefix(f"{name} "), round(reading.last, 3)]
        for reading in taken.readings
        if reading.metric == metric
    ]


@pytest.mark.parametrize("name", BOARDS)
def test_a_captured_board_gives_all_its_temperatures_and_fans(
    samples: Path, tmp_path: Path, name: str
) -> None:
    expected = json.loads((samples / "sensors/EXPECTED.json").read_text())[name]
    chips = json.loads((samples / "sensors" / name).read_text())
    assert len(chips) == expected["chips"]
    temperatures, fans = [], []
    for chip, inputs in chips.items():
        taken = Fans().read(grow(tmp_path / chip, {chip: inputs}))
        temperatures += told(taken, "sensor_temperature_celsius", chip)
        fans += told(taken, "sensor_fan_rpm", chip)
    assert sorted(temperatures, key=str) == sorted(expected["temperatures"], key=str)
    assert sorted(fans, key=str) == sorted(expected["fans"], key=str)
    assert sorted((fan for fan in fans if fan[2]), key=str) == sorted(expected["spinning_fans"], key=str)


@pytest.mark.parametrize("name", BOARDS)
def test_a_healthy_board_full_of_alarm_flags_is_healthy(
    samples: Path, tmp_path: Path, shipped_rules: Rules, name: str
) -> None:
    expected = json.loads((samples / "sensors/EXPECTED.json").read_text())[name]
    assert expected["verdict"] == "healthy"
    place, fans = grow(tmp_path, json.loads((samples / "sensors" / name).read_text())), Fans()
    device = Judged(shipped_rules)
    for minute in range(0, 180, 5):
        device.take(report(*fans.read(place).readings), NOON + minute * MINUTE)
    assert device.open() == set()


@pytest.fixture
def shipped_rules() -> Rules:
    return load()


class Watched:
    """One fan, looked at every minute."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fans = Fans(lambda: self.now)

    def turns(self, rpm: int, seconds: float) -> bool | None:
        until, said = self.now + seconds, None
        while self.now < until:
            said = self.fans.stopped("fan1", rpm)
            self.now += 60
        return said


def test_a_fan_that_always_turned_and_stands_still_has_stopped() -> None:
    fan = Watched()
    assert fan.turns(1200, 7 * HOUR) is None
    assert fan.turns(1200, 2 * HOUR) is False
    assert fan.turns(0, HOUR) is True
    assert fan.turns(1200, HOUR) is False


def test_an_empty_header_never_stopped() -> None:
    assert Watched().turns(0, 48 * HOUR) is None


def test_a_fan_that_rests_at_times_is_never_called_broken() -> None:
    fan = Watched()
    for _ in range(10):
        assert fan.turns(900, 3 * HOUR) is None
        assert fan.turns(0, 3 * HOUR) is None
    fan.turns(900, 9 * HOUR)
    assert fan.turns(0, HOUR) is True, "never seen to rest, so far"
    fan.turns(900, HOUR)
    assert fan.turns(0, 9 * HOUR) is False


def chip(root: Path, number: int, where: str, **files: str) -> None:
    path = root / "sys/class/hwmon" / f"hwmon{number}"
    path.mkdir(parents=True)
    device = root / "sys/devices" / where
    device.mkdir(parents=True, exist_ok=True)
    (path / "device").symlink_to(device)
    for file, text in files.items():
        (path / file).write_text(text + "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a tree of /sys needs symbolic links")
def test_two_drives_keep_their_names_when_the_kernel_finds_them_in_another_order(tmp_path: Path) -> None:
    slots = ("pci0000:00/0000:02:00.0/nvme/nvme{}", "pci0000:00/0000:05:00.0/nvme/nvme{}")
    for tree, order in (("one", (0, 1)), ("other", (1, 0))):
        for number, slot in enumerate(order):
            chip(
                tmp_path / tree,
                number,
                slots[slot].format(number),
                name="nvme",
                temp1_input=str(30000 + slot),
            )
    keys = [
        {reading.component: reading.last for reading in Fans().read(Place(root=tmp_path / tree)).readings}
        for tree in ("one", "other")
    ]
    assert keys[0] == keys[1] == {"nvme 0000:02:00.0 temp1": 30, "nvme 0000:05:00.0 temp1": 30.001}


def test_an_input_that_says_it_is_broken_is_no_temperature_and_no_fan(tmp_path: Path) -> None:
    chip(tmp_path, 0, "lm", name="lm63", temp2_input="0", temp2_fault="1", temp1_input="41000", temp1_fault="0",
         fan1_input="0", fan1_fault="1")  # fmt: skip
    taken = Fans().read(Place(root=tmp_path))
    assert [(reading.label, reading.last) for reading in taken.readings] == [("lm63 temp1", 41)]
    assert taken.reason == "broken or not connected by their own word: lm63 temp2, lm63 fan1"


def test_a_processor_that_was_too_hot_says_so_and_a_boards_chip_is_not_believed(tmp_path: Path) -> None:
    chip(
        tmp_path,
        0,
        "coretemp.0",
        name="coretemp",
        temp1_input="60000",
        temp1_crit="100000",
        temp1_crit_alarm="1",
    )
    chip(tmp_path, 1, "nct", name="nct6775", temp3_input="115000", temp3_crit="100000", temp3_crit_alarm="1")
    readings = {(r.metric, r.label): r.last for r in Fans().read(Place(root=tmp_path)).readings}
    assert readings["sensor_critical_alarms_count", ""] == 1
    assert ("sensor_temperature_limit_celsius", "nct6775 temp3") not in readings


def windows(*rows: dict[str, object]) -> Place:
    return Place(windows=Captured(wmi={(WMI, "MSAcpi_ThermalZoneTemperature"): rows}))


def test_a_thermal_zone_of_windows_is_in_tenths_of_a_kelvin() -> None:
    # documented: MSAcpi_ThermalZoneTemperature
    row = {"InstanceName": r"ACPI\ThermalZone\TZ00_0", "CurrentTemperature": 3132, "CriticalTripPoint": 3932}
    taken = Fans().read(windows(row))
    assert [(r.metric, r.component, r.last) for r in taken.readings] == [
        ("sensor_temperature_celsius", "acpi TZ00_0", pytest.approx(40.05, abs=0.1)),
        ("sensor_temperature_limit_celsius", "acpi TZ00_0", pytest.approx(120.05, abs=0.1)),
    ]


@pytest.mark.parametrize("value", [None, 0, 2, 99999, "x"])
def test_a_zone_without_a_possible_temperature_is_unknown(value: object) -> None:
    with pytest.raises(Unavailable, match="no temperature sensors"):
        Fans().read(windows({"InstanceName": "TZ", "CurrentTemperature": value}))


def test_windows_without_zones_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Fans().read(Place(windows=Captured()))
