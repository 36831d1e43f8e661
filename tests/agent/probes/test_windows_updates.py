"""Whatever stands in titles, categories, policies and packages: a verdict, and never an error."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place
from agent.probes import office, patches, windows_updates
from agent.probes.windows_updates import CRITERIA, KINDS
from agent.windows import Installation, Searched, Update
from protos.report_pb2 import COMPLIANT, MISSING
from tests.agent.windows.captured import Captured

NOW = datetime.now(UTC)

VALUES = some.none() | some.text(max_size=40) | some.integers(-(2**64), 2**64) | some.binary(max_size=8)
CATEGORIES = some.lists(some.sampled_from([*KINDS, *map(str.upper, KINDS), "", "x"]), max_size=4).map(tuple)
TITLES = some.text(max_size=60) | some.sampled_from(
    ["2026-01 (KB5044033)", "KB99999999999", "KB5044033 KB5044034"]
)
UPDATES = some.builds(
    Update,
    title=TITLES,
    identity=some.text(max_size=8),
    categories=CATEGORIES,
    severity=some.none() | some.sampled_from(["Critical", "Low", "?"]),
    is_driver=some.booleans(),
    is_optional=some.booleans(),
    knowledge_base=some.lists(some.sampled_from(["5044033", ""]), max_size=2).map(tuple),
)
ENTRIES = some.builds(
    Installation,
    title=TITLES,
    at=some.integers(-400, 400).map(lambda days: NOW - timedelta(days=days)),
    operation=some.integers(0, 4),
    result=some.integers(-1, 6),
    code=some.integers(0, 2**32 - 1),
    identity=some.none() | some.text(max_size=8),
    categories=CATEGORIES,
)
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
SETTINGS = r"HKLM\SOFTWARE\Microsoft\WindowsUpdate\UX\Settings"


@given(
    some.lists(UPDATES, max_size=6),
    some.lists(ENTRIES, max_size=8),
    some.integers(-1, 6),
    some.dictionaries(
        some.sampled_from(["WUServer", "PauseQualityUpdatesStartTime", "DeferQualityUpdatesPeriodInDays"]),
        VALUES,
    ),
    some.dictionaries(some.sampled_from(["PauseUpdatesExpiryTime", "PauseQualityUpdatesEndTime"]), VALUES),
)
def test_any_answer_is_a_verdict(updates, history, result, policy, settings) -> None:  # type: ignore[no-untyped-def]
    windows = Captured(
        searched={CRITERIA: Searched(result=result, updates=tuple(updates))},
        history=history,
        registry={POLICY: policy, SETTINGS: settings},
    )
    taken = patches.read(Place(windows=windows))
    assert taken.patches is not None
    last = {row.metric: row.last for row in taken.readings}
    known = taken.patches.state in (COMPLIANT, MISSING)
    assert known == (not taken.patches.reason)
    assert known == ("updates_security_count" in last)
    if known:
        wanted = last["updates_security_count"] + last["updates_other_count"]
        assert (taken.patches.state == MISSING) == (wanted > 0)
        keys = [item.key for item in taken.sections["updates"]]
        assert len(keys) == wanted + last["updates_driver_count"] + last["updates_optional_count"]
    assert all(row.last >= 0 for row in taken.readings)


@given(some.dictionaries(some.sampled_from(["CurrentState", "InstallTimeHigh", "InstallTimeLow"]), VALUES))
def test_any_package_of_the_component_store_is_a_date_or_none(package) -> None:  # type: ignore[no-untyped-def]
    at = windows_updates.installed_at({"CurrentState": 112} | package)
    assert at is None or at.year > 2000


@given(
    some.dictionaries(
        some.sampled_from(["VersionToReport", "UpdateChannel", "CDNBaseUrl", "Platform", "UpdatesEnabled"]),
        VALUES,
    )
)
def test_any_office_configuration_is_told_or_left_out(found) -> None:  # type: ignore[no-untyped-def]
    assert len(office.items(found)) <= 1
