"""Obtains what disk_health.py reads on Linux: smartctl, else nvme; /sys/block, /proc/mdstat and dmsetup."""

import re
import time
from dataclasses import replace
from typing import Final

from agent import commands
from agent.probe import Place, Taken, Unavailable
from agent.probes import device_mapper, emmc, kernel_files, md, nvme, smart, smartctl
from agent.probes.md import Array
from agent.probes.smart import DiskFacts, Found

# Neither hardware nor virtual hardware: memory, files, and layers over disks that are listed themselves.
_LAYERS = re.compile(r"^(loop|ram|zram|dm-|md|sr|fd|nbd|zd|rbd|drbd|bcache|mtdblock|mmcblk)")
_HARDWARE = re.compile(r"^(sd[a-z]+|hd[a-z]|nvme\d+n\d+)$")
_VIRTUAL = re.compile(r"^(vd[a-z]+|xvd[a-z]+|pmem\d+)$")
_SLOT = re.compile(r"^(sat\+)?(megaraid|cciss|areca|3ware|aacraid),")
_MAPPED = re.compile(r"-tpool$|_[rm]image_\d+$")  # what LVM names the parts of thin pools, RAID and mirrors
_LIMIT_SECONDS: Final = 10.0


def disks(place: Place, *, needed: bool) -> tuple[list[DiskFacts], str]:
    """All disks, and a remark. When no program can be asked: raises when `needed`, else only the remark."""
    found = emmc.disks(place)
    reason = commands.why_not(place, "smartctl") or ""
    if not reason:
        round_ = smartctl.Round()
        found += smartctl.attach(round_.disks(), round_.slots)
        found = _name_volumes(found + _unseen(place, found, round_))
    else:
        if reason.startswith("no "):
            reason += ": install smartmontools"
        found += _by_nvme(place)
        if found:
            # Some other way told of a disk: then those nobody could ask are named beside it.
            found += [
                replace(facts, unreadable_reason=reason) if facts.readable is False else facts
                for facts in _unseen(place, found, None)
            ]
    if found:
        return [_plugged(place, facts) for facts in found], reason
    if needed:
        raise Unavailable(reason or "no disk found by smartctl or under /sys/block")
    return [], reason


def _plugged(place: Place, facts: DiskFacts) -> DiskFacts:
    """Says so of a disk on a USB plug."""
    name = (facts.device or "").removeprefix("/dev/")
    try:
        on_usb = any(re.match(r"usb\d+$", part) for part in place.path(f"/sys/block/{name}").resolve().parts)
    except (OSError, ValueError):
        return facts
    return replace(facts, detachable=True) if name and on_usb else facts


def _name_volumes(found: list[DiskFacts]) -> list[DiskFacts]:
    """A RAID controller's volume looks like a disk without SMART; its members are listed by slot."""
    if not any(_SLOT.match(facts.device_type or "") for facts in found):
        return found
    return [replace(facts, kind="raid_volume") if _is_volume(facts) else facts for facts in found]


def _is_volume(facts: DiskFacts) -> bool:
    return not facts.readable and (
        facts.device_type == "scsi" or "-d megaraid,N" in (facts.unreadable_reason or "")
    )


def _unseen(place: Place, found: list[DiskFacts], round_: smartctl.Round | None) -> list[DiskFacts]:
    """Disks the kernel has and smartctl did not list: one that nobody asked must not pass for healthy."""
    # A member of a RAID may be asked through the name of its volume, which is not seen by that.
    asked = [facts for facts in found if not _SLOT.match(facts.device_type or "")]
    seen = {_disk_name(facts.device or "") for facts in asked}
    try:
        names = sorted(path.name for path in place.path("/sys/block").iterdir())
    except OSError:
        return []
    unseen: list[DiskFacts] = []
    for name in names:
        node = place.path(f"/sys/block/{name}")
        if _LAYERS.match(name) or _names(place, name) & seen or kernel_files.number(node / "removable") == 1:
            continue
        sectors = kernel_files.number(node / "size")
        if not sectors:  # an empty card reader
            continue
        model = kernel_files.text(node / "device/model")
        vendor = kernel_files.text(node / "device/vendor")
        facts = DiskFacts(
            device=f"/dev/{name}",
            model=model,
            serial=kernel_files.text(node / "device/serial") or kernel_files.text(node / "serial"),
            capacity_bytes=sectors * 512,  # always in 512 bytes, whatever the disk's own sector is
        )
        if _VIRTUAL.match(name) or smart.is_virtual(model) or smart.is_virtual(vendor):
            unseen.append(replace(facts, kind="virtual"))
        elif _HARDWARE.match(name):
            unseen.append(_told(facts, round_))
        # What is left has no SMART and is no disk smartctl could know.
    return unseen


def _told(facts: DiskFacts, round_: smartctl.Round | None) -> DiskFacts:
    """Asked by its name: a bridge smartctl does not know is left out of its list."""
    if round_ is not None:
        told = round_.ask(Found(name=facts.device or ""))
        if told.readable or told.standby:
            return told
        if told.unreadable_reason:
            return replace(facts, readable=False, unreadable_reason=told.unreadable_reason)
    return replace(facts, readable=False, unreadable_reason="smartctl does not see this disk")


def _names(place: Place, name: str) -> set[str]:
    """What smartctl may call it. With several paths nvme1n1 need not hang on nvme1."""
    result = {_disk_name(name)}
    if name.startswith("nvme"):
        below = place.path(f"/sys/block/{name}/device").glob("nvme*")
        result |= {path.name for path in below if re.fullmatch(r"nvme\d+", path.name)}
    return result


def _disk_name(device: str) -> str:
    """smartctl says /dev/nvme0 for the controller, the kernel nvme0n1 for the disk on it."""
    return re.sub(r"^(nvme\d+)n\d+$", r"\1", device.removeprefix("/dev/"))


def _by_nvme(place: Place) -> list[DiskFacts]:
    """NVMe drives as nvme-cli tells of them."""
    if commands.why_not(place, "nvme"):
        return []
    stop_at = time.monotonic() + smartctl.ALL_LIMIT_SECONDS
    found: dict[str, DiskFacts] = {}
    try:
        listed = nvme.parse_list(
            commands.run("nvme", "list", "-o", "json", limit_seconds=_LIMIT_SECONDS).output
        )
    except (ValueError, TimeoutError):
        return []
    for one in listed:
        name = _disk_name(one.path)
        if name in found:  # another namespace of the same drive
            continue
        if time.monotonic() > stop_at:
            late = "not asked: other disks took too long to answer"
            found[name] = nvme.combined(one, DiskFacts(readable=False, unreadable_reason=late))
            continue
        try:
            finished = commands.run("nvme", "smart-log", one.path, "-o", "json", limit_seconds=_LIMIT_SECONDS)
            health = nvme.parse_smart_log(finished.output)
        except (ValueError, TimeoutError) as error:
            health = DiskFacts(protocol="NVMe", readable=False, unreadable_reason=str(error)[:200])
        found[name] = nvme.combined(one, health)
    return list(found.values())


def arrays(place: Place) -> Taken:
    """Software RAID and thin pools."""
    taken = Taken()
    found = [_checked(place, array) for array in md.parse_mdstat(_mdstat(place))]
    if _has_mapped(place):
        reason = commands.why_not(place, "dmsetup")
        if not reason:
            finished = commands.run("dmsetup", "status", "--noflush", limit_seconds=_LIMIT_SECONDS)
            if finished.status:
                reason = (finished.errors.strip().splitlines() or ["dmsetup could not answer"])[0][:150]
            status = device_mapper.parse_status(finished.output)
            found += status.arrays
            taken.readings += device_mapper.readings(status.pools)
        taken.reason = f"LVM: {reason}" if reason else ""
    taken.readings += md.readings(found)
    if found:
        taken.sections["raid_arrays"] = [md.row(array) for array in found]
    return taken


def _mdstat(place: Place) -> str:
    return kernel_files.text(place.path("/proc/mdstat")) or ""


def _checked(place: Place, array: Array) -> Array:
    """With what the last check of the parity found; before one was made, nothing is known."""
    node = place.path(f"/sys/block/{array.name}/md")
    if md.counts_mismatches(array.level) and kernel_files.text(node / "last_sync_action") == "check":
        return replace(array, mismatches=kernel_files.number(node / "mismatch_cnt"))
    return array


def _has_mapped(place: Place) -> bool:
    """Whether the mapper has anything with a health; encrypted and plain volumes have none."""
    names = (kernel_files.text(path) for path in place.path("/sys/block").glob("dm-*/dm/name"))
    return any(name and _MAPPED.search(name) for name in names)
