"""When a Windows device waits for a restart. All answers here are documented: made after reference pages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import reboot_pending, reboot_pending_windows
from agent.probes.reboot_pending_windows import Reason, survived_restart
from agent.windows import CIMV2, Row
from protos.sections import BY_NAME
from tests.agent.windows.captured import Captured, Values

CBS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
UPDATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"
NETLOGON = r"HKLM\SYSTEM\CurrentControlSet\Services\Netlogon"
ACTIVE = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName"
WANTED = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
SESSION = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
CCM = r"HKLM\SYSTEM\CurrentControlSet\Services\CcmExec"
ASK_CCM = (r"root\ccm\ClientSDK", "CCM_ClientUtilities", "DetermineIfRebootPending")
RENAMES: Values = {"PendingFileRenameOperations": ["\\??\\C:\\Users\\somebody\\a.tmp", ""]}
DAY = timedelta(days=1)


def cim(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S.000000+000")


def device(
    registry: Mapping[str, Values] | None = None,
    written: Mapping[str, datetime] | None = None,
    started_ago: timedelta = 2 * DAY,
    needs_restart: bool | Exception = False,
    methods: Mapping[tuple[str, str, str], Row | Exception] | None = None,
) -> Taken:
    booted = datetime.now(UTC) - started_ago
    return reboot_pending.read(
        Place(
            windows=Captured(
                wmi={(CIMV2, "Win32_OperatingSystem"): [{"LastBootUpTime": cim(booted)}]},
                registry=registry or {},
                written=written or {},
                needs_restart=needs_restart,
                methods=methods or {},
            )
        )
    )


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def reasons(taken: Taken) -> dict[str, str]:
    return {item.key: item.facts["strength"] for item in taken.sections["reboot_reasons"]}


def test_a_quiet_device_needs_no_restart() -> None:
    taken = device(
        {ACTIVE: {"ComputerName": "PC-1"}, WANTED: {"ComputerName": "pc-1"}, NETLOGON: {"Start": 3}}
    )
    assert values(taken) == {"reboot_pending_state": 0, "reboot_pending_survived_restart_state": 0}
    assert reasons(taken) == {}
    assert taken.reason == ""


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("component_servicing", {CBS: {}}),
        ("windows_update", {UPDATE: {"8f3d": 1}}),
        ("domain_join", {NETLOGON + r"\JoinDomain": {}}),
        ("domain_join", {NETLOGON: {"AvoidSpnSet": 1}}),
        ("computer_name", {ACTIVE: {"ComputerName": "PC-1"}, WANTED: {"ComputerName": "ROOM-2"}}),
    ],
)
def test_each_reason_of_the_registry_is_named(name: str, registry: dict[str, Values]) -> None:
    taken = device(registry)
    assert reasons(taken) == {name: "strong"}
    assert values(taken)["reboot_pending_state"] == 1


def test_the_update_agent_is_a_reason_of_its_own() -> None:
    assert reasons(device(needs_restart=True)) == {"windows_update_agent": "strong"}


@pytest.mark.parametrize(("soft", "hard", "pending"), [(True, False, 1), (False, True, 1), (False, False, 0)])
def test_the_configuration_manager_is_asked_where_its_client_is(soft: bool, hard: bool, pending: int) -> None:
    answer = {"ReturnValue": 0, "RebootPending": soft, "IsHardRebootPending": hard}
    assert values(device({CCM: {}}, methods={ASK_CCM: answer}))["reboot_pending_state"] == pending
    assert values(device({}, methods={ASK_CCM: answer}))["reboot_pending_state"] == 0, "no client"


def test_a_client_that_does_not_answer_is_a_remark_and_hides_nothing() -> None:
    taken = device({CCM: {}, CBS: {}}, methods={ASK_CCM: Unavailable("access is denied")})
    assert "access is denied" in taken.reason
    assert values(taken)["reboot_pending_state"] == 1


def test_file_renames_alone_are_weak_and_never_ask_for_a_restart() -> None:
    taken = device({SESSION: RENAMES})
    assert reasons(taken) == {"file_renames": "weak"}
    assert values(taken)["reboot_pending_state"] == 0
    (row,) = taken.sections["reboot_reasons"]
    assert dict(row.facts) == {"strength": "weak", "operations": "1"}, "how many, never which"


def test_all_reasons_are_told_together() -> None:
    everything = {CBS: {}, UPDATE: {}, NETLOGON + r"\JoinDomain": {}, SESSION: RENAMES, CCM: {},
                  ACTIVE: {"ComputerName": "A"}, WANTED: {"ComputerName": "B"}}  # fmt: skip
    answer = {"ReturnValue": "0", "RebootPending": "TRUE", "IsHardRebootPending": "FALSE"}
    taken = device(everything, needs_restart=True, methods={ASK_CCM: answer})
    assert list(reasons(taken)) == ["component_servicing", "windows_update", "windows_update_agent",
                                    "domain_join", "computer_name", "configuration_manager", "file_renames"]  # fmt: skip
    facts = {name for item in taken.sections["reboot_reasons"] for name in item.facts}
    assert facts <= BY_NAME["reboot_reasons"].names, "what is not named there does not leave the device"


def test_the_age_is_that_of_the_oldest_flag() -> None:
    now = datetime.now(UTC)
    taken = device({CBS: {}, UPDATE: {}}, {CBS: now - DAY, UPDATE: now - 3 * DAY}, started_ago=9 * DAY)
    assert values(taken)["reboot_pending_age_seconds"] == pytest.approx(3 * 86400, abs=60)
    assert values(taken)["reboot_pending_survived_restart_state"] == 0


def test_a_flag_older_than_the_last_start_survived_it() -> None:
    taken = device({CBS: {}}, {CBS: datetime.now(UTC) - 3 * DAY}, started_ago=DAY)
    assert values(taken)["reboot_pending_survived_restart_state"] == 1


def test_whether_a_flag_survived_is_unknown_while_updates_may_still_finish() -> None:
    taken = device({CBS: {}}, {CBS: datetime.now(UTC) - 3 * DAY}, started_ago=timedelta(minutes=5))
    assert "reboot_pending_survived_restart_state" not in values(taken)
    assert values(taken)["reboot_pending_state"] == 1


def test_whether_a_flag_without_a_date_survived_is_unknown() -> None:
    now = datetime.now(UTC)
    assert survived_restart([Reason(name="windows_update_agent")], now - DAY, now) is None
    assert survived_restart([Reason(name="windows_update", since=now - 3 * DAY)], None, now) is None


def test_without_the_registry_nothing_is_known() -> None:
    class Closed(Captured):
        def values(self, path: str, view: int = 64) -> Values | None:
            raise Unavailable("the registry key may not be read")

    with pytest.raises(Unavailable):
        reboot_pending_windows.read(Place(windows=Closed()))
