"""apt, the real one, in trees of its own: when its lists tell nothing of today, and what lies half done."""

import contextlib
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken
from agent.probes import apt, dpkg, patches, patches_linux_automatic
from agent.probes.updates import Answer
from protos.report_pb2 import COMPLIANT, PATCH_STATE_UNKNOWN

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get on this machine")

# Nothing listens there.
_UNREACHABLE = "deb [trusted=yes] http://127.0.0.1:9/debian-security bookworm-security main\n"


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def device(root: Path, *, published: timedelta | None = None, source: str = _UNREACHABLE) -> Place:
    """A tree whose security list was published so long ago; None: it has no lists."""
    for folder in ("var/lib/apt/lists/partial", "var/lib/dpkg", "etc/apt", "var/cache/apt/archives/partial"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    # apt looks for these below its root too
    shutil.copytree("/usr/share/dpkg", root / "usr/share/dpkg")
    (root / "etc/apt/sources.list").write_text(source)
    if published is not None:
        date = (datetime.now(UTC) - published).strftime("%a, %d %b %Y %H:%M:%S UTC")
        release(root).write_text(f"Label: Debian-Security\nSuite: oldstable-security\nDate: {date}\n")
    return Place(root=root)


def release(root: Path) -> Path:
    return root / "var/lib/apt/lists/127.0.0.1:9_debian-security_dists_bookworm-security_InRelease"


def state(place: Place) -> tuple[int, str]:
    taken = patches.read(place)
    assert taken.patches is not None
    if taken.patches.state == PATCH_STATE_UNKNOWN:
        assert not any(name.endswith("security_count") for name in values(taken))
    return taken.patches.state, taken.patches.reason


def update(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            # Dir and not RootDir: apt's own methods lie in this machine's /usr
            "apt-get", "update", "-o", f"Dir={root}", "-o", f"Dir::State::status={root}/var/lib/dpkg/status",
            "-o", "Acquire::Retries=0", "-o", "APT::Sandbox::User=root",
            "-o", "Acquire::http::Proxy=DIRECT",
        ],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}, timeout=60,
    )  # fmt: skip


def test_a_fresh_list_is_the_control_of_the_traps_below(tmp_path: Path) -> None:
    assert state(device(tmp_path, published=timedelta(hours=5))) == (COMPLIANT, "")


def test_trap_1_the_time_of_a_list_is_its_servers_and_does_not_count(tmp_path: Path) -> None:
    old = device(tmp_path / "old", published=timedelta(days=9))  # written this minute
    assert state(old) == (PATCH_STATE_UNKNOWN, "the package lists are 9 days old")
    fresh = device(tmp_path / "fresh", published=timedelta(hours=5))
    then = time.time() - 200 * 86400
    os.utime(release(fresh.root), (then, then))
    assert state(fresh) == (COMPLIANT, "")


def test_trap_2_the_time_of_the_directory_of_lists_does_not_count(tmp_path: Path) -> None:
    place = device(tmp_path, published=timedelta(hours=5))
    then = time.time() - 200 * 86400
    os.utime(place.path("/var/lib/apt/lists"), (then, then))
    assert state(place) == (COMPLIANT, "")


def test_trap_3_an_attempt_that_failed_makes_nothing_young(tmp_path: Path) -> None:
    place = device(tmp_path, published=timedelta(days=9))
    update(place.root)
    place.path(
        "/var/lib/apt/lists/partial"
    ).touch()  # as an attempt leaves it that came further than this one
    assert state(place) == (PATCH_STATE_UNKNOWN, "the package lists are 9 days old")


def test_trap_4_an_unreachable_mirror_ends_apt_with_0_and_the_probe_with_unknown(tmp_path: Path) -> None:
    place = device(tmp_path)
    ended = update(place.root)
    assert ended.returncode == 0, ended.stderr
    assert "Failed to fetch" in ended.stderr
    found, reason = state(place)
    assert found == PATCH_STATE_UNKNOWN
    assert "no package lists" in reason


def test_a_list_that_expired_is_unknown(tmp_path: Path) -> None:
    place = device(tmp_path, published=timedelta(days=3))
    end = (datetime.now(UTC) - timedelta(days=1)).strftime("%a, %d %b %Y %H:%M:%S UTC")
    with release(tmp_path).open("a") as file:
        file.write(f"Valid-Until: {end}\n")
    found, reason = state(place)
    assert found == PATCH_STATE_UNKNOWN
    assert "expired" in reason


def test_this_machines_update_ends_in_the_numbers_apt_itself_gives() -> None:
    """Refreshes this machine's lists for real, where it may; else it takes them as they are."""
    if os.geteuid() == 0:
        ended = subprocess.run(
            ["apt-get", "update", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=0"],
            capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}, timeout=120,
        )  # fmt: skip
        if ended.returncode:
            pytest.skip(f"apt-get update cannot reach its mirror: {ended.stderr.strip().splitlines()[-1:]}")
    taken = patches.read(Place())
    assert taken.patches is not None
    if taken.patches.state == PATCH_STATE_UNKNOWN:
        # A frozen mirror ends here, and that is right; then there are no numbers to compare.
        assert taken.patches.reason
        pytest.skip(f"there are no numbers to compare: {taken.patches.reason}")
    plain, full = simulated("upgrade"), simulated("dist-upgrade")
    held = set(
        subprocess.run(["apt-mark", "showhold"], capture_output=True, text=True, check=True).stdout.split()
    )
    read = values(taken)
    counted = read["updates_security_count"] + read["updates_other_count"] - read["updates_held_count"]
    assert counted == len(plain | full)
    assert read["updates_kept_back_count"] == len(full.keys() - plain.keys())
    if not held:
        security = [line for line in full.values() if "Debian-Security" in line or "-security" in line]
        assert read["updates_security_count"] == len(security)


def simulated(command: str) -> dict[str, str]:
    """`grep ^Inst`, those that replace an installed version."""
    output = subprocess.run(
        ["apt-get", "-s", "-o", "Debug::NoLocking=1", command],
        capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"},
    ).stdout  # fmt: skip
    lines = [line for line in output.splitlines() if line.startswith("Inst ")]
    return {line.split()[1]: line for line in lines if line.split()[2].startswith("[")}


# half done


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg on this machine")
def test_packages_left_half_done_are_those_dpkg_audit_names(tmp_path: Path) -> None:
    states = {
        "whole": "install ok installed",
        "removed": "deinstall ok config-files",
        "halfway": "install ok half-configured",
        "unpacked": "install ok unpacked",
        "torn": "install reinstreq half-installed",
    }
    (tmp_path / "info").mkdir()
    (tmp_path / "updates").mkdir()
    (tmp_path / "status").write_text(
        "".join(
            f"Package: {name}\nStatus: {status}\nMaintainer: a\nArchitecture: all\nVersion: 1\n"
            f"{'Config-Version: 1' if 'half-configured' in status else ''}\nDescription: a\n b\n\n".replace("\n\nDesc", "\nDesc")
            for name, status in states.items()
        )
    )  # fmt: skip
    with (tmp_path / "status").open() as file:
        broken = {name for name, _ in dpkg.broken(file)}
    assert broken == {"halfway", "unpacked", "torn"}
    told = subprocess.run(
        ["dpkg", "--admindir", str(tmp_path), "--audit"], capture_output=True, text=True, check=False
    ).stdout
    # dpkg also names packages without a list of files, which no package of this test has.
    assert broken == {name for name in states if f"\n {name} " in told.partition("missing the list")[0]}


def test_half_done_packages_are_told_even_when_the_lists_are_old(tmp_path: Path) -> None:
    place = device(tmp_path, published=timedelta(days=9))
    place.path("/var/lib/dpkg/status").write_text("Package: a\nStatus: install ok unpacked\nVersion: 1\n\n")
    taken = patches.read(place)
    assert values(taken)["packages_broken_count"] == 1
    assert dict(taken.sections["packages_broken"][0].facts) == {"state": "unpacked"}


# what only a subscription brings; constructed after the client's documentation

PRO = """{"summary": {"ua": {"attached": false}, "num_esm_apps_updates": 2}, "packages": [
 {"package": "vim", "service_name": "esm-apps", "status": "pending_attach", "version": "2"},
 {"package": "vim", "service_name": "esm-apps", "status": "pending_attach", "version": "3"},
 {"package": "curl", "service_name": "esm-infra", "status": "pending_enable", "version": "2"},
 {"package": "bash", "service_name": "standard-security", "status": "upgrade_available", "version": "2"}]}"""


def test_what_only_a_subscription_brings_is_counted_apart_and_is_not_missing() -> None:
    assert apt.parse_paid(PRO) == (2, False)
    taken = patches.taken(Answer(method="apt", paid_only=2))
    assert taken.patches is not None
    assert taken.patches.state == COMPLIANT
    assert values(taken)["updates_paid_only_count"] == 2
    assert values(taken)["updates_security_count"] == 0


def test_a_paid_archive_is_asked_of_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pro.json").write_text(PRO)
    (programs / "pro").write_text(f"#!/bin/sh\n[ \"$1\" = security-status ] && cat '{programs}/pro.json'\n")
    (programs / "pro").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    taken = patches.read(device(tmp_path / "root", published=timedelta(hours=5)))
    assert values(taken)["updates_paid_only_count"] == 2
    (programs / "pro").write_text("#!/bin/sh\necho no; exit 1\n")
    taken = patches.read(Place(root=tmp_path / "root"))
    assert "updates_paid_only_count" not in values(taken)
    assert "Ubuntu Pro" in taken.reason


# automatic updates


def test_whether_updates_are_installed_by_themselves(tmp_path: Path) -> None:
    place = device(tmp_path)
    assert patches_linux_automatic.obtain(place) == []
    wants = tmp_path / "etc/systemd/system/timers.target.wants"
    wants.mkdir(parents=True)
    (tmp_path / "usr/lib/systemd/system").mkdir(parents=True)
    (tmp_path / "usr/lib/systemd/system/apt-daily-upgrade.timer").touch()
    (wants / "apt-daily-upgrade.timer").symlink_to("/usr/lib/systemd/system/apt-daily-upgrade.timer")
    (row,) = patches_linux_automatic.obtain(place)
    assert dict(row.facts) == {"enabled": "false"}  # the timer alone installs nothing
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/unattended-upgrade").touch()
    (tmp_path / "etc/apt/apt.conf.d").mkdir()
    (tmp_path / "etc/apt/apt.conf.d/20auto").write_text('APT::Periodic::Unattended-Upgrade "1";\n')
    stamp = tmp_path / "var/lib/apt/periodic/unattended-upgrades-stamp"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (1_700_000_000, 1_700_000_000))
    (row,) = patches_linux_automatic.obtain(place)
    assert dict(row.facts) == {"enabled": "true", "last_run": "2023-11-14T22:13:20+00:00"}


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet='{}[]":,packgesttu \nAPT;', max_size=200))
def test_strange_words_of_apts_neighbours_break_nothing(text: str) -> None:
    apt.parse_configuration(text)
    list(dpkg.broken(("Package: a\nStatus: " + text).splitlines(True)))
    with contextlib.suppress(ValueError):
        apt.parse_paid(text)
