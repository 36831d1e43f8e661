"""Which Windows, and how long it is supported. All answers here are documented: made after reference pages."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import operating_system, operating_system_windows
from agent.probes.operating_system_windows import CURRENT_VERSION, ENVIRONMENT, edition_kind
from agent.windows import CIMV2, Row, Value
from tests.agent.windows.captured import Captured, Values

WINDOWS = "55c92734-d682-4d71-983e-d6ec3f16059f"
ELEVEN: Values = {
    "ProductName": "Windows 10 Pro", "EditionID": "Professional", "InstallationType": "Client",
    "DisplayVersion": "25H2", "ReleaseId": "2009", "CurrentBuild": "26200", "CurrentBuildNumber": "26200",
    "UBR": 7171, "InstallDate": 1700000000, "RegisteredOwner": "Somebody", "ProductId": "00330-80000",
}  # fmt: skip
LICENSED = [
    {"ApplicationID": WINDOWS, "PartialProductKey": "3V66T", "LicenseStatus": 1, "Name": "Windows(R), Pro"},
    {"ApplicationID": WINDOWS, "LicenseStatus": 0},
    {"ApplicationID": "0ff1ce15-a989-479d-af46-f275c6370663", "PartialProductKey": "AAAAA", "LicenseStatus": 5},
]  # fmt: skip


def device(values: Values, licences: list[Row] | Exception | None = None) -> Taken:
    wmi = {} if licences is None else {(CIMV2, "SoftwareLicensingProduct"): licences}
    registry = {CURRENT_VERSION: values, ENVIRONMENT: {"PROCESSOR_ARCHITECTURE": "AMD64"}}
    return operating_system.read(Place(windows=Captured(wmi=wmi, registry=registry)))


def facts(taken: Taken) -> dict[str, str]:
    return dict(taken.sections["operating_system"][0].facts)


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def test_windows_11_is_not_called_10_and_nobody_is_named() -> None:
    assert facts(device(ELEVEN, LICENSED)) == {
        "family": "windows",
        "name": "Windows 11 Pro",
        "id": "windows",
        "version": "25H2",
        "edition": "Professional",
        "build": "26200.7171",
        "architecture": "AMD64",
        "installed_at": "2023-11-14T22:13:20+00:00",
        "activated": "true",
        "support_until": "2027-10-12",
        "as_of": "2026-08-22",
        "support_source": "endoflife.date, after the maker's release information",
    }


@pytest.mark.parametrize(
    ("build", "edition", "kind", "until"),
    [
        (19045, "Core", "Client", "2025-10-14"),
        (19045, "Professional", "Client", "2025-10-14"),
        (22631, "ProfessionalWorkstation", "Client", "2025-11-11"),
        (22631, "Enterprise", "Client", "2026-11-10"),
        (22631, "EducationN", "Client", "2026-11-10"),
        (19044, "EnterpriseS", "Client", "2027-01-12"),
        (19044, "IoTEnterpriseS", "Client", "2032-01-13"),
        (26100, "EnterpriseS", "Client", "2029-10-09"),
        (26100, "IoTEnterpriseSK", "Client", "2034-10-10"),
        (26100, "Professional", "Client", "2026-10-13"),
        (14393, "ServerStandard", "Server", "2027-01-12"),
        (17763, "ServerDatacenter", "Server Core", "2029-01-09"),
        (26100, "ServerStandard", "Server", "2034-11-14"),
        (26300, "Professional", "Client", "2028-10-10"),
    ],
)
def test_support_depends_on_build_and_edition(build: int, edition: str, kind: str, until: str) -> None:
    taken = device(
        {**ELEVEN, "CurrentBuildNumber": str(build), "EditionID": edition, "InstallationType": kind}
    )
    assert facts(taken)["support_until"] == until
    left = operating_system.end_of_day(until) - datetime.now(UTC)
    assert values(taken)["operating_system_support_left_seconds"] == pytest.approx(
        left.total_seconds(), abs=60
    )


@pytest.mark.parametrize(
    ("build", "edition"), [("99999", "Professional"), ("26200", "PPIPro"), ("26200", "SomethingNew")]
)
def test_what_the_table_does_not_know_is_not_ended(build: str, edition: str) -> None:
    taken = device({**ELEVEN, "CurrentBuildNumber": build, "EditionID": edition})
    assert "operating_system_support_left_seconds" not in values(taken)
    assert "support_until" not in facts(taken)


def test_a_row_may_be_newer_than_its_table() -> None:
    assert facts(device({**ELEVEN, "CurrentBuildNumber": "26300"}))["as_of"] == "2026-11-04"


def test_a_server_of_the_same_build_keeps_its_name() -> None:
    name = "Windows Server 2025 Standard"
    server = {**ELEVEN, "ProductName": name, "EditionID": "ServerStandard", "InstallationType": "Server"}
    assert facts(device(server))["name"] == name


@pytest.mark.parametrize(("status", "activated"), [(1, 1), (0, 0), (5, 0), (2, 0)])
def test_only_the_licence_with_a_key_says_whether_windows_is_activated(status: int, activated: int) -> None:
    row = {**LICENSED[0], "LicenseStatus": status}
    assert values(device(ELEVEN, [row, *LICENSED[1:]]))["operating_system_activated_state"] == activated


@pytest.mark.parametrize("licences", [[], [LICENSED[1]], None, Unavailable("access is denied")])
def test_a_licence_that_is_not_told_is_unknown(licences: list[Row] | Exception | None) -> None:
    taken = device(ELEVEN, licences)
    assert "operating_system_activated_state" not in values(taken)
    assert "activated" not in facts(taken)
    assert facts(taken)["build"] == "26200.7171"


def test_the_key_does_not_leave() -> None:
    assert "3V66T" not in str(device(ELEVEN, LICENSED))


@pytest.mark.parametrize("values", [{}, {"ProductName": "Windows 10 Pro"}])
def test_without_a_build_it_is_unavailable(values: Values) -> None:
    with pytest.raises(Unavailable):
        device(values)


_VALUE: some.SearchStrategy[Value] = some.one_of(
    some.none(), some.text(max_size=9), some.integers(), some.binary(max_size=4), some.just(["a"])
)


@given(some.dictionaries(some.sampled_from(sorted(ELEVEN)), _VALUE))
def test_strange_values_break_nothing(values: Values) -> None:
    operating_system_windows.parse({**values, "CurrentBuildNumber": "19045"}, values, None)


def test_an_edition_without_a_name_is_guessed_for_servers_only() -> None:
    assert (edition_kind("", True), edition_kind("", False)) == ("server", "")
