"""`patches` on Windows. Answers of the update agent, Configuration Manager and Defender are documented: no dump of
a real one is at hand. Through real COM they run in tests/windows/test_updates.py."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import patches
from agent.probes.windows_updates import CRITERIA
from agent.windows import Installation, Searched, Update
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN
from tests.agent.windows.captured import Captured, Values

NOW = datetime.now(UTC)
DAY = timedelta(days=1)

SECURITY = "0fa1201d-4330-4fa8-8ae9-b877473b6441"
CRITICAL = "e6cf1350-c01b-414d-a61f-263d14d133b4"
ROLLUP = "28bc880e-0592-4cbf-8f95-c79b17911d5f"
UPDATES = "cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83"
UPGRADES = "3689bdc8-b205-4af4-8d4a-a63924c5e9d5"
DEFINITIONS = "e0789628-ce08-4437-be74-2495b842f43b"
DRIVERS = "ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0"

POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
AU = POLICY + r"\AU"
MDM = r"HKLM\SOFTWARE\Microsoft\PolicyManager\current\device\Update"
SETTINGS = r"HKLM\SOFTWARE\Microsoft\WindowsUpdate\UX\Settings"
DETECT = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\Results\Detect"
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
PACKAGES = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages"
OFFICE = r"HKLM\SOFTWARE\Microsoft\Office\ClickToRun\Configuration"


def update(title: str, *categories: str, severity: str | None = None, kb: str = "5031356") -> Update:
    return Update(
        title=title,
        identity=f"id-of-{title}",
        categories=categories,
        severity=severity,
        knowledge_base=(kb,) if kb else (),
    )


def installed(days_ago: float, title: str, *categories: str, result: int = 2, code: int = 0) -> Installation:
    return Installation(
        title=title, at=NOW - days_ago * DAY, operation=1, result=result, code=code, categories=categories
    )


def failed(days_ago: float, title: str, code: int = 0x80073712) -> Installation:
    return installed(days_ago, title, SECURITY, result=4, code=code)


def device(*offered: Update, result: int = 2, **more: object) -> Captured:
    """Searched an hour ago with success, and this was on offer."""
    base = Captured(
        searched={CRITERIA: Searched(result=result, updates=offered)}, last_search=NOW - timedelta(hours=1)
    )
    return replace(base, **more)  # type: ignore[arg-type]


def read(windows: Captured) -> Taken:
    return patches.read(Place(windows=windows))


def state(taken: Taken) -> tuple[int, str]:
    assert taken.patches is not None
    assert taken.patches.method == "wua"
    return taken.patches.state, taken.patches.reason


def last(taken: Taken) -> dict[str, float]:
    return {row.metric: row.last for row in taken.readings}


def source(taken: Taken, key: str = "windows_update") -> Mapping[str, str]:
    (facts,) = [item.facts for item in taken.sections["update_sources"] if item.key == key]
    return facts


def test_updates_are_told_apart_by_the_ids_of_their_categories() -> None:
    taken = read(
        device(
            update("Sicherheit", "72e7624a-5b00-45d2-b92f-e561c0a6a160", SECURITY.upper(), kb="1000001"),
            update("kritisch", CRITICAL, kb="1000002"),
            update("Rollup", ROLLUP, kb="1000003"),
            update("bewertet", UPDATES, severity="Important", kb="1000004"),
            update("sonst", kb="1000005"),
            update("Definitionen", DEFINITIONS, kb="2267602"),
            update("Treiber", DRIVERS, kb=""),
            replace(update("auch einer", kb="1000006"), is_driver=True),
            update("neue Version", UPGRADES, kb="1000007"),
            replace(update("Vorschau", SECURITY, kb="1000008"), is_optional=True),
        )
    )
    assert state(taken) == (MISSING, "")
    assert {item.key: item.facts["kind"] for item in taken.sections["updates"]} == {
        "KB1000001": "security",
        "KB1000002": "critical",
        "KB1000003": "rollup",
        "KB1000004": "security",
        "KB1000005": "update",
        "id-of-Treiber": "driver",
        "KB1000006": "driver",
        "KB1000007": "optional",
        "KB1000008": "optional",
    }
    told = last(taken)
    assert (told["updates_security_count"], told["updates_other_count"]) == (2, 3)
    assert (told["updates_driver_count"], told["updates_optional_count"]) == (2, 2)


def test_two_updates_with_one_number_stay_two() -> None:
    taken = read(device(update("for x64", SECURITY), update("for Office", SECURITY)))
    assert len({item.key for item in taken.sections["updates"]}) == 2


def test_definitions_and_drivers_alone_are_compliant_even_without_another_witness() -> None:
    alive = device(update("d", DEFINITIONS), update("t", DRIVERS), last_search=None)
    taken = read(alive)
    assert state(taken) == (COMPLIANT, "")
    assert last(taken)["updates_security_count"] == 0


def test_nothing_on_offer_is_compliant_after_a_search_of_this_week() -> None:
    taken = read(device())
    assert state(taken) == (COMPLIANT, "")
    assert taken.sections["updates"] == []


@pytest.mark.parametrize("result", [0, 1, 3, 4, 5, 99])
def test_a_search_that_did_not_simply_succeed_is_unknown(result: int) -> None:
    taken = read(device(update("one", SECURITY), result=result))
    assert state(taken)[0] == PATCH_STATE_UNKNOWN
    assert "search for updates" in state(taken)[1]
    assert "updates_security_count" not in last(taken)
    assert "updates" not in taken.sections, "what was known stays"


def test_a_search_that_is_refused_is_unknown_and_the_rest_is_read() -> None:
    refused = Unavailable("the search for updates failed: … (0x8024402C)")
    taken = read(device(searched=refused, history=[failed(1, "2026-01 (KB5031356)")]))
    assert state(taken) == (PATCH_STATE_UNKNOWN, str(refused))
    assert last(taken)["updates_failed_count"] == 1


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ({SERVICES + r"\wuauserv": {"Start": 4}}, "service is disabled"),
        ({AU: {"UseWUServer": 1}}, "names none"),
        ({AU: {"UseWUServer": 1}, POLICY: {"WUServer": "  "}}, "names none"),
        ({POLICY: {"DisableWindowsUpdateAccess": 1}}, "switches Windows Update off"),
        ({POLICY: {"DoNotConnectToWindowsUpdateInternetLocations": 1}}, "names no other"),
        ({SETTINGS: {"PauseUpdatesExpiryTime": f"{NOW + 5 * DAY:%Y-%m-%dT%H:%M:%SZ}"}}, "paused until"),
        ({SETTINGS: {"PauseQualityUpdatesEndTime": f"{NOW + 5 * DAY:%Y-%m-%dT%H:%M:%SZ}"}}, "paused until"),
        ({POLICY: {"PauseQualityUpdatesStartTime": f"{NOW - 5 * DAY:%Y-%m-%d}"}}, "paused until"),
        ({MDM: {"PauseQualityUpdatesStartTime": f"{NOW - 5 * DAY:%Y-%m-%d}"}}, "paused until"),
    ],
)
def test_an_empty_answer_of_a_doubtful_source_is_unknown(registry: dict[str, Values], words: str) -> None:
    taken = read(device(update("definitions come all the same", DEFINITIONS), registry=registry))
    assert state(taken)[0] == PATCH_STATE_UNKNOWN
    assert words in state(taken)[1]
    missing = read(device(update("this one is missing whatever the source", SECURITY), registry=registry))
    assert state(missing) == (MISSING, "")


def test_a_pause_that_is_over_is_none() -> None:
    over = {
        SETTINGS: {"PauseUpdatesExpiryTime": f"{NOW - DAY:%Y-%m-%dT%H:%M:%SZ}"},
        POLICY: {"PauseQualityUpdatesStartTime": f"{NOW - 36 * DAY:%Y-%m-%d}"},
    }
    assert state(read(device(registry=over))) == (COMPLIANT, "")


@pytest.mark.parametrize(
    ("searched", "installs", "managed", "known"),
    [
        (6, [], False, True),
        (8, [], False, False),
        (8, [1], False, False),  # it should search daily, and does not
        (None, [], False, False),
        (None, [30], False, True),
        (None, [36], False, False),
        (8, [30], True, True),  # Configuration Manager searches in its own way
        (8, [36], True, False),
        (None, [], True, False),
        (-3, [], False, False),  # in the future: the clock was wrong
        (-3, [30], False, True),
    ],
)
def test_an_empty_answer_needs_a_sign_that_the_source_is_alive(
    searched: int | None, installs: Sequence[float], managed: bool, known: bool
) -> None:
    taken = read(
        device(
            last_search=None if searched is None else NOW - searched * DAY,
            history=[installed(days, "anything") for days in installs],
            registry={SERVICES + r"\CcmExec": {"Start": 2}} if managed else {},
        )
    )
    assert (state(taken)[0] == COMPLIANT) is known
    assert bool(state(taken)[1]) is not known


def test_the_search_date_of_older_windows_serves_too() -> None:
    written = {DETECT: {"LastSuccessTime": f"{NOW - DAY:%Y-%m-%d %H:%M:%S}"}}
    assert state(read(device(last_search=None, registry=written))) == (COMPLIANT, "")
    assert state(read(device(last_search=Unavailable("no"), registry=written))) == (COMPLIANT, "")


def test_failures_count_until_the_update_is_installed() -> None:
    taken = read(
        device(
            history=[
                failed(1, "2026-01 Kumulativ (KB5044033)"),
                installed(2, "2026-01 (KB5029351)", SECURITY),
                failed(3, "2026-01 Cumulative (KB5044033)", code=0x80070070),
                failed(4, "2026-01 (KB5029351)"),
                failed(5, "Contoso - Printer"),
                failed(31, "2025-12 (KB5000001)"),
                installed(0.5, "aborted (KB5000002)", result=5),
                installed(0.5, "with errors (KB5000003)", result=3),
            ]
        )
    )
    assert last(taken)["updates_failed_count"] == 4
    failing = {row.component: row.last for row in taken.readings if row.metric == "updates_failing_count"}
    assert failing == {"KB5044033": 2, "Contoso - Printer": 1}
    items = {item.key: item.facts for item in taken.sections["update_failures"]}
    assert items["KB5044033"]["code"] == "the component store is damaged (0x80073712)"
    assert items["KB5044033"]["failures"] == "2"


def test_the_last_result_is_of_an_update_and_not_of_the_daily_definitions() -> None:
    taken = read(
        device(history=[installed(0.1, "d (KB2267602)", DEFINITIONS), failed(3, "2026-01 (KB5044033)")])
    )
    facts = source(taken)
    assert facts["last_result"] == "failed"
    assert "0x80073712" in facts["last_result_code"]


@pytest.mark.parametrize(
    ("title", "counts"),
    [
        ("2025-10 Cumulative Update for Windows 11, version 24H2 for x64-based Systems (KB5066835) (26100.6899)", True),
        ("2025-10 Kumulatives Update für Windows 11, version 24H2 für x64-basierte Systeme (KB5066835)", True),
        ("2025-10 Mise à jour cumulative pour Windows 11 (KB5066835)", True),
        ("2025-10 x64 ベース システム用 Windows 11 の累積更新プログラム (KB5066835)", True),
        ("2025-10 Cumulative Update for .NET Framework 3.5 and 4.8.1 for Windows 11 (KB5066128)", False),
        ("2021-02 Servicing Stack Update for Windows 10 (KB4601392)", False),
        ("Security Intelligence Update for Microsoft Defender Antivirus - KB2267602", False),
        ("Security Update for Microsoft Office 2016 (KB5002000)", False),
        ("2025-10 something without a number", False),
    ],
)  # fmt: skip
def test_a_cumulative_update_is_known_in_every_language(title: str, counts: bool) -> None:
    taken = read(device(history=[installed(20, title, SECURITY)]))
    assert ("updates_last_cumulative_age_seconds" in last(taken)) is counts
    assert (source(taken)["last_cumulative_at"] == "none seen") is not counts


def test_a_cumulative_update_that_failed_or_was_taken_out_is_none() -> None:
    title = "2025-10 Cumulative Update for Windows 11 (KB5066835)"
    removed = replace(installed(1, title, SECURITY), operation=2)
    for history in ([failed(5, title)], [removed, installed(20, title, SECURITY)], [removed]):
        assert "updates_last_cumulative_age_seconds" not in last(read(device(history=history)))


def _filetime(at: datetime) -> Values:
    ticks = round((at - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
    return {"InstallTimeHigh": ticks >> 32, "InstallTimeLow": ticks & 0xFFFFFFFF}


def test_the_component_store_knows_the_last_cumulative_update_whoever_installed_it() -> None:
    name = PACKAGES + r"\Package_for_RollupFix~31bf3856ad364e35~amd64~~26100."
    store: dict[str, Values] = {
        name + "6899.1.5": {"CurrentState": 112, **_filetime(NOW - 12 * DAY)},
        name + "6584.1.4": {"CurrentState": 80, **_filetime(NOW - 40 * DAY)},
        name + "7171.1.2": {"CurrentState": 64, **_filetime(NOW - DAY)},  # staged, not in place
        PACKAGES + r"\Package_for_KB5066128~31bf3856ad364e35~amd64~~10.0": {
            "CurrentState": 112,
            **_filetime(NOW),
        },
    }
    taken = read(device(registry=store))
    assert last(taken)["updates_last_cumulative_age_seconds"] == pytest.approx(12 * 86400, abs=120)
    newer = [installed(3, "2025-10 Cumulative Update for Windows 11 (KB5066835)", SECURITY)]
    assert last(read(device(registry=store, history=newer)))[
        "updates_last_cumulative_age_seconds"
    ] == pytest.approx(3 * 86400, abs=120)


@pytest.mark.parametrize(
    ("registry", "name", "host"),
    [
        ({}, "microsoft", None),
        ({AU: {"UseWUServer": 1}, POLICY: {"WUServer": "http://Wsus.example.org:8530/path"}}, "wsus", "wsus.example.org"),
        ({AU: {"UseWUServer": 1}, POLICY: {"WUServer": "http://[bad"}}, "wsus", None),
        ({AU: {"UseWUServer": 0}, POLICY: {"WUServer": "http://wsus"}}, "microsoft", None),
        ({MDM: {"DeferQualityUpdatesPeriodInDays": 7}}, "windows_update_for_business", None),
        ({POLICY: {"TargetReleaseVersionInfo": "24H2"}}, "windows_update_for_business", None),
        ({SERVICES + r"\CcmExec": {}, AU: {"UseWUServer": 1}, POLICY: {"WUServer": "https://u:p@sup:8531"}}, "configuration_manager", "sup"),
    ],
)  # fmt: skip
def test_who_brings_updates(registry: dict[str, Values], name: str, host: str | None) -> None:
    facts = source(read(device(registry=registry)))
    assert facts["source"] == name
    assert facts.get("server") == host


def test_office_is_told_with_its_channel() -> None:
    found: Values = {
        "VersionToReport": "16.0.18129.20158",
        "UpdateChannel": "http://officecdn.microsoft.com/pr/55336b82-a18d-4dd6-b5f6-9e5095c314a6",
        "Platform": "x64",
        "ProductReleaseIds": "O365ProPlusRetail,VisioProRetail",
        "UpdatesEnabled": "True",
    }
    told = {
        "version": "16.0.18129.20158",
        "channel": "Monthly Enterprise",
        "platform": "x64",
        "products": "O365ProPlusRetail,VisioProRetail",
        "updates_enabled": "true",
    }
    for windows in (device(registry={OFFICE: found}), device(registry32={OFFICE: found})):
        (office,) = read(windows).sections["office"]
        assert dict(office.facts) == told
    fallen_back = found | {
        "UpdateChannel": "",
        "CDNBaseUrl": "http://x/492350f6-3a01-4f97-b9c0-c7c6ddf67d60/",
    }
    (office,) = read(device(registry={OFFICE: fallen_back})).sections["office"]
    assert office.facts["channel"] == "Current"
    own = found | {"UpdateChannel": r"\\server\share"}
    (office,) = read(device(registry={OFFICE: own})).sections["office"]
    assert office.facts["channel"] == "own server"
    assert read(device()).sections["office"] == []
