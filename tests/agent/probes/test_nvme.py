"""NVMe drives as nvme-cli tells of them, where smartctl is missing."""

import json
import sys
from pathlib import Path

import pytest

from agent.probe import Place
from agent.probes import disk_health, nvme

SMART_LOGS = (
    "netdata_v2.3_nvme-smart-log.json",
    "netdata_v2.3_nvme-smart-log-float.json",
    "netdata_v2.3_nvme-smart-log-string.json",
)


@pytest.mark.parametrize("name", SMART_LOGS)
def test_a_log_says_the_same_in_whole_numbers_floats_and_text(samples: Path, name: str) -> None:
    expected = json.loads((samples / "nvme/EXPECTED.json").read_text())[name]
    facts = nvme.parse_smart_log((samples / "nvme" / name).read_text())
    log = facts.nvme
    assert log is not None
    assert {
        "kind": "smart-log",
        "critical_warning": log["critical_warning"],
        "temperature_kelvin": (facts.temperature_celsius or 0) + 273,
        "temperature_celsius": facts.temperature_celsius,
        "available_spare_ratio": log["available_spare_ratio"],
        "spare_threshold_ratio": log["available_spare_threshold_ratio"],
        "percentage_used_ratio": log["percentage_used_ratio"],
        "power_on_hours": facts.power_on_hours,
        "media_errors": log["media_errors"],
        "unsafe_shutdowns": log["unsafe_shutdowns"],
        "verdict": "healthy" if facts.readable else "unreadable",
    } == expected


@pytest.mark.parametrize("name", ["netdata_nvme-list-empty.json", "netdata_v2.3_nvme-list.json"])
def test_a_list_names_every_drive(samples: Path, name: str) -> None:
    expected = json.loads((samples / "nvme/EXPECTED.json").read_text())[name]
    listed = nvme.parse_list((samples / "nvme" / name).read_text())
    assert [
        {
            "path": one.path,
            "model": one.model,
            "serial": one.serial,
            "firmware": one.firmware,
            "capacity_bytes": one.capacity_bytes,
        }
        for one in listed
    ] == expected["devices"]


# documented: `nvme list -o json` since 2.9, made by us
HOSTS = {
    "Devices": [
        {
            "HostNQN": "nqn",
            "Subsystems": [
                {
                    "Controllers": [
                        {
                            "Controller": "nvme0",
                            "SerialNumber": "S1",
                            "ModelNumber": "M",
                            "Firmware": "F",
                            "Namespaces": [
                                {"NameSpace": "nvme0n1", "PhysicalSize": 512},
                                {"NameSpace": "nvme0n2", "PhysicalSize": 1024},
                            ],
                        }
                    ]
                },
                {
                    "Controllers": [{"Controller": "nvme1", "SerialNumber": "S2", "Namespaces": []}],
                    "Namespaces": [{"NameSpace": "nvme1n1", "PhysicalSize": 2048}],
                },
            ],
        }
    ]
}


def test_the_newer_list_of_hosts_and_controllers_is_read_too() -> None:
    listed = nvme.parse_list(json.dumps(HOSTS))
    assert [(one.path, one.serial, one.capacity_bytes) for one in listed] == [
        ("/dev/nvme0n1", "S1", 512),
        ("/dev/nvme0n2", "S1", 1024),
        ("/dev/nvme1n1", "S2", 2048),
    ]


def test_a_warning_told_bit_by_bit_is_its_whole_number() -> None:
    log = {"critical_warning": {"value": 4, "available_spare": 0}, "avail_spare": 3, "temperature": 300}
    facts = nvme.parse_smart_log(json.dumps(log))
    assert facts.nvme is not None
    assert facts.nvme["critical_warning_bits"] == [2]


@pytest.mark.parametrize("text", ["{}", '{"error": "No such device"}', '{"temperature": 310}'])
def test_an_answer_without_health_is_unreadable(text: str) -> None:
    facts = nvme.parse_smart_log(text)
    assert facts.readable is False
    assert facts.nvme is None


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_a_drive_with_two_namespaces_is_one_drive_and_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/programs:/usr/bin:/bin")
    log = samples / "nvme" / SMART_LOGS[0]
    (tmp_path / "programs").mkdir()
    (tmp_path / "list.json").write_text(json.dumps(HOSTS))
    program = tmp_path / "programs/nvme"
    program.write_text(
        f"#!/bin/sh\ncase $1 in list) cat '{tmp_path}/list.json';; *) echo $2 >> '{tmp_path}/asked'; cat '{log}';; esac\n"
    )
    program.chmod(0o755)
    taken = disk_health.read(Place(root=tmp_path / "tree"))
    assert {(r.component, r.last) for r in taken.readings if r.metric == "disk_life_used_ratio"} == {
        ("S1", 0.02),
        ("S2", 0.02),
    }
    assert (tmp_path / "asked").read_text().split() == ["/dev/nvme0n1", "/dev/nvme1n1"]
    assert "smartctl would tell of another machine" in taken.reason
