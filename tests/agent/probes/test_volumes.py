"""Software RAID, LVM and eMMC. All fixtures are made by us after the kernel's documentation."""

import sys
from pathlib import Path

import pytest

from agent.probe import Place, Taken
from agent.probes import device_mapper, disk_health, emmc, md

MDSTAT = """\
Personalities : [raid1] [raid6] [raid5] [raid4]
md0 : active raid1 sdc1[2] sdb1[1](F) sda1[0]
      976630464 blocks super 1.2 [2/1] [U_]
      [==>..................]  recovery = 12.6% (123456789/976630464) finish=96.7min speed=146789K/sec
      bitmap: 1/8 pages [4KB], 65536KB chunk

md1 : active raid5 sdf1[3] sde1[1] sdd1[0]
      1953260544 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/3] [UUU]
      [>....................]  check =  0.1% (1000/976630272) finish=100.0min speed=1000K/sec

md127 : active (auto-read-only) raid1 sdh1[1] sdg1[0]
      1000 blocks super 1.2 [2/2] [UU]
        resync=PENDING

unused devices: <none>
"""


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def test_an_array_tells_its_failed_member_and_how_far_the_rebuild_is() -> None:
    mirror, parity, waiting = md.parse_mdstat(MDSTAT)
    assert (mirror.missing, mirror.failed, mirror.work, mirror.work_done_ratio) == (
        1, ("sdb1",), "recovery", pytest.approx(0.126),
    )  # fmt: skip
    assert (parity.missing, parity.work, parity.work_done_ratio) == (0, "check", pytest.approx(0.001))
    assert (waiting.missing, waiting.work) == (0, None)


@pytest.mark.parametrize(
    ("level", "action", "count", "told"),
    [("raid5", "check", "128", 128), ("raid5", "none", "0", None), ("raid1", "check", "128", None)],
)
def test_parity_that_does_not_fit_is_told_once_it_was_checked(
    tmp_path: Path, level: str, action: str, count: str, told: int | None
) -> None:
    node = tmp_path / "sys/block/md0/md"
    node.mkdir(parents=True)
    (node / "last_sync_action").write_text(action + "\n")
    (node / "mismatch_cnt").write_text(count + "\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mdstat").write_text(
        f"md0 : active {level} sdb1[1] sda1[0]\n      10 blocks [2/2] [UU]\n"
    )
    assert values(disk_health.read(Place(root=tmp_path))).get(("raid_mismatches_count", "md0")) == told


STATUS = """\
vg-root: 0 41943040 linear
vg-home: 0 409600 raid raid1 2 AA 409600/409600 idle 0 0 -
vg-data: 0 819200 raid raid5_ls 3 AaA 102400/409600 recover 0 0 -
vg-new: 0 819200 raid raid1 2 aa 0/819200 resync 0 0 -
vg-lost: 0 819200 raid raid1 2 AD 819200/819200 idle 0 0 -
vg-old: 0 100 mirror 2 253:1 253:2 80/80 1 AD 3 disk 253:0 A
vg-pool-tpool: 0 2097152 thin-pool 1 410/2048 15000/16384 - rw discard_passdown queue_if_no_space - 1024
vg-my--pool-tpool: 0 2097152 thin-pool 1 2048/2048 16384/16384 - out_of_data_space discard_passdown error_if_no_space needs_check 1024
vg-dead-tpool: 0 2097152 thin-pool Fail
swap_crypt: 0 8192 crypt
"""


def test_the_mapper_tells_which_volumes_miss_a_member() -> None:
    arrays = {array.name: array for array in device_mapper.parse_status(STATUS).arrays}
    assert {name: array.missing for name, array in arrays.items()} == {
        "vg-home": 0, "vg-data": 1, "vg-new": 0, "vg-lost": 1, "vg-old": 1,
    }  # fmt: skip
    assert (arrays["vg-data"].level, arrays["vg-data"].work_done_ratio) == ("raid5", 0.25)
    assert arrays["vg-home"].work_done_ratio is None


def test_a_pool_tells_how_full_it_is_and_whether_it_still_writes() -> None:
    good, full, dead = device_mapper.parse_status(STATUS).pools
    assert (good.failed, good.metadata_used_ratio, good.data_used_ratio) == (
        False, pytest.approx(0.2002, abs=1e-4), pytest.approx(0.9155, abs=1e-4),
    )  # fmt: skip
    assert (full.failed, full.data_used_ratio) == (True, 1.0)
    assert (dead.failed, dead.data_used_ratio) == (True, None)
    assert [device_mapper.volume(pool.name) for pool in (good, full)] == ["vg/pool", "vg/my-pool"]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_the_mapper_is_asked_only_where_something_has_a_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, tree = tmp_path / "programs", tmp_path / "tree"
    programs.mkdir()
    (tmp_path / "status").write_text(STATUS)
    (programs / "dmsetup").write_text(f"#!/bin/sh\ncat '{tmp_path}/status'\n")
    (programs / "dmsetup").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    (tree / "sys/block/dm-0/dm").mkdir(parents=True)
    name = tree / "sys/block/dm-0/dm/name"
    name.write_text("vg-root\n")
    (tree / "proc").mkdir()
    (tree / "proc/mdstat").write_text(MDSTAT)
    assert ("raid_degraded_state", "vg-lost") not in values(disk_health.read(Place(root=tree)))
    name.write_text("vg-pool-tpool\n")
    read = values(disk_health.read(Place(root=tree)))
    assert read["raid_degraded_state", "vg-lost"] == 1
    assert read["raid_degraded_state", "md0"] == 1
    assert read["thin_pool_failed_state", "vg-pool-tpool"] == 0


def test_a_pool_nobody_may_ask_about_is_told_as_unknown(tmp_path: Path) -> None:
    (tmp_path / "sys/block/dm-0/dm").mkdir(parents=True)
    (tmp_path / "sys/block/dm-0/dm/name").write_text("vg-pool-tpool\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mdstat").write_text(MDSTAT)
    taken = disk_health.read(Place(root=tmp_path))
    assert "LVM: a captured tree is read: dmsetup" in taken.reason


@pytest.mark.parametrize(
    ("life", "reserve", "used", "state"),
    [
        ("0x01 0x01", "0x01", 0.0, 1),
        ("0x02 0x09", "0x02", 0.8, 2),
        ("0x0b 0x00", "0x03", 1.0, 3),
        ("0x00 0x00", "0x01", None, 1),
    ],
)
def test_emmc_tells_its_wear_in_tenths(life: str, reserve: str, used: float | None, state: int) -> None:
    facts = emmc.facts("mmcblk0", serial="0x1234abcd", life_time=life, reserve=reserve)
    assert (facts.readable, facts.life_used_ratio, facts.reserve_state) == (True, used, state)


def test_emmc_too_old_to_tell_is_unreadable_and_an_sd_card_no_disk(tmp_path: Path) -> None:
    for name, kind in (("mmcblk0", "MMC"), ("mmcblk1", "SD")):
        node = tmp_path / "sys/block" / name
        (node / "device").mkdir(parents=True)
        (node / "size").write_text("61071360\n")
        (node / "device/type").write_text(kind + "\n")
        (node / "device/name").write_text("BJTD4R\n")
    (tmp_path / "sys/block/mmcblk0boot0").mkdir()
    taken = disk_health.read(Place(root=tmp_path))
    (row,) = taken.sections["disks"]
    assert (row.key, row.facts["readable"], row.facts["interface"]) == ("mmcblk0", "false", "eMMC")
    assert "older than version 5.0" in row.facts["unreadable_reason"]
