"""Whole probes: on a Windows device whose every answer is odd, and on a Linux tree whose files are spoiled.

The input is the seed of what the sources say, so that the same bytes give the same device. A probe answers or
says why it cannot; whatever it answers must be a report that goes over the wire.
"""

import math
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agent.probe import Busy, Place, Probe, Taken, Unavailable
from agent.windows import Event, Installation, Row, Searched, Sound, SoundDefault, SoundLevel, Update, Value
from protos.report_pb2 import Report
from tests.fuzz.corpus import NOW, Parser
from tests.fuzz.mutate import mutated

_TEXTS: Final = (
    "", " ", "x", "0", "-1", "7", "4294967295", "18446744073709551616", "9" * 400, "1.5", "nan", "TRUE", "false", "C:", "C:\\",
    "20240501101112.000000+060", "99999999999999.999999+999", "20240231000000.000000-000", "2024-05-01T10:11:12Z", "20240501",
    "{3,4}", "{", "0x1f", "é\u202e\0", "\ud800", "PCI\\VEN_8086&DEV_1E20", "USB\\VID_046D&PID_085E\\1", "SCSI\\DISK",
    "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#USBMI(0)", "USB\\Class_0e&SubClass_03&Prot_00", "DISPLAY\\SAM07A7\\4&1&0&UID5_0",
    "\\\\.\\PHYSICALDRIVE0", "\\\\?\\Volume{7b3c0a3e-0000-0000-0000-100000000000}\\", "{7B3C0A3E-0000-0000-0000-100000000000}",
    "10.0.19045", "16.0.17328.20162", "time.windows.com,0x9", "https://wsus.example:8531", "Microsoft Windows 11 Pro",
    "KB5031356", "Samsung SSD 980", "To be filled by O.E.M.", "OK", "Running", "Auto", "Stopped", "NTFS",
)  # fmt: skip
_NUMBERS: Final = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    17,
    100,
    255,
    65535,
    2**31,
    2**32 - 1,
    2**63,
    2**64,
    -1,
    -(2**31),
    10**30,
)
_BYTES: Final = (b"", b"\0", b"\x01" * 8, b"\xff" * 8, bytes(16), b"\xff" * 64, bytes(range(256)))


# What a property of such a name mostly holds: with all of a row odd, few rows would get past the first check.
_LIKELY: Final = (
    ("drivetype", (3, "3", 2)), ("capacity", (510462619648, "510462619648", 19450)), ("free", (271162552320,)),
    ("size", (512110190592, "512110190592")), ("deviceid", ("\\\\?\\Volume{7b3c0a3e-0000-0000-0000-100000000000}\\", "0")),
    ("letter", ("C:",)), ("date", ("20240501101112.000000+060",)), ("time", ("20240501101112.000000+060", 1700000000)),
    ("temperature", (3102, "3102")), ("build", ("22631",)), ("version", ("10.0.22631", "1.2")), ("status", (0, 1, "OK")),
    ("state", (0, 1, "Running")), ("name", ("C:\\", "Windows 11 Pro", "x")), ("number", (0, "S4EVNX0N", 22631)),
    ("id", ("PCI\\VEN_8086&DEV_1E20", "Professional")), ("code", (0, 28, 43)), ("type", (3, 4, 17)),
    ("location", ("PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)", "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(5)")), ("active", (True,)),
    ("instance", ("DISPLAY\\SAM07A7\\4&1&0&UID5_0", "DISPLAY\\DEL4321\\4&1&0&UID6_0")), ("technology", (5, 10, 2**31)),
)  # fmt: skip


class OddRow(dict[str, Any]):
    """Has every property that is asked for, most of them strange."""

    def __init__(self, chance: random.Random, any_type: bool = True) -> None:
        super().__init__()
        self._chance, self._any_type = chance, any_type

    def __missing__(self, name: str) -> Any:
        likely = next((likely for part, likely in _LIKELY if part in name.lower()), None)
        if likely is not None and self._chance.random() < 0.7:
            self[name] = self._chance.choice(likely)
        else:
            self[name] = value(self._chance, self._any_type)
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        if name not in self and self._chance.random() < 0.2:
            return default
        return self[name]


def value(chance: random.Random, any_type: bool = True) -> Any:
    kind = chance.randrange(8 if any_type else 6)
    if kind in (0, 1, 2):
        return chance.choice(_TEXTS)
    if kind in (3, 4):
        return chance.choice(_NUMBERS)
    if kind == 5:
        return None if chance.random() < 0.5 else chance.choice(_BYTES)
    if kind == 6:
        return chance.choice((True, False, 0.5, float("nan"), float("inf")))
    return [value(chance, False) for _ in range(chance.randrange(4))]


class Odd:
    """A Windows device of which nothing can be relied on (agent.windows.Sources)."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def _may_fail(self) -> None:
        if self._chance.random() < 0.1:
            raise Unavailable("not here")

    def rows(self, namespace: str, class_name: str, where: str = "") -> list[Row]:
        self._may_fail()
        return [OddRow(self._chance) for _ in range(self._chance.choice((0, 1, 1, 2, 4)))]

    def call(self, namespace: str, path: str, method: str) -> Row:
        self._may_fail()
        return OddRow(self._chance)

    def values(self, path: str, view: int = 64) -> dict[str, Value] | None:
        self._may_fail()
        if self._chance.random() < 0.15:
            return None
        row = OddRow(self._chance, any_type=False)
        for _ in range(self._chance.randrange(4)):
            row[self._chance.choice(_TEXTS)] = value(self._chance, False)
        return row

    def subkeys(self, path: str, view: int = 64) -> list[str] | None:
        self._may_fail()
        names = [
            "0000",
            "0001",
            "Update",
            "{7B3C0A3E-0000-0000-0000-100000000000}",
            "S-1-5-21-1",
            "é",
            "",
            "KB1",
        ]
        return None if self._chance.random() < 0.2 else self._chance.sample(names, self._chance.randrange(4))

    def written_at(self, path: str, view: int = 64) -> datetime | None:
        self._may_fail()
        return self._moment()

    def volumes(self) -> list[Row]:
        return self.rows("", "")

    def devices(self, bus: str) -> list[Row]:
        return self.rows("", "")

    def sound(self) -> Sound:
        self._may_fail()
        names = ("{0.0.1.00000000}.{7B3C0A3E-0000-0000-0000-100000000000}", "0000", *_TEXTS)
        return Sound(
            defaults=tuple(
                SoundDefault(
                    flow=self._chance.choice(("render", "capture")),
                    is_for_calls=self._chance.random() < 0.5,
                    endpoint=self._chance.choice((None, *names)),
                )
                for _ in range(self._chance.randrange(5))
            ),
            levels=tuple(
                SoundLevel(endpoint=name, volume_ratio=self._chance.random(), is_muted=name == "")
                for name in self._chance.sample(names, 3)
            ),
        )

    def firmware_table(self) -> bytes:
        self._may_fail()
        return self._chance.choice(
            (*_BYTES, b"\x11\x28" + self._chance.randbytes(60), self._chance.randbytes(400))
        )

    def events(
        self, log: str, wanted: Mapping[str, Sequence[int]], since: datetime, names: Sequence[str] = ()
    ) -> Iterable[Event]:
        self._may_fail()
        every = [(provider, number) for provider, numbers in wanted.items() for number in numbers]
        found = self._chance.choices(every, k=self._chance.randrange(12)) if every else []
        return sorted(
            (
                Event(
                    provider=provider,
                    id=number,
                    at=since + timedelta(seconds=self._chance.randrange(86_400)),
                    level=self._chance.randrange(5),
                    data={name: self._chance.choice(_TEXTS) for name in names if self._chance.random() < 0.8},
                )
                for provider, number in found
            ),
            key=lambda event: event.at,
        )

    def search_updates(self, criteria: str) -> Searched:
        self._may_fail()
        updates = tuple(
            Update(
                title=self._chance.choice(_TEXTS),
                identity=self._chance.choice(_TEXTS),
                categories=tuple(self._chance.choices(_TEXTS, k=2)),
                severity=self._chance.choice((None, "Critical", "x")),
                is_driver=self._chance.random() < 0.3,
                knowledge_base=tuple(self._chance.choices(_TEXTS, k=1)),
                published_at=self._moment(),
            )
            for _ in range(self._chance.randrange(4))
        )
        return Searched(result=self._chance.randrange(6), updates=updates, warnings=self._chance.randrange(3))

    def update_history(self, most: int) -> list[Installation]:
        self._may_fail()
        return [
            Installation(
                title=self._chance.choice(_TEXTS),
                at=self._moment() or NOW,
                operation=self._chance.randrange(4),
                result=self._chance.randrange(7),
                code=self._chance.choice((0, 0x80070005, 0xFFFFFFFF)),
                client=self._chance.choice(_TEXTS),
                categories=tuple(self._chance.choices(_TEXTS, k=2)),
            )
            for _ in range(self._chance.randrange(5))
        ]

    def update_last_search(self) -> datetime | None:
        self._may_fail()
        return self._moment()

    def update_needs_restart(self) -> bool:
        self._may_fail()
        return self._chance.random() < 0.5

    def _moment(self) -> datetime | None:
        return self._chance.choice(
            (None, NOW, datetime(1601, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
        )


# A small device as the kernel shows it; every file is spoiled in its turn.
_TREE: Final = {
    "proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n",
    "proc/loadavg": "0.20 0.18 0.12 1/80 11206\n",
    "proc/meminfo": "MemTotal:  16303428 kB\nMemAvailable: 11001188 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=1.25 avg300=0.00 total=4711\n",
    "proc/cpuinfo": "processor\t: 0\nphysical id\t: 0\ncore id\t\t: 0\nmodel name\t: A\n",
    "proc/self/mountinfo": "36 35 8:1 / / rw,noatime - ext4 /dev/sda1 rw\n37 36 8:2 / /home rw - xfs /dev/mapper/vg-home ro\n",
    "proc/mdstat": "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0](F)\n      1047552 blocks [2/1] [U_]\n",
    "proc/sys/kernel/osrelease": "6.1.0-40-amd64\n",
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
    "etc/fstab": "/dev/sda1 / ext4 rw 0 1\n/dev/mapper/vg-home /home xfs rw 0 2\n",
    "etc/hostname": "pc-14\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "run/reboot-required": "*** System restart required ***\n",
    "run/reboot-required.pkgs": "linux-image-amd64\nlibc6\n",
    "var/lib/dpkg/status": "Package: linux-image-6.1.0-40-amd64\nStatus: install ok installed\nVersion: 6.1.153-1\n"
    "Architecture: amd64\nInstalled-Size: 100\n\nPackage: vim\nStatus: install ok installed\nVersion: 2:9\n",
    "var/lib/apt/lists/x_dists_bookworm-security_InRelease": "Label: Debian-Security\nSuite: oldstable-security\n"
    "Date: Fri, 20 Nov 2026 00:12:41 UTC\nValid-Until: Fri, 27 Nov 2026 00:12:41 UTC\n",
    "sys/class/hwmon/hwmon0/name": "coretemp\n",
    "sys/class/hwmon/hwmon0/temp1_input": "45000\n",
    "sys/class/hwmon/hwmon0/temp1_crit": "100000\n",
    "sys/class/hwmon/hwmon0/temp1_label": "Package id 0\n",
    "sys/class/hwmon/hwmon0/fan1_input": "1278\n",
    "sys/class/power_supply/BAT0/type": "Battery\n",
    "sys/class/power_supply/BAT0/present": "1\n",
    "sys/class/power_supply/BAT0/status": "Discharging\n",
    "sys/class/power_supply/BAT0/energy_full": "41000000\n",
    "sys/class/power_supply/BAT0/energy_full_design": "50000000\n",
    "sys/class/power_supply/BAT0/energy_now": "20000000\n",
    "sys/class/power_supply/BAT0/cycle_count": "173\n",
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "0\n",
    "sys/class/dmi/id/chassis_type": "10\n",
    "sys/class/dmi/id/sys_vendor": "LENOVO\n",
    "sys/class/dmi/id/product_serial": "PC0ABC\n",
    "sys/class/net/eno1/address": "ac:1a:3d:00:00:01\n",
    "sys/class/net/eno1/addr_assign_type": "0\n",
    "sys/class/net/eno1/type": "1\n",
    "sys/class/net/eno1/speed": "1000\n",
    "sys/block/sda/size": "976773168\n",
    "sys/block/sda/queue/rotational": "0\n",
    "sys/block/sda/device/model": "Samsung SSD 870\n",
    "sys/block/mmcblk0/size": "61071360\n",
    "sys/block/mmcblk0/device/life_time": "0x02 0x01\n",
    "sys/block/mmcblk0/device/pre_eol_info": "0x01\n",
    "sys/block/mmcblk0/device/type": "MMC\n",
    "sys/block/md0/md/mismatch_cnt": "0\n",
    "sys/devices/system/edac/mc/mc0/ce_count": "3\n",
    "sys/devices/system/edac/mc/mc0/ue_count": "0\n",
    "sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count": "3\n",
    "sys/devices/system/edac/mc/mc0/dimm0/dimm_label": "DIMM A\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "5\n",
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/device": "0x1f82\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
    "sys/bus/usb/devices/1-1/idVendor": "046d\n",
    "sys/bus/usb/devices/1-1/idProduct": "085e\n",
    "sys/bus/usb/devices/1-1/product": "BRIO\n",
    "sys/bus/usb/devices/1-1/speed": "480\n",
    "sys/bus/usb/devices/1-1/version": " 2.10\n",
    "sys/bus/usb/devices/1-1/bos_descriptors": "\x05\x0f\x0f\x00\x01\x0a\x10\x03\x00\x0e\x00\x01\x00\x00\x00",
    "sys/class/drm/card0-HDMI-A-1/status": "connected\n",
    "sys/class/drm/card0-HDMI-A-1/enabled": "enabled\n",
    "sys/class/drm/card0-HDMI-A-1/dpms": "On\n",
    "sys/class/drm/card0-HDMI-A-1/modes": "1920x1080\n1280x720\n",
    "sys/class/drm/card0-HDMI-A-1/edid": "\x00\xff\xff\xff\xff\xff\xff\x00\x10\xac" + "\x01\x03" * 59,
    "proc/asound/cards": " 1 [USB            ]: USB-Audio - Jabra\n                      Jabra at usb-0000:00:14.0-4.2, full speed\n",
    "proc/asound/card1/usbid": "0b0e:0422\n",
    "proc/asound/card1/pcm0c/info": "card: 1\ndevice: 0\nstream: CAPTURE\nid: USB Audio\nname: USB Audio\n",
    "proc/asound/card1/pcm0c/sub0/status": "closed\n",
    "sys/firmware/dmi/tables/DMI": "\x11\x28\x01\x00 DIMM A\x00BANK 0\x00\x00\x7f\x04\x02\x00\x00\x00",
}  # fmt: skip


def rows() -> Iterator[Parser]:
    from agent.probes.table import PROBES

    for probe in PROBES:
        if "win32" in probe.platforms:
            yield Parser(
                name=f"whole.windows.{probe.name}",
                call=lambda data, probe=probe: _windows(probe, data),
                seeds=(b"1", b"2"),
                allowed=(Unavailable, Busy),
                runs=120,
            )
    if sys.platform == "linux":
        yield Parser(
            name="whole.linux",
            call=lambda data: _linux(PROBES, data),
            seeds=(b"1", b"2"),
            allowed=(Unavailable, Busy),
            runs=6,
        )


def _windows(probe: Probe, data: bytes) -> object:
    return sent(probe.read(Place(windows=Odd(random.Random(data)))))


def _linux(probes: Sequence[Probe], data: bytes) -> object:
    """All of them on one tree; each may say that its source is not there."""
    chance = random.Random(data)
    contents = {name: text.encode("latin-1") for name, text in _TREE.items()}
    seeds = list(contents.values())
    answered = 0
    with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as folder:
        for name, content in contents.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutated(chance, [content, *seeds[:3]]) if chance.random() < 0.4 else content)
        for probe in probes:
            if "linux" in probe.platforms and probe.name != "agent_itself":
                try:
                    sent(probe.read(Place(root=Path(folder))))
                    answered += 1
                except (Unavailable, Busy):
                    continue
    return answered


def sent(taken: Taken) -> bytes:
    """As the assembler packs it: what is no finite number would be refused by the collector."""
    assert all(math.isfinite(reading.last) for reading in taken.readings), (
        "a reading that is no finite number"
    )
    report = Report(readings=taken.readings)
    for name, items in taken.sections.items():
        report.sections.add(name=name, items=items)
    if taken.patches is not None:
        report.patches.CopyFrom(taken.patches)
    return report.SerializeToString()
