"""What the Linux kernel says of failing hardware, recognised by its own words. Of a message nothing is kept but
the kind of failure and the device it names.

The words are the kernel's, and change with it: each pattern takes the forms of Linux 3.10 to 6.12.
"""

import re
from dataclasses import dataclass

BAD_BLOCK, DISK_ERROR, DISK_TIMEOUT = "bad_block", "disk_error", "disk_timeout"
MACHINE_CHECK, CORRECTED = "machine_check", "hardware_error_corrected"
PCIE_ERROR, PCIE_CORRECTED = "pcie_error", "pcie_error_corrected"
OUT_OF_MEMORY, OUT_OF_LIMIT = "out_of_memory", "out_of_memory_in_a_limit"
FILESYSTEM, THROTTLED, OVERHEATED = "filesystem_error", "throttled_by_heat", "overheated"
OVER_CURRENT = "usb_over_current"


@dataclass(frozen=True, slots=True)
class Said:
    kind: str
    device: str = ""
    echo: bool = False  # what follows from an error of the block layer, which has its own line


@dataclass(frozen=True, slots=True)
class Attached:
    """`sd 0:0:0:0: [sda] 976773168 512-byte logical blocks`: which disk has a name, in one run of the kernel."""

    name: str
    address: str
    sectors: int | None = None  # of 512 bytes
    removable: bool = False


_NAME = r"[A-Za-z0-9._-]{1,64}"
# `critical target error` and `operation not supported` answer commands a disk does not know: no failure.
_BLOCK = re.compile(
    rf"(?:^|: )(critical medium|protection|I/O|timeout|recoverable transport) error, dev ({_NAME}),? sector \d"
)
# A disk that refuses to forget or to zero blocks loses nothing.
_HARMLESS_OPERATION = re.compile(r"\((?:DISCARD|SECURE_ERASE|WRITE_ZEROES|WRITE_SAME|ZONE_\w+)\)")
_BUFFER = re.compile(rf"^Buffer I/O error on dev(?:ice)? ({_NAME}), logical block \d")
_ATA = re.compile(r"^(ata\d{1,4})(?:\.\d\d)?: exception Emask 0x[0-9a-f]+ .*\bfrozen\b")
_NVME = re.compile(r"^nvme (nvme\d{1,4}): (?:I/O .*\btimeout\b|controller is down; will reset)")
_MACHINE_CHECK = re.compile(
    r"\[Hardware Error\]: CPU \d+: Machine Check(?: Exception)?: [0-9a-f]+ Bank \d+: ([0-9a-f]{16})\b"
)
_CORRECTED = re.compile(
    r"\[Hardware Error\]: (?:Machine check events logged|Corrected error|event severity: corrected)"
)
_SEVERE = re.compile(
    r"\[Hardware Error\]: +(?:Uncorrected|Deferred error|event severity: (?:recoverable|fatal))"
)
_PCIE = re.compile(rf"^\S+ ({_NAME}:[0-9a-f]+:[0-9a-f]+\.\d): .*PCIe Bus Error: severity=(\w+)")
_EXT = re.compile(
    rf"^EXT[234]-fs (?:error|\(({_NAME})\): Remounting filesystem read-only)(?: \(device ({_NAME})\))?"
)
_XFS = re.compile(
    rf"^XFS \(({_NAME})\): .*(?:[Cc]orruption|Internal error|I/O [Ee]rror|has been shut ?down|shutting down filesystem)"
)
_BTRFS = re.compile(
    rf"^BTRFS(?::)? (?:error|critical|warning(?=.*(?:csum|checksum))) \(device ({_NAME})[^)]{{0,40}}\)"
)
_THROTTLED = re.compile(r"^(?:mce: )?CPU\d+: (?:Core |Package )?temperature (?:is )?above threshold")
_OVERHEATED = re.compile(r"critical temperature reached.*shutting down", re.IGNORECASE)
_OVER_CURRENT = re.compile(
    rf"^(?:usb|hub) ({_NAME}(?::\d+\.\d+)?): over-current condition(?: on port (\d+))?"
)
_SIZE = re.compile(r"^sd (\d+:\d+:\d+:\d+): \[(sd[a-z]{1,4})\] (\d{1,15}) (\d{3,5})-byte logical blocks")
_REMOVABLE = re.compile(r"^sd (\d+:\d+:\d+:\d+): \[(sd[a-z]{1,4})\] Attached SCSI removable disk")
_PARTITION = re.compile(r"^((?:sd|vd|xvd|hd)[a-z]{1,4})\d+$|^((?:nvme\d+n|mmcblk)\d+)p\d+$", re.ASCII)
_DISK = re.compile(r"^(?:(?:sd|vd|xvd|hd)[a-z]{1,4}|nvme\d+n\d+|mmcblk\d+)$", re.ASCII)

_UNCORRECTED_BIT = 1 << 61  # of IA32_MCi_STATUS; AMD has it at the same place


def recognise(message: str) -> Said | None:
    """None: nothing we count."""
    message = message[:1000].strip()
    return _disk(message) or _filesystem(message) or _machine(message)


def attached(message: str) -> Attached | None:
    if found := _SIZE.match(message):
        return Attached(found[2], found[1], sectors=int(found[3]) * int(found[4]) // 512)
    if found := _REMOVABLE.match(message):
        return Attached(found[2], found[1], removable=True)
    return None


def disk_of(device: str) -> str:
    """`sda` for `sda1`; what is no partition stays as it is."""
    found = _PARTITION.match(device)
    return (found[1] or found[2]) if found else device


def is_disk(device: str) -> bool:
    """Not an optical drive, a floppy, or a layer over disks: each has its own, harmless errors."""
    return bool(_DISK.match(device))


def _disk(message: str) -> Said | None:
    if found := _BLOCK.search(message):
        if not is_disk(found[2]) or _HARMLESS_OPERATION.search(message):
            return None
        return Said(BAD_BLOCK if found[1] in ("critical medium", "protection") else DISK_ERROR, found[2])
    if found := _BUFFER.match(message):
        device = disk_of(found[1])
        return Said(DISK_ERROR, device, echo=True) if is_disk(device) else None
    if found := _ATA.match(message) or _NVME.match(message):
        return Said(DISK_TIMEOUT, found[1])
    return None


def _filesystem(message: str) -> Said | None:
    if found := _EXT.match(message):
        return Said(FILESYSTEM, found[1] or found[2] or "")
    if found := _XFS.match(message) or _BTRFS.match(message):
        return Said(FILESYSTEM, found[1])
    return None


def _machine(message: str) -> Said | None:
    if message.startswith("Out of memory:"):
        return Said(OUT_OF_MEMORY)
    if message.startswith("Memory cgroup out of memory:"):
        return Said(OUT_OF_LIMIT)
    if found := _MACHINE_CHECK.search(message):
        return Said(MACHINE_CHECK if int(found[1], 16) & _UNCORRECTED_BIT else CORRECTED)
    if _CORRECTED.search(message):
        return Said(CORRECTED)
    if _SEVERE.search(message):
        return Said(MACHINE_CHECK)
    if found := _PCIE.match(message):
        return Said(PCIE_CORRECTED if found[2] == "Corrected" else PCIE_ERROR, found[1])
    if _THROTTLED.match(message):
        return Said(THROTTLED)
    if _OVERHEATED.search(message):
        return Said(OVERHEATED)
    if found := _OVER_CURRENT.match(message):
        return Said(OVER_CURRENT, f"{found[1]} port {found[2]}" if found[2] else found[1])
    return None
