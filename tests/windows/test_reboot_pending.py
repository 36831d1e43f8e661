"""Reasons for a restart, written into the prefix's registry one by one and found by the probe (wine)."""

import sys
import time
from datetime import UTC, datetime

import pytest

from agent.probe import Place, Taken
from agent.probes import reboot_pending
from agent.windows.live import Live
from tests.windows.prefix import Kinds, written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
NETLOGON = r"HKLM\SYSTEM\CurrentControlSet\Services\Netlogon"
REASONS: dict[str, dict[str, Kinds]] = {
    "component_servicing": {VERSION + r"\Component Based Servicing\RebootPending": {}},
    "windows_update": {VERSION + r"\WindowsUpdate\Auto Update\RebootRequired": {"8f3d": 1}},
    "domain_join": {NETLOGON + r"\JoinDomain": {}},
    "computer_name": {CONTROL + r"\ComputerName\ComputerName": {"ComputerName": "ANOTHER-NAME"}},
    "file_renames": {
        CONTROL + r"\Session Manager": {
            "PendingFileRenameOperations": [r"\??\C:\a", "", r"\??\C:\b", r"!\??\C:\c"]
        }
    },
}


def found(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["reboot_reasons"]}


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def test_a_fresh_prefix_waits_for_nothing() -> None:
    taken = reboot_pending.read(Place())
    assert found(taken) == {}
    assert values(taken)["reboot_pending_state"] == 0


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_is_found_and_gone_with_its_key(name: str) -> None:
    with written(REASONS[name]):
        taken = reboot_pending.read(Place())
        assert list(found(taken)) == [name]
        assert values(taken)["reboot_pending_state"] == (0 if name == "file_renames" else 1)
    assert found(reboot_pending.read(Place())) == {}


def test_a_value_of_netlogon_counts_as_its_subkey_does() -> None:
    with written({NETLOGON: {"AvoidSpnSet": 1}}):
        assert found(reboot_pending.read(Place()))["domain_join"]["marks"] == "AvoidSpnSet"


def test_renames_are_counted_with_their_empty_names() -> None:
    with written(REASONS["file_renames"]):
        facts = found(reboot_pending.read(Place()))["file_renames"]
    assert facts == {"strength": "weak", "operations": "2"}


def test_all_reasons_together() -> None:
    everything: dict[str, Kinds] = {}
    for keys in REASONS.values():
        everything.update(keys)
    with written(everything):
        assert set(found(reboot_pending.read(Place()))) == set(REASONS)


def test_a_key_says_when_it_was_written() -> None:
    (path,) = REASONS["component_servicing"]
    before = time.time()
    with written(REASONS["component_servicing"]):
        at = Live().written_at(path)
        taken = reboot_pending.read(Place())
    assert at is not None
    assert before - 5 < at.timestamp() < datetime.now(UTC).timestamp() + 5
    assert values(taken)["reboot_pending_age_seconds"] < 60
    assert Live().written_at(path) is None
