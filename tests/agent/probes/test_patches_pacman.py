"""pacman and rpm-ostree: by stand-ins that print what their documentation gives."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Busy, Place, Taken
from agent.probes import pacman, patches, rpm_ostree
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN

LISTED = "linux 6.9.7.arch1-1 -> 6.9.8.arch1-1\nopenssl 3.3.0-1 -> 3.3.1-1\n"
Device = Callable[..., Place]


def values(taken: Taken) -> dict[str, float]:
    return {reading.metric: reading.last for reading in taken.readings}


def state(taken: Taken) -> tuple[int, str]:
    assert taken.patches is not None
    return taken.patches.state, taken.patches.reason


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A tree of Arch with stand-ins: `name=(status, output, errors)`."""
    programs, root = tmp_path / "programs", tmp_path / "root"
    programs.mkdir()
    (root / "var" / "lib" / "pacman" / "local").mkdir(parents=True)
    (root / "etc").mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def make(**answers: tuple[int, str, str]) -> Place:
        for name, (status, output, errors) in {"pacman": (9, "", "never asked"), **answers}.items():
            name = name.replace("_", "-")
            (programs / f"{name}.out").write_text(output)
            (programs / f"{name}.err").write_text(errors)
            (programs / name).write_text(
                f"#!/bin/sh\necho \"$@\" >> '{programs}/asked'\n"
                f"cat '{programs}/{name}.out'; cat '{programs}/{name}.err' >&2; exit {status}\n"
            )
            (programs / name).chmod(0o755)
        return Place(root=root)

    return make


def test_updates_of_arch_have_no_class(device: Device) -> None:
    taken = patches.read(device(checkupdates=(0, LISTED, "")))
    assert state(taken) == (MISSING, "")
    assert values(taken)["updates_unclassified_count"] == 2
    assert "updates_security_count" not in values(taken)
    assert "arch-audit" in taken.reason


def test_arch_audit_gives_some_of_them_a_class(device: Device) -> None:
    audit = "openssl is affected by CVE-2024-5535. Medium risk! Update to at least 3.3.1-1!\n"
    taken = patches.read(device(checkupdates=(0, LISTED, ""), arch_audit=(0, audit, "")))
    assert (values(taken)["updates_security_count"], values(taken)["updates_other_count"]) == (1, 1)


def test_checkupdates_ends_with_2_when_there_are_none(device: Device) -> None:
    assert state(patches.read(device(checkupdates=(2, "", "")))) == (COMPLIANT, "")


def test_checkupdates_ends_with_1_when_it_could_not_look(device: Device) -> None:
    taken = patches.read(device(checkupdates=(1, "", "==> ERROR: Cannot fetch updates\n")))
    assert state(taken) == (PATCH_STATE_UNKNOWN, "Cannot fetch updates")


def test_held_packages_behind_an_empty_list_are_unknown(device: Device) -> None:
    place = device(checkupdates=(2, "", ""))
    place.path("/etc/pacman.conf").write_text("[options]\nIgnorePkg = linux  # until the driver follows\n")
    assert state(patches.read(place))[0] == PATCH_STATE_UNKNOWN


def test_without_checkupdates_pacmans_own_lists_must_be_of_this_week(device: Device, tmp_path: Path) -> None:
    place = device(pacman=(0, LISTED.replace("arch1-1\n", "arch1-1 [ignored]\n"), ""))
    assert "no package lists" in state(patches.read(place))[1]
    sync = place.path("/var/lib/pacman/sync")
    sync.mkdir()
    (sync / "core.db").touch()
    taken = patches.read(place)
    assert state(taken) == (MISSING, "")
    assert values(taken)["updates_held_count"] == 1
    then = time.time() - 9 * 86400
    os.utime(sync / "core.db", (then, then))
    assert state(patches.read(place)) == (PATCH_STATE_UNKNOWN, "the package lists are 9 days old")
    asked = (tmp_path / "programs" / "asked").read_text()
    assert "-Qu" in asked
    assert "-Sy" not in asked


@pytest.mark.parametrize(
    ("errors", "found"), [("", COMPLIANT), ("error: no database\n", PATCH_STATE_UNKNOWN)]
)
def test_pacman_ends_with_1_for_none_and_for_an_error(device: Device, errors: str, found: int) -> None:
    place = device(pacman=(1, "", errors))
    place.path("/var/lib/pacman/sync").mkdir()
    (place.path("/var/lib/pacman/sync") / "core.db").touch()
    assert state(patches.read(place))[0] == found


def test_a_pacman_at_work_is_busy(device: Device) -> None:
    place = device()
    place.path("/var/lib/pacman/db.lck").touch()
    with pytest.raises(Busy):
        patches.read(place)


# rpm-ostree


def ostree(place: Place) -> None:
    place.path("/run").mkdir(exist_ok=True)
    place.path("/run/ostree-booted").touch()


BOOTED = {"booted": True, "version": "40.1"}
FOUND = {"version": "40.2", "sec-advisories": [["FEDORA-1", 3]]}


@pytest.mark.parametrize(
    ("status", "found", "security"),
    [
        ({"deployments": [BOOTED], "cached-update": FOUND}, MISSING, 1),
        ({"deployments": [{"version": "40.2"}, BOOTED], "cached-update": FOUND}, COMPLIANT, 0),
        ({"deployments": [BOOTED]}, PATCH_STATE_UNKNOWN, None),
        ({"deployments": []}, PATCH_STATE_UNKNOWN, None),
    ],
)
def test_an_image_is_missing_waits_or_is_unknown(
    device: Device, status: object, found: int, security: int | None
) -> None:
    place = device(rpm_ostree=(0, json.dumps(status), ""))
    ostree(place)
    taken = patches.read(place)
    assert state(taken)[0] == found
    assert values(taken).get("updates_security_count") == security


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet='ab1 ->[]{}":,deploymntsCVE.!', max_size=200))
def test_strange_words_break_nothing(text: str) -> None:
    pacman.parse_updates("a 1 -> " + text)
    pacman.parse_audit("a is affected by " + text)
    pacman.parse_ignored("IgnorePkg = " + text)
    for shaped in (text, f'{{"deployments": [{text}], "cached-update": {text}}}'):
        try:
            rpm_ostree.parse(shaped)
        except ValueError:
            continue
