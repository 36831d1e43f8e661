"""Dumps of real PCs give exactly the facts of EXPECTED.json through the readers the probes use."""

import json
from pathlib import Path

import pytest

from agent.windows import rows
from tests.agent.windows.captured import read_reg, read_wmi

_EMPTY = ("", None)


def _expected(samples: Path) -> dict[str, dict[str, object]]:
    told: dict[str, dict[str, object]] = json.loads(
        (samples / "windows/EXPECTED.json").read_text(encoding="utf-8")
    )
    return told


def test_every_wmi_dump_has_the_expected_rows(samples: Path) -> None:
    compared = 0
    for name, told in _expected(samples).items():
        if not name.endswith(".wmi"):
            continue
        records = read_wmi(samples / "windows" / name)
        assert len(records) == told["records"], name
        for record, want in zip(records, told.get("rows", []), strict=False):  # type: ignore[call-overload]
            for fact, value in want.items():
                assert (rows.text(record, fact.lower()) or "") == value, (name, fact)
                compared += 1
    assert compared > 100


def test_devices_with_a_problem_are_found_whatever_the_language(samples: Path) -> None:
    told = _expected(samples)["glpi_7-CIM_LogicalDevice.wmi"]
    records = read_wmi(samples / "windows/glpi_7-CIM_LogicalDevice.wmi")
    found = [
        [
            rows.text(row, "caption"),
            rows.whole(row, "configmanagererrorcode"),
            rows.text(row, "creationclassname"),
        ]
        for row in records
        if rows.whole(row, "configmanagererrorcode")
    ]
    assert found == told["problem_devices"]


@pytest.mark.parametrize(
    "name", ["glpi_11-AzureAD-LogonUI.reg", "glpi_10-StandAlone-LogonUI.reg", "glpi_xppro1-USB.reg"]
)
def test_every_registry_export_has_the_expected_keys(samples: Path, name: str) -> None:
    assert len(read_reg(samples / "windows" / name)) == _expected(samples)[name]["keys"]
