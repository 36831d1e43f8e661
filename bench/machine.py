"""Believable machines: which models, disks and filesystems a simulated device has. Deterministic by seed."""

import random
import uuid
from dataclasses import dataclass
from typing import Final

from protos import enrolment_pb2

AGENT_VERSION: Final = "0.1.0"
GB: Final = 1_000_000_000

SITES: Final = (("Tulsa", "TUL"), ("Oklahoma City", "OKC"), ("Norman", "NOR"), ("Lawton", "LAW"))
DESKTOP, LAPTOP, AV_HOST = "desktop", "laptop", "av_host"


@dataclass(frozen=True, slots=True)
class Model:
    maker: str
    name: str
    device_class: str
    chassis: int
    processor: str
    cores: int
    memory_gb: tuple[int, ...]
    disk: str  # "nvme", "ssd" or "hdd"


_MODELS: Final = (
    Model("Dell Inc.", "OptiPlex 7090", DESKTOP, 3, "Intel(R) Core(TM) i5-11500 @ 2.70GHz", 6, (8, 16), "nvme"),
    Model("Dell Inc.", "OptiPlex 3060", DESKTOP, 3, "Intel(R) Core(TM) i5-8500 @ 3.00GHz", 6, (8, 16), "hdd"),
    Model("HP", "HP EliteDesk 800 G6 Small Form Factor PC", DESKTOP, 3, "Intel(R) Core(TM) i5-10500 @ 3.10GHz", 6, (16,), "ssd"),
    Model("LENOVO", "ThinkCentre M75q Gen 2", DESKTOP, 35, "AMD Ryzen 5 PRO 5650GE", 6, (16, 32), "nvme"),
    Model("Dell Inc.", "Latitude 5420", LAPTOP, 10, "11th Gen Intel(R) Core(TM) i5-1145G7", 4, (8, 16), "nvme"),
    Model("LENOVO", "ThinkPad T14 Gen 3", LAPTOP, 10, "AMD Ryzen 5 PRO 6650U", 6, (16,), "nvme"),
    Model("HP", "HP ProBook 450 G7", LAPTOP, 10, "Intel(R) Core(TM) i5-10210U @ 1.60GHz", 4, (8, 16), "ssd"),
    Model("Intel(R) Client Systems", "NUC8i5BEH", AV_HOST, 35, "Intel(R) Core(TM) i5-8259U @ 2.30GHz", 4, (8,), "nvme"),
    Model("Dell Inc.", "OptiPlex 7090 Micro", AV_HOST, 35, "Intel(R) Core(TM) i5-11500T @ 1.50GHz", 6, (16,), "nvme"),
)  # fmt: skip
_DISKS: Final = {
    "nvme": ("SAMSUNG MZVLB256HBHQ-000H1", "KIOXIA KXG60ZNV512G", "WDC PC SN730 SDBQNTY-256G"),
    "ssd": ("Samsung SSD 860 EVO 500GB", "CT500MX500SSD1"),
    "hdd": ("WDC WD5000AAKX-60U6AA0", "ST1000DM010-2EP102"),
}
_DISK_GB: Final = {"nvme": (256, 512), "ssd": (500,), "hdd": (500, 1000)}
# name, version, codename, kernel, seconds of support left when the fleet was written down are not needed:
# operating_system rules read a number, and most of ours have years.
_SYSTEMS: Final = (
    ("Ubuntu 24.04.3 LTS", "24.04", "noble", "6.8.0-84-generic", 2.5),
    ("Ubuntu 22.04.5 LTS", "22.04", "jammy", "5.15.0-157-generic", 0.8),
    ("Debian GNU/Linux 12 (bookworm)", "12", "bookworm", "6.1.0-40-amd64", 1.6),
)


@dataclass(frozen=True, slots=True)
class Disk:
    serial: str
    model: str
    kind: str
    device: str
    size_bytes: int
    age_years: float


@dataclass(frozen=True, slots=True)
class Volume:
    uuid: str
    mount_point: str
    size_bytes: int
    used_ratio: float


@dataclass(frozen=True, slots=True)
class Battery:
    serial: str
    health_ratio: float
    cycles: int


@dataclass(frozen=True, slots=True)
class Machine:
    """One device as it left the shop, and the fault it is going to have."""

    number: int
    host_name: str
    site: str
    room: str
    model: Model
    serial: str
    uuid: str
    asset_tag: str
    mac: str
    memory_bytes: int
    disk: Disk
    volumes: tuple[Volume, ...]
    battery: Battery | None
    system: tuple[str, str, str, str, float]
    boot_id: str
    fault: str
    seed: int

    @property
    def device_class(self) -> str:
        return self.model.device_class

    def facts(self) -> enrolment_pb2.Machine:
        return enrolment_pb2.Machine(
            host_name=self.host_name, os_family="linux", system_serial=self.serial, smbios_uuid=self.uuid,
            asset_tag=self.asset_tag, wired_macs=[self.mac], maker=self.model.maker, model=self.model.name,
            agent_version=AGENT_VERSION,
        )  # fmt: skip


def make(number: int, seed: int, fault: str = "", site: str = "") -> Machine:
    """The device with this number in the fleet of this seed."""
    chance = random.Random(f"{seed}/{number}")
    name, short = next((s for s in SITES if s[0] == site), None) or chance.choices(SITES, (40, 35, 15, 10))[0]
    kind = chance.choices((DESKTOP, LAPTOP, AV_HOST), (65, 25, 10))[0]
    model = chance.choice([one for one in _MODELS if one.device_class == kind])
    room = f"CR{1 + number // 3:02d}" if kind == AV_HOST else ""
    host = (
        f"{short}-{room}-AV{1 + number % 3}"
        if room
        else f"{short}-{'DSK' if kind == DESKTOP else 'LAP'}-{number:04d}"
    )
    disk_gb = chance.choice(_DISK_GB[model.disk])
    disk = Disk(
        serial=_letters(chance, 12), model=chance.choice(_DISKS[model.disk]), kind=model.disk,
        device="/dev/nvme0n1" if model.disk == "nvme" else "/dev/sda", size_bytes=disk_gb * GB,
        age_years=chance.uniform(0.5, 6),
    )  # fmt: skip
    return Machine(
        number=number, host_name=host, site=name, room=room and f"{name} {room}", model=model,
        serial=_letters(chance, 7), uuid=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        asset_tag=f"{20000 + number}", mac="48:4d:7e:" + ":".join(f"{chance.randrange(256):02x}" for _ in range(3)),
        memory_bytes=chance.choice(model.memory_gb) * 1024**3, disk=disk, volumes=_volumes(chance, disk),
        battery=_battery(chance) if kind == LAPTOP else None, system=chance.choices(_SYSTEMS, (55, 25, 20))[0],
        boot_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)), fault=fault, seed=seed,
    )  # fmt: skip


def _volumes(chance: random.Random, disk: Disk) -> tuple[Volume, ...]:
    def one(mount_point: str, size: int, used: float) -> Volume:
        return Volume(str(uuid.UUID(int=chance.getrandbits(128), version=4)), mount_point, size, used)

    root = one("/", disk.size_bytes - 2 * GB, chance.betavariate(3, 5) * 0.8)
    return (root, one("/boot", 2 * GB - GB // 10, chance.uniform(0.15, 0.45)))


def _battery(chance: random.Random) -> Battery:
    cycles = chance.randrange(20, 700)
    return Battery(f"{chance.randrange(1000, 60000)}", 1 - cycles / 2500 - chance.uniform(0, 0.05), cycles)


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("BCDFGHJKLMNPQRSTVWXZ0123456789") for _ in range(count))
