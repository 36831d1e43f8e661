"""Disks of a Windows device. Where each answer comes from is said beside it: captured, documented or wine."""

import os
import sys
from pathlib import Path

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import disk_health, disk_health_windows
from agent.probes.smart import DiskFacts
from agent.windows import CIMV2, STORAGE, WMI, Row
from tests.agent.windows.captured import Captured, read_wmi

DATA = Path(__file__).parent / "data" / "disk_health"
EUI = "ACE4_2E61_9000_7804."


def device(
    disks: list[Row] | None = None,
    drives: list[Row] | None = None,
    counters: list[Row] | None = None,
    predictions: list[Row] | None = None,
    controllers: list[Row] | None = None,
) -> Place:
    """A class that is None is not there."""
    classes = {
        (STORAGE, "MSFT_PhysicalDisk"): disks,
        (STORAGE, "MSFT_StorageReliabilityCounter"): counters,
        (CIMV2, "Win32_DiskDrive"): drives,
        (CIMV2, "Win32_SCSIController"): controllers,
        (WMI, "MSStorageDriver_FailurePredictStatus"): predictions,
    }
    return Place(windows=Captured(wmi={key: rows for key, rows in classes.items() if rows is not None}))


# documented: MSFT_PhysicalDisk and MSFT_StorageReliabilityCounter, made by us
def disk(**facts: object) -> Row:
    return {
        "DeviceId": "0", "BusType": 11, "MediaType": 4, "HealthStatus": 0, "OperationalStatus": (2,), "Model": "SSD 870",
        "SerialNumber": "S1", "Size": "500107862016", "FirmwareVersion": "F1", "SpindleSpeed": 0,
    } | facts  # fmt: skip


def counter(**facts: object) -> Row:
    return {
        "DeviceId": "0",
        "Temperature": 34,
        "Wear": 3,
        "PowerOnHours": 5000,
        "ReadErrorsUncorrected": None,
    } | facts


PNP = r"SCSI\DISK&VEN_SAMSUNG&PROD_SSD_870\4&1234&0&000000"


def drive(**facts: object) -> Row:
    return {"Index": 0, "Model": "SSD 870", "PNPDeviceID": PNP, "SerialNumber": "S1", "MediaType": "Fixed hard disk media"} | facts  # fmt: skip


def prediction(**facts: object) -> Row:
    return {"InstanceName": PNP.title() + "_0", "PredictFailure": False, "Active": True} | facts


def values(taken: Taken, key: str = "S1") -> dict[str, float]:
    return {r.metric: r.last for r in taken.readings if r.component == key}


def facts(taken: Taken, key: str = "S1") -> dict[str, str]:
    return next(dict(item.facts) for item in taken.sections["disks"] if item.key == key)


def test_a_captured_disk_is_named_and_windows_word_healthy_is_no_health(samples: Path) -> None:
    # captured: a laptop; its storage classes without counters
    place = device(
        disks=read_wmi(samples / "windows/glpi_latitude-7480-MSFT_PhysicalDisk.wmi"),
        drives=read_wmi(samples / "windows/glpi_latitude-7480-Win32_DiskDrive.wmi"),
    )
    taken = disk_health.read(place)
    assert values(taken, EUI) == {"disk_readable_state": 0}
    row = facts(taken, EUI)
    assert (row["model"], row["interface"], row["firmware"]) == (
        "PC300 NVMe SK hynix 512GB",
        "NVMe",
        "20007A00",
    )
    assert (row["serial"], row["serial_is_eui"], row["capacity_bytes"]) == (EUI, "true", "512110190592")
    assert (row["windows_health"], row["windows_status"]) == ("healthy", "ok")
    assert row["location"].startswith("PCI Slot 12")


def test_a_disk_only_the_old_class_knows_is_there_and_unreadable(samples: Path) -> None:
    # captured
    taken = disk_health.read(
        device(drives=read_wmi(samples / "windows/glpi_win10-crypt-Win32_DiskDrive.wmi"))
    )
    key = "0000_A5B0_0000_0010_0008_0E02_0037_E465."
    assert values(taken, key) == {"disk_readable_state": 0}
    assert "install smartmontools" in facts(taken, key)["unreadable_reason"]


def test_wines_disk_is_there_and_its_health_is_not_to_be_had() -> None:
    # wine: no storage classes with rows, one made-up drive
    taken = disk_health.read(device(disks=[], counters=[], predictions=[], drives=[
        {"Index": 0, "Model": "Wine Disk Drive", "SerialNumber": "WINEHDISK", "InterfaceType": "IDE", "PNPDeviceID": None}
    ]))  # fmt: skip
    (row,) = taken.sections["disks"]
    assert row.facts["readable"] == "false"


def test_the_counters_of_a_drive_are_its_health() -> None:
    taken = disk_health.read(device([disk()], [drive()], [counter(WriteErrorsUncorrected=2)], [prediction()]))
    assert values(taken) == {
        "disk_readable_state": 1,
        "disk_self_assessment_passed_state": 1,
        "disk_temperature_celsius": 34,
        "disk_power_on_seconds": 18_000_000,
        "disk_life_used_ratio": 0.03,
        "disk_windows_health_state": 0,
        "disk_windows_uncorrected_total": 2,
    }


def test_a_driver_that_predicts_failure_is_believed() -> None:
    taken = disk_health.read(
        device(
            [disk(HealthStatus=1, OperationalStatus=(5,))], [drive()], [], [prediction(PredictFailure=True)]
        )
    )
    assert values(taken)["disk_self_assessment_passed_state"] == 0
    assert values(taken)["disk_windows_health_state"] == 1
    assert facts(taken)["windows_status"] == "predictive failure"


@pytest.mark.parametrize("change", [{"Active": False}, {"Active": None}, {"InstanceName": "IDE\\OTHER_0"}])
def test_a_driver_that_does_not_answer_predicts_nothing(change: dict[str, object]) -> None:
    taken = disk_health.read(device([disk()], [drive()], [], [prediction(**change)]))
    assert values(taken) == {"disk_readable_state": 0}


@pytest.mark.parametrize("health", [1, 2])
def test_an_unhealthy_disk_is_told_even_without_counters(health: int) -> None:
    assert (
        values(disk_health.read(device([disk(HealthStatus=health)])))["disk_windows_health_state"] == health
    )


@pytest.mark.parametrize(
    ("change", "used"),
    [({"BusType": 17, "wear": 0}, 0.0), ({"BusType": 11, "wear": 0}, None), ({"BusType": 11, "wear": 80}, 0.8),
     ({"MediaType": 3, "wear": 5}, None), ({"BusType": 17, "wear": None}, None)],
)  # fmt: skip
def test_no_wear_is_only_believed_of_nvme(change: dict[str, object], used: float | None) -> None:
    wear = change.pop("wear")
    taken = disk_health.read(device([disk(**change)], counters=[counter(Wear=wear)]))
    assert values(taken).get("disk_life_used_ratio") == used


def test_counters_left_empty_or_full_by_the_driver_are_unknown() -> None:
    taken = disk_health.read(device([disk()], counters=[counter(Temperature=0, Wear=0, PowerOnHours=65535)]))
    assert values(taken) == {"disk_readable_state": 0}


# documented: Intel's drivers iaStorAC and iaStorVD
RST: Row = {"Name": "Intel RST VMD Controller 467F", "DriverName": "iaStorVD"}


def test_behind_rst_and_vmd_a_disk_is_unreadable_and_not_healthy() -> None:
    taken = disk_health.read(device([disk(BusType=8)], [drive()], [], [prediction()], [RST]))
    assert values(taken) == {"disk_readable_state": 0}
    assert "Intel RST VMD Controller 467F (driver iaStorVD)" in facts(taken)["unreadable_reason"]
    bare = disk_health.read(device([disk(BusType=8)], [drive()]))
    assert "Intel RST or VMD" in facts(bare)["unreadable_reason"]


def test_behind_vmd_too_a_driver_that_tells_more_is_heard() -> None:
    assert (
        values(disk_health.read(device([disk(BusType=8)], counters=[counter()])))["disk_readable_state"] == 1
    )
    failing = disk_health.read(device([disk(BusType=8)], [drive()], [], [prediction(PredictFailure=True)]))
    assert values(failing)["disk_self_assessment_passed_state"] == 0


@pytest.mark.parametrize(
    "change", [{"BusType": 15}, {"BusType": 14}, {"Model": "Virtual Disk", "BusType": 10}, {"Model": "VMware Virtual S"}]
)  # fmt: skip
def test_a_virtual_disk_has_no_health(change: dict[str, object]) -> None:
    taken = disk_health.read(device([disk(**change)]))
    assert taken.readings == []
    assert facts(taken)["kind"] == "virtual"


def test_a_stick_is_no_disk_and_a_disk_in_a_case_is_one() -> None:
    stick = drive(Index=1, MediaType="Removable Media", SerialNumber="S2")
    case = drive(Index=2, MediaType="External hard disk media", SerialNumber="S3")
    taken = disk_health.read(
        device([disk(), disk(DeviceId="1", BusType=7, SerialNumber="S2")], [drive(), stick, case])
    )
    assert [item.key for item in taken.sections["disks"]] == ["S1", "S3"]


def test_no_class_and_no_program_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        disk_health.read(device())
    with pytest.raises(Unavailable):
        disk_health.read(device([], [], [], [], []))


@pytest.mark.parametrize(
    ("name", "number"), [("/dev/sda", 0), ("/dev/sdz", 25), ("/dev/sdaa", 26), ("/dev/pd3", 3), ("/dev/csmi0,1", None)]
)  # fmt: skip
def test_smartctls_letters_are_windows_numbers(name: str, number: int | None) -> None:
    assert disk_health_windows.number(DiskFacts(device=name)) == number


def test_what_smartctl_reads_wins_over_windows_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # made by us: smartctl for Windows names drives as Linux does, and lists members of an Intel RAID as csmi
    scan = '{"devices": [{"name": "/dev/sda", "type": "ata"}, {"name": "/dev/csmi0,1", "type": "ata"}]}'
    (tmp_path / "smartctl.py").write_text(
        f"import sys\nif '--scan' in sys.argv: print({scan!r})\n"
        f"elif sys.argv[-1] == '/dev/sda': print(open({str(DATA / 'healthy.json')!r}).read())\n"
        'else: print(\'{"smartctl": {"exit_status": 2, "messages": [{"string": "no"}]}}\')\n'
    )
    program = tmp_path / ("smartctl.cmd" if sys.platform == "win32" else "smartctl")
    start, rest = ("@", "%*") if sys.platform == "win32" else ("#!/bin/sh\n", '"$@"')
    program.write_text(f'{start}"{sys.executable}" "{tmp_path / "smartctl.py"}" {rest}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    place = device([disk(HealthStatus=1), disk(DeviceId="1", BusType=8, SerialNumber="S9")])
    taken = disk_health.read(place)
    known = values(taken, "MD-0451-7788")
    assert (known["disk_pending_sectors_count"], known["disk_windows_health_state"]) == (8, 1)
    assert facts(taken, "MD-0451-7788")["device"] == "PhysicalDrive0"
    assert values(taken, "S9") == values(taken, "csmi0,1") == {"disk_readable_state": 0}


def test_what_may_not_be_read_is_said_beside_the_unreadable_disk() -> None:
    taken = disk_health.read(device([disk()], [drive()], predictions=[]))
    assert "no MSFT_StorageReliabilityCounter" in taken.reason
    assert disk_health.read(device([disk()], [drive()], [counter()])).reason == ""
