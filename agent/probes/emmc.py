"""eMMC: storage soldered to the board of small machines. It has no SMART; the kernel shows two numbers of it.

`life_time` is how much of the rated writes is used, in tenths, for two kinds of cells; `pre_eol_info` how far
the reserve of blocks is gone.
"""

import re
from typing import Final

from agent.probe import Place
from agent.probes import kernel_files
from agent.probes.smart import DiskFacts

_DISK: Final = re.compile(r"^mmcblk\d+$")  # not its boot areas
_TENTHS_AT_MOST: Final = 11  # 0x0B: more than its rated life


def disks(place: Place) -> list[DiskFacts]:
    """SD cards are left out: they tell nothing, and people take them out."""
    try:
        names = sorted(path.name for path in place.path("/sys/block").iterdir() if _DISK.match(path.name))
    except OSError:
        return []
    nodes = [(name, place.path(f"/sys/block/{name}")) for name in names]
    return [
        facts(
            name,
            sectors=kernel_files.number(node / "size"),
            **{
                fact: kernel_files.text(node / "device" / file)
                for fact, file in (
                    ("model", "name"), ("serial", "serial"), ("firmware", "fwrev"),
                    ("life_time", "life_time"), ("reserve", "pre_eol_info"),
                )
            },
        )
        for name, node in nodes
        if kernel_files.text(node / "device/type") == "MMC"
    ]  # fmt: skip


def facts(
    name: str,
    *,
    sectors: int | None = None,
    model: str | None = None,
    serial: str | None = None,
    firmware: str | None = None,
    life_time: str | None = None,
    reserve: str | None = None,
) -> DiskFacts:
    tenths = [n for n in _numbers(life_time) if 0 < n <= _TENTHS_AT_MOST]  # 0: not defined
    states = [n for n in _numbers(reserve) if n in (1, 2, 3)]
    readable = bool(tenths or states)
    return DiskFacts(
        device=f"/dev/{name}",
        protocol="MMC",
        interface="eMMC",
        model=model,
        serial=serial,
        firmware=firmware,
        capacity_bytes=sectors * 512 if sectors else None,
        rotation_rate=0,
        # 1 means up to a tenth: what is surely used, so that a new one does not look worn.
        life_used_ratio=(max(tenths) - 1) / 10 if tenths else None,
        reserve_state=states[0] if states else None,
        readable=readable,
        unreadable_reason=None
        if readable
        else "this eMMC does not tell its wear: it is older than version 5.0",
    )


def _numbers(text: str | None) -> list[int]:
    return [int(digits, 16) for digits in re.findall(r"\b0x([0-9a-fA-F]{1,4})\b", text or "")]
