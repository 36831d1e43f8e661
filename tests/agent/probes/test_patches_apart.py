"""Firmware, flatpak and snap: counted apart. fwupd and flatpak for real where they are installed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken
from agent.probes import flatpak, fwupd, patches, patches_linux_apart, snap
from agent.probes.updates import Answer
from protos.report_pb2 import COMPLIANT, PATCH_STATE_UNKNOWN

Device = Callable[..., Place]
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FRESH = int((NOW - timedelta(days=2)).timestamp())


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A tree with stand-ins for programs beside it: `name={words: (status, output, errors)}`."""

    def make(**programs: dict[str, tuple[int, str, str]]) -> Place:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        for name, answers in programs.items():
            lines = []
            for number, (words, (status, output, errors)) in enumerate(answers.items()):
                (folder / f"{name}.{number}.out").write_text(output)
                (folder / f"{name}.{number}.err").write_text(errors)
                files = f"cat '{folder}/{name}.{number}.out'; cat '{folder}/{name}.{number}.err' >&2"
                lines.append(f"*'{words}'*) {files}; exit {status};;")
            (folder / name).write_text(
                '#!/bin/sh\ncase "$*" in\n' + "\n".join(lines) + "\n*) exit 9;;\nesac\n"
            )
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return Place(root=tmp_path / "root")

    return make


# firmware; the shape of the JSON is captured from fwupd 2.0.20, the devices are constructed


def firmware(
    *, flags: list[str], offered: bool = True, status: int = 0, written: int = FRESH
) -> dict[str, tuple[int, str, str]]:
    board = {"DeviceId": "a" * 40, "Name": "System Firmware", "Version": "1.0", "Flags": flags}
    offers = [{**board, "Releases": [{"Version": "1.2", "Urgency": "critical"}]}] if offered else []
    remotes = [
        {"Id": "lvfs", "Kind": "download", "Enabled": True, "Mtime": written},
        {"Id": "vendor", "Kind": "directory", "Enabled": True, "Mtime": FRESH},
        {"Id": "testing", "Kind": "download", "Enabled": False, "Mtime": -1},
    ]
    return {
        "get-devices": (0, json.dumps({"Devices": [board]}), ""),
        "get-remotes": (0, json.dumps({"Remotes": remotes}), ""),
        "get-updates": (status, json.dumps({"Devices": offers}) if offered or not status else "", ""),
    }


def test_firmware_on_offer_is_counted_and_makes_no_system_missing_updates(device: Device) -> None:
    apart = patches_linux_apart.obtain(device(fwupdmgr=firmware(flags=["updatable"])), NOW)
    taken = patches.taken(Answer(method="apt"), apart)
    assert taken.patches is not None
    assert taken.patches.state == COMPLIANT
    assert values(taken)["updates_firmware_count"] == 1
    assert values(taken)["updates_firmware_lists_age_seconds"] == 2 * 86400
    facts = dict(taken.sections["updates_apart"][0].facts)
    assert (facts["candidate"], facts["severity"]) == ("1.2", "critical")


@pytest.mark.parametrize("status", [0, 2])
def test_nothing_to_do_is_no_error(device: Device, status: int) -> None:
    place = device(fwupdmgr=firmware(flags=["updatable"], offered=False, status=status))
    (part,) = patches_linux_apart.obtain(place, NOW)
    assert (part.rows, part.remark) == ([], "")


def test_a_device_that_is_left_out_on_battery_is_said(device: Device) -> None:
    (part,) = patches_linux_apart.obtain(device(fwupdmgr=firmware(flags=["require-ac"], offered=False)), NOW)
    assert part.rows == []
    assert "1 devices are only looked at on mains" in part.remark


def test_without_a_catalogue_or_with_an_old_one_there_is_no_count(device: Device) -> None:
    (part,) = patches_linux_apart.obtain(device(fwupdmgr=firmware(flags=["updatable"], written=-1)), NOW)
    assert part.rows is None
    assert "no catalogue" in part.remark
    old = int((NOW - timedelta(days=90)).timestamp())
    (part,) = patches_linux_apart.obtain(device(fwupdmgr=firmware(flags=["updatable"], written=old)), NOW)
    assert part.rows is None
    assert "90 days old" in part.remark


def test_a_device_without_firmware_fwupd_could_change_has_no_count(device: Device) -> None:
    assert patches_linux_apart.obtain(device(fwupdmgr=firmware(flags=["internal"])), NOW) == []


def test_a_fwupd_that_does_not_run_leaves_a_remark_and_the_state_of_the_system_alone(device: Device) -> None:
    # captured: fwupdmgr 2.0.20 without a system bus
    error = (
        '{"Error": {"Domain": "g-io-error-quark", "Code": 1, "Message": "Failed to connect to daemon: x"}}'
    )
    apart = patches_linux_apart.obtain(device(fwupdmgr={"get-devices": (1, error, "")}), NOW)
    taken = patches.taken(Answer(method="apt"), apart)
    assert taken.patches is not None
    assert taken.patches.state == COMPLIANT
    assert "Failed to connect to daemon" in taken.reason
    assert "updates_firmware_count" not in values(taken)


def test_a_device_with_nothing_but_these_has_an_unknown_state_and_their_counts(device: Device) -> None:
    place = device(fwupdmgr=firmware(flags=["updatable"], written=int(datetime.now(UTC).timestamp())))
    place.root.mkdir()
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert values(taken)["updates_firmware_count"] == 1


# flatpak

# captured: flatpak 1.14, remote-ls --updates with our columns, of an application made for it
FLATPAK = "org.example.App\t\tstable\tx86_64\ttest\n"


def test_flatpak_updates_come_from_its_cache(device: Device) -> None:
    place = device(flatpak={"list": (0, FLATPAK, ""), "remote-ls --updates --cached": (0, FLATPAK, "")})
    (part,) = patches_linux_apart.obtain(place, NOW)
    assert [row.key for row in part.rows or []] == ["flatpak org.example.App stable"]


def test_a_flatpak_without_cached_lists_has_no_count(device: Device) -> None:
    # captured: flatpak 1.14
    said = "error: Unable to load summary from remote test: No cached summary for remote 'test'\n"
    place = device(flatpak={"list": (0, FLATPAK, ""), "remote-ls": (1, "", said)})
    (part,) = patches_linux_apart.obtain(place, NOW)
    assert part.rows is None
    assert "No cached summary" in part.remark


def test_a_flatpak_nobody_uses_is_not_told_of(device: Device) -> None:
    assert patches_linux_apart.obtain(device(flatpak={"list": (0, "", "")}), NOW) == []


@pytest.mark.skipif(shutil.which("flatpak") is None, reason="no flatpak on this machine")
def test_real_flatpak_prints_the_columns_we_read(tmp_path: Path) -> None:
    application = tmp_path / "application"
    (application / "files" / "bin").mkdir(parents=True)
    (application / "export").mkdir()
    (application / "files" / "bin" / "x").write_text("1")
    (application / "metadata").write_text(
        "[Application]\nname=org.example.App\nruntime=org.example.Platform/x86_64/1\ncommand=x\n"
    )
    environment = {
        **os.environ, "LC_ALL": "C", "HOME": str(tmp_path), "FLATPAK_SYSTEM_DIR": str(tmp_path / "system")
    }  # fmt: skip

    def call(*arguments: str) -> str:
        ended = subprocess.run(
            ["flatpak", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            pytest.skip(f"flatpak cannot work here: {ended.stderr.strip()[-200:]}")
        return ended.stdout

    repository = str(tmp_path / "repository")
    call("build-export", repository, str(application), "stable")
    call("--system", "remote-add", "--no-gpg-verify", "test", repository)
    call("--system", "install", "-y", "--no-deps", "test", "org.example.App")
    assert flatpak.parse_updates(call("--system", "remote-ls", "--updates", flatpak.COLUMNS)) == []
    (application / "files" / "bin" / "x").write_text("2")
    call("build-export", repository, str(application), "stable")
    (row,) = flatpak.parse_updates(call("--system", "remote-ls", "--updates", flatpak.COLUMNS))
    assert dict(row.facts) == {
        "kind": "flatpak", "name": "org.example.App", "branch": "stable", "origin": "test"
    }  # fmt: skip
    (installed,) = flatpak.parse_list(call("list", "--system", flatpak.COLUMNS))
    assert installed.name == "org.example.App"


# snap; documented


def test_snaps_to_refresh_are_counted_and_those_held_said(device: Device) -> None:
    place = device(
        snap={
            "refresh --list": (
                0,
                "Name     Version  Rev   Size   Publisher   Notes\nfirefox  130.0    4698  300MB  mozilla✓    -\n",
                "",
            ),
            "list": (
                0,
                "Name     Version  Rev   Tracking       Publisher  Notes\nfirefox  129.0    4600  latest/stable  mozilla✓   held\n",
                "",
            ),
        }
    )
    (part,) = patches_linux_apart.obtain(place, NOW)
    (row,) = part.rows or []
    assert (row.key, row.facts["candidate"], row.facts["held"]) == ("snap firefox", "130.0", "true")


def test_all_snaps_up_to_date_is_said_on_standard_error_and_silence_is_no_answer() -> None:
    assert snap.parse_refresh("", "All snaps up to date.\n") == []
    with pytest.raises(ValueError, match="cannot communicate"):
        snap.parse_refresh("", "error: cannot list snaps: cannot communicate with server\n")
    with pytest.raises(ValueError, match="nothing"):
        snap.parse_refresh("", "")


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet='{}[]":,\t\n DevicsRlasNmVrkKd-012', max_size=200))
def test_strange_words_break_nothing(text: str) -> None:
    flatpak.parse_updates(text)
    snap.parse_list("Name Version Rev\n" + text)
    snap.parse_held("Name Version Notes\n" + text)
    for parse in (fwupd.parse_updates, fwupd.parse_devices, fwupd.parse_metadata_at):
        for shaped in (text, f'{{"Devices": [{text}], "Remotes": [{text}]}}'):
            try:
                parse(shaped)  # type: ignore[operator]
            except ValueError:
                continue
