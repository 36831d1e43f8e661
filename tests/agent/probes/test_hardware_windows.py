"""Hardware of a Windows device: identity, slots, cards, and devices Windows finds fault with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import device_problems, hardware, hardware_windows
from agent.windows import CIMV2
from tests.agent.probes import test_smbios
from tests.agent.windows.captured import Captured, read_wmi

GIB = 1024**3

# documented: the names of learn.microsoft.com's class pages, values made up.
DESKTOP = {
    (CIMV2, "Win32_ComputerSystem"): [
        {"Manufacturer": "Dell Inc.", "Model": "OptiPlex 7090", "SystemSKUNumber": "0A5C",
         "TotalPhysicalMemory": "16991000000", "PCSystemType": 1}
    ],
    (CIMV2, "Win32_ComputerSystemProduct"): [
        {"IdentifyingNumber": "7ABC123", "UUID": "4C4C4544-0041-4210-8043-B7C04F333233", "Version": ""}
    ],
    (CIMV2, "Win32_BIOS"): [
        {"Manufacturer": "Dell Inc.", "SMBIOSBIOSVersion": "1.20.0", "SerialNumber": "7ABC123",
         "ReleaseDate": "20230712000000.000000+000"}
    ],
    (CIMV2, "Win32_BaseBoard"): [{"Manufacturer": "Dell Inc.", "Product": "0NWRYV", "SerialNumber": "/7ABC123/"}],
    (CIMV2, "Win32_SystemEnclosure"): [{"ChassisTypes": (3,), "SMBIOSAssetTag": "IT-4711"}],
    (CIMV2, "Win32_Processor"): [
        {"Name": "Intel(R) Core(TM) i5-11500 @ 2.70GHz", "NumberOfCores": 6, "NumberOfLogicalProcessors": 12}
    ],
    (CIMV2, "Win32_PhysicalMemory"): [
        {"DeviceLocator": "DIMM1", "BankLabel": "P0", "Capacity": str(8 * GIB), "FormFactor": 8,
         "SMBIOSMemoryType": 26, "Speed": 3200, "Manufacturer": "80AD000080AD",
         "PartNumber": "HMA81GU6DJR8N-XN   ", "SerialNumber": "00000000"},
        {"DeviceLocator": "DIMM1", "BankLabel": "P1", "Capacity": str(8 * GIB), "FormFactor": 8,
         "SMBIOSMemoryType": 26, "Speed": 3200, "Manufacturer": "80AD000080AD", "SerialNumber": "4A5B6C7D"},
    ],
    (CIMV2, "Win32_PhysicalMemoryArray"): [{"MemoryDevices": 4, "Use": 3}, {"MemoryDevices": 1, "Use": 7}],
    (CIMV2, "Win32_NetworkAdapter"): [
        {"Name": "Intel(R) Ethernet Connection (14) I219-LM", "PhysicalAdapter": True, "GUID": "{A}",
         "PNPDeviceID": "PCI\\VEN_8086&DEV_15F9\\3&11583659", "MACAddress": "02:00:00:00:00:09",
         "ServiceName": "e1dexpress", "Speed": "1000000000", "NetConnectionStatus": 2},
        {"Name": "Intel(R) Wi-Fi 6 AX201", "PhysicalAdapter": True, "GUID": "{B}", "AdapterTypeID": 0,
         "PNPDeviceID": "PCI\\VEN_8086&DEV_06F0\\3&1", "MACAddress": "AC:1A:3D:00:00:02", "Speed": "866700000"},
        {"Name": "Hyper-V Virtual Ethernet Adapter", "PhysicalAdapter": True, "GUID": "{C}",
         "PNPDeviceID": "ROOT\\VMS_MP\\0000", "MACAddress": "00:15:5D:00:00:03"},
        {"Name": "Bluetooth Device (Personal Area Network)", "PhysicalAdapter": True, "GUID": "{D}",
         "PNPDeviceID": "BTH\\MS_BTHPAN\\7&1", "MACAddress": "AC:1A:3D:00:00:04"},
        {"Name": "WAN Miniport (IP)", "PhysicalAdapter": False, "PNPDeviceID": "SWD\\MSRRAS\\MS_NDISWANIP"},
        {"Name": "Realtek USB GbE", "PhysicalAdapter": True, "GUID": "{E}",
         "PNPDeviceID": "USB\\VID_0BDA&PID_8153\\000001", "MACAddress": "AC:1A:3D:00:00:05",
         "Speed": "9223372036854775807", "NetConnectionStatus": 7},
    ],
    (hardware_windows.NETWORK, "MSFT_NetAdapter"): [
        {"InterfaceGuid": "{a}", "NdisPhysicalMedium": 14, "PermanentAddress": "AC1A3D000001"},
        {"InterfaceGuid": "{b}", "NdisPhysicalMedium": 9, "PermanentAddress": "AC1A3D000002"},
        {"InterfaceGuid": "{e}", "NdisPhysicalMedium": 14, "PermanentAddress": "AC1A3D000005"},
    ],
    (CIMV2, "Win32_VideoController"): [],
    (CIMV2, "Win32_PnPEntity"): [{"DeviceID": "ACPI\\X", "ConfigManagerErrorCode": 0}],
}  # fmt: skip
MACHINE_GUID = {r"HKLM\SOFTWARE\Microsoft\Cryptography": {"MachineGuid": "AAAA"}}


def windows(**others: list[dict[str, object]]) -> Place:
    rows = {**DESKTOP, **{(CIMV2, name): answer for name, answer in others.items()}}
    return Place(windows=Captured(wmi=rows, registry=MACHINE_GUID))


def facts(taken: Taken, section: str) -> list[dict[str, str]]:
    return [dict(item.facts) for item in taken.sections[section]]


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def test_a_desktop_is_told_with_the_same_names_as_on_linux() -> None:
    assert facts(hardware.read(windows()), "system") == [
        {
            "maker": "Dell Inc.",
            "model": "OptiPlex 7090",
            "sku": "0A5C",
            "serial": "7ABC123",
            "serial_is_placeholder": "false",
            "uuid": "4c4c4544-0041-4210-8043-b7c04f333233",
            "asset_tag": "IT-4711",
            "board_maker": "Dell Inc.",
            "board_model": "0NWRYV",
            "board_serial": "/7ABC123/",
            "firmware_maker": "Dell Inc.",
            "firmware_version": "1.20.0",
            "firmware_date": "07/12/2023",
            "chassis_type": "3",
            "device_class": "desktop",
            "memory_usable_bytes": "16991000000",
            "memory_installed_bytes": str(16 * GIB),
            "memory_slots": "4",
            "memory_slots_free": "2",
        }
    ]


def test_modules_with_the_same_locator_are_two_and_an_unfilled_serial_is_left_out() -> None:
    modules = hardware.read(windows()).sections["memory_modules"]
    assert [module.key for module in modules] == ["DIMM1", "P1 DIMM1"]
    assert dict(modules[0].facts) == {
        "filled": "true", "size_bytes": str(8 * GIB), "type": "DDR4", "form_factor": "DIMM",
        "speed": "3200 MT/s", "maker": "80AD000080AD", "part_number": "HMA81GU6DJR8N-XN", "bank": "P0",
    }  # fmt: skip
    assert modules[1].facts["serial"] == "4A5B6C7D"


@pytest.mark.parametrize("arrays", [[], [{"MemoryDevices": 1, "Use": 3}], [{"MemoryDevices": 0}]])
def test_free_slots_are_unknown_where_the_firmware_does_not_tell(arrays: list[dict[str, object]]) -> None:
    (system,) = facts(hardware.read(windows(Win32_PhysicalMemoryArray=arrays)), "system")
    assert "memory_slots" not in system
    assert "memory_slots_free" not in system


def test_cards_of_hardware_are_listed_and_virtual_ones_are_not() -> None:
    cards = hardware.read(windows()).sections["network_cards"]
    assert [(card.key, card.facts["bus"], card.facts["wired"]) for card in cards] == [
        ("ac:1a:3d:00:00:01", "pci", "true"),
        ("ac:1a:3d:00:00:02", "pci", "false"),
        ("ac:1a:3d:00:00:05", "usb", "true"),
    ]
    assert cards[0].facts["speed_bits_per_second"] == "1000000000"
    assert "speed_bits_per_second" not in cards[1].facts
    assert "speed_bits_per_second" not in cards[2].facts, "nothing is plugged in"


def test_only_a_burnt_in_address_of_a_cable_card_names_the_machine() -> None:
    assert hardware.wired_macs(windows()) == ["ac:1a:3d:00:00:01"]


def test_without_the_modern_table_no_card_is_called_wired() -> None:
    rows = {key: value for key, value in DESKTOP.items() if key[1] != "MSFT_NetAdapter"}
    place = Place(windows=Captured(wmi=rows))
    assert hardware.wired_macs(place) == []
    assert all("wired" not in card for card in facts(hardware.read(place), "network_cards"))


def test_a_machine_says_who_it_is() -> None:
    machine = hardware.machine(windows())
    assert (machine.os_family, machine.system_serial, machine.asset_tag) == ("windows", "7ABC123", "IT-4711")
    assert machine.smbios_uuid == "4c4c4544-0041-4210-8043-b7c04f333233"


def test_a_copied_disk_in_another_machine_is_another_machine() -> None:
    other = windows(
        Win32_ComputerSystemProduct=[{"IdentifyingNumber": "OTHER", "UUID": "11111111-2222-3333"}],
        Win32_BIOS=[{"SerialNumber": "OTHER"}],
    )
    assert hardware.machine_hash(other) != hardware.machine_hash(windows()) != 0
    assert hardware.machine_hash(windows()) == hardware.machine_hash(windows())


def test_half_an_identity_names_no_machine() -> None:
    rows = {key: value for key, value in DESKTOP.items() if key[1] != "Win32_BIOS"}
    assert hardware.machine_hash(Place(windows=Captured(wmi=rows))) == 0


def firmware(place: Place, table: bytes) -> Place:
    assert isinstance(place.windows, Captured)
    return Place(windows=replace(place.windows, firmware=table))


def test_the_firmwares_own_table_lists_empty_slots_too() -> None:
    table = test_smbios.table(test_smbios.Stick(), test_smbios.Stick(size=0, locator="DIMM 2", form=13))
    taken = hardware.read(firmware(windows(), table))
    assert [row["filled"] for row in facts(taken, "memory_modules")] == ["true", "false"]
    (system,) = facts(taken, "system")
    assert (system["memory_slots"], system["memory_slots_free"]) == ("2", "1")


def test_a_table_without_slots_leaves_the_word_to_wmi() -> None:
    (system,) = facts(hardware.read(firmware(windows(), test_smbios.table())), "system")
    assert system["memory_slots"] == "4"


def test_the_machine_is_known_without_wmi_by_the_firmwares_table() -> None:
    def machine(serial: str) -> Place:
        texts = ["Maker", "Model", serial]
        board = test_smbios.structure(1, bytes([1, 2, 0, 3]) + bytes(range(16)) + bytes(3), texts)
        return Place(windows=Captured(registry=MACHINE_GUID, firmware=board))

    assert hardware.machine_hash(machine("ABC")) == hardware.machine_hash(machine("abc")) != 0
    assert hardware.machine_hash(machine("ABC")) != hardware.machine_hash(machine("DEF"))
    told = hardware_windows.board(machine("ABC"))
    assert told == ["ABC", "03020100-0504-0706-0809-0a0b0c0d0e0f"], "the first three fields count backwards"


def test_a_serial_of_the_second_field_stands_in_for_an_unfilled_first_one() -> None:
    place = windows(Win32_ComputerSystemProduct=[{"IdentifyingNumber": "To be filled by O.E.M."}])
    (system,) = facts(hardware.read(place), "system")
    assert (system["serial"], system["serial_is_placeholder"]) == ("7ABC123", "false")


def test_an_unfilled_serial_is_given_and_named() -> None:
    place = windows(
        Win32_ComputerSystemProduct=[{"IdentifyingNumber": "System Serial Number"}],
        Win32_BIOS=[{"SerialNumber": "System Serial Number"}],
    )
    (system,) = facts(hardware.read(place), "system")
    assert (system["serial"], system["serial_is_placeholder"]) == ("System Serial Number", "true")


def test_garbage_for_a_chassis_is_left_out() -> None:
    # wine: an uninitialised number
    (system,) = facts(hardware.read(windows(Win32_SystemEnclosure=[{"ChassisTypes": (16318466,)}])), "system")
    assert "chassis_type" not in system
    assert system["device_class"] == "desktop", "by PCSystemType"


def test_a_captured_laptop_is_a_laptop(samples: Path) -> None:
    # captured: glpi-agent, a ThinkPad
    dump = read_wmi(samples / "windows/glpi_11-AzureAD-Win32_ComputerSystem.wmi")
    want = json.loads((samples / "windows/EXPECTED.json").read_text("utf-8"))[
        "glpi_11-AzureAD-Win32_ComputerSystem.wmi"
    ]
    place = Place(windows=Captured(wmi={(CIMV2, "Win32_ComputerSystem"): dump}))
    (system,) = facts(hardware.read(place), "system")
    assert [system["maker"], system["model"]] == [
        want["rows"][0]["Manufacturer"],
        want["rows"][0]["Model"],
    ]
    assert (system["device_class"], system["version"]) == ("laptop", "ThinkPad E14 Gen 2")
    assert "JohnDoe" not in str(system), "the table also holds who is signed in"


def test_devices_with_a_problem_are_told_by_code_whatever_the_language(samples: Path) -> None:
    # captured: glpi-agent, a French PC
    name = "glpi_7-CIM_LogicalDevice.wmi"
    want = json.loads((samples / "windows/EXPECTED.json").read_text("utf-8"))[name]
    dump = [
        row for row in read_wmi(samples / "windows" / name) if row["creationclassname"] == "Win32_PnPEntity"
    ]
    assert len(dump) == want["by_class"]["Win32_PnPEntity"]
    taken = hardware.read(Place(windows=Captured(wmi={(CIMV2, "Win32_PnPEntity"): dump})))
    found = [[row["name"], int(row["code"]), "Win32_PnPEntity"] for row in facts(taken, "device_problems")]
    assert found == want["problem_devices"]
    assert values(taken) == {"devices_with_problem_count": 0, "devices_without_driver_count": 1}


@pytest.mark.parametrize("name", ["glpi_amd-radeon-rx6600xt", "glpi_intel+nvidia"])
def test_captured_graphics_cards_are_told_with_their_drivers(samples: Path, name: str) -> None:
    file = f"{name}-Win32_VideoController.wmi"
    want = json.loads((samples / "windows/EXPECTED.json").read_text("utf-8"))[file]["rows"]
    place = windows(Win32_VideoController=read_wmi(samples / "windows" / file))  # type: ignore[arg-type]
    found = {card["model"]: card for card in facts(hardware.read(place), "graphics_cards")}
    real = [row for row in want if "Remote Display" not in row["Name"]]
    assert found.keys() == {row["Name"] for row in real}
    for row in real:
        card = found[row["Name"]]
        assert card["driver_version"] == row["DriverVersion"]
        assert card["driver_date"].replace("-", "") == row["DriverDate"][:8]
        # 4293918720 is as much as the field can hold: that card has 8 GB
        assert card.get("memory_bytes") == (row["AdapterRAM"] if row["AdapterRAM"] != "4293918720" else None)


# documented: Device Manager error messages
@pytest.mark.parametrize(
    ("code", "faults"),
    [(0, 0), (10, 1), (22, 0), (24, 0), (28, 0), (43, 1), (45, 0), (47, 0), (31, 1), (39, 1)],
)
def test_what_somebody_chose_or_unplugged_is_no_fault(code: int, faults: int) -> None:
    row = {"PNPDeviceID": "USB\\VID_046D", "Name": "Camera", "ConfigManagerErrorCode": code}
    taken = hardware.read(windows(Win32_PnPEntity=[row, {"PNPDeviceID": "A", "ConfigManagerErrorCode": 0}]))
    assert values(taken)["devices_with_problem_count"] == faults
    assert ("device_fault_state" in values(taken)) == bool(faults)
    assert [row["code"] for row in facts(taken, "device_problems")] == ([str(code)] if code else [])


def test_devices_without_any_code_are_not_called_well() -> None:
    # wine: it lists devices and knows no problem codes
    taken = hardware.read(windows(Win32_PnPEntity=[{"DeviceId": "DISPLAY\\X", "Name": "Wine PnP Device"}]))
    assert values(taken) == {}
    assert "device_problems" not in taken.sections


def test_without_wmi_the_hardware_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        hardware.read(Place(windows=Captured()))


_VALUES = some.none() | some.booleans() | some.integers() | some.text(max_size=20)
_NAMES = ["pnpdeviceid", "configmanagererrorcode", "name", "capacity", "speed", "chassistypes", "guid", "use",
          "physicaladapter", "macaddress", "memorydevices", "adapterram", "driverdate", "releasedate", "uuid"]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(some.lists(some.dictionaries(some.sampled_from(_NAMES), _VALUES), max_size=4))
def test_strange_rows_break_nothing(rows: list[dict[str, object]]) -> None:
    device_problems.problems(rows)
    device_problems.graphics_cards(rows)
    hardware_windows.slot_count(rows, len(hardware_windows.memory_slots(rows)))
    hardware_windows.chassis_type({"Win32_SystemEnclosure": rows})
    hardware_windows.identity(dict.fromkeys(hardware_windows.IDENTITY_CLASSES, rows))
    for row in rows:
        hardware_windows.network_card(row, row, "PCI\\X")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("jc_windows-10_systeminfo.out", "virtual"), ("jc_windows-10_systeminfo-hyperv.out", None)],
)
def test_a_real_machine_that_runs_a_hypervisor_is_not_virtual(
    samples: Path, name: str, kind: str | None
) -> None:
    # captured: systeminfo of two PCs; its words under the names of Win32_ComputerSystem
    told = dict(
        line.split(":", 1)
        for line in (samples / "windows" / name).read_text("utf-8").splitlines()
        if line.startswith(("System Manufacturer:", "System Model:"))
    )
    row = {
        "Manufacturer": told["System Manufacturer"].strip(),
        "Model": told["System Model"].strip(),
        "HypervisorPresent": "TRUE",
    }
    taken = hardware.read(Place(windows=Captured(wmi={(CIMV2, "Win32_ComputerSystem"): [row]})))
    (system,) = facts(taken, "system")
    want = json.loads((samples / "windows/EXPECTED.json").read_text("utf-8"))[name]
    assert (system["maker"], system["model"]) == (want["manufacturer"], want["model"])
    assert system.get("device_class") == kind
