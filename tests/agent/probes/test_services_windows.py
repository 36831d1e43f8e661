"""Services of Windows that should run and do not. Documented answers, made after reference pages, unless said."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import services
from agent.windows import CIMV2, Row
from tests.agent.windows.captured import Captured, Values

KEY = r"HKLM\SYSTEM\CurrentControlSet\Services"


def service(name: str, code: int | None, **others: object) -> Row:
    row = {"Name": name, "DisplayName": f"The {name}", "StartMode": "Auto", "State": "Stopped",
           "PathName": r"C:\Users\somebody\x.exe", "StartName": "LocalSystem", "ExitCode": code}  # fmt: skip
    return {**row, **others}


def device(
    *given: Row, registry: dict[str, Values] | None = None, up: timedelta = timedelta(days=1)
) -> Taken:
    booted = (datetime.now(UTC) - up).strftime("%Y%m%d%H%M%S.000000+000")
    wmi = {
        (CIMV2, "Win32_Service"): given,
        (CIMV2, "Win32_OperatingSystem"): [{"LastBootUpTime": booted}],
    }
    return services.PROBE.read(Place(windows=Captured(wmi=wmi, registry=registry or {})))


def failed(taken: Taken) -> list[str]:
    return [row.component for row in taken.readings if row.metric == "service_failed_state" and row.last == 1]


def count(taken: Taken) -> float | None:
    return next((row.last for row in taken.readings if row.metric == "services_failed_count"), None)


# 1067: the process ended unexpectedly; 1068: what it needs did not start; 1053: it did not answer
@pytest.mark.parametrize("code", [1067, 1068, 1053, 5, 1066])
def test_one_that_ended_with_an_error_failed(code: int) -> None:
    taken = device(service("Spooler", code, ServiceSpecificExitCode=7))
    assert (failed(taken), count(taken)) == (["Spooler"], 1)
    assert taken.readings[0].label == "The Spooler"


def test_the_service_s_own_code_is_told_where_it_counts() -> None:
    (row,) = device(service("S", 1066, ServiceSpecificExitCode=7)).sections["stopped_services"]
    assert row.facts["specific_code"] == "7"
    (row,) = device(service("S", 1067, ServiceSpecificExitCode=7)).sections["stopped_services"]
    assert "specific_code" not in row.facts


@pytest.mark.parametrize(
    "row",
    [
        service("Updater", 0),
        service("NotYet", 1077),
        service("Manual", 1067, StartMode="Manual"),
        service("Disabled", 1067, StartMode="Disabled"),
        service("Running", 1067, State="Running"),
        service("Starting", 0, State="Start Pending"),
    ],
)
def test_one_that_stopped_by_itself_or_should_not_run_did_not_fail(row: Row) -> None:
    taken = device(row)
    assert (failed(taken), count(taken)) == ([], 0)


def test_one_with_a_trigger_waits_for_it() -> None:
    taken = device(service("TabletInput", 1067), registry={KEY + r"\TabletInput\TriggerInfo\0": {}})
    assert (failed(taken), count(taken)) == ([], 0)
    assert taken.sections["stopped_services"][0].facts["start"] == "trigger"


@pytest.mark.parametrize("minutes", [3, 30])
def test_a_delayed_one_is_left_alone_at_first(minutes: int) -> None:
    registry: dict[str, Values] = {KEY + r"\Backup": {"DelayedAutostart": 1}}
    taken = device(
        service("Backup", 1053), service("Spooler", 1067), registry=registry, up=timedelta(minutes=minutes)
    )
    assert failed(taken) == (["Spooler"] if minutes == 3 else ["Backup", "Spooler"])


def test_one_that_is_started_for_each_person_is_not_the_device_s() -> None:
    taken = device(service("CDPUserSvc_5a3b1", 1067), registry={KEY + r"\CDPUserSvc_5a3b1": {"Type": 0xE0}})
    assert failed(taken) == []
    assert taken.sections["stopped_services"] == []


def test_without_its_code_nothing_is_said_of_it_and_nothing_is_counted() -> None:
    # wine: it lists services and no exit codes
    taken = device(service("Spooler", None), service("Other", 1067))
    assert failed(taken) == ["Other"]
    assert count(taken) is None
    assert "Spooler" in taken.reason


def test_neither_paths_nor_accounts_leave() -> None:
    assert "somebody" not in str(device(service("Spooler", 1067)))


def test_without_wmi_it_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        services.PROBE.read(Place(windows=Captured()))
