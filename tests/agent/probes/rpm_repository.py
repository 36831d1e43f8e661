"""A repository of RPM packages and a tree they are installed in, made by the real rpmbuild and createrepo_c."""

import shutil
import subprocess
from pathlib import Path

import pytest

_SPEC = """Name: {name}
Version: {version}
Release: 1
Epoch: {epoch}
Summary: A package of the tests
License: none
BuildArch: noarch
{more}
%description
Nothing.
%files
"""
_UPDATE = """<update from="nobody" status="final" type="{kind}" version="1"><id>{name}</id><title>{package}</title>
<issued date="2026-11-01 00:00:00"/><severity>{severity}</severity><description>-</description><references/>
<pkglist><collection short="c"><name>c</name>
<package name="{package}" version="{version}" release="1" epoch="0" arch="noarch" src="{package}-{version}-1.src.rpm">
<filename>{package}-{version}-1.noarch.rpm</filename></package></collection></pkglist></update>"""

LONG = "a-very-long-package-name-that-goes-on-and-on-and-on-beyond-every-column"
# name, kind, package, version, severity
Advisory = tuple[str, str, str, str, str]
ADVISORIES: tuple[Advisory, ...] = (
    ("TEST-2026:1", "security", "openssl", "2.0", "Important"),
    ("TEST-2026:2", "bugfix", "curl", "2.0", "None"),
)
# Between the installed version and the newest lies the one that had the security fix.
BETWEEN: tuple[Advisory, ...] = (
    ("TEST-2026:3", "security", "curl", "1.5", "Critical"),
    ("TEST-2026:4", "bugfix", "curl", "2.0", "None"),
)


def need(*programs: str) -> None:
    """Skip where one is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine")


def make(directory: Path) -> Path:
    """`old` and `new` below `directory`: version 1 of four packages, and 2 of them in a repository.

    `neovim` obsoletes vim, which is no update; vim has an epoch.
    """
    need("rpmbuild", "createrepo_c", "rpm")
    names = ("openssl", "vim", "curl", LONG)
    for name in names:
        build(directory, "old", name, "1.0")
        build(directory, "new", name, "2.0", epoch=2 if name == "vim" else 0)
    build(directory, "new", "neovim", "3.0", more="Obsoletes: vim < 9")
    publish(directory / "new", ADVISORIES)
    shutil.copytree(directory / "new", directory / "plain")
    shutil.rmtree(directory / "plain" / "repodata")
    publish(directory / "plain", ())
    for version in ("1.5", "2.0"):
        build(directory, "between", "curl", version)
    publish(directory / "between", BETWEEN)
    return directory


def build(directory: Path, where: str, name: str, version: str, *, epoch: int = 0, more: str = "") -> None:
    spec = directory / f"{name}.spec"
    spec.write_text(_SPEC.format(name=name, version=version, epoch=epoch, more=more))
    call(
        "rpmbuild", "-bb", "--quiet",
        "--define", f"_topdir {directory / 'top'}",
        "--define", f"_rpmdir {directory / where}",
        str(spec),
    )  # fmt: skip


def publish(repository: Path, advisories: tuple[Advisory, ...]) -> None:
    call("createrepo_c", "--quiet", str(repository))
    if advisories:
        rows = [
            _UPDATE.format(name=name, kind=kind, package=package, version=version, severity=severity)
            for name, kind, package, version, severity in advisories
        ]
        path = repository.parent / "updateinfo.xml"
        path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<updates>{"".join(rows)}</updates>')
        call("modifyrepo_c", str(path), str(repository / "repodata"))


def install(made: Path, root: Path) -> None:
    """Version 1 of everything into `root`'s own package database."""
    (root / "var" / "lib" / "rpm").mkdir(parents=True)
    # Debian's rpm keeps its database in root's home: programs that follow its macros find the same one.
    (root / "root").mkdir()
    (root / "root" / ".rpmdb").symlink_to("../var/lib/rpm")
    packages = [str(path) for path in (made / "old").rglob("*.rpm")]
    call("rpm", "--root", str(root), "--dbpath", "/var/lib/rpm", "-i", "--nodeps", "--nosignature", *packages)


def call(*command: str) -> str:
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"},
    )
    assert ended.returncode == 0, f"{command}: {ended.stdout} {ended.stderr}"
    return ended.stdout
