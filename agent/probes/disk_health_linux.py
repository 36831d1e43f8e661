"""Obtains what disk_health.py reads: runs smartctl for each disk, looks into /sys/block and /proc/mdstat."""

import re
import time
from dataclasses import replace

from agent import commands
from agent.probe import Place, Taken, Unavailable, item, reading
from agent.probes import kernel_files, smart
from agent.probes.smart import DiskFacts, Found

_DISK_LIMIT_SECONDS = 30.0  # a dying disk may take that long; a healthy one answers within one
_ALL_LIMIT_SECONDS = 75.0  # within the probe's own limit, or the answers of all disks would be lost
# Neither hardware nor virtual hardware: memory, files, and layers over disks that are listed themselves.
_LAYERS = re.compile(r"^(loop|ram|zram|dm-|md|sr|fd|nbd|zd|rbd|drbd|bcache|mtdblock)")
_HARDWARE = re.compile(r"^(sd[a-z]+|hd[a-z]|nvme\d+n\d+)$")
_VIRTUAL = re.compile(r"^(vd[a-z]+|xvd[a-z]+|pmem\d+)$")
_SLOT = re.compile(r"^(sat\+)?(megaraid|cciss|areca|3ware|aacraid),")


def disks(place: Place, *, needed: bool) -> tuple[list[DiskFacts], str]:
    """All disks, and a remark. Without smartctl: raises when `needed`, else only the remark."""
    if not place.is_live:
        return _none("a captured tree is read: smartctl would tell of another machine", needed)
    if commands.find("smartctl") is None:
        return _none("no smartctl on this device: install smartmontools", needed)
    stop_at = time.monotonic() + _ALL_LIMIT_SECONDS
    found = [_ask(device, stop_at) for device in _scan()]
    found += _unseen(place, found)
    if not found:
        return _none("no disk found by smartctl or under /sys/block", needed)
    return _name_volumes(found), ""


def _none(reason: str, needed: bool) -> tuple[list[DiskFacts], str]:
    if needed:
        raise Unavailable(reason)
    return [], reason


def _scan() -> list[Found]:
    finished = commands.run("smartctl", "--scan", "--json", limit_seconds=_DISK_LIMIT_SECONDS)
    try:
        found = smart.parse_scan(finished.output)
        # An answer about one device instead of a list: a wrapper that serves a single disk.
        one = smart.parse(finished.output) if not found else None
    except ValueError:
        return []
    if one is not None and (one.device is not None or one.readable is False):
        return [Found(name=one.device or "unknown", type=one.device_type, protocol=one.protocol)]
    return found


def _ask(found: Found, stop_at: float) -> DiskFacts:
    """One disk's facts; whatever goes wrong is that disk's own reason and costs no other disk."""
    blank = DiskFacts(device=found.name, device_type=found.type, protocol=found.protocol, readable=False)
    if time.monotonic() > stop_at:
        return replace(blank, unreadable_reason="not asked: other disks took too long to answer")
    kind = ("-d", found.type) if found.type else ()
    try:
        finished = commands.run(
            "smartctl", "--json", "-x", "-n", "standby", *kind, found.name, limit_seconds=_DISK_LIMIT_SECONDS
        )
        facts = smart.parse(finished.output)
    except TimeoutError as error:
        return replace(blank, unreadable_reason=str(error))
    except ValueError:
        # Older than 7.0 it knows no JSON and prints its help.
        return replace(blank, unreadable_reason="smartctl gave no JSON: version 7 or newer is needed")
    return replace(
        facts,
        device=facts.device or found.name,
        device_type=facts.device_type or found.type,
        protocol=facts.protocol or found.protocol,
    )


def _unseen(place: Place, found: list[DiskFacts]) -> list[DiskFacts]:
    """Disks the kernel has and smartctl did not list: one that nobody asked must not pass for healthy."""
    seen = {_disk_name(facts.device or "") for facts in found}
    try:
        names = sorted(path.name for path in place.path("/sys/block").iterdir())
    except OSError:
        return []
    unseen = []
    for name in names:
        node = place.path(f"/sys/block/{name}")
        if _LAYERS.match(name) or _disk_name(name) in seen or kernel_files.number(node / "removable") == 1:
            continue
        sectors = kernel_files.number(node / "size")
        if not sectors:  # an empty card reader
            continue
        model = kernel_files.text(node / "device/model")
        facts = DiskFacts(
            device=f"/dev/{name}",
            model=model,
            serial=kernel_files.text(node / "device/serial") or kernel_files.text(node / "serial"),
            capacity_bytes=sectors * 512,  # always in 512 bytes, whatever the disk's own sector is
        )
        vendor = kernel_files.text(node / "device/vendor")
        if _VIRTUAL.match(name) or smart.is_virtual(model) or smart.is_virtual(vendor):
            unseen.append(replace(facts, kind="virtual"))
        elif _HARDWARE.match(name):
            unseen.append(replace(facts, readable=False, unreadable_reason="smartctl does not see this disk"))
        # What is left (eMMC, SD cards) has no SMART and is no disk smartctl could know.
    return unseen


def _disk_name(device: str) -> str:
    """smartctl says /dev/nvme0 for the controller, the kernel nvme0n1 for the disk on it."""
    return re.sub(r"^(nvme\d+)n\d+$", r"\1", device.removeprefix("/dev/"))


def _name_volumes(found: list[DiskFacts]) -> list[DiskFacts]:
    """A RAID controller's volume looks like a disk without SMART; its members are listed by slot."""
    if not any(_SLOT.match(facts.device_type or "") for facts in found):
        return found
    return [
        replace(facts, kind="raid_volume") if facts.device_type == "scsi" and not facts.readable else facts
        for facts in found
    ]


def arrays(place: Place) -> Taken:
    """Software RAID."""
    taken = Taken()
    for array in parse_mdstat(kernel_files.text(place.path("/proc/mdstat")) or ""):
        taken.readings.append(reading("raid_degraded_state", array["missing"] != "0", array["name"]))
        rows = taken.sections.setdefault("raid_arrays", [])
        rows.append(item(array["name"], **{name: value for name, value in array.items() if name != "name"}))
    return taken


def parse_mdstat(text: str) -> list[dict[str, str]]:
    """Arrays with redundancy, from `md0 : active raid1 sdb1[1] sda1[0]` and `… [2/1] [U_]` below it."""
    result = []
    for block in re.split(r"^(?=md\S* : )", text, flags=re.MULTILINE):
        head = re.match(
            r"(md\S*) : (active|inactive)(?: \([\w-]+\))*(?: (raid\d+|linear|multipath))? ?(.*)", block
        )
        if head is None:
            continue
        name, state, level, members = head[1], head[2], head[3] or "unknown", head[4]
        counts = re.search(r"\[(\d{1,6})/(\d{1,6})\] \[[U_]+\]", block)
        if counts is None and state == "active":
            continue  # raid0 and linear have nothing to lose a member of: they are whole or gone
        # An array that could not start waits for members: it must not look whole.
        missing = int(counts[1]) - int(counts[2]) if counts else 1
        result.append(
            {
                "name": name,
                "state": state,
                "level": level,
                "members": " ".join(sorted(re.findall(r"(\S+)\[\d+\]", members))),
                "missing": str(max(0, missing)),
            }
        )
    return result
