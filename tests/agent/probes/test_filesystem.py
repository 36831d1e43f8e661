"""Which mounts are read, and what is said of them."""

import os
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Unavailable
from agent.probes import filesystem
from agent.probes.filesystem import Mount, chosen, is_read_only, parse_mountinfo, parse_mounts, room_of

MOUNTINFO = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda2 rw,errors=remount-ro
30 27 254:1 / /boot/efi rw,relatime - vfat /dev/vda1 rw,utf8
31 27 254:0 /srv/data /mnt/bind\040here ro,relatime - ext4 /dev/vda2 rw,errors=remount-ro
32 27 0:40 / /mnt/share rw - nfs4 server:/export rw
33 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
34 27 0:50 / /tmp rw - tmpfs tmpfs rw
35 27 254:3 / /home ro,relatime - ext4 /dev/vda3 ro
36 27 0:60 / /var/lib/docker/overlay2/x rw - overlay overlay rw
"""


def mount(**facts: object) -> Mount:
    plain: dict[str, object] = {
        "mount_point": "/home",
        "type": "ext4",
        "source": "/dev/sda3",
        "options": frozenset({"rw"}),
    }
    return Mount(**{**plain, **facts})  # type: ignore[arg-type]


def test_only_own_disks_are_read_and_a_bind_mount_once() -> None:
    assert [found.mount_point for found in chosen(parse_mountinfo(MOUNTINFO))] == ["/", "/home", "/boot/efi"]


def test_a_mount_point_asked_for_is_read_whatever_its_type() -> None:
    found = chosen(parse_mountinfo(MOUNTINFO), extra=("/tmp", "/mnt/bind here"))
    assert [entry.mount_point for entry in found] == ["/", "/tmp", "/home", "/boot/efi", "/mnt/bind here"]


def test_the_overlay_is_the_disk_of_a_container() -> None:
    container = (
        "27 1 0:30 / / rw - overlay overlay rw,lowerdir=/a\n28 27 0:31 / /etc/hosts rw - ext4 /dev/sda1 rw\n"
    )
    assert [found.type for found in chosen(parse_mountinfo(container))] == ["overlay", "ext4"]


def test_a_filesystem_that_fell_read_only_is_told_from_one_that_was_meant_to_be() -> None:
    wanted = {"/home": frozenset({"defaults"}), "/usr": frozenset({"ro", "nodev"})}
    fallen = frozenset({"ro", "errors=remount-ro"})
    assert is_read_only(mount(options=fallen), wanted) is True
    assert is_read_only(mount(mount_point="/usr", options=fallen), wanted) is False
    assert is_read_only(mount(mount_point="/data", options=fallen), wanted) is None
    assert is_read_only(mount(options=frozenset({"rw", "emergency_ro"})), wanted) is True
    assert is_read_only(mount(), wanted) is False


def test_a_sandboxed_view_of_a_writable_filesystem_is_not_read_only() -> None:
    bound = parse_mountinfo("31 27 254:0 / / ro,relatime - ext4 /dev/vda2 rw\n")[0]
    assert is_read_only(bound, {"/": frozenset({"defaults"})}) is False


def test_the_numbers_are_those_df_shows() -> None:
    here = room_of(os.statvfs("/"), "ext4")
    assert here is not None
    assert here.used_ratio == pytest.approx(psutil.disk_usage("/").percent / 100, abs=0.002)


def test_inodes_of_a_filesystem_that_makes_them_as_needed_are_left_out() -> None:
    for kind in ("btrfs", "xfs"):
        found = room_of(os.statvfs("/"), kind)
        assert found is not None
        assert found.inodes_used_ratio is None


def test_a_filesystem_is_known_by_its_uuid(tmp_path: Path) -> None:
    tree(tmp_path)
    by_uuid = tmp_path / "dev" / "disk" / "by-uuid"
    by_uuid.mkdir(parents=True)
    (by_uuid / "0b6cfae7-1111").symlink_to("../../vda3")
    udev = tmp_path / "run" / "udev" / "data"
    udev.mkdir(parents=True)
    (udev / "b254:1").write_text("E:ID_FS_UUID=12AB-34CD\nE:ID_FS_LABEL=EFI\n")
    taken = filesystem.read(Place(root=tmp_path))
    rows = {item.key: dict(item.facts) for item in taken.sections["filesystems"]}
    assert rows["0b6cfae7-1111"]["mount_point"] == "/home"
    assert rows["12AB-34CD"]["label"] == "EFI"
    assert rows["/"]["device"] == "/dev/vda2"


def test_a_captured_tree_is_not_given_the_size_of_the_disk_it_lies_on(tmp_path: Path) -> None:
    tree(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "fstab").write_text("# <what> <where>\nUUID=0b6cfae7-1111 /home ext4 defaults 0 2\n")
    taken = filesystem.read(Place(root=tmp_path))
    read = {(reading.metric, reading.component): reading.last for reading in taken.readings}
    assert read == {
        ("filesystem_read_only_state", "/"): 0,
        ("filesystem_read_only_state", "/home"): 1,
        ("filesystem_read_only_state", "/boot/efi"): 0,
    }


def test_a_stick_is_not_a_disk_of_the_device(tmp_path: Path) -> None:
    tree(tmp_path)
    disk = tmp_path / "sys" / "devices" / "vda"
    (disk / "vda3").mkdir(parents=True)
    (disk / "removable").write_text("1\n")
    (tmp_path / "sys" / "dev" / "block").mkdir(parents=True)
    (tmp_path / "sys" / "dev" / "block" / "254:3").symlink_to("../../devices/vda/vda3")
    keys = [item.key for item in filesystem.read(Place(root=tmp_path)).sections["filesystems"]]
    assert keys == ["/", "/boot/efi"]


def test_one_filesystem_that_cannot_be_asked_loses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs
    mounts = [mount(mount_point="/", source="/dev/a"), mount(mount_point="/broken", source="/dev/b")]
    monkeypatch.setattr(filesystem, "_mounts", lambda place: mounts)

    def statvfs(path: Path) -> os.statvfs_result:
        if str(path) == "/broken":
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "statvfs", statvfs)
    taken = filesystem.read(Place())
    assert "/broken: Input/output error" in taken.reason
    assert ("filesystem_size_bytes", "/") in {
        (reading.metric, reading.component) for reading in taken.readings
    }


@pytest.mark.parametrize("source", ["x" * 5000, "/dev/" + "y" * 300, r"/dev/a\000b"])
def test_a_source_no_file_can_be_named_after_loses_no_other(tmp_path: Path, source: str) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    lines = f"27 1 254:0 / / rw - ext4 {source} ro\n35 27 254:3 / /home rw - ext4 /dev/vda3 ro\n"
    (tmp_path / "proc/self/mountinfo").write_text(lines, encoding="utf-8")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text("/dev/vda3 /home ext4 rw 0 2\n", encoding="utf-8")
    taken = filesystem.read(Place(root=tmp_path))
    assert {reading.metric for reading in taken.readings} == {"filesystem_read_only_state"}


def test_without_a_table_of_mounts_nothing_is_claimed(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        filesystem.read(Place(root=tmp_path))


def test_this_machines_root_is_read() -> None:
    taken = filesystem.read(Place())
    assert any(item.facts["mount_point"] == "/" for item in taken.sections["filesystems"])


def tree(root: Path) -> None:
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "mountinfo").write_text(MOUNTINFO)


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet="/ -\\0147 rwext\n,:", max_size=200))
def test_a_strange_table_of_mounts_breaks_nothing(text: str) -> None:
    chosen(parse_mountinfo(text))
    chosen(parse_mounts(text))


def test_a_disk_the_sandbox_hides_is_told_and_not_given_the_size_of_what_covers_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filesystem, "_mounts", lambda place: [mount(mount_point="/proc", numbers="254:99")])
    taken = filesystem.read(Place())
    assert "hidden from the agent" in taken.reason
    assert {reading.metric for reading in taken.readings} == {"filesystem_read_only_state"}
