"""Updates: what is missing, what only seems so, and when nothing can be known."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Busy, Place, Taken, Unavailable
from agent.probes import apt, dnf, patches, patches_linux_apt
from agent.probes.updates import Answer
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN

DATA = Path(__file__).parent / "data" / "apt"
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "updates"
UBUNTU = (DATA / "ubuntu_dist_upgrade.txt").read_text()
SECURITY = apt.parse_release((DATA / "security_InRelease.txt").read_text())
PUBLISHED_AT = datetime(2026, 11, 20, 0, 12, 41, tzinfo=UTC)

needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the captured samples are not beside this checkout"
)
needs_apt = pytest.mark.skipif(
    shutil.which("apt-get") is None or not Path("/var/lib/dpkg/status").exists(),
    reason="this is no apt machine",
)


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def test_security_is_told_by_label_or_by_suite() -> None:
    updates = apt.parse_simulation((DATA / "upgrade.txt").read_text())
    assert len(updates) == 9
    security = {name for name, update in updates.items() if update.security}
    assert security == {"apt", "libssl3", "tzdata", "openssl", "zip"}


def test_an_update_of_a_paid_archive_is_security_too() -> None:
    assert apt.parse_simulation(UBUNTU)["vim"].security


def test_a_package_that_would_be_new_is_no_missing_update() -> None:
    assert set(apt.parse_simulation(UBUNTU)) == {"libssl3", "linux-image-generic", "vim"}


def test_an_update_that_needs_new_packages_is_kept_back_and_missing_all_the_same() -> None:
    full = apt.parse_simulation(UBUNTU)
    plain = {name: update for name, update in full.items() if name != "linux-image-generic"}
    updates = {update.name: update for update in apt.combine(plain, full, {}, ())}
    assert updates["linux-image-generic"].kept_back
    assert updates["linux-image-generic"].security
    assert not updates["vim"].kept_back


def test_an_update_somebody_holds_is_missing_and_says_so() -> None:
    full = apt.parse_simulation(UBUNTU)
    plain = {name: update for name, update in full.items() if name != "vim"}
    updates = apt.combine(plain, plain, full, ["vim", "never-installed"])
    taken = patches.taken(Answer(method="apt", updates=updates))
    assert values(taken)["updates_held_count"] == 1
    assert values(taken)["updates_security_count"] == 3
    assert next(item.facts["held"] for item in taken.sections["updates"] if item.key == "vim") == "true"


def test_a_phased_update_is_not_missing() -> None:
    waiting = apt.parse_block(UBUNTU, "The following upgrades have been deferred due to phasing:")
    assert waiting == {"python3-distupgrade", "ubuntu-release-upgrader-core"}
    taken = patches.taken(Answer(method="apt", updates=[], phased=2))
    assert taken.patches is not None
    assert taken.patches.state == COMPLIANT
    assert values(taken)["updates_phased_count"] == 2


def test_lists_of_today_are_trusted() -> None:
    lists = apt.lists([SECURITY], now=PUBLISHED_AT + timedelta(hours=5))
    assert lists == apt.Lists(age_seconds=5 * 3600, reason="")


def test_an_expired_security_list_is_unknown_even_after_a_successful_update() -> None:
    now = PUBLISHED_AT + timedelta(days=8)
    assert "expired on 2026-11-27" in apt.lists([SECURITY], now=now, updated_at=now).reason


def test_lists_older_than_a_week_are_unknown() -> None:
    release = apt.parse_release("Label: Ubuntu\nSuite: jammy-security\nDate: Fri, 20 Nov 2026 00:12:41 UTC\n")
    now = PUBLISHED_AT + timedelta(days=8)
    assert "8 days old" in apt.lists([release], now=now).reason
    assert apt.lists([release], now=now, updated_at=now - timedelta(hours=1)).reason == ""


def test_a_mirror_that_stopped_is_unknown_though_apt_succeeds_daily() -> None:
    release = apt.parse_release("Label: Ubuntu\nSuite: jammy-security\nDate: Fri, 20 Nov 2026 00:12:41 UTC\n")
    now = PUBLISHED_AT + timedelta(days=40)
    assert "has not changed since 2026-11-20" in apt.lists([release], now=now, updated_at=now).reason


def test_no_lists_at_all_is_unknown() -> None:
    assert "no package lists" in apt.lists([], now=PUBLISHED_AT).reason


def test_without_a_security_source_nothing_can_be_said_of_security() -> None:
    release = apt.parse_release("Label: Debian\nSuite: stable\nDate: Fri, 20 Nov 2026 00:12:41 UTC\n")
    assert "no security source" in apt.lists([release], now=PUBLISHED_AT).reason


def test_a_clock_far_behind_the_lists_is_said() -> None:
    assert "clock is wrong" in apt.lists([SECURITY], now=PUBLISHED_AT - timedelta(days=400)).reason


def test_unknown_claims_no_counts() -> None:
    taken = patches.taken(
        Answer(method="apt", reason="the package lists are 9 days old", lists_age_seconds=777600)
    )
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert values(taken) == {"updates_lists_age_seconds": 777600}
    assert "updates" not in taken.sections


def test_a_device_without_a_known_package_manager_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no known package manager"):
        patches.read(Place(root=tmp_path))


def test_a_dpkg_at_work_is_busy_and_its_lock_is_not_touched(tmp_path: Path) -> None:
    lock = tmp_path / "var" / "lib" / "dpkg" / "lock-frontend"
    lock.parent.mkdir(parents=True)
    (lock.parent / "status").touch()
    holder = subprocess.Popen(
        [
            "python3",
            "-c",
            "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()",
            str(lock),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert patches_linux_apt.is_locked(lock)
        if shutil.which("apt-get"):
            with pytest.raises(Busy):
                patches.read(Place(root=tmp_path))
        assert holder.stdin is not None
        holder.stdin.close()
    assert not patches_linux_apt.is_locked(lock)


@needs_apt
def test_a_tree_elsewhere_is_asked_about_itself(tmp_path: Path) -> None:
    lists = tmp_path / "var" / "lib" / "apt" / "lists"
    lists.mkdir(parents=True)
    dpkg = tmp_path / "var" / "lib" / "dpkg"
    dpkg.mkdir(parents=True)
    (dpkg / "status").touch()
    shutil.copy(DATA / "security_InRelease.txt", lists / "a_dists_bookworm-security_InRelease")
    taken = patches.read(Place(root=tmp_path))
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "updates_security_count" not in values(taken)


@needs_samples
def test_a_captured_upgrade_is_counted_right() -> None:
    expected = json.loads((SAMPLES / "EXPECTED.json").read_text())["local_apt-get_s_dist-upgrade.txt"]
    updates = apt.parse_simulation((SAMPLES / "local_apt-get_s_dist-upgrade.txt").read_text())
    assert len(updates) == expected["pending"]
    assert sum(update.security for update in updates.values()) == expected["security_pending"]
    first = updates[expected["first"]["name"]]
    assert (first.installed, first.candidate) == (
        expected["first"]["installed"],
        expected["first"]["candidate"],
    )


@needs_samples
def test_a_line_without_the_installed_version_and_a_removal_are_no_updates() -> None:
    updates = apt.parse_simulation((SAMPLES / "jc_apt_get_sqq.out").read_text())
    assert {name: update.security for name, update in updates.items()} == {"dpkg": True, "base-files": False}


@needs_samples
@pytest.mark.parametrize(
    "name",
    [
        "puppet_yum-check-update-simple.txt",
        "puppet_yum-check-update-subscription-manager.txt",
        "dnf5_check_upgrade_1.json",
    ],
)
def test_dnf_offers_are_read(name: str) -> None:
    expected = json.loads((SAMPLES / "EXPECTED.json").read_text())[name]["packages"]
    offers = dnf.parse_check_update((SAMPLES / name).read_text())
    assert [
        {"name": offer.name, "arch": offer.architecture, "version": offer.candidate, "repo": offer.repository}
        for offer in offers
    ] == expected


@needs_samples
def test_dnf_advisories_of_other_kinds_are_no_security() -> None:
    advisories = dnf.parse_advisories((SAMPLES / "dnf5_advisory_json_1.json").read_text())
    assert [advisory.severity for advisory in advisories if advisory.kind == "security"] == [
        "Critical",
        "custom_severity",
        "Moderate",
    ]
    assert dnf.worst(advisories) == {("labirinto", "x86_64"): "Critical"}


def test_a_package_that_is_replaced_is_no_update() -> None:
    text = "curl.x86_64   7.1-2.fc40   updates\nObsoleting Packages\nnew.x86_64  2-1.fc40  updates\n    old.x86_64  1-1.fc40  @System\n"
    assert [offer.name for offer in dnf.parse_check_update(text)] == ["curl"]


def test_a_security_fix_between_two_versions_makes_the_newest_one_a_security_update() -> None:
    advisories = dnf.parse_advisories(
        "FEDORA-2024-1 Important/Sec. kernel-core-6.9.1-200.fc40.x86_64\n"
        "FEDORA-2024-2 Low/Sec.       kernel-core-6.9.4-200.fc40.x86_64\n"
        "FEDORA-2024-3 bugfix         kernel-core-6.9.5-200.fc40.x86_64\n"
    )
    assert dnf.worst(advisories) == {("kernel-core", "x86_64"): "Important"}


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet="Inst Conf[](),:/-.a1\n", max_size=200))
def test_strange_output_of_a_package_manager_breaks_nothing(text: str) -> None:
    apt.parse_simulation("Inst " + text)
    apt.parse_block(text, "The")
    apt.parse_release(text)
    apt.parse_release(f"Date: {text}\nValid-Until: {text}")
    for parse in (dnf.parse_check_update, dnf.parse_advisories):
        try:
            parse(text)  # type: ignore[operator]
        except ValueError:
            continue


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for package managers, in front of everything else on PATH."""
    directory = tmp_path / "programs"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return directory


def program(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def fresh_device(root: Path) -> Place:
    """A tree whose security list was published an hour ago."""
    lists = root / "var" / "lib" / "apt" / "lists"
    lists.mkdir(parents=True)
    date = (datetime.now(UTC) - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S UTC")
    (lists / "x_dists_jammy-security_InRelease").write_text(
        f"Label: Ubuntu\nSuite: jammy-security\nDate: {date}\n"
    )
    (root / "var" / "lib" / "dpkg").mkdir()
    (root / "var" / "lib" / "dpkg" / "status").touch()
    (root / "etc" / "apt").mkdir(parents=True)
    (root / "etc" / "apt" / "sources.list").write_text("deb http://mirror.example jammy-security main\n")
    return Place(root=root)


def test_held_phased_and_kept_back_updates_come_through_the_probe(programs: Path, tmp_path: Path) -> None:
    ubuntu, firefox = (
        DATA / "ubuntu_dist_upgrade.txt",
        "Inst firefox [1] (2 Ubuntu:22.04/jammy-security [amd64])",
    )
    program(
        programs,
        "apt-get",
        f"""case "$*" in
*indextargets*) echo 'Ubuntu|jammy-security|/x';;
*Ignore-Hold=true*) cat '{ubuntu}'; echo '{firefox}';;
*dist-upgrade*) cat '{ubuntu}';;
*) grep -v 'Inst linux-image-generic' '{ubuntu}';;
esac""",
    )
    program(programs, "apt-mark", "echo firefox")
    taken = patches.read(fresh_device(tmp_path / "root"))
    assert taken.patches is not None
    assert taken.patches.state == MISSING
    read = values(taken)
    assert read.pop("updates_lists_age_seconds") == pytest.approx(3600, abs=120)
    assert read == {
        "updates_security_count": 4,
        "updates_other_count": 0,
        "updates_held_count": 1,
        "updates_phased_count": 2,
        "updates_kept_back_count": 1,
        "updates_unclassified_count": 0,
        "packages_broken_count": 0,
    }


def test_an_interrupted_dpkg_is_unknown_with_apts_own_words(programs: Path, tmp_path: Path) -> None:
    program(
        programs,
        "apt-get",
        """case "$*" in *indextargets*) exit 0;; esac
echo 'E: dpkg was interrupted, you must manually run dpkg --configure -a' >&2; exit 100""",
    )
    program(programs, "apt-mark", "exit 0")
    taken = patches.read(fresh_device(tmp_path / "root"))
    assert taken.patches is not None
    assert taken.patches.state == PATCH_STATE_UNKNOWN
    assert "dpkg was interrupted" in taken.patches.reason


def test_a_security_source_that_was_taken_out_is_unknown_though_its_list_is_there(
    programs: Path, tmp_path: Path
) -> None:
    program(programs, "apt-get", "echo 'Ubuntu|jammy|/x'")
    taken = patches.read(fresh_device(tmp_path / "root"))
    assert taken.patches is not None
    assert taken.patches.reason == "no security source is configured"
