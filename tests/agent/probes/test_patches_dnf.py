"""dnf and yum: real dnf 4 over a repository of our own, and captures of dnf 5 and yum."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken
from agent.probes import dnf, patches, patches_linux_dnf, repomd
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN
from tests.agent.probes import rpm_repository
from tests.agent.probes.rpm_repository import LONG

Device = Callable[..., Place]


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def expected(samples: Path, name: str) -> dict:
    return json.loads((samples / "updates" / "EXPECTED.json").read_text())[name]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rpm_repository.need("dnf")
    return rpm_repository.make(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def device(made: Path, tmp_path: Path) -> Device:
    """A tree with version 1 of all packages, set to one of the repositories."""

    def make(repository: str = "new", *, refreshed: bool = True, **settings: str) -> Place:
        root = tmp_path / "root"
        rpm_repository.install(made, root)
        (root / "etc" / "dnf").mkdir(parents=True)
        (root / "etc" / "dnf" / "dnf.conf").write_text("[main]\nplugins=0\n")
        add(root, "updates", made / repository, **settings)
        if refreshed:
            refresh(root)
        return Place(root=root)

    return make


def add(root: Path, name: str, repository: Path, **settings: str) -> None:
    lines = {"name": name, "baseurl": f"file://{repository}", "enabled": "1", "gpgcheck": "0", **settings}
    path = root / "etc" / "yum.repos.d" / f"{name}.repo"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines.items()))


def refresh(root: Path) -> None:
    subprocess.run(
        ["dnf", f"--installroot={root}", "-q", "--refresh", "makecache"], check=True, capture_output=True
    )


def test_real_dnf_tells_security_from_others_and_a_replaced_package_is_no_update(device: Device) -> None:
    taken = patches.read(device())
    assert taken.patches is not None
    assert (taken.patches.method, taken.patches.state) == ("dnf4", MISSING)
    read = values(taken)
    assert (read["updates_security_count"], read["updates_other_count"]) == (1, 3)
    assert (read["updates_held_count"], read["updates_unclassified_count"]) == (0, 0)
    assert read["updates_lists_age_seconds"] < 600
    rows = {row.key: dict(row.facts) for row in taken.sections["updates"]}
    assert set(rows) == {"openssl.noarch", "vim.noarch", "curl.noarch", f"{LONG}.noarch"}
    assert (rows["openssl.noarch"]["security"], rows["openssl.noarch"]["severity"]) == ("true", "Important")
    assert rows["vim.noarch"]["candidate"] == "2:2.0-1"


def test_real_dnf_hides_excluded_packages_and_they_are_missing_all_the_same(device: Device) -> None:
    taken = patches.read(device(exclude="openssl"))
    read = values(taken)
    assert (read["updates_security_count"], read["updates_held_count"]) == (1, 1)
    held = next(row for row in taken.sections["updates"] if row.key == "openssl.noarch")
    assert held.facts["held"] == "true"


def test_real_dnf_gives_the_newest_version_the_class_of_a_fix_below_it(device: Device) -> None:
    taken = patches.read(device("between"))
    (row,) = taken.sections["updates"]
    assert (row.facts["candidate"], row.facts["security"], row.facts["severity"]) == (
        "2.0-1",
        "true",
        "Critical",
    )


def test_real_dnf_without_advisories_knows_updates_and_no_class(device: Device) -> None:
    taken = patches.read(device("plain"))
    assert taken.patches is not None
    assert taken.patches.state == MISSING
    assert values(taken)["updates_unclassified_count"] == 4
    assert "updates_security_count" not in values(taken)
    assert "no advisories" in taken.reason
    assert "security" not in taken.sections["updates"][0].facts


def test_real_dnf_that_was_never_refreshed_is_unknown(device: Device) -> None:
    taken = patches.read(device(refreshed=False))
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "no cached metadata" in taken.patches.reason


def test_real_dnf_that_silently_leaves_out_a_repository_is_unknown_and_not_compliant(
    device: Device, made: Path
) -> None:
    place = device()
    # Never refreshed, and allowed to be skipped: dnf -C exits with 0 and says so on standard error only.
    add(place.root, "other", made / "plain", skip_if_unavailable="1")
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "other" in taken.patches.reason


def test_a_fresh_repository_does_not_hide_an_old_one(device: Device, made: Path) -> None:
    place = device()
    add(place.root, "other", made / "plain")
    refresh(place.root)
    age(place.root, "other-*", days=9)
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.reason == "the metadata of repository other is 9 days old"
    assert values(taken)["updates_lists_age_seconds"] == pytest.approx(9 * 86400, abs=600)


def test_a_repository_somebody_switched_off_may_be_old(device: Device, made: Path) -> None:
    place = device()
    add(place.root, "other", made / "plain")
    refresh(place.root)
    age(place.root, "other-*", days=90)
    add(place.root, "other", made / "plain", enabled="0")
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == MISSING


def test_a_real_refresh_that_brings_nothing_new_makes_the_metadata_young_again(device: Device) -> None:
    place = device()
    age(place.root, "updates-*", days=9)
    assert "9 days old" in (patches.read(place).patches or Taken().patches).reason
    refresh(place.root)
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == MISSING


def test_mirrors_that_stopped_are_unknown_though_every_refresh_succeeds(device: Device) -> None:
    place = device()
    (head,) = place.path("/var/cache/dnf").glob("*/repodata/repomd.xml")
    then = int(time.time()) - 40 * 86400
    head.write_text(re.sub(r"<timestamp>\d+</timestamp>", f"<timestamp>{then}</timestamp>", head.read_text()))
    taken = patches.read(place)
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "no mirror has changed since" in taken.patches.reason


def age(root: Path, folder: str, *, days: int) -> None:
    then = time.time() - days * 86400
    for path in (root / "var" / "cache" / "dnf").glob(f"{folder}/repodata/*"):
        os.utime(path, (then, then))


# stand-ins: dnf 5 and yum are not packaged for the machines the tests run on


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Place]:
    def make(name: str, script: str) -> Place:
        programs, root = tmp_path / "programs", tmp_path / "root"
        programs.mkdir()
        (programs / name).write_text(f'#!/bin/sh\ncase "$*" in\n{script}\nesac\n')
        (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        for cache in (
            "var/cache/libdnf5/updates-0123456789abcdef/repodata",
            "var/cache/yum/x86_64/7/updates",
            "var/lib/rpm",
        ):
            (root / cache).mkdir(parents=True)
            (root / cache / "repomd.xml").touch()
        return Place(root=root)

    return make


def test_dnf5_answers_in_json(stand_in: Callable[[str, str], Place], samples: Path) -> None:
    updates = samples / "updates"
    place = stand_in(
        "dnf5",
        f"*check-upgrade*) cat '{updates}/dnf5_check_upgrade_1.json'; exit 100;;\n"
        f"*advisory*) cat '{updates}/dnf5_advisory_json_1.json';;",
    )
    taken = patches.taken(patches_linux_dnf.answer(place, "dnf5", datetime.now(UTC)))
    assert (values(taken)["updates_security_count"], values(taken)["updates_other_count"]) == (0, 3)


def test_advisories_that_cannot_be_read_are_not_none(
    stand_in: Callable[[str, str], Place], samples: Path
) -> None:
    updates = samples / "updates"
    place = stand_in(
        "dnf5",
        f"*check-upgrade*) cat '{updates}/dnf5_check_upgrade_1.json'; exit 100;;\n"
        f"*--security*) exit 1;;\n*advisory*) cat '{updates}/dnf5_advisory_json_1.json';;",
    )
    taken = patches.taken(patches_linux_dnf.answer(place, "dnf5", datetime.now(UTC)))
    assert values(taken)["updates_unclassified_count"] == 3
    assert "updates_security_count" not in values(taken)


def test_dnf5_with_locks_and_nothing_on_offer_is_unknown(stand_in: Callable[[str, str], Place]) -> None:
    place = stand_in("dnf5", "*check-upgrade*) exit 0;;\n*advisory*) echo '[]';;")
    now = datetime.now(UTC)
    taken = patches.taken(patches_linux_dnf.answer(place, "dnf5", now))
    assert taken.patches is not None
    assert taken.patches.state == COMPLIANT
    locks = place.path("/etc/dnf/versionlock.toml")
    locks.parent.mkdir(parents=True)
    locks.write_text('version = "1.0"\n\n[[packages]]\nname = "bash"\n')
    assert "locked" in patches_linux_dnf.answer(place, "dnf5", now).reason


def test_yum_of_old_systems_is_read(stand_in: Callable[[str, str], Place], samples: Path) -> None:
    sample = samples / "updates" / "puppet_yum-check-update-simple.txt"
    place = stand_in(
        "yum",
        f"*check-update*) cat '{sample}'; exit 100;;\n*updateinfo*) echo 'RHSA-1 Critical/Sec. gawk-4.1.0-3.fc20.i686';;",
    )
    answer = patches_linux_dnf.answer(place, "yum", datetime.now(UTC))
    assert answer.method == "yum"
    assert {update.name for update in answer.updates if update.security} == {"gawk.i686"}


def test_an_error_is_not_an_empty_list(stand_in: Callable[[str, str], Place]) -> None:
    place = stand_in("dnf5", "*check-upgrade*) echo 'Failed to open the cache' >&2; exit 1;;")
    assert "Failed to open" in patches_linux_dnf.answer(place, "dnf5", datetime.now(UTC)).reason


# captures


def test_advisories_of_dnf5_are_read_in_every_form(samples: Path) -> None:
    for name in ("dnf5_advisory_json_1.json", "dnf5_advisory_json_2.json", "dnf5_advisory_text_4.txt"):
        advisories = dnf.parse_advisories((samples / "updates" / name).read_text())
        assert [advisory.name for advisory in advisories] == expected(samples, name)["names"]
        assert all(advisory.packages for advisory in advisories)
    table = dnf.parse_advisories((samples / "updates" / "dnf5_advisory_text_1.txt").read_text())
    assert len(table) == expected(samples, "dnf5_advisory_text_1.txt")["advisories"]
    assert [advisory.kind for advisory in table] == ["bugfix", "enhancement"]


@pytest.mark.parametrize("name", ["dnf5_advisory_text_2.txt", "dnf5_advisory_text_3.txt"])
def test_the_summary_of_advisories_is_read(samples: Path, name: str) -> None:
    summary = dnf.parse_summary((samples / "updates" / name).read_text())
    wanted = {key: value for key, value in expected(samples, name).items() if key != "command"}
    assert {key: summary[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    "name",
    [
        "dnf5_needs_restarting_1.txt",
        "dnf5_needs_restarting_2.json",
        "dnf5_needs_restarting_3.txt",
        "dnf5_needs_restarting_4.txt",
    ],
)
def test_whether_dnf_asks_for_a_restart(samples: Path, name: str) -> None:
    wanted = expected(samples, name)
    read = dnf.parse_restart((samples / "updates" / name).read_text())
    assert read == (wanted["reboot_required"], wanted["because"])


def test_a_listing_of_all_advisories_has_signs_before_the_names() -> None:
    # captured: dnf 4.14, updateinfo list --all
    text = (
        "  TEST-2026:2 bugfix         curl-2.0-1.noarch\ni TEST-2026:1 Important/Sec. openssl-2.0-1.noarch\n"
    )
    assert [(row.name, row.kind, row.severity) for row in dnf.parse_advisories(text)] == [
        ("TEST-2026:2", "bugfix", ""),
        ("TEST-2026:1", "security", "Important"),
    ]


def test_words_that_say_neither_ask_for_nothing() -> None:
    assert dnf.parse_restart("Error: No such command: needs-restarting\n") is None


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet='[]{}",:-./ \nnameRebt*Sec', max_size=200))
def test_strange_words_of_dnf_break_nothing(text: str) -> None:
    for parse in (dnf.parse_advisories, dnf.parse_check_update, dnf.parse_restart):
        try:
            parse(text)  # type: ignore[operator]
        except ValueError:
            continue
    dnf.parse_summary(text)
    dnf.parse_repositories("repo id\n" + text)
    dnf.has_locks(text)
    repomd.doubt([text, f"<timestamp>{text}</timestamp>"], datetime.now(UTC))
