"""Installed packages, and how their versions compare."""

import itertools
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Unavailable
from agent.probes import dpkg, software, software_linux, versions

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
    versions.key(text)


def status(root: Path, packages: list[tuple[str, str]]) -> None:
    path = root / "var" / "lib" / "dpkg" / "status"
    path.parent.mkdir(parents=True)
    stanzas = (
        STANZA.format(name=name, architecture=kind, number=number)
        for number, (name, kind) in enumerate(packages)
    )
    path.write_text("".join(stanzas))
