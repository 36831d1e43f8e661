"""The disk_health probe from end to end, with a stand-in for the program smartctl first on PATH."""

import json
import sys
from pathlib import Path

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import disk_health, disk_health_linux, smart
from agent.probes import smartctl as smartctl_program
from agent.probes.smart import DiskFacts

DATA = Path(__file__).parent / "data" / "disk_health"
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "smartctl"


@pytest.fixture
def smartctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for stand-ins, in front of everything else on PATH."""
    if sys.platform == "win32":
        pytest.skip("a shell script stands in for the program")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def answer_with(
    directory: Path, answer: Path, *, type_: str = "sat", device: str = "/dev/sda", status: int = 0
) -> None:
    scan = json.dumps({"devices": [{"name": device, "type": type_, "protocol": "ATA"}]})
    program(directory, f"case \"$1\" in --scan) echo '{scan}';; *) cat '{answer}'; exit {status};; esac")


def program(directory: Path, script: str) -> None:
    path = directory / "smartctl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def facts(taken: Taken, key: str) -> dict[str, str]:
    return next(dict(item.facts) for item in taken.sections["disks"] if item.key == key)


def test_a_disk_is_known_by_its_serial(smartctl: Path) -> None:
    answer_with(smartctl, DATA / "healthy.json", status=64)
    taken = disk_health.read(Place())
    read = values(taken)
    key = "MD-0451-7788"
    assert read["disk_readable_state", key] == 1
    assert read["disk_reallocated_sectors_total", key] == 304
    assert read["disk_pending_sectors_count", key] == 8
    assert read["disk_power_on_seconds", key] == 3_600_000
    assert read["disk_attributes_failing_count", key] == 0
    assert ("disk_crc_errors_total", key) not in read
    row = facts(taken, key)
    assert (row["form_factor"], row["interface"], row["rotation_rate"]) == ("3.5 inches", "SATA 3.3", "7200")
    assert row["attributes_failed_past"] == "10"


@pytest.mark.skipif(not SAMPLES.exists(), reason="the captured samples are not beside this checkout")
@pytest.mark.parametrize(
    "name", ["scrutiny_smart-fail2.json", "telegraf_nvme.json", "scrutiny_smart-scsi.json"]
)
def test_a_captured_disk_comes_through_the_probe(smartctl: Path, name: str) -> None:
    expected = json.loads((SAMPLES / "EXPECTED.json").read_text())[name]
    answer_with(
        smartctl,
        SAMPLES / name,
        type_=expected["device_type"],
        device=expected["device"],
        status=expected["exit_status"],
    )
    read = values(disk_health.read(Place()))
    key = expected["serial"]
    assert read["disk_readable_state", key] == 1
    assert read["disk_temperature_celsius", key] == expected["temperature_celsius"]
    assert read["disk_self_assessment_passed_state", key] == expected["self_assessment_passed"]


def test_a_program_that_answers_about_one_disk_whatever_it_is_asked_is_understood(smartctl: Path) -> None:
    program(smartctl, f"cat '{DATA / 'healthy.json'}'")
    assert values(disk_health.read(Place()))["disk_readable_state", "MD-0451-7788"] == 1


def test_an_unreadable_disk_is_not_healthy(smartctl: Path) -> None:
    answer_with(smartctl, DATA / "not_permitted.json", status=2)
    taken = disk_health.read(Place())
    assert values(taken)["disk_readable_state", "sda"] == 0
    assert not [name for name, _ in values(taken) if name == "disk_self_assessment_passed_state"]
    assert "Permission denied" in facts(taken, "sda")["unreadable_reason"]


def test_a_sleeping_disk_is_left_asleep_and_gives_no_readings(smartctl: Path) -> None:
    answer_with(smartctl, DATA / "asleep.json", device="/dev/sdb", status=2)
    taken = disk_health.read(Place())
    assert not [component for _, component in values(taken) if component == "sdb"]
    assert facts(taken, "sdb")["standby"] == "true"


def test_a_smartctl_that_knows_no_json_makes_disks_unreadable_and_not_absent(smartctl: Path) -> None:
    scan = '{"devices": [{"name": "/dev/sda", "type": "sat"}]}'
    program(smartctl, f"[ \"$1\" = --scan ] && echo '{scan}' || echo '=======> UNRECOGNIZED OPTION: json'")
    taken = disk_health.read(Place())
    assert values(taken)["disk_readable_state", "sda"] == 0
    assert "version 7" in facts(taken, "sda")["unreadable_reason"]


@pytest.mark.skipif(sys.platform == "win32", reason="there Windows itself tells of the disks")
def test_without_smartctl_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.commands.find", lambda program: None)
    with pytest.raises(Unavailable, match="install smartmontools"):
        disk_health.read(Place())


def test_a_captured_tree_is_not_answered_with_the_disks_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="captured tree"):
        disk_health.read(Place(root=tmp_path))


def test_a_broken_mirror_is_told_even_when_no_disk_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "mdstat").write_text(
        "Personalities : [raid1] [raid0]\n"
        "md0 : active raid1 sdb1[1](F) sda1[0]\n      976630464 blocks super 1.2 [2/1] [U_]\n\n"
        "md1 : active raid1 sdb2[1] sda2[0]\n      976630464 blocks super 1.2 [2/2] [UU]\n\n"
        "md2 : active raid0 sdc1[1] sdd1[0]\n      19532 blocks 512k chunks\n\n"
        "md3 : inactive sde1[0](S)\n      976630464 blocks super 1.2\n\nunused devices: <none>\n"
    )
    taken = disk_health.read(Place(root=tmp_path))
    assert values(taken) == {
        ("raid_degraded_state", "md0"): 1,
        ("raid_degraded_state", "md1"): 0,
        ("raid_degraded_state", "md3"): 1,
    }
    assert "captured tree" in taken.reason


def test_a_virtual_disk_is_named_and_neither_healthy_nor_unreadable(tmp_path: Path, smartctl: Path) -> None:
    for name in ("vda", "sda", "zram0", "loop0"):
        node = tmp_path / "sys" / "block" / name
        (node / "device").mkdir(parents=True)
        (node / "size").write_text("2048\n")
    found = {disk.device: disk for disk in disk_health_linux._unseen(Place(root=tmp_path), [], None)}
    assert found.keys() == {"/dev/sda", "/dev/vda"}
    assert disk_health.readings("vda", found["/dev/vda"]) == []
    assert disk_health.readings("sda", found["/dev/sda"])[0].last == 0


def test_two_paths_to_one_drive_are_one_drive() -> None:
    paths = [
        DiskFacts(device=f"/dev/{name}", serial="S1", model="M", capacity_bytes=5, readable=True)
        for name in ("sda", "sdb")
    ]
    assert [key for key, _ in disk_health.keyed(paths)] == ["S1"]


def test_a_bridge_that_gives_every_drive_one_serial_does_not_merge_them() -> None:
    drives = [
        DiskFacts(device="/dev/sda", serial="DD20", model="M", capacity_bytes=5, readable=True),
        DiskFacts(device="/dev/sdb", serial="DD20", model="M", capacity_bytes=9, readable=True),
        DiskFacts(device="/dev/sdc", serial="0000000000", model="M", capacity_bytes=9, readable=True),
    ]
    assert [key for key, _ in disk_health.keyed(drives)] == ["DD20", "sdb", "sdc"]


def test_the_volume_of_a_raid_controller_is_no_disk() -> None:
    volume = DiskFacts(device="/dev/sda", device_type="scsi", readable=False)
    slot = DiskFacts(device="/dev/bus/0", device_type="megaraid,0", serial="S1", readable=True)
    kinds = [facts.kind for facts in disk_health_linux._name_volumes([volume, slot])]
    assert kinds == ["raid_volume", "disk"]
    assert disk_health_linux._name_volumes([volume])[0].kind == "disk"


def test_an_ssd_tells_how_much_of_its_life_is_used() -> None:
    facts = smart.parse(
        json.dumps(
            {
                "device": {"name": "/dev/sda"},
                "smart_status": {"passed": True},
                "endurance_used": {"current_percent": 37},
            }
        )
    )
    assert facts.life_used_ratio == 0.37


def test_one_hanging_disk_does_not_cost_the_others_their_answer(
    smartctl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = json.dumps({"devices": [{"name": "/dev/sdb"}, {"name": "/dev/sda"}, {"name": "/dev/sdc"}]})
    program(
        smartctl,
        f"case \"$*\" in --scan*) echo '{scan}';; *sdb) sleep 60;; *) cat '{DATA / 'healthy.json'}';; esac",
    )
    monkeypatch.setattr(smartctl_program, "DISK_LIMIT_SECONDS", 1.0)
    taken = disk_health.read(Place())
    assert values(taken)["disk_readable_state", "MD-0451-7788"] == 1
    assert values(taken)["disk_readable_state", "sdb"] == 0
    assert "did not answer" in facts(taken, "sdb")["unreadable_reason"]
    monkeypatch.setattr(smartctl_program, "ALL_LIMIT_SECONDS", -1.0)
    assert "not asked" in facts(disk_health.read(Place()), "sda")["unreadable_reason"]


def test_a_disk_on_a_usb_plug_is_told_apart(tmp_path: Path) -> None:
    for name, way in (
        ("sda", "devices/pci0000:00/ata1/host0/sda"),
        ("sdb", "devices/pci0000:00/usb2/2-1/host6/sdb"),
    ):
        node = tmp_path / "sys" / way
        node.mkdir(parents=True)
        (node / "size").write_text("1000\n")
        (tmp_path / "sys/block").mkdir(exist_ok=True)
        (tmp_path / "sys/block" / name).symlink_to(node)
    place = Place(root=tmp_path)
    told = [
        disk_health_linux._plugged(place, DiskFacts(device=f"/dev/{name}")) for name in ("sda", "sdb", "none")
    ]
    assert [facts.detachable for facts in told] == [False, True, False]
