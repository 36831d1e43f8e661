"""How smartctl is asked: RAID slots, USB bridges it does not know, trees that were captured elsewhere."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.probe import Place, Taken
from agent.probes import disk_health, smartctl
from agent.probes.smart import DiskFacts

DATA = Path(__file__).parent / "data" / "disk_health"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Machine":
    if sys.platform == "win32":
        pytest.skip("a shell script stands in for the program")
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/programs:/usr/bin:/bin")
    return Machine(tmp_path)


class Machine:
    """A tree, and a smartctl that gives what it was told for `-d TYPE DEVICE`; every question is written down."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.place = Place(root=directory / "tree")
        self.answer("--scan", {"devices": []})
        program = directory / "programs/smartctl"
        program.write_text(
            f"#!/bin/sh\ncd '{directory}'\n"
            'case "$1" in --scan) cat ./--scan; exit;; esac\n'
            'shift 4; name=$(echo "$*" | tr "/ " "__"); echo "$*" >> asked\n'
            '[ -f "$name" ] && exec cat "./$name"; cat unknown; exit 2\n'
        )
        program.chmod(0o755)
        self.answer("unknown", refusal("Smartctl open device failed: No such device"))

    def answer(self, question: str, answer: dict[str, Any] | Path) -> None:
        text = answer.read_text() if isinstance(answer, Path) else json.dumps(answer)
        (self._directory / question.replace("/", "_").replace(" ", "_")).write_text(text)

    def block(self, name: str, **files: str) -> None:
        node = self._directory / "tree/sys/block" / name
        (node / "device").mkdir(parents=True)
        for file, text in {"size": "2048", **files}.items():
            (node / file.replace("__", "/")).write_text(text + "\n")

    def asked(self) -> list[str]:
        path = self._directory / "asked"
        return path.read_text().splitlines() if path.exists() else []


def refusal(words: str, status: int = 1) -> dict[str, Any]:
    return {"smartctl": {"exit_status": status, "messages": [{"string": words, "severity": "error"}]}}


def states(taken: Taken) -> dict[str, float]:
    return {r.component: r.last for r in taken.readings if r.metric == "disk_readable_state"}


def test_the_members_behind_a_megaraid_are_read_by_their_slots(machine: Machine, samples: Path) -> None:
    # captured: the scan and one member; the other slot's answer is that of another captured SAS drive
    machine.answer("--scan", samples / "smartctl/scrutiny_smartctl_scan_megaraid.json")
    machine.answer("-d megaraid,0 /dev/bus/0", samples / "smartctl/scrutiny_smart-megaraid0.json")
    machine.answer("-d megaraid,1 /dev/bus/0", samples / "smartctl/telegraf_megaraid.json")
    # documented: what smartctl says of the controller's volume, which its list leaves out
    machine.answer(
        "/dev/sda", refusal("/dev/sda: DELL or MegaRaid controller, please try adding '-d megaraid,N'")
    )
    machine.block("sda")
    expected = json.loads((samples / "smartctl/EXPECTED.json").read_text())
    taken = disk_health.read(machine.place)
    names = ("scrutiny_smart-megaraid0.json", "telegraf_megaraid.json")
    assert [item.key for item in taken.sections["disks"] if item.facts["kind"] == "raid_volume"] == ["sda"]
    rows = {
        item.facts["device_type"]: item.facts
        for item in taken.sections["disks"]
        if "device_type" in item.facts
    }
    assert len(rows) == 2
    for name in names:
        assert rows[expected[name]["device_type"]]["serial"] == expected[name]["serial"]
        assert rows[expected[name]["device_type"]]["readable"] == "true"


def test_every_line_of_a_long_megaraid_scan_is_asked_once(machine: Machine, samples: Path) -> None:
    machine.answer("--scan", samples / "smartctl/telegraf_scan_megaraid.json")
    found = json.loads((samples / "smartctl/EXPECTED.json").read_text())["telegraf_scan_megaraid.json"][
        "devices"
    ]
    taken = disk_health.read(machine.place)
    assert machine.asked() == [f"-d {device['type']} {device['name']}" for device in found]
    assert set(states(taken).values()) == {0}


@pytest.mark.parametrize(
    ("vendor", "type_"), [("0x1e91", "sat"), ("0x152d", "sntjmicron"), ("0x174c", "sntasmedia"), ("0x0bda", "sntrealtek")]
)  # fmt: skip
def test_a_disk_behind_a_bridge_smartctl_does_not_know_is_asked_another_way(
    machine: Machine, vendor: str, type_: str
) -> None:
    # captured: the message, smartmontools issues 302 and 419
    machine.answer("/dev/sdb", refusal(f"/dev/sdb: Unknown USB bridge [{vendor}:0xa3a5 (0x100)]"))
    machine.answer(f"-d {type_} /dev/sdb", DATA / "healthy.json")
    machine.block("sdb")
    assert states(disk_health.read(machine.place)) == {"MD-0451-7788": 1}
    assert (
        machine.asked()
        == ["/dev/sdb", "-d sat /dev/sdb", f"-d {type_} /dev/sdb"][: 2 if type_ == "sat" else 3]
    )


def test_a_makers_own_command_is_not_sent_to_the_chip_of_another(machine: Machine) -> None:
    machine.answer("/dev/sdb", refusal("/dev/sdb: Unknown USB bridge [0x1e91:0xde79 (0x100)]"))
    machine.block("sdb")
    taken = disk_health.read(machine.place)
    assert states(taken) == {"sdb": 0}
    assert "Unknown USB bridge" in taken.sections["disks"][0].facts["unreadable_reason"]
    assert machine.asked() == ["/dev/sdb", "-d sat /dev/sdb"]


def test_a_disk_that_may_not_be_opened_is_not_asked_in_other_ways() -> None:
    assert smartctl.other_types(DiskFacts(unreadable_reason="Permission denied", readable=False)) == ()


def test_the_drives_behind_a_smart_array_are_asked_slot_by_slot(machine: Machine) -> None:
    # documented: smartctl's manual page on `-d cciss,N`; made by us
    machine.answer("--scan", {"devices": [{"name": "/dev/sda", "type": "scsi", "protocol": "SCSI"}]})
    volume = refusal("", 4) | {
        "device": {"name": "/dev/sda", "type": "scsi"},
        "scsi_model_name": "HP LOGICAL VOLUME",
    }
    machine.answer("-d scsi /dev/sda", volume | {"smart_support": {"available": False}})
    for slot in (0, 1):
        member = json.loads((DATA / "healthy.json").read_text()) | {"serial_number": f"S{slot}"}
        member["device"] = {"name": "/dev/sda", "type": f"sat+cciss,{slot}", "protocol": "ATA"}
        machine.answer(f"-d cciss,{slot} /dev/sda", member)
    taken = disk_health.read(machine.place)
    assert states(taken) == {"S0": 1, "S1": 1}
    assert [item.facts["kind"] for item in taken.sections["disks"]] == ["raid_volume", "disk", "disk"]
    assert machine.asked()[-1] == "-d cciss,2 /dev/sda"


def test_several_namespaces_of_one_drive_are_one_drive(machine: Machine, samples: Path) -> None:
    machine.answer("--scan", {"devices": [{"name": "/dev/nvme0", "type": "nvme", "protocol": "NVMe"}]})
    machine.answer("-d nvme /dev/nvme0", samples / "smartctl/telegraf_nvme.json")
    for name in ("nvme0n1", "nvme0n2"):
        machine.block(name)
    assert list(states(disk_health.read(machine.place)).values()) == [1]


def test_a_drive_with_two_paths_is_known_by_its_controllers(machine: Machine, samples: Path) -> None:
    machine.answer("--scan", {"devices": [{"name": "/dev/nvme2", "type": "nvme", "protocol": "NVMe"}]})
    machine.answer("-d nvme /dev/nvme2", samples / "smartctl/telegraf_nvme.json")
    machine.block("nvme0n1")
    (machine.place.path("/sys/block/nvme0n1/device") / "nvme2").mkdir()
    assert list(states(disk_health.read(machine.place)).values()) == [1]
