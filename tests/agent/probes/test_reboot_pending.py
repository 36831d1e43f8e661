"""When a restart is needed to finish an update."""

import os
import time
from pathlib import Path

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import reboot_pending


def device(root: Path, running: str, *images: str) -> Place:
    status = root / "var" / "lib" / "dpkg" / "status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "".join(
            f"Package: linux-image-{image}\nStatus: install ok installed\nVersion: 1\n\n" for image in images
        )
    )
    kernel = root / "proc" / "sys" / "kernel"
    kernel.mkdir(parents=True)
    (kernel / "osrelease").write_text(running + "\n")
    return Place(root=root)


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def test_the_newest_kernel_runs(tmp_path: Path) -> None:
    taken = reboot_pending.read(device(tmp_path, "6.1.0-40-amd64", "6.1.0-9-amd64", "6.1.0-40-amd64"))
    assert values(taken) == {"reboot_pending_state": 0, "reboot_pending_survived_restart_state": 0}
    assert taken.sections["reboot_reasons"] == []


def test_a_newer_kernel_waits_for_a_restart(tmp_path: Path) -> None:
    taken = reboot_pending.read(device(tmp_path, "6.1.0-9-amd64", "6.1.0-9-amd64", "6.1.0-40-amd64"))
    assert values(taken) == {"reboot_pending_state": 1}
    assert dict(taken.sections["reboot_reasons"][0].facts) == {
        "strength": "strong",
        "running": "6.1.0-9-amd64",
        "newest_installed": "6.1.0-40-amd64",
    }


def test_a_newer_kernel_of_another_flavour_is_not_waited_for(tmp_path: Path) -> None:
    place = device(tmp_path, "6.1.0-9-amd64", "6.1.0-9-amd64", "6.1.0-40-rt-amd64", "6.1.0-40-cloud-amd64")
    assert values(reboot_pending.read(place))["reboot_pending_state"] == 0


def test_a_flag_says_which_packages_and_since_when(tmp_path: Path) -> None:
    place = device(tmp_path, "6.1.0-9-amd64", "6.1.0-9-amd64")
    (tmp_path / "run").mkdir()
    flag = tmp_path / "run" / "reboot-required"
    flag.write_text("*** System restart required ***\n")
    (tmp_path / "run" / "reboot-required.pkgs").write_text("libc6\nlinux-base\nlibc6\n")
    os.utime(flag, (time.time() - 3600,) * 2)
    taken = reboot_pending.read(place)
    assert values(taken)["reboot_pending_state"] == 1
    assert values(taken)["reboot_pending_age_seconds"] == pytest.approx(3600, abs=60)
    assert taken.sections["reboot_reasons"][0].facts["packages"] == "libc6 linux-base"


def test_a_kernel_nobody_packaged_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        reboot_pending.read(device(tmp_path, "6.18.1-own", "6.1.0-40-amd64"))


def test_a_container_does_not_answer_for_its_hosts_kernel(tmp_path: Path) -> None:
    place = device(tmp_path, "6.1.0-9-amd64", "6.1.0-9-amd64", "6.1.0-40-amd64")
    (tmp_path / ".dockerenv").touch()
    with pytest.raises(Unavailable):
        reboot_pending.read(place)


def test_a_device_that_would_raise_the_flag_and_has_not_needs_no_restart(tmp_path: Path) -> None:
    place = device(tmp_path, "6.18.1-own")
    hook = tmp_path / "usr" / "share" / "update-notifier" / "notify-reboot-required"
    hook.parent.mkdir(parents=True)
    hook.touch()
    assert values(reboot_pending.read(place)) == {"reboot_pending_state": 0}


@pytest.mark.parametrize(("started_after", "survived"), [(86400, 1), (-86400, 0)])
def test_a_restart_that_did_not_take_the_newest_kernel_is_told(
    tmp_path: Path, started_after: int, survived: int
) -> None:
    place = device(tmp_path, "6.1.0-9-amd64", "6.1.0-9-amd64", "6.1.0-40-amd64")
    package = tmp_path / "var/lib/dpkg/info/linux-image-6.1.0-40-amd64.list"
    package.parent.mkdir()
    package.touch()
    os.utime(package, (1_700_000_000,) * 2)
    (tmp_path / "proc/stat").write_text(f"cpu 1 2 3 4\nbtime {1_700_000_000 + started_after}\n")
    assert values(reboot_pending.read(place))["reboot_pending_survived_restart_state"] == survived


def test_whether_a_restart_was_made_is_unknown_without_its_dates(tmp_path: Path) -> None:
    place = device(tmp_path, "6.1.0-9-amd64", "6.1.0-9-amd64", "6.1.0-40-amd64")
    assert "reboot_pending_survived_restart_state" not in values(reboot_pending.read(place))
