"""Batteries of a Windows device. The class and property names are documented; origins of numbers stand beside."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import battery, battery_windows
from agent.windows import WMI, Row
from tests.agent.windows.captured import Captured

TABLES = ("BatteryStaticData", "BatteryFullChargedCapacity", "BatteryStatus", "BatteryCycleCount")
NAME = r"ACPI\PNP0C0A\1_0"


def device(static: Row, full: object = None, status: Row | None = None, cycles: object = None) -> Taken:
    answers: dict[tuple[str, str], list[Row]] = {
        (WMI, "BatteryStaticData"): [{"InstanceName": NAME, **static}],
        (WMI, "BatteryFullChargedCapacity"): [{"InstanceName": NAME, "FullChargedCapacity": full}],
        (WMI, "BatteryStatus"): [{"InstanceName": NAME, **(status or {})}],
        (WMI, "BatteryCycleCount"): [{"InstanceName": NAME, "CycleCount": cycles}],
    }
    return battery.read(Place(windows=Captured(wmi=answers)))


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


# documented: a pack as Windows tells it
PACK = {"DesignedCapacity": 50000, "SerialNumber": " 541 ", "ManufactureName": "SMP", "DeviceName": "00HW023",
        "Chemistry": int.from_bytes(b"LION", "little"), "Capabilities": 0x80000000}  # fmt: skip


def test_a_pack_is_told_by_its_serial() -> None:
    taken = device(PACK, 40000, {"RemainingCapacity": 30000, "PowerOnline": True, "Charging": True}, 173)
    assert values(taken) == {
        ("battery_on_mains_state", ""): 1,
        ("battery_charge_ratio", "541"): 0.75,
        ("battery_health_ratio", "541"): 0.8,
        ("battery_cycles_count", "541"): 173,
    }
    assert dict(taken.sections["batteries"][0].facts) == {
        "name": NAME, "maker": "SMP", "model": "00HW023", "serial": "541", "chemistry": "LION",
        "status": "Charging", "design_capacity_wh": "50.0", "full_capacity_wh": "40.0",
    }  # fmt: skip


def test_two_captured_packs_have_the_expected_health(samples: Path) -> None:
    # captured: powercfg's report of a real notebook; its numbers under the names of root\wmi
    name = "glpi_batteryreport_windows-10-notebook.xml"
    want = json.loads((samples / "windows/EXPECTED.json").read_text("utf-8"))[name]["batteries"]
    text = re.sub(r"<\?.*?\?>", "", (samples / "windows" / name).read_text("utf-8"))
    space = "{http://schemas.microsoft.com/battery/2012}"
    packs = ElementTree.fromstring(text.strip()).findall(f"{space}Batteries/{space}Battery")  # noqa: S314
    told: dict[tuple[str, str], list[Row]] = {(WMI, table): [] for table in TABLES}
    for number, pack in enumerate(packs):
        given = {tag.tag.removeprefix(space): tag.text for tag in pack}
        instance = {"InstanceName": f"ACPI\\PNP0C0A\\{number}_0"}
        told[WMI, "BatteryStaticData"].append(
            {
                **instance,
                "DesignedCapacity": given["DesignCapacity"],
                "SerialNumber": given["SerialNumber"],
                "ManufactureName": given["Manufacturer"],
                "DeviceName": given["Id"],
            }
        )
        full = given["FullChargeCapacity"]
        told[WMI, "BatteryFullChargedCapacity"].append({**instance, "FullChargedCapacity": full})
        told[WMI, "BatteryCycleCount"].append({**instance, "CycleCount": given["CycleCount"]})
    taken = battery.read(Place(windows=Captured(wmi=told)))
    found = [
        {
            "id": row.facts["model"],
            "manufacturer": row.facts["maker"],
            "serial": row.facts["serial"],
            "design_mwh": round(float(row.facts["design_capacity_wh"]) * 1000),
            "full_mwh": round(float(row.facts["full_capacity_wh"]) * 1000),
            "cycles": values(taken)["battery_cycles_count", row.key],
            "health_ratio": round(values(taken)["battery_health_ratio", row.key], 3),
        }
        for row in taken.sections["batteries"]
    ]
    assert found == want


def test_a_new_pack_that_holds_more_than_promised_is_at_one() -> None:
    taken = device(PACK, 52000, {"RemainingCapacity": 52100})
    assert values(taken)["battery_health_ratio", "541"] == 1
    assert values(taken)["battery_charge_ratio", "541"] == 1


def test_units_of_nobody_knows_what_are_no_watt_hours() -> None:
    taken = device({**PACK, "Capabilities": 0xC0000000, "DesignedCapacity": 100}, 80)
    assert values(taken)["battery_health_ratio", "541"] == 0.8
    assert "design_capacity_wh" not in taken.sections["batteries"][0].facts


@pytest.mark.parametrize("unknown", [0xFFFFFFFF, 0, None])
def test_a_capacity_that_is_not_known_makes_no_health(unknown: object) -> None:
    taken = device(PACK, unknown, {"RemainingCapacity": unknown}, 0)
    assert values(taken) == {}, "0 cycles are none counted"
    assert taken.sections["batteries"][0].key == "541"


def test_an_unfilled_serial_is_no_key() -> None:
    assert device({**PACK, "SerialNumber": "0000"}, 40000).sections["batteries"][0].key == NAME


def test_an_uninterruptible_power_supply_is_no_battery_of_the_device() -> None:
    with pytest.raises(Unavailable, match="no battery"):
        device({**PACK, "Capabilities": 0xA0000000}, 40000)


def test_no_rows_are_no_battery() -> None:
    # wine: the classes are there and empty
    with pytest.raises(Unavailable, match="no battery"):
        battery.read(Place(windows=Captured(wmi={(WMI, table): [] for table in TABLES})))


def test_a_table_that_fails_loses_only_its_own_number() -> None:
    answers = {
        (WMI, "BatteryStaticData"): [{"InstanceName": NAME, **PACK}],
        (WMI, "BatteryFullChargedCapacity"): [{"InstanceName": NAME, "FullChargedCapacity": 40000}],
        (WMI, "BatteryStatus"): [{"InstanceName": NAME, "PowerOnline": False}],
        (WMI, "BatteryCycleCount"): Unavailable("its provider failed"),
    }
    taken = battery.read(Place(windows=Captured(wmi=answers)))
    assert values(taken) == {("battery_on_mains_state", ""): 0, ("battery_health_ratio", "541"): 0.8}
    assert "BatteryCycleCount" in taken.reason


def test_no_table_at_all_is_not_called_no_battery() -> None:
    with pytest.raises(Unavailable, match="BatteryStaticData"):
        battery.read(Place(windows=Captured()))


_VALUE = some.none() | some.booleans() | some.integers() | some.text(max_size=9)
_NAMES = some.sampled_from(
    [
        "designedcapacity",
        "fullchargedcapacity",
        "remainingcapacity",
        "chemistry",
        "capabilities",
        "cyclecount",
    ]
)


@given(some.dictionaries(_NAMES, _VALUE))
def test_strange_rows_break_nothing_and_ratios_stay_ratios(row: dict[str, object]) -> None:
    made = battery_windows.battery("x", row, row, row, row)
    for ratio in (made.charge_ratio, made.health_ratio) if made else ():
        assert ratio is None or 0 <= ratio <= 1
