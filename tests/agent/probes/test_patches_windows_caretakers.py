"""What else looks after a Windows device: Defender's signatures and the configuration manager's client."""

from collections.abc import Mapping, Sequence

import pytest

from agent.probe import Unavailable
from agent.windows import CIMV2
from protos.report_pb2 import MISSING
from tests.agent.probes.test_patches_windows import (
    DAY,
    NOW,
    SECURITY,
    SERVICES,
    device,
    last,
    read,
    source,
    state,
    update,
)
from tests.agent.windows.captured import Captured

DEFENDER = r"root\Microsoft\Windows\Defender"
CCM, INVENTORY = r"root\ccm", r"root\ccm\invagt"


def _defender(**facts: object) -> Captured:
    row = {
        "AntivirusEnabled": True,
        "AMRunningMode": "Normal",
        "AntivirusSignatureAge": 3,
        "AntivirusSignatureVersion": "1.421.1.0",
    }
    return device(
        registry={SERVICES + r"\WinDefend": {"Start": 2}},
        wmi={(DEFENDER, "MSFT_MpComputerStatus"): [row | facts]},
    )


def test_the_age_of_defenders_signatures() -> None:
    assert last(read(_defender()))["defender_signature_age_seconds"] == 3 * 86400
    dated = _defender(AntivirusSignatureLastUpdated=f"{NOW - 2 * DAY:%Y%m%d%H%M%S}.000000+000")
    assert last(read(dated))["defender_signature_age_seconds"] == pytest.approx(2 * 86400, abs=120)


@pytest.mark.parametrize("days", [65535, 4294967295, "4294967295"])
def test_signatures_that_never_came_have_no_age(days: object) -> None:
    taken = read(_defender(AntivirusSignatureAge=days))
    assert "defender_signature_age_seconds" not in last(taken)
    assert source(taken, "defender")["never_updated"] == "true"


@pytest.mark.parametrize(
    "facts",
    [{"AMRunningMode": "Passive Mode"}, {"AMRunningMode": "Not running"}, {"AntivirusEnabled": False}],
)
def test_a_defender_that_does_not_protect_this_device_is_not_measured(facts: dict[str, object]) -> None:
    taken = read(_defender(**facts))
    assert "defender_signature_age_seconds" not in last(taken)
    assert source(taken, "defender")["active"] == "false"


def test_what_is_not_installed_is_a_fact_and_no_remark() -> None:
    taken = read(device())
    assert source(taken, "defender") == {"installed": "false"}
    assert source(taken, "configuration_manager") == {"installed": "false"}
    assert taken.reason == ""


def _ccm(reports: Sequence[Mapping[str, object]], state: str = "Running") -> Captured:
    return device(
        registry={SERVICES + r"\CcmExec": {"Start": 2}},
        wmi={
            (CCM, "SMS_Client"): [{"ClientVersion": "5.00.9128.1007"}],
            (INVENTORY, "InventoryActionStatus"): reports,
            (CIMV2, "Win32_Service"): [{"Name": "CcmExec", "State": state}],
        },
        methods={(CCM, "SMS_Client", "GetAssignedSite"): {"sSiteCode": "P01"}},
    )


def _report(number: int, at: str) -> Mapping[str, object]:
    return {
        "InventoryActionID": f"{{00000000-0000-0000-0000-{number:012}}}",
        "LastReportDate": at,
    }


def test_the_configuration_manager_clients_health() -> None:
    reports = [
        _report(1, f"{NOW - 9 * DAY:%Y%m%d%H%M%S}.000000+000"),
        _report(3, f"{NOW - 16 * DAY:%Y%m%d%H%M%S}.000000+000"),
    ]
    taken = read(_ccm(reports, state="Stopped"))
    told = last(taken)
    assert told["sccm_heartbeat_age_seconds"] == pytest.approx(16 * 86400, abs=120)
    assert told["sccm_hardware_inventory_age_seconds"] == pytest.approx(9 * 86400, abs=120)
    assert told["sccm_service_running_state"] == 0
    facts = source(taken, "configuration_manager")
    assert (facts["version"], facts["site"], facts["service"]) == ("5.00.9128.1007", "P01", "Stopped")


def test_a_client_that_never_reported_has_no_age() -> None:
    taken = read(_ccm([_report(3, "19700101000000.000000+000")]))
    assert "sccm_heartbeat_age_seconds" not in last(taken)
    assert source(taken, "configuration_manager")["heartbeat_at"] == "none seen"


def test_a_client_whose_namespace_is_gone_is_broken_and_not_absent() -> None:
    taken = read(device(registry={SERVICES + r"\CcmExec": {"Start": 2}}))
    assert source(taken, "configuration_manager")["installed"] == "true"
    assert r"root\ccm" in taken.reason


def test_a_part_that_cannot_be_read_takes_nothing_else_along() -> None:
    taken = read(
        device(update("one", SECURITY), history=Unavailable("the update history failed (0x80248007)"))
    )
    assert state(taken) == (MISSING, "")
    assert "updates_failed_count" not in last(taken)
    assert "update_failures" not in taken.sections
    assert taken.reason == "the update history failed (0x80248007)"
