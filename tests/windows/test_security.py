"""Firewall, Secure Boot and File History out of the registry of the prefix (wine), through the probes as they run.

What wine has no namespace for (TPM, BitLocker, Defender) must be unknown with the reason, and never off.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.probe import Place
from agent.probes import backup_evidence, security_state
from tests.windows.prefix import written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
PROFILES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
FILE_HISTORY = r"Software\Microsoft\Windows\CurrentVersion\FileHistory"


def test_what_the_registry_says_is_told_and_what_is_not_there_is_unknown() -> None:
    keys = {
        CONTROL: {"PEFirmwareType": 2},
        CONTROL + r"\SecureBoot\State": {"UEFISecureBootEnabled": 1},
        PROFILES + r"\DomainProfile": {"EnableFirewall": 0},
        PROFILES + r"\StandardProfile": {"EnableFirewall": 1},
        PROFILES + r"\PublicProfile": {"EnableFirewall": 1},
        POLICY + r"\PublicProfile": {"EnableFirewall": 0},
    }
    with written(keys):
        taken = security_state.read(Place())
    states = {(row.metric, row.component): row.last for row in taken.readings}
    assert states == {
        ("secure_boot_state", ""): 1,
        ("firewall_state", "domain"): 0,
        ("firewall_by_policy_state", "domain"): 0,
        ("firewall_state", "private"): 1,
        ("firewall_by_policy_state", "private"): 0,
        ("firewall_state", "public"): 0,
        ("firewall_by_policy_state", "public"): 1,
    }
    for part in ("TPM", "disk encryption", "antivirus"):
        assert f"{part}: " in taken.reason


@pytest.fixture
def protected() -> Iterator[datetime]:
    """This user's File History, three days back."""
    import winreg

    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    ticks = int((at - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, FILE_HISTORY) as key:
        winreg.SetValueEx(key, "ProtectedUpToTime", 0, winreg.REG_QWORD, ticks)
    yield at
    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, FILE_HISTORY)


def test_file_history_is_read_of_the_user_who_is_signed_in(protected: datetime) -> None:
    taken = backup_evidence.read(Place())
    (item,) = taken.sections["backup_evidence"]
    assert item.key == "file_history"
    assert item.facts["last_success_at"] == protected.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "S-1-5-21" not in str(taken)
    assert "wbadmin: " in taken.reason
