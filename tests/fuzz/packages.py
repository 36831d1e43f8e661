"""Rows of the package managers."""

from collections.abc import Iterator

from agent.probes import (
    apt,
    dnf,
    dpkg,
    flatpak,
    fwupd,
    pacman,
    repomd,
    rpm_ostree,
    snap,
    software_linux,
    zypper,
)
from tests.fuzz.corpus import LONG, NOW, Parser, lines, text


def rows() -> Iterator[Parser]:
    yield from _debian_and_red_hat()
    yield from _others()


def _debian_and_red_hat() -> Iterator[Parser]:
    upgrade = ("updates/local_apt*", "updates/jc_apt*", "data/apt/*upgrade.txt")
    yield Parser(
        name="probes.apt.parse_simulation", call=text(apt.parse_simulation), corpus=upgrade, allowed=()
    )
    yield Parser(
        name="probes.apt.parse_block",
        call=text(lambda told: apt.parse_block(told, "The following packages")),
        corpus=upgrade,
        allowed=(),
    )
    yield Parser(
        name="probes.apt.parse_error",
        call=text(apt.parse_error),
        seeds=(b"E: Could not\nW: x\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.apt.parse_release",
        call=text(lambda told: apt.lists([apt.parse_release(told)], now=NOW)),
        corpus=("data/apt/*InRelease*",),
        seeds=(b"Label: Ubuntu\nSuite: jammy-security\nDate: Fri, 20 Nov 2026 00:12:41 UTC\n",),
        allowed=(),
    )
    updates = ("updates/dnf5*", "updates/puppet_yum*")
    yield Parser(name="probes.dnf.parse_check_update", call=text(dnf.parse_check_update), corpus=updates)
    dashes = b"FEDORA-1 Important/Sec. " + b"-" * 4000 + b"\n"  # took seconds
    yield Parser(
        name="probes.dnf.worst",
        call=text(lambda told: dnf.worst(dnf.parse_advisories(told))),
        corpus=updates,
        seeds=(dashes,),
    )
    yield Parser(
        name="probes.dpkg.parse",
        call=lines(dpkg.parse),
        seeds=(
            b"Package: vim\nStatus: install ok installed\nInstalled-Size: 3738\nVersion: 2:9.0\n"
            b"Architecture: amd64\nSource: vim (1)\nSection: editors\nDescription: x\n y\n\nPackage: b\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.software_linux.parse_rpm",
        call=text(software_linux.parse_rpm),
        corpus=("updates/glpi_inventory_rpm.txt",),
        seeds=(b"bash\t0\t5.1.8-9.el9\tx86_64\t7738634\tUnspecified\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.apt.parse_configuration",
        call=text(apt.parse_configuration),
        seeds=(b'APT::Periodic::Unattended-Upgrade "1";\nDir::Etc "etc/apt";\nAPT::Update "";\n',),
        allowed=(),
    )
    yield Parser(
        name="probes.apt.parse_paid",
        call=text(apt.parse_paid),
        seeds=(
            b'{"packages": [{"package": "vim", "status": "pending_attach"}], "summary": {"ua": {"attached": false}}}',
        ),
    )
    yield Parser(
        name="probes.dnf.parse_advisories", call=text(dnf.parse_advisories), corpus=updates, seeds=(dashes,)
    )
    yield Parser(name="probes.dnf.parse_summary", call=text(dnf.parse_summary), corpus=updates, allowed=())
    yield Parser(
        name="probes.dnf.parse_restart",
        call=text(dnf.parse_restart),
        corpus=updates,
        seeds=(b'[{"type": "reboot", "reboot_required": true, "packages": 7}]',),
    )
    yield Parser(
        name="probes.dnf.parse_repositories",
        call=text(dnf.parse_repositories),
        seeds=(b"repo id      repo name\nfedora       Fedora 40\nupdates      Updates\nrepolist: 2\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.dnf.parse_package",
        call=text(dnf.parse_package),
        seeds=(b"kernel-core-6.9.1-200.fc40.x86_64", b"-" * 4000),
        allowed=(),
    )
    yield Parser(
        name="probes.dnf.has_locks", call=text(dnf.has_locks), seeds=(b"# x\nbash-0:5.1-1.*\n",), allowed=()
    )


def _others() -> Iterator[Parser]:
    xml = ("updates/salt_zypper*.xml",)
    seed = (
        b'<?xml version="1.0"?>\n<stream><update-status version="0.6"><update-list><update kind="package" name="bind" '
        b'edition="9.9" arch="x86_64" edition-old="9.8"><source alias="u"/></update></update-list></update-status>'
        b'<repo alias="u" enabled="1"/><lock><name>vim*</name></lock><solvable kind="patch" name="a" status="installed" '
        b'summary="Security update for x"/></stream>',
    )
    for parse in (zypper.parse_updates, zypper.parse_patches, zypper.parse_repositories, zypper.parse_locks):
        yield Parser(name=f"probes.zypper.{parse.__name__}", call=text(parse), corpus=xml, seeds=seed)
    yield Parser(
        name="probes.zypper.parse_restart",
        call=text(lambda told: zypper.parse_restart(told, 0)),
        seeds=(b"Reboot is probably not necessary.\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.zypper.parse_plain",
        call=text(zypper.parse_plain),
        corpus=("updates/puppet_zypper*",),
        seeds=(
            b"S | Repository | Name | Current Version | Available Version | Arch\n--+--\nv | u | vim | 1 | 2 | x86_64\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.pacman.parse_updates",
        call=text(lambda told: pacman.parse_updates(told, {"vim": "High"})),
        seeds=(b"vim 9.0-1 -> 9.1-1\nlinux 6.1-1 -> 6.2-1 [ignored]\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.pacman.parse_audit",
        call=text(pacman.parse_audit),
        seeds=(b"openssl is affected by CVE-2024-1. High risk! Update to at least 3.0.2-1!\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.pacman.parse_ignored",
        call=text(pacman.parse_ignored),
        seeds=(b"[options]\nIgnorePkg = linux vim # x\nIgnoreGroup=gnome\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.pacman.parse_description",
        call=text(pacman.parse_description),
        seeds=(b"%NAME%\nvim\n\n%VERSION%\n9.1-1\n\n%ARCH%\nx86_64\n\n%SIZE%\n123\n\n%BASE%\nvim\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.pacman.parse_information",
        call=text(pacman.parse_information),
        corpus=("updates/glpi_inventory_pacman.txt",),
        seeds=(
            b"Name            : vim\nVersion         : 9.1-1\nInstalled Size  : 3.97 MiB\n",
            b"Installed Size : " + LONG,
        ),
        allowed=(),
    )
    snaps = (
        b"Name    Version   Rev   Tracking  Publisher   Notes\ncore18  20191030  1265  stable    canonical*  held\n",
    )
    yield Parser(
        name="probes.snap.parse_list",
        call=text(snap.parse_list),
        corpus=("updates/glpi_inventory_snap.txt",),
        seeds=snaps,
        allowed=(),
    )
    yield Parser(name="probes.snap.parse_held", call=text(snap.parse_held), seeds=snaps, allowed=())
    yield Parser(
        name="probes.snap.parse_refresh",
        call=text(lambda told: snap.parse_refresh(told, told[-40:])),
        seeds=snaps,
    )
    flat = (b"org.gimp.GIMP\t2.10.36\tstable\tx86_64\tflathub\n",)
    yield Parser(
        name="probes.flatpak.parse_updates", call=text(flatpak.parse_updates), seeds=flat, allowed=()
    )
    yield Parser(name="probes.flatpak.parse_list", call=text(flatpak.parse_list), seeds=flat, allowed=())
    firmware = (
        b'{"Devices": [{"Name": "SSD", "DeviceId": "3d", "Guid": ["a"], "Flags": ["updatable"], "Version": "1", "Releases": '
        b'[{"Version": "2", "Urgency": "critical", "Flags": []}]}], "Remotes": [{"Kind": "download", "Enabled": true, "Mtime": 1700000000}]}',
        b'{"Error": {"Message": "no"}}',
    )
    for parse_json in (fwupd.parse_updates, fwupd.parse_devices, fwupd.parse_metadata_at):
        yield Parser(name=f"probes.fwupd.{parse_json.__name__}", call=text(parse_json), seeds=firmware)
    yield Parser(
        name="probes.repomd.parse_made_at",
        call=text(lambda told: repomd.doubt([told], NOW)),
        seeds=(
            b"<repomd><data><timestamp>1700000000.25</timestamp></data><timestamp>99999999999</timestamp></repomd>",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.rpm_ostree.parse",
        call=text(rpm_ostree.parse),
        seeds=(
            b'{"deployments": [{"booted": false, "version": "40.2"}, {"booted": true, "version": "40.1"}],'
            b'"cached-update": {"version": "40.2", "sec-advisories": [["a", 1]]}}',
        ),
    )
