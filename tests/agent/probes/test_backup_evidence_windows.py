"""When a backup last succeeded, on Windows (`documented`: written by us after the maker's documentation)."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import backup_evidence
from agent.windows import CIMV2, Event
from tests.agent.windows.captured import Captured

NOW = datetime.now(UTC).replace(microsecond=0)
USER = r"HKU\S-1-5-21-1004336348-1177238915-682003330-1001"
FILE_HISTORY = r"Software\Microsoft\Windows\CurrentVersion\FileHistory"
GONE = Unavailable("the service does not run")


def filetime(at: datetime) -> int:
    return int((at - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000


def days(taken: Taken) -> dict[str, int]:
    return {row.component: round(row.last / 86400) for row in taken.readings}


def test_file_history_says_up_to_when_it_protects_and_not_whom() -> None:
    place = Place(
        windows=Captured(
            registry={
                rf"{USER}\{FILE_HISTORY}": {"ProtectedUpToTime": filetime(NOW - timedelta(days=3))},
                rf"{USER}_Classes\{FILE_HISTORY}": {"ProtectedUpToTime": filetime(NOW)},
                rf"HKU\S-1-5-18\{FILE_HISTORY}": {"ProtectedUpToTime": filetime(NOW)},
            }
        )
    )
    taken = backup_evidence.read(place)
    assert days(taken) == {"file_history": 3}
    assert "1004336348" not in str(taken)


def test_a_file_history_that_never_finished_is_set_up_and_not_seen() -> None:
    taken = backup_evidence.read(Place(windows=Captured(registry={rf"{USER}\{FILE_HISTORY}": {}})))
    assert days(taken) == {}
    assert [dict(item.facts) for item in taken.sections["backup_evidence"]] == [
        {"kind": "backup", "seen": "false"}
    ]


def test_only_the_event_of_success_is_a_backup() -> None:
    log = "Microsoft-Windows-Backup"
    events = [
        Event(provider=log, id=4, at=NOW - timedelta(days=8)),
        Event(provider=log, id=14, at=NOW - timedelta(days=1)),  # finished, also when it failed
        Event(provider=log, id=5, at=NOW - timedelta(days=1)),  # failed
    ]
    assert days(backup_evidence.read(Place(windows=Captured(log=events)))) == {"wbadmin": 8}


def test_a_shadow_copy_is_a_snapshot() -> None:
    old, new = ((NOW - timedelta(days=back)).strftime("%Y%m%d%H%M%S.000000+000") for back in (5, 2))
    place = Place(
        windows=Captured(wmi={(CIMV2, "Win32_ShadowCopy"): [{"InstallDate": new}, {"InstallDate": old}]})
    )
    taken = backup_evidence.read(place)
    assert [(row.metric, row.component) for row in taken.readings] == [
        ("snapshot_newest_age_seconds", "shadow_copies")
    ]
    assert days(taken) == {"shadow_copies": 2}


def test_a_device_without_any_says_so() -> None:
    taken = backup_evidence.read(Place(windows=Captured(wmi={(CIMV2, "Win32_ShadowCopy"): []}, log=GONE)))
    assert [item.key for item in taken.sections["backup_evidence"]] == ["none"]
    assert "wbadmin: the service does not run" in taken.reason


@pytest.mark.parametrize("value", [b"", "soon", -1, None])
def test_a_strange_value_is_no_moment(value: object) -> None:
    registry = {rf"{USER}\{FILE_HISTORY}": {"ProtectedUpToTime": value}}
    taken = backup_evidence.read(Place(windows=Captured(registry=registry)))  # type: ignore[arg-type]
    assert days(taken) == {}
