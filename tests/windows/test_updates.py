"""The update agent asked through real COM. Wine's own refuses; the answers are those of update_server.py (documented)."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.probe import Place, Unavailable
from agent.probes import patches
from agent.windows.live import Live
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN, Report
from tests.windows import update_server
from tests.windows.prefix import written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

ROOT = Path(__file__).resolve().parents[2]
CRITERIA = "IsInstalled=0 and IsHidden=0"


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with update_server.registered():
        yield


@pytest.fixture
def told(server: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    monkeypatch.setenv(update_server.SCENARIO, request.param)
    return str(request.param)


def scenario(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("told", [name], indirect=True)


def test_wines_own_agent_cannot_search_and_that_is_told() -> None:
    with pytest.raises(Unavailable, match="does not implement it"):
        Live().search_updates(CRITERIA)


@scenario("offers")
def test_every_fact_of_an_update_comes_over(told: str) -> None:
    searched = Live().search_updates(CRITERIA)
    assert searched.result == 2
    assert len(searched.updates) == 7
    first, driver, preview = searched.updates[0], searched.updates[4], searched.updates[5]
    assert first.title == "2025-11 Kumulatives Update für Windows 11 (KB5068861)"
    assert first.categories == (update_server.SECURITY.lower(), update_server.WINDOWS_11.lower())
    assert (first.severity, first.knowledge_base) == ("Critical", ("5068861",))
    assert (first.is_downloaded, first.is_driver, first.is_optional) == (True, False, False)
    assert first.published_at == datetime(2025, 11, 11, tzinfo=UTC)
    assert (driver.is_driver, driver.severity, driver.knowledge_base) == (True, None, ())
    assert preview.is_optional


@scenario("offers")
def test_the_history_has_its_results_unsigned_and_its_dates_in_utc(told: str) -> None:
    history = Live().update_history(1000)
    assert len(history) == 6
    assert [entry.result for entry in history] == [2, 4, 4, 4, 2, 4]
    assert history[1].code == update_server.STORE_DAMAGED
    assert history[1].client == "CcmExec"
    assert abs(datetime.now(UTC) - timedelta(days=1) - history[1].at) < timedelta(minutes=5)
    assert len(Live().update_history(2)) == 2


@scenario("nothing")
def test_an_empty_history_is_not_asked_for_none(told: str) -> None:
    assert Live().update_history(1000) == []


@scenario("no_server")
def test_the_servers_error_code_comes_through_with_its_meaning(told: str) -> None:
    with pytest.raises(Unavailable, match=r"could not be resolved \(0x8024402C\)"):
        Live().search_updates(CRITERIA)


@scenario("offers")
def test_the_last_search_and_the_wish_for_a_restart_come_over(told: str) -> None:
    at = Live().update_last_search()
    assert at is not None
    assert timedelta(hours=4) < datetime.now(UTC) - at < timedelta(hours=6)
    assert Live().update_needs_restart()


@scenario("nothing")
def test_a_search_that_never_was_is_none(told: str) -> None:
    assert Live().update_last_search() is None
    assert not Live().update_needs_restart()


@scenario("offers")
def test_it_works_from_threads_that_come_and_go(told: str) -> None:
    counts: list[int] = []
    for _ in range(5):
        thread = threading.Thread(target=lambda: counts.append(len(Live().search_updates(CRITERIA).updates)))
        thread.start()
        thread.join(30)
    assert counts == [7] * 5


@scenario("offers")
def test_the_probe_says_what_is_missing(told: str) -> None:
    taken = patches.read(Place())
    assert taken.patches is not None
    assert (taken.patches.state, taken.patches.reason) == (MISSING, "")
    last = {row.metric: row.last for row in taken.readings}
    assert last["updates_security_count"] == 1
    assert last["updates_other_count"] == 2
    assert (last["updates_driver_count"], last["updates_optional_count"]) == (1, 2)
    assert last["updates_failed_count"] == 3
    assert 19 * 86400 < last["updates_last_cumulative_age_seconds"] < 21 * 86400
    (failing,) = taken.sections["update_failures"]
    assert failing.key == "KB5044033"
    assert failing.facts["code"] == "the component store is damaged (0x80073712)"


@scenario("offers")
def test_the_probe_in_a_process_of_its_own_gives_the_same(told: str) -> None:
    command = [sys.executable, "-m", "agent.child", "patches", "/", ""]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=True
    )
    report = Report.FromString(ended.stdout)
    assert report.patches.state == MISSING
    assert {section.name for section in report.sections} == {
        "updates",
        "update_failures",
        "update_sources",
        "office",
    }


@scenario("with_errors")
def test_a_search_with_errors_is_unknown(told: str) -> None:
    taken = patches.read(Place())
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert taken.patches.reason == "the search for updates succeeded with errors and 1 warnings"
    assert "updates" not in taken.sections


@scenario("no_server")
def test_a_server_out_of_reach_is_unknown(told: str) -> None:
    taken = patches.read(Place())
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "could not be resolved" in taken.patches.reason


@scenario("nothing")
def test_nothing_on_offer_without_a_sign_of_life_is_unknown(told: str) -> None:
    taken = patches.read(Place())
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "nothing shows" in taken.patches.reason


@scenario("quiet")
def test_nothing_on_offer_after_a_good_search_is_compliant(told: str) -> None:
    taken = patches.read(Place())
    assert taken.patches is not None
    assert (taken.patches.state, taken.patches.reason) == (COMPLIANT, "")
    assert {row.metric: row.last for row in taken.readings}["updates_security_count"] == 0


POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
PACKAGES = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages"
OFFICE = r"HKLM\SOFTWARE\Microsoft\Office\ClickToRun\Configuration"


@scenario("quiet")
def test_source_office_and_the_last_cumulative_update_are_read_from_the_registry(told: str) -> None:
    ticks = round(
        (datetime.now(UTC) - timedelta(days=9) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds() * 1e7
    )
    keys = {
        POLICY: {"WUServer": "http://wsus.example.org:8530"},
        POLICY + r"\AU": {"UseWUServer": 1},
        PACKAGES + r"\Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.6899.1.5": {
            "CurrentState": 112,
            "InstallTimeHigh": ticks >> 32,
            "InstallTimeLow": ticks & 0xFFFFFFFF,
        },
    }
    office = {OFFICE: {"VersionToReport": "16.0.18129.20158", "Platform": "x86"}}
    with written(keys), written(office, view=32):
        taken = patches.read(Place())
    assert taken.patches is not None
    assert (taken.patches.state, taken.patches.reason) == (COMPLIANT, "")
    facts = {item.key: item.facts for item in taken.sections["update_sources"]}["windows_update"]
    assert (facts["source"], facts["server"]) == ("wsus", "wsus.example.org")
    last = {row.metric: row.last for row in taken.readings}
    assert last["updates_last_cumulative_age_seconds"] == pytest.approx(9 * 86400, abs=120)
    assert [item.facts["platform"] for item in taken.sections["office"]] == ["x86"]
    assert patches.read(Place()).sections["office"] == [], "the prefix is as before"


@scenario("quiet")
def test_an_empty_answer_of_a_disabled_service_is_unknown(told: str) -> None:
    with written({r"HKLM\SYSTEM\CurrentControlSet\Services\wuauserv": {"Start": 4}}):
        taken = patches.read(Place())
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert taken.patches.reason == "the Windows Update service is disabled"


@scenario("offers")
def test_a_broken_configuration_manager_client_is_told_apart_from_none(told: str) -> None:
    with written({r"HKLM\SYSTEM\CurrentControlSet\Services\CcmExec": {"Start": 2}}):
        taken = patches.read(Place())
    facts = {item.key: item.facts for item in taken.sections["update_sources"]}["configuration_manager"]
    assert facts["installed"] == "true"
    assert "there is no such namespace (0x8004100E)" in taken.reason
