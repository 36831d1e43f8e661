"""How a Windows device is protected.

`captured`: the BitLocker dump of a real PC from the samples. Everything else here is `documented`: written by us after
the maker's documentation.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import security_state
from agent.windows import Row
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS
from tests.agent.windows.captured import Captured, Values, read_wmi

TPM = (r"root\CIMV2\Security\MicrosoftTpm", "Win32_Tpm")
BITLOCKER = (r"root\CIMV2\Security\MicrosoftVolumeEncryption", "Win32_EncryptableVolume")
DEFENDER = (r"root\Microsoft\Windows\Defender", "MSFT_MpComputerStatus")
PRODUCTS = (r"root\SecurityCenter2", "AntiVirusProduct")
FIREWALLS = (r"root\SecurityCenter2", "FirewallProduct")
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
PROFILES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
VOLUME = r"\\?\Volume{603eeb71-3202-4b56-86e9-46e56b970dce}" + "\\"
GUID = "{603eeb71-3202-4b56-86e9-46e56b970dce}"


def facts(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["security_state"]}


def states(taken: Taken) -> dict[tuple[str, str], float]:
    for reading in taken.readings:
        assert BY_NAME[reading.metric].probe == "security_state"
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def read(place: Place) -> Taken:
    taken = security_state.read(place)
    for item in taken.sections["security_state"]:
        assert item.facts.keys() <= SECTIONS["security_state"].names, item.key
    return taken


def windows(
    wmi: Mapping[tuple[str, str], list[Row]] | None = None,
    registry: Mapping[str, Values] | None = None,
    methods: Mapping[tuple[str, str, str], Row] | None = None,
) -> Taken:
    return read(Place(windows=Captured(wmi=wmi or {}, registry=registry or {}, methods=methods or {})))


def test_the_encrypted_disk_of_a_real_computer_is_encrypted_and_protected(samples: Path) -> None:
    dump = read_wmi(samples / "windows/glpi_win10-crypt-Win32_EncryptableVolume.wmi")
    taken = windows({BITLOCKER: dump})
    assert facts(taken)["disk_encryption C:"] == {
        "encrypted": "true",
        "suspended": "false",
        "conversion": "encrypted",
        "protection": "on",
        "by": "BitLocker",
        "method": "AES-256",
        "system_volume": "true",
    }
    assert states(taken) == {
        ("disk_encrypted_state", GUID): 1,
        ("disk_encryption_suspended_state", GUID): 0,
    }
    assert "TPM: no Win32_Tpm" in taken.reason


@pytest.mark.parametrize(
    "conversion, protection, encrypted, suspended",
    [
        (1, 1, 1, 0),
        (1, 0, 1, 1),  # fully encrypted and not protected
        (1, 2, 1, None),  # locked: whether the key is open is not known
        (0, 0, 0, None),
        (2, 0, 0, None),  # under way: protection comes at its end
        (None, 0, None, None),
        (9, 0, None, None),
    ],
)
def test_a_fully_encrypted_disk_without_protection_is_suspended(
    conversion: int | None, protection: int, encrypted: int | None, suspended: int | None
) -> None:
    row: Row = {"DeviceID": VOLUME, "ConversionStatus": conversion, "ProtectionStatus": protection}
    taken = states(windows({BITLOCKER: [row]}))
    assert taken.get(("disk_encrypted_state", GUID)) == encrypted
    assert taken.get(("disk_encryption_suspended_state", GUID)) == suspended


def test_an_older_windows_is_asked_by_its_methods() -> None:
    path = 'Win32_EncryptableVolume.DeviceID="' + VOLUME.replace("\\", "\\\\") + '"'
    namespace = BITLOCKER[0]
    taken = windows(
        {BITLOCKER: [{"DeviceID": VOLUME, "DriveLetter": "C:"}]},
        methods={
            (namespace, path, "GetConversionStatus"): {"ConversionStatus": 1, "EncryptionPercentage": 100},
            (namespace, path, "GetProtectionStatus"): {"ProtectionStatus": 0},
        },
    )
    assert states(taken)["disk_encryption_suspended_state", GUID] == 1


def test_a_memory_stick_is_no_disk_of_the_device() -> None:
    row: Row = {"DeviceID": VOLUME, "VolumeType": 2, "ConversionStatus": 0, "ProtectionStatus": 0}
    with pytest.raises(Unavailable):
        windows({BITLOCKER: [row]})


def test_nothing_about_keys_is_asked_or_told() -> None:
    row: Row = {
        "DeviceID": VOLUME,
        "ConversionStatus": 1,
        "ProtectionStatus": 1,
        "RecoveryPassword": "111-222",
    }
    assert "111" not in str(windows({BITLOCKER: [row]}))
    source = Path(security_state.__file__).with_name("security_state_windows.py").read_text(encoding="utf-8")
    assert "KeyProtector" not in source


def test_a_legacy_firmware_cannot_have_secure_boot() -> None:
    taken = windows(registry={CONTROL: {"PEFirmwareType": 1}, CONTROL + r"\SecureBoot\State": {}})
    assert facts(taken)["secure_boot"] == {"firmware": "legacy"}
    assert states(taken) == {}


@pytest.mark.parametrize("on", [0, 1])
def test_secure_boot_is_what_the_registry_says(on: int) -> None:
    taken = windows(
        registry={
            CONTROL: {"PEFirmwareType": 2},
            CONTROL + r"\SecureBoot\State": {"UEFISecureBootEnabled": on},
        }
    )
    assert states(taken) == {("secure_boot_state", ""): on}


def test_the_tpm_tells_its_version_and_an_empty_answer_is_none_at_all() -> None:
    row: Row = {"SpecVersion": "2.0, 0, 1.38", "IsEnabled_InitialValue": True, "IsOwned_InitialValue": False}
    assert facts(windows({TPM: [row]}))["tpm"] == {
        "present": "true",
        "version": "2.0",
        "enabled": "true",
        "owned": "false",
    }
    assert facts(windows({TPM: []}))["tpm"] == {"present": "false"}


def test_defender_beside_another_product_is_rightly_passive() -> None:
    taken = windows(
        {
            PRODUCTS: [
                {"displayName": "Windows Defender", "productState": 393472},
                {"displayName": "Other Security", "productState": 266240},
            ],
            DEFENDER: [{"AMRunningMode": "Passive Mode", "RealTimeProtectionEnabled": False}],
        }
    )
    assert states(taken) == {}
    assert facts(taken)["defender"]["active"] == "false"
    assert facts(taken)["antivirus Other Security"] == {
        "product": "Other Security",
        "on": "true",
        "definitions_current": "true",
    }
    assert facts(taken)["antivirus Windows Defender"]["on"] == "false"


@pytest.mark.parametrize("mode", ["Normal", "Not running", None])
def test_defender_alone_must_look_at_files(mode: str | None) -> None:
    row: Row = {"AMRunningMode": mode, "RealTimeProtectionEnabled": False, "AntivirusEnabled": True}
    # Without a security centre, as on a server.
    assert states(windows({DEFENDER: [row]})) == {("real_time_protection_state", ""): 0}


def profiles(domain: int, **policy: int) -> dict[str, Values]:
    keys: dict[str, Values] = {
        PROFILES + r"\DomainProfile": {"EnableFirewall": domain},
        PROFILES + r"\StandardProfile": {"EnableFirewall": 1},
        PROFILES + r"\PublicProfile": {"EnableFirewall": 1},
    }
    return keys | {rf"{POLICY}\{name}": {"EnableFirewall": value} for name, value in policy.items()}


def test_a_firewall_switched_off_here_is_told_by_profile() -> None:
    taken = states(windows(registry=profiles(0)))
    assert taken["firewall_state", "domain"] == 0
    assert taken["firewall_state", "private"] == 1
    assert taken["firewall_by_policy_state", "domain"] == 0


def test_group_policy_overrides_what_is_set_here() -> None:
    taken = windows(registry=profiles(1, DomainProfile=0))
    assert states(taken)["firewall_state", "domain"] == 0
    assert states(taken)["firewall_by_policy_state", "domain"] == 1
    assert facts(taken)["firewall domain"] == {"on": "false", "by_policy": "true"}


def test_another_firewall_takes_over_from_the_one_of_windows() -> None:
    other: Row = {"displayName": "Other Firewall", "productState": 266256}
    taken = windows({FIREWALLS: [other]}, registry=profiles(0))
    assert states(taken) == {}
    assert facts(taken)["firewall domain"]["other_product"] == "Other Firewall"


def test_a_windows_that_tells_nothing_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="TPM"):
        windows()


@settings(max_examples=100, deadline=None)
@given(some.dictionaries(some.sampled_from(["conversionstatus", "protectionstatus", "deviceid", "volumetype",
    "driveletter", "displayname", "productstate", "amrunningmode", "realtimeprotectionenabled", "specversion"]),
    some.none() | some.integers() | some.text() | some.booleans()))  # fmt: skip
def test_strange_rows_break_nothing(row: dict[str, object]) -> None:
    device = {"deviceid": VOLUME} | row
    try:
        taken = windows({BITLOCKER: [device], TPM: [row], DEFENDER: [row], PRODUCTS: [row], FIREWALLS: [row]})
    except Unavailable:
        return
    assert all(value in (0, 1) for value in states(taken).values())
