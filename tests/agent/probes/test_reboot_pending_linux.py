"""When Linux systems without dpkg, and the programs that know more, ask for a restart."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import kernels, needrestart, reboot_pending, rpm_ostree
from tests.agent.probes import rpm_repository

# captured: needrestart 3.6 on a machine whose kernel no package brought, and as an ordinary user
UNKNOWN_KERNEL = "NEEDRESTART-VER: 3.6\nNEEDRESTART-KCUR: 6.18.44-x\nNEEDRESTART-KSTA: 0\n"
NO_RIGHTS = "NEEDRESTART-VER: 3.6\n"
NEWER = "NEEDRESTART-VER: {version}\nNEEDRESTART-KCUR: 1\nNEEDRESTART-KEXP: 2\nNEEDRESTART-KSTA: {state}\n"
Programs = Callable[..., None]


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def reasons(taken: Taken) -> dict[str, dict[str, str]]:
    return {row.key: dict(row.facts) for row in taken.sections["reboot_reasons"]}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins in front of everything else on PATH: `name="what it prints"`, and its exit status."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(status: int = 0, **answers: str) -> None:
        for name, answer in answers.items():
            name = name.replace("_", "-")
            (folder / f"{name}.txt").write_text(answer)
            (folder / name).write_text(f"#!/bin/sh\ncat '{folder}/{name}.txt'\nexit {status}\n")
            (folder / name).chmod(0o755)

    return make


def device(root: Path, running: str, *installed: str, mark: str = "vmlinuz") -> Place:
    (root / "proc" / "sys" / "kernel").mkdir(parents=True)
    (root / "proc" / "sys" / "kernel" / "osrelease").write_text(running + "\n")
    for release in installed:
        folder = root / "usr" / "lib" / "modules" / release
        folder.mkdir(parents=True)
        (folder / mark).touch()
        (folder / "modules.dep").touch()
    return Place(root=root)


def rpm_device(root: Path, running: str, *installed: str) -> Place:
    (root / "var" / "lib" / "rpm").mkdir(parents=True)
    return device(root, running, *installed)


# kernels of rpm


def test_a_newer_kernel_of_fedora_waits_for_a_restart(tmp_path: Path, programs: Programs) -> None:
    programs(rpm="kernel-core")
    place = rpm_device(
        tmp_path / "root", "6.9.9-200.fc40.x86_64", "6.9.9-200.fc40.x86_64", "6.9.10-200.fc40.x86_64",
        "6.9.11-200.fc40.x86_64+debug",
    )  # fmt: skip
    taken = reboot_pending.read(place)
    assert values(taken)["reboot_pending_state"] == 1
    assert reasons(taken)["kernel"]["newest_installed"] == "6.9.10-200.fc40.x86_64"


def test_the_newest_kernel_of_suse_runs(tmp_path: Path, programs: Programs) -> None:
    programs(rpm="kernel-default")
    running = "6.4.0-150600.23.25-default"
    place = rpm_device(
        tmp_path / "root", running, running, "6.4.0-150600.21-default", "6.4.0-150600.30-azure"
    )
    assert values(reboot_pending.read(place))["reboot_pending_state"] == 0


def test_a_kernel_no_package_owns_cannot_be_judged(tmp_path: Path, programs: Programs) -> None:
    programs(status=1, rpm="file /usr/lib/modules/… is not owned by any package")
    place = rpm_device(tmp_path / "root", "6.9.9-own.x86_64", "6.9.9-own.x86_64", "6.9.10-200.fc40.x86_64")
    with pytest.raises(Unavailable):
        reboot_pending.read(place)
    other = rpm_device(tmp_path / "other", "6.9.9-1.x86_64", "6.9.9-1.x86_64", "6.9.10-200.fc40.x86_64")
    with pytest.raises(Unavailable):
        reboot_pending.read(other)


def test_what_a_removed_kernel_left_behind_is_no_kernel(tmp_path: Path, programs: Programs) -> None:
    programs(rpm="kernel-core")
    place = rpm_device(tmp_path / "root", "6.9.9-200.fc40.x86_64", "6.9.9-200.fc40.x86_64")
    left = tmp_path / "root" / "usr/lib/modules/6.9.12-200.fc40.x86_64"
    left.mkdir()
    (left / "modules.dep").touch()
    assert values(reboot_pending.read(place))["reboot_pending_state"] == 0


def test_real_rpm_says_whether_a_package_owns_a_kernel(tmp_path: Path) -> None:
    rpm_repository.need("rpm")
    place = rpm_device(tmp_path, "6.9.9-1.x86_64", "6.9.9-1.x86_64")
    with pytest.raises(Unavailable):  # its database is empty
        reboot_pending.read(place)


def test_a_restart_that_took_the_old_kernel_again_is_told(tmp_path: Path, programs: Programs) -> None:
    programs(rpm="kernel-core")
    place = rpm_device(
        tmp_path / "root", "6.9.9-200.fc40.x86_64", "6.9.9-200.fc40.x86_64", "6.9.10-200.fc40.x86_64"
    )
    now = time.time()
    os.utime(tmp_path / "root/usr/lib/modules/6.9.10-200.fc40.x86_64/modules.dep", (now - 9 * 86400,) * 2)
    (tmp_path / "root/proc/stat").write_text(f"cpu 1 2\nbtime {int(now - 86400)}\n")
    read = values(reboot_pending.read(place))
    assert read["reboot_pending_survived_restart_state"] == 1
    assert read["reboot_pending_age_seconds"] == pytest.approx(9 * 86400, abs=60)


# kernels of Arch


def arch_device(root: Path, running: str, *installed: str) -> Place:
    (root / "var" / "lib" / "pacman" / "local").mkdir(parents=True)
    return device(root, running, *installed, mark="pkgbase")


def test_on_arch_the_modules_of_a_replaced_kernel_are_gone(tmp_path: Path) -> None:
    place = arch_device(tmp_path, "6.9.7-arch1-1", "6.9.8-arch1-1", "6.6.36-1-lts")
    assert reasons(reboot_pending.read(place))["kernel"]["newest_installed"] == "6.9.8-arch1-1"


def test_on_arch_two_kernels_side_by_side_ask_for_nothing(tmp_path: Path) -> None:
    place = arch_device(tmp_path, "6.6.36-1-lts", "6.9.8-arch1-1", "6.6.36-1-lts")
    assert values(reboot_pending.read(place))["reboot_pending_state"] == 0


def test_on_arch_a_kernel_of_ones_own_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        reboot_pending.read(arch_device(tmp_path, "6.9.7-mine", "6.9.8-arch1-1"))


# programs that know more


@pytest.mark.parametrize(("state", "waits"), [(1, 0), (2, 1), (3, 1)])
def test_needrestart_knows_of_the_kernel(tmp_path: Path, programs: Programs, state: int, waits: int) -> None:
    programs(needrestart=NEWER.format(version="3.6", state=state))
    taken = reboot_pending.read(device(tmp_path / "root", "1"))
    assert values(taken)["reboot_pending_state"] == waits


@pytest.mark.parametrize("said", [UNKNOWN_KERNEL, NO_RIGHTS, ""])
def test_a_needrestart_that_does_not_know_says_nothing(tmp_path: Path, programs: Programs, said: str) -> None:
    programs(needrestart=said)
    with pytest.raises(Unavailable):
        reboot_pending.read(device(tmp_path / "root", "1"))


def test_services_on_old_libraries_are_no_reason_to_ask_for_a_restart(
    tmp_path: Path, programs: Programs
) -> None:
    services = "NEEDRESTART-SVC: cups.service\nNEEDRESTART-SESS: somebody @ session #7\n"
    programs(needrestart=NEWER.format(version="3.8", state=1) + services)
    taken = reboot_pending.read(device(tmp_path / "root", "1"))
    assert values(taken)["reboot_pending_state"] == 0
    assert reasons(taken)["services"] == {"strength": "weak", "count": "1", "services": "cups.service"}
    assert "somebody" not in str(taken)


def test_an_old_needrestart_is_not_asked_for_services(tmp_path: Path, programs: Programs) -> None:
    programs(needrestart=NEWER.format(version="3.6", state=1) + "NEEDRESTART-SVC: cups.service\n")
    assert reasons(reboot_pending.read(device(tmp_path / "root", "1"))) == {}


def test_dnf_asks_with_words_and_not_with_its_exit_status(
    tmp_path: Path, programs: Programs, samples: Path
) -> None:
    place = rpm_device(tmp_path / "root", "1")
    programs(status=1, dnf5=(samples / "updates" / "dnf5_needs_restarting_1.txt").read_text())
    taken = reboot_pending.read(place)
    assert reasons(taken)["packages_updated_since_start"]["packages"] == "glibc kernel"
    programs(status=1, dnf5="Unknown argument needs-restarting\n")
    with pytest.raises(Unavailable):
        reboot_pending.read(place)


@pytest.mark.parametrize(("status", "waits"), [(0, 0), (102, 1)])
def test_zypper_asks_by_102(tmp_path: Path, programs: Programs, status: int, waits: int) -> None:
    programs(status=status, zypper="Reboot is probably not necessary.\n" if not status else "")
    place = device(tmp_path / "root", "1")
    (tmp_path / "root" / "etc" / "zypp").mkdir(parents=True)
    assert values(reboot_pending.read(place))["reboot_pending_state"] == waits


# constructed after rpm-ostree's own documentation
OSTREE = {
    "deployments": [{"booted": False, "version": "40.2"}, {"booted": True, "version": "40.1"}],
    "cached-update": {"version": "40.2", "sec-advisories": [["FEDORA-1", 3]]},
}


def test_an_image_that_was_laid_ready_waits_for_a_restart(tmp_path: Path, programs: Programs) -> None:
    programs(rpm_ostree=json.dumps(OSTREE))
    place = device(tmp_path / "root", "1")
    (tmp_path / "root" / "run").mkdir()
    (tmp_path / "root" / "run" / "ostree-booted").touch()
    assert reasons(reboot_pending.read(place))["system_image"]["newest_installed"] == "40.2"


def test_a_container_is_not_asked(tmp_path: Path, programs: Programs) -> None:
    programs(needrestart=NEWER.format(version="3.6", state=3))
    place = device(tmp_path / "root", "1")
    (tmp_path / "root" / ".dockerenv").touch()
    with pytest.raises(Unavailable):
        reboot_pending.read(place)


# captures


def test_a_captured_answer_of_needrestart_is_read(samples: Path) -> None:
    wanted = json.loads((samples / "updates" / "EXPECTED.json").read_text())["jc_needrestart_b.out"]
    needs = needrestart.parse((samples / "updates" / "jc_needrestart_b.out").read_text())
    assert {
        "kernel_current": needs.running,
        "kernel_expected": needs.expected,
        "kernel_status": needs.kernel,
        "reboot_required": needs.kernel_waits,
        "services": needs.services,
        "containers": needs.containers,
        "sessions": needs.sessions,
    } == {name: value for name, value in wanted.items() if name != "command"}


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet='NEDRSTA-KVC: 0123.\n{}[]"', max_size=200))
def test_strange_words_break_nothing(text: str) -> None:
    needrestart.parse("NEEDRESTART-VER: " + text + "\nNEEDRESTART-KSTA: " + text)
    kernels.newest_of_rpm([text, "1-1"], text)
    kernels.newest_of_arch([text], text)
    try:
        rpm_ostree.parse(text)
    except ValueError:
        return
