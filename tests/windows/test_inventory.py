"""The probes that ask Windows about the machine, run for real. What wine answers is named beside each test."""

import sys

import pytest

from agent.clock import SYSTEM
from agent.header import empty_report
from agent.probe import Place, Taken, Unavailable
from agent.probes import (
    agent_itself,
    battery,
    cpu,
    filesystem,
    hardware,
    memory,
    operating_system,
    services,
)
from tests.windows.prefix import written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def facts(taken: Taken, section: str) -> list[dict[str, str]]:
    return [dict(item.facts) for item in taken.sections[section]]


def test_the_machine_is_told_from_wmi() -> None:
    taken = hardware.read(Place())
    (system,) = facts(taken, "system")
    assert system["maker"] == "The Wine Project"
    assert (system["serial"], system["serial_is_placeholder"]) == ("0", "true"), "wine knows no serial"
    assert system["uuid"] == system["uuid"].lower()
    assert "chassis_type" not in system, "wine gives garbage here"
    assert "memory_slots" not in system, "wine lists no array of slots"
    assert int(system["memory_usable_bytes"]) > 2**30
    assert facts(taken, "processors")[0]["threads"]
    assert facts(taken, "memory_modules")[0]["speed"].endswith(" MT/s")
    assert facts(taken, "graphics_cards")[0]["driver_version"]
    assert "device_problems" not in taken.sections, "wine knows no problem codes"


def test_a_card_of_wine_has_an_address_and_is_not_called_wired() -> None:
    cards = facts(hardware.read(Place()), "network_cards")
    assert all(card["bus"] == "pci" and "wired" not in card for card in cards)
    assert hardware.wired_macs(Place()) == []


def test_the_machine_has_a_name_and_a_hash_that_stays() -> None:
    assert hardware.machine(Place()).os_family == "windows"
    first = hardware.machine_hash(Place())
    assert first != 0
    assert hardware.machine_hash(Place()) == first
    guid = r"HKLM\SOFTWARE\Microsoft\Cryptography"
    with written({guid: {"MachineGuid": "another installation"}}):
        assert hardware.machine_hash(Place()) != first


def test_the_system_is_told_from_the_registry() -> None:
    key = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    eleven = {"ProductName": "Windows 10 Enterprise", "EditionID": "Enterprise", "InstallationType": "Client",
              "DisplayVersion": "23H2", "CurrentBuild": "22631", "CurrentBuildNumber": "22631", "UBR": 4317}  # fmt: skip
    with written({key: eleven}):
        taken = operating_system.read(Place())
    (system,) = facts(taken, "operating_system")
    assert (system["name"], system["build"]) == ("Windows 11 Enterprise", "22631.4317")
    assert (system["version"], system["support_until"]) == ("23H2", "2026-11-10")
    assert "operating_system_support_left_seconds" in values(taken)
    assert "activated" not in system, "wine knows no licences"
    assert "licence" in taken.reason


def test_volumes_are_told_by_their_guid() -> None:
    # wine has no Win32_Volume: the letters are asked
    taken = filesystem.read(Place())
    drive = next(item for item in taken.sections["filesystems"] if item.facts["mount_point"] == "C:\\")
    assert drive.key == drive.facts["uuid"]
    assert len(drive.key) == 36
    assert 0 <= values(taken)["filesystem_used_ratio"] <= 1


def test_memory_is_told_without_swap_where_its_counters_fail() -> None:
    taken = memory.read(Place())
    assert 0 < values(taken)["memory_used_ratio"] < 1
    if taken.reason:  # wine: PdhAddEnglishCounterW
        assert "swap_used_ratio" not in values(taken)


def test_the_processor_is_told_and_no_queue_is_invented() -> None:
    assert values(cpu.PROBE.read(Place())).keys() == {"cpu_used_ratio"}


def test_no_battery_is_no_charge_of_zero() -> None:
    with pytest.raises(Unavailable, match="no battery"):
        battery.read(Place())


def test_the_agents_own_cost_is_told() -> None:
    told = values(agent_itself.read(Place()))
    assert told["agent_memory_bytes"] > 10_000_000
    assert told.get("agent_open_files_count", 1) > 0, "wine says 0: then it is left out"


def test_a_report_says_how_long_windows_runs() -> None:
    report = empty_report(Place(), SYSTEM.now())
    assert report.uptime_seconds > 0
    assert report.host_name


NAME = "TocsinTestService"


@pytest.fixture
def service():  # type: ignore[no-untyped-def]
    """One that should start by itself and does not run. It is never started: its program does not exist."""
    import win32service

    manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_ALL_ACCESS)
    handle = win32service.CreateService(
        manager, NAME, "Tocsin's test", win32service.SERVICE_ALL_ACCESS, win32service.SERVICE_WIN32_OWN_PROCESS,
        win32service.SERVICE_AUTO_START, win32service.SERVICE_ERROR_IGNORE, r"C:\no\such.exe",
        None, False, None, None, None,
    )  # fmt: skip
    yield handle
    win32service.DeleteService(handle)
    win32service.CloseServiceHandle(handle)
    win32service.CloseServiceHandle(manager)


def test_a_service_whose_end_is_not_told_is_neither_failed_nor_counted(service: object) -> None:
    # wine tells no exit codes
    taken = services.PROBE.read(Place())
    row = next(item for item in taken.sections["stopped_services"] if item.key == NAME)
    assert dict(row.facts) == {"name": "Tocsin's test", "start": "auto"}
    assert "services_failed_count" not in values(taken)
    assert NAME in taken.reason


def test_a_trigger_and_a_delay_are_read_from_the_registry(service: object) -> None:
    key = rf"HKLM\SYSTEM\CurrentControlSet\Services\{NAME}"
    with written({key: {"DelayedAutostart": 1}}):
        (row,) = [
            row for row in facts(services.PROBE.read(Place()), "stopped_services") if "test" in row["name"]
        ]
        assert row["start"] == "delayed"
    with written({key + r"\TriggerInfo\0": {"Type": 1}}):
        (row,) = [
            row for row in facts(services.PROBE.read(Place()), "stopped_services") if "test" in row["name"]
        ]
        assert row["start"] == "trigger"
