"""Installed packages, and how their versions compare."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Unavailable
from agent.probes import dpkg, pacman, snap, software, software_linux, versions
from protos.report_pb2 import Report
from tests.agent.probes import rpm_repository
from tests.conftest import only_on_linux

STANZA = "Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: 1.{number}-2\nInstalled-Size: 12\nDescription: a package\n with a long\n description\n\n"
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is no dpkg machine")


def test_a_removed_package_that_left_its_configuration_is_not_installed() -> None:
    lines = "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: b\nStatus: hold ok installed\nVersion: 2\n".splitlines(
        True
    )
    assert [package.name for package in dpkg.parse(lines)] == ["b"]


def test_a_package_of_two_architectures_is_two_items(tmp_path: Path) -> None:
    status(tmp_path, [("libc6", "amd64"), ("libc6", "i386")])
    assert [item.key for item in software.read(Place(root=tmp_path)).sections["software"]] == [
        "libc6",
        "libc6:i386",
    ]


def test_the_order_in_the_database_does_not_change_the_section(tmp_path: Path) -> None:
    status(tmp_path / "one", [("b", "all"), ("a", "all")])
    status(tmp_path / "two", [("a", "all"), ("b", "all")])
    one, two = (software.read(Place(root=tmp_path / name)).sections["software"] for name in ("one", "two"))
    assert [item.key for item in one] == [item.key for item in two]


def test_fifty_thousand_packages_pass(tmp_path: Path) -> None:
    status(tmp_path, [(f"package-{number}", "amd64") for number in range(50_000)])
    started = time.monotonic()
    rows = software.read(Place(root=tmp_path)).sections["software"]
    assert len({row.key for row in rows}) == 50_000
    assert time.monotonic() - started < 15


@needs_dpkg
def test_this_machine_has_the_packages_dpkg_says() -> None:
    lines = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    expected = sorted(tuple(line.split()[1:]) for line in lines if line.startswith("installed "))
    rows = software.read(Place()).sections["software"]
    assert sorted((row.facts["name"], row.facts["version"]) for row in rows) == expected


def test_no_database_is_not_no_software(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        software.read(Place(root=tmp_path))


def test_rpm_rows_are_read_with_their_epoch() -> None:
    rows = software_linux.parse_rpm(
        "bash\t0\t5.2-1.fc40\tx86_64\t8000000\tUnspecified\nshadow-utils\t2\t4.15-1.fc40\tx86_64\t7\tSystem\n"
        "gpg-pubkey\t0\tabc-def\t(none)\t0\tPublic Keys\nbroken line\n"
    )
    assert [(row.name, row.version, row.architecture) for row in rows] == [
        ("bash", "5.2-1.fc40", "x86_64"),
        ("shadow-utils", "2:4.15-1.fc40", "x86_64"),
        ("gpg-pubkey", "abc-def", ""),
    ]


@only_on_linux("a shell script stands in for the program")
def test_fifty_thousand_packages_of_rpm_pass_in_a_child_within_its_memory(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "rpm").write_text(
        "#!/bin/sh\nawk 'BEGIN { for (i = 0; i < 50000; i++) "
        'printf "package-with-a-name-%d\\t0\\t1.2-%d.fc40\\tx86_64\\t123456\\tUnspecified\\n", i, i }\'\n'
    )
    (programs / "rpm").chmod(0o755)
    (tmp_path / "root" / "var" / "lib" / "rpm").mkdir(parents=True)
    ended = subprocess.run(
        [sys.executable, "-m", "agent.child", "software", str(tmp_path / "root"), ""],
        env={**os.environ, "PATH": f"{programs}:/usr/bin:/bin"}, capture_output=True, check=True,
    )  # fmt: skip
    (section,) = Report.FromString(ended.stdout).sections
    assert len({row.key for row in section.items}) == 50_000


def test_real_rpm_is_asked_about_the_tree(tmp_path: Path) -> None:
    made = rpm_repository.make(tmp_path)
    rpm_repository.install(made, tmp_path / "root")
    rows = software.read(Place(root=tmp_path / "root")).sections["software"]
    assert {(row.key, row.facts["version"], row.facts["architecture"]) for row in rows} == {
        (name, "1.0-1", "noarch") for name in ("curl", "openssl", "vim", rpm_repository.LONG)
    }


def test_an_rpm_database_without_packages_is_not_no_software(tmp_path: Path) -> None:
    rpm_repository.need("rpm")
    (tmp_path / "var" / "lib" / "rpm").mkdir(parents=True)
    with pytest.raises(Unavailable, match="names no package"):
        software.read(Place(root=tmp_path))


def test_pacmans_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/pacman/local/zlib-1.3-1"
    folder.mkdir(parents=True)
    # documented: a desc file
    (folder / "desc").write_text(
        "%NAME%\nzlib\n\n%VERSION%\n1:1.3-1\n\n%BASE%\nzlib\n\n%ARCH%\nx86_64\n\n%SIZE%\n345678\n\n"
    )
    (row,) = software.read(Place(root=tmp_path)).sections["software"]
    assert row.key == "zlib"
    assert dict(row.facts) == {
        "name": "zlib", "version": "1:1.3-1", "architecture": "x86_64", "installed_bytes": "345678", "source": "zlib"
    }  # fmt: skip


@only_on_linux("a tree of flatpak needs symbolic links")
def test_flatpaks_and_snaps_stand_beside_the_packages(tmp_path: Path) -> None:
    status(tmp_path, [("firefox", "amd64")])
    for branch in ("22.08", "23.08"):
        deployed = tmp_path / "var/lib/flatpak/runtime/org.example.Platform/x86_64" / branch
        deployed.mkdir(parents=True)
        (deployed / "active").symlink_to("0123")
    snaps = tmp_path / "var/lib/snapd/snaps"
    snaps.mkdir(parents=True)
    for file in ("firefox_4600.snap", "firefox_4698.snap", "core22_1663.snap"):
        (snaps / file).touch()
    rows = software.read(Place(root=tmp_path)).sections["software"]
    assert [(row.key, row.facts.get("version", "")) for row in rows] == [
        ("firefox", "1.0-2"),
        ("flatpak org.example.Platform", ""),
        ("flatpak org.example.Platform:x86_64", ""),
        ("snap core22", "revision 1663"),
        ("snap firefox", "revision 4698"),
    ]


def test_captured_snaps_are_read(samples: Path) -> None:
    rows = snap.parse_list((samples / "updates" / "glpi_inventory_snap.txt").read_text())
    assert len(rows) == expected(samples, "glpi_inventory_snap.txt")["lines"] - 1  # its heading
    assert (rows[0].name, rows[0].version, rows[0].source) == ("core18", "20191030", "canonical")


def test_captured_pacman_packages_are_read(samples: Path) -> None:
    rows = pacman.parse_information((samples / "updates" / "glpi_inventory_pacman.txt").read_text())
    assert len(rows) == expected(samples, "glpi_inventory_pacman.txt")["installed"]
    assert (rows[0].name, rows[0].version, rows[0].installed_bytes) == ("ca-certificates", "20180821-1", 1024)


def test_captured_lists_of_packages_hold_what_the_parsers_give(samples: Path) -> None:
    """Two captures have columns of their own: brought into ours, nothing is lost."""
    text = (samples / "updates" / "glpi_inventory_rpm.txt").read_text()
    lines = [line.split("\t") for line in text.splitlines()]
    ours = "".join(f"{n}\t0\t{v}\t{a}\t{size}\t{group}\n" for n, a, v, _, size, _, _, group in lines)
    assert len(software_linux.parse_rpm(ours)) == expected(samples, "glpi_inventory_rpm.txt")["lines"]
    text = (samples / "updates" / "glpi_inventory_dpkg.txt").read_text()
    lines = [line.split("\t") for line in text.splitlines()]
    stanzas = "".join(
        f"Package: {line[0]}\nStatus: {line[5] if len(line) > 5 else 'install ok installed'}\n"
        f"Architecture: {line[1]}\nVersion: {line[2]}\nInstalled-Size: {line[3]}\nSection: {line[4]}\n\n"
        for line in lines
    )
    assert len(lines) == expected(samples, "glpi_inventory_dpkg.txt")["lines"]
    gone = [line for line in lines if line[-1].endswith("config-files")]
    assert len(list(dpkg.parse(stanzas.splitlines(True)))) == len(lines) - len(gone)


def expected(samples: Path, name: str) -> dict:
    return json.loads((samples / "updates" / "EXPECTED.json").read_text())[name]


@needs_dpkg
def test_versions_compare_as_dpkg_compares_them() -> None:
    known = [
        "1.0",
        "1.0-0",
        "1.0~rc1",
        "1.0~rc1~git",
        "1.0+b1",
        "1.0a",
        "1:0.1",
        "1.10",
        "1.9",
        "1.0-1~deb12u1",
        "1.0-1",
        "1.0.",
        "0",
        "1.0-1-2",
    ]
    for one, other in itertools.combinations(known, 2):
        newer = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0
        older = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0
        mine = versions.key(one), versions.key(other)
        assert (mine[0] > mine[1], mine[0] < mine[1]) == (newer, older), (one, other)


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet="Package: Status installed\n\t", max_size=200))
def test_a_strange_database_breaks_nothing(text: str) -> None:
    software.rows(dpkg.parse(text.splitlines(keepends=True)))
    software.rows(software_linux.parse_rpm(text))
    pacman.parse_description("%NAME%\n" + text)
    pacman.parse_information("Name : a\nVersion : 1\nInstalled Size : " + text)
    versions.key(text)


def status(root: Path, packages: list[tuple[str, str]]) -> None:
    path = root / "var" / "lib" / "dpkg" / "status"
    path.parent.mkdir(parents=True)
    stanzas = (
        STANZA.format(name=name, architecture=kind, number=number)
        for number, (name, kind) in enumerate(packages)
    )
    path.write_text("".join(stanzas))
