"""zypper: the real one over a repository of our own, and captures."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Busy, Place, Taken
from agent.probes import patches, patches_linux_zypper, zypper
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN
from tests.agent.probes import rpm_repository

Device = Callable[..., Place]


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rpm_repository.need("zypper")
    return rpm_repository.make(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def device(made: Path, tmp_path: Path) -> Device:
    """A tree with version 1 of all packages, set to one of the repositories, or to none."""

    def make(repository: str | None = "new", *, refreshed: bool = True) -> Place:
        root = tmp_path / "root"
        rpm_repository.install(made, root)
        folder = root / "etc" / "zypp" / "repos.d"
        folder.mkdir(parents=True)
        if repository:
            (folder / "updates.repo").write_text(
                f"[updates]\nname=updates\nbaseurl=file://{made / repository}\nenabled=1\ngpgcheck=0\n"
            )
        if refreshed:
            ask(root, "refresh")
        return Place(root=root)

    return make


def ask(root: Path, *arguments: str) -> None:
    subprocess.run(
        ["zypper", "--root", str(root), "--non-interactive", "--no-gpg-checks", *arguments],
        check=True, capture_output=True,
    )  # fmt: skip


def age(root: Path, days: int) -> None:
    then = time.time() - days * 86400
    for path in (root / "var" / "cache" / "zypp" / "raw").rglob("repomd.xml"):
        content = path.read_bytes()
        path.unlink()  # it is a hard link to the repository's own
        path.write_bytes(content)
        os.utime(path, (then, then))


def test_real_zypper_tells_security_patches_from_others(device: Device) -> None:
    taken = patches.read(device())
    assert taken.patches is not None
    assert (taken.patches.method, taken.patches.state) == ("zypper", MISSING)
    read = values(taken)
    assert (read["updates_security_count"], read["updates_other_count"]) == (1, 1)
    rows = {row.key: dict(row.facts) for row in taken.sections["updates"]}
    assert rows["TEST-2026:1"]["severity"] == "important"
    assert rows["TEST-2026:2"]["security"] == "false"


def test_real_zypper_without_patches_knows_packages_and_no_class(device: Device) -> None:
    taken = patches.read(device("plain"))
    assert taken.patches is not None
    assert taken.patches.state == MISSING
    assert values(taken)["updates_unclassified_count"] == 4
    assert "updates_security_count" not in values(taken)
    assert "not known" in taken.reason


def test_a_package_real_zypper_locks_is_held_and_missing(device: Device) -> None:
    place = device("plain")
    ask(place.root, "addlock", "cur*")
    taken = patches.read(place)
    assert (values(taken)["updates_held_count"], values(taken)["updates_unclassified_count"]) == (1, 4)
    (held,) = [row for row in taken.sections["updates"] if row.facts["held"] == "true"]
    assert held.key == "curl.noarch"


def test_real_zypper_without_repositories_is_unknown_though_it_exits_with_0(device: Device) -> None:
    taken = patches.read(device(None, refreshed=False))
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert taken.patches.reason == "no repositories are configured"


def test_real_zypper_is_not_asked_about_a_repository_it_would_have_to_fetch(device: Device) -> None:
    place = device(refreshed=False)
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.reason == "repository updates has never been refreshed"
    assert not list(place.path("/var/cache/zypp").glob("raw/*"))


def test_old_metadata_is_unknown_until_a_real_refresh(device: Device) -> None:
    place = device()
    age(place.root, 9)
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.reason == "the metadata of repository updates is 9 days old"
    assert values(taken)["updates_lists_age_seconds"] == pytest.approx(9 * 86400, abs=600)
    ask(place.root, "refresh")
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == MISSING


def test_a_real_device_with_everything_installed_is_compliant(device: Device, made: Path) -> None:
    place = device()
    packages = [str(path) for path in (made / "new").rglob("*.rpm") if "neovim" not in path.name]
    rpm_repository.call(
        "rpm", "--root", str(place.root), "--dbpath", "/var/lib/rpm", "-U", "--nodeps", "--nosignature", *packages
    )  # fmt: skip
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == COMPLIANT
    assert values(taken)["updates_security_count"] == 0


# stand-ins


@pytest.fixture
def ended_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Place]:
    def make(status: int) -> Place:
        programs, root = tmp_path / "programs", tmp_path / "root"
        programs.mkdir()
        repos = '<stream><repo-list><repo alias="updates" enabled="1"/></repo-list></stream>'
        empty = "<stream><update-status><update-list/></update-status></stream>"
        (programs / "zypper").write_text(
            f"#!/bin/sh\ncase \"$*\" in *repos*) echo '{repos}';; *) echo '{empty}'; exit {status};; esac\n"
        )
        (programs / "zypper").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        repodata = root / "var" / "cache" / "zypp" / "raw" / "updates" / "repodata"
        repodata.mkdir(parents=True)
        (repodata / "repomd.xml").touch()
        return Place(root=root)

    return make


@pytest.mark.parametrize("status", [0, 100, 101, 102, 103])
def test_these_ends_are_answers(ended_with: Callable[[int], Place], status: int) -> None:
    assert patches_linux_zypper.answer(ended_with(status), datetime.now(UTC)).reason == ""


@pytest.mark.parametrize(("status", "word"), [(4, "error"), (5, "rights"), (106, "left out"), (77, "77")])
def test_these_ends_are_not(ended_with: Callable[[int], Place], status: int, word: str) -> None:
    assert word in patches_linux_zypper.answer(ended_with(status), datetime.now(UTC)).reason


def test_a_zypper_at_work_is_busy(ended_with: Callable[[int], Place]) -> None:
    with pytest.raises(Busy):
        patches_linux_zypper.answer(ended_with(7), datetime.now(UTC))


# captures


def expected(samples: Path, name: str) -> dict:
    return json.loads((samples / "updates" / "EXPECTED.json").read_text())[name]


def test_captured_updates_are_read(samples: Path) -> None:
    rows = zypper.parse_updates((samples / "updates" / "salt_zypper-updates.xml").read_text())
    wanted = expected(samples, "salt_zypper-updates.xml")["packages"]
    assert [{"name": row.name, "version": row.version, "arch": row.architecture} for row in rows] == wanted
    assert rows[0].repository == "SLE12-SP1-x86_64-Update"


def test_captured_patches_are_read(samples: Path) -> None:
    found = zypper.parse_patches((samples / "updates" / "salt_zypper-patches.xml").read_text())
    wanted = expected(samples, "salt_zypper-patches.xml")
    pending = [summary for is_installed, summary in found.values() if not is_installed]
    assert len(pending) == wanted["pending_patches"]
    assert sum(map(zypper.is_security_summary, pending)) == wanted["security_pending"]


def test_captured_tables_are_read(samples: Path) -> None:
    text = (samples / "updates" / "puppet_zypper-list-updates-empty.out").read_text()
    assert zypper.parse_plain(text) == expected(samples, "puppet_zypper-list-updates-empty.out")["packages"]
    rows = zypper.parse_plain((samples / "updates" / "puppet_zypper-search-uninstalled.out").read_text())
    assert [(row.name, row.version, row.architecture) for row in rows] == [
        ("vim", "1.0.20040813-19.9", "noarch")
    ] * 3


def test_only_words_and_the_number_102_ask_for_a_restart() -> None:
    # captured: zypper 1.14.42, needs-rebooting
    quiet = "No core libraries or services have been updated.\nReboot is probably not necessary.\n"
    assert zypper.parse_restart(quiet, 0) is False
    assert zypper.parse_restart("", 102) is True
    assert zypper.parse_restart("Unknown command 'needs-rebooting'", 1) is None


def test_a_file_of_entities_is_refused() -> None:
    with pytest.raises(ValueError, match="no XML"):
        zypper.parse_updates('<!DOCTYPE x [<!ENTITY a "b">]><stream>&a;</stream>')


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet='<>/="| update-lisrpo\n', max_size=200))
def test_strange_words_of_zypper_break_nothing(text: str) -> None:
    for given_text in (text, f"<stream><update-list>{text}</update-list></stream>"):
        for parse in (
            zypper.parse_updates,
            zypper.parse_patches,
            zypper.parse_repositories,
            zypper.parse_locks,
        ):
            try:
                parse(given_text)  # type: ignore[operator]
            except ValueError:
                continue
    zypper.parse_plain("S | Name | Arch | Version\n" + text)
