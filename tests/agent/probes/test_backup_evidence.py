"""When a backup last succeeded, on Linux: files as the programs leave them (`documented`: written by us)."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import backup_evidence
from agent.probes.backup_evidence import Evidence
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS
from tests.conftest import only_on_linux

linux = only_on_linux("the trees of Windows are its registry: test_backup_evidence_windows.py")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


def ages(taken: Taken) -> dict[tuple[str, str], float]:
    assert all(BY_NAME[row.metric].probe == "backup_evidence" for row in taken.readings)
    return {(row.metric, row.component): row.last for row in taken.readings}


def facts(taken: Taken) -> dict[str, dict[str, str]]:
    items = taken.sections["backup_evidence"]
    assert all(item.facts.keys() <= SECTIONS["backup_evidence"].names for item in items)
    return {item.key: dict(item.facts) for item in items}


def write(root: Path, name: str, text: str, at: datetime | None = None) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if at is not None:
        os.utime(path, (at.timestamp(), at.timestamp()))


def test_the_newest_sign_of_a_method_counts_and_of_two_the_stronger() -> None:
    taken = backup_evidence.taken(
        [
            Evidence(method="restic", at=YESTERDAY, proof="cache"),
            Evidence(method="restic", at=YESTERDAY, proof="run"),
            Evidence(method="restic", at=YESTERDAY - timedelta(days=9), proof="run"),
            Evidence(method="restic"),
        ],
        NOW,
    )
    assert ages(taken) == {("backup_last_success_age_seconds", "restic"): 86400}
    assert facts(taken)["restic"] == {
        "kind": "backup",
        "seen": "true",
        "proof": "run",
        "last_success_at": "2026-11-21T12:00:00Z",
    }


def test_a_method_that_is_set_up_and_shows_nothing_is_not_zero_seconds_old() -> None:
    taken = backup_evidence.taken([Evidence(method="borgmatic")], NOW)
    assert ages(taken) == {}
    assert facts(taken) == {"borgmatic": {"kind": "backup", "seen": "false"}}


def test_none_seen_is_a_fact() -> None:
    assert facts(backup_evidence.taken([], NOW)) == {"none": {"seen": "false"}}


def test_a_snapshot_is_no_backup() -> None:
    taken = backup_evidence.taken([Evidence(method="snapper", at=YESTERDAY, proof="record")], NOW)
    assert ages(taken) == {("snapshot_newest_age_seconds", "snapper"): 86400}
    assert facts(taken)["snapper"]["kind"] == "snapshot"


def test_a_moment_in_the_future_is_none() -> None:
    ahead = [Evidence(method="borg", at=NOW + timedelta(days=40), proof="record")]
    assert ages(backup_evidence.taken(ahead, NOW)) == {}
    little = [Evidence(method="borg", at=NOW + timedelta(seconds=4), proof="record")]
    assert ages(backup_evidence.taken(little, NOW)) == {("backup_last_success_age_seconds", "borg"): 0}


@linux
def test_borg_keeps_the_time_of_the_last_writing(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for user, day in (("root", 2), ("home/anna", 9)):
        write(
            tmp_path,
            f"{user}/.config/borg/security/ab12/manifest-timestamp",
            f"2026-11-{day:02}T03:04:05.000000",
        )
    taken = backup_evidence.read(Place(root=tmp_path))
    assert facts(taken)["borg"]["last_success_at"] == "2026-11-09T03:04:05Z"
    assert "anna" not in str(taken)
    assert "ab12" not in str(taken)


@linux
def test_a_pipe_in_a_home_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    trap = tmp_path / "home/anna/.config/borg/security/ab12"
    trap.mkdir(parents=True)
    os.mkfifo(trap / "manifest-timestamp")
    endless = tmp_path / "home/bert/.config/borg/security/ab12"
    endless.mkdir(parents=True)
    (endless / "manifest-timestamp").symlink_to("/dev/zero")
    assert facts(backup_evidence.read(Place(root=tmp_path)))["borg"] == {"kind": "backup", "seen": "false"}


@linux
def test_restic_keeps_a_copy_of_each_snapshots_record(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    cache = "root/.cache/restic/0123abcd/snapshots"
    write(tmp_path, f"{cache}/4f/4f6a", "", datetime(2026, 11, 1, 2, tzinfo=UTC))
    write(tmp_path, f"{cache}/90/90aa", "", datetime(2026, 11, 3, 2, tzinfo=UTC))
    taken = backup_evidence.read(Place(root=tmp_path))
    assert facts(taken)["restic"]["last_success_at"] == "2026-11-03T02:00:00Z"
    assert facts(taken)["restic"]["proof"] == "cache"


@linux
def test_restic_that_never_made_a_snapshot_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "root/.cache/restic/0123abcd/snapshots").mkdir(parents=True)
    assert facts(backup_evidence.read(Place(root=tmp_path)))["restic"] == {"kind": "backup", "seen": "false"}


@linux
def test_snapshots_of_snapper_and_timeshift_are_dated_by_themselves(tmp_path: Path) -> None:
    write(tmp_path, "etc/snapper/configs/home", '# comment\nSUBVOLUME="/home"\nFSTYPE="btrfs"\n')
    for number, day in ((1, 4), (12, 6)):
        write(
            tmp_path,
            f"home/.snapshots/{number}/info.xml",
            f'<?xml version="1.0"?>\n<snapshot>\n  <type>single</type>\n  <num>{number}</num>\n'
            f"  <date>2026-11-{day:02} 10:00:01</date>\n  <description>private words</description>\n</snapshot>\n",
        )
    write(tmp_path, "etc/timeshift/timeshift.json", "{}")
    taken = backup_evidence.read(Place(root=tmp_path))
    assert facts(taken)["snapper"]["last_success_at"] == "2026-11-06T10:00:01Z"
    assert facts(taken)["timeshift"] == {"kind": "snapshot", "seen": "false"}
    write(
        tmp_path,
        "timeshift/snapshots/2026-11-05_10-00-01/info.json",
        '{\n  "created" : "1762336801",\n  "tags" : ""\n}',
    )
    assert (
        facts(backup_evidence.read(Place(root=tmp_path)))["timeshift"]["last_success_at"]
        == "2025-11-05T10:00:01Z"
    )
    assert "private" not in str(taken)


@linux
def test_duplicity_writes_the_moment_into_the_name(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name in (
        "duplicity-full.20261101T100000Z.manifest",
        "duplicity-inc.20261101T100000Z.to.20261108T100000Z.manifest.gpg",
        "duplicity-inc.20261108T100000Z.to.20261115T100000Z.manifest.part",  # not complete
        "duplicity-full-signatures.20261116T100000Z.sigtar.gz",
    ):
        write(tmp_path, f"home/anna/.cache/deja-dup/0f1e/{name}", "")
    taken = backup_evidence.read(Place(root=tmp_path))
    assert facts(taken)["duplicity"]["last_success_at"] == "2026-11-08T10:00:00Z"


SHOWN = """Id=restic-backup.service
LoadState=loaded
Result=success
ExecMainExitTimestamp=@1764000000
ExecMainStatus=0

Id=borgmatic.service
LoadState=loaded
Result=exit-code
ExecMainExitTimestamp=@1764000000
ExecMainStatus=1

Id=restic@anna.service
LoadState=loaded
Result=success
ExecMainExitTimestamp=
ExecMainStatus=0

Id=resticker.service
LoadState=loaded
Result=success
ExecMainExitTimestamp=@1764000000
ExecMainStatus=0
"""


def test_only_a_service_that_ended_well_proves_a_backup() -> None:
    found = backup_evidence.services(SHOWN)
    assert found == [
        Evidence(method="restic", at=datetime.fromtimestamp(1764000000, UTC), proof="run"),
        Evidence(method="borgmatic"),
        Evidence(method="restic"),  # not run since the device started
    ]


@linux
def test_a_systemctl_put_on_path_answers_for_a_captured_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    write(tmp_path, "programs/systemctl", f"#!/bin/sh\ncat <<'X'\n{SHOWN}X\n")
    (tmp_path / "programs/systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    taken = backup_evidence.read(Place(root=tmp_path))
    assert facts(taken)["restic"]["proof"] == "run"
    write(tmp_path, "programs/systemctl", "#!/bin/sh\nexit 1\n")
    assert "does not tell" in backup_evidence.read(Place(root=tmp_path)).reason


@linux
def test_a_place_with_nothing_in_it_is_unavailable_and_not_without_backup(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        backup_evidence.read(Place(root=tmp_path))


@settings(max_examples=200, deadline=None)
@given(
    some.text(max_size=200)
    | some.text(alphabet='<date>20-: /T.Z"created@=\n0123456789duplicity-fullinc.manifest', max_size=120),
    some.none() | some.integers() | some.binary(max_size=9) | some.text(),
)
def test_strange_records_are_no_evidence_and_break_nothing(text: str, value: object) -> None:
    for parse in (
        backup_evidence.snapper_date,
        backup_evidence.timeshift_created,
        backup_evidence.borg_manifest,
        backup_evidence.duplicity_manifest,
    ):
        at = parse(text)
        assert at is None or at.tzinfo is UTC
    backup_evidence.services(text)
    backup_evidence.filetime(value)


def test_the_clock_of_windows_counts_from_1601() -> None:
    assert backup_evidence.filetime(116444736000000000) == datetime(1970, 1, 1, tzinfo=UTC)
    assert backup_evidence.filetime((116444736000000000).to_bytes(8, "little")) == datetime(
        1970, 1, 1, tzinfo=UTC
    )
    assert backup_evidence.filetime(0) is None
    assert backup_evidence.filetime(1 << 63) is None
