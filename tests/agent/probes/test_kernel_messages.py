"""Each message is written as the kernel's source prints it (origin: documented), the older and the newer form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes.kernel_messages import Attached, attached, disk_of, is_disk, recognise

SAID = [
    ("blk_update_request: critical medium error, dev sda, sector 80 op 0x0:(READ) flags 0x0 phys_seg 1", "bad_block", "sda"),
    ("critical medium error, dev nvme0n1, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2", "bad_block", "nvme0n1"),
    ("print_req_error: I/O error, dev sdb, sector 4096", "disk_error", "sdb"),
    ("end_request: I/O error, dev sda, sector 7", "disk_error", "sda"),
    ("I/O error, dev sda, sector 7 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2", "disk_error", "sda"),
    ("timeout error, dev nvme0n1, sector 8 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", "disk_error", "nvme0n1"),
    ("Buffer I/O error on dev sda2, logical block 10, async page read", "disk_error", "sda"),
    ("Buffer I/O error on device nvme0n1p1, logical block 10", "disk_error", "nvme0n1"),
    ("ata3.00: exception Emask 0x0 SAct 0x7 SErr 0x0 action 0x6 frozen", "disk_timeout", "ata3"),
    ("nvme nvme0: I/O 12 QID 3 timeout, aborting", "disk_timeout", "nvme0"),
    ("nvme nvme1: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 3 timeout, aborting req_op:READ(0) size:4096", "disk_timeout", "nvme1"),
    ("nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10", "disk_timeout", "nvme0"),
    ("mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 4: b200000000070f0f", "machine_check", ""),
    ("mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 5: 9c00004000010090", "hardware_error_corrected", ""),
    ("mce: [Hardware Error]: Machine check events logged", "hardware_error_corrected", ""),
    ("[Hardware Error]: Corrected error, no action required.", "hardware_error_corrected", ""),
    ("[Hardware Error]: Uncorrected, software restartable error.", "machine_check", ""),
    ("{1}[Hardware Error]: event severity: fatal", "machine_check", ""),
    ("{2}[Hardware Error]: event severity: corrected", "hardware_error_corrected", ""),
    ("pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)", "pcie_error_corrected", "0000:00:1c.0"),
    ("nvme 0000:01:00.0: AER: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer", "pcie_error", "0000:01:00.0"),
    ("CPU3: Package temperature above threshold, cpu clock throttled (total events = 12)", "throttled_by_heat", ""),
    ("mce: CPU3: Core temperature is above threshold, cpu clock is throttled (total events = 1)", "throttled_by_heat", ""),
    ("thermal thermal_zone0: acpitz: critical temperature reached, shutting down", "overheated", ""),
    ("critical temperature reached(105 C),shutting down", "overheated", ""),
    ("Out of memory: Killed process 4711 (firefox) total-vm:9kB, anon-rss:8kB", "out_of_memory", ""),
    ("Out of memory: Kill process 4711 (firefox) score 900 or sacrifice child", "out_of_memory", ""),
    ("Memory cgroup out of memory: Killed process 12 (java)", "out_of_memory_in_a_limit", ""),
    ("EXT4-fs error (device sda2): ext4_lookup:1706: inode #2: comm ls: deleted inode referenced: 12", "filesystem_error", "sda2"),
    ("EXT4-fs (dm-0): Remounting filesystem read-only", "filesystem_error", "dm-0"),
    ("XFS (nvme0n1p3): Metadata corruption detected at xfs_agf_read_verify+0x70/0x120 [xfs]", "filesystem_error", "nvme0n1p3"),
    ("XFS (dm-1): Log I/O Error Detected.  Shutting down filesystem", "filesystem_error", "dm-1"),
    ("BTRFS error (device sda3: state EA): bdev /dev/sda3 errs: wr 1, rd 0, flush 0, corrupt 0, gen 0", "filesystem_error", "sda3"),
    ("BTRFS warning (device sda3): csum failed root 5 ino 257 off 0", "filesystem_error", "sda3"),
    ("usb 1-2-port3: over-current condition", "usb_over_current", "1-2-port3"),
    ("hub 2-0:1.0: over-current condition on port 1", "usb_over_current", "2-0:1.0 port 1"),
]  # fmt: skip

HARMLESS = [
    "I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
    "blk_update_request: I/O error, dev fd0, sector 0",
    "I/O error, dev loop3, sector 8 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2",
    "critical target error, dev sda, sector 0 op 0x3:(DISCARD) flags 0x0 phys_seg 1 prio class 2",
    "I/O error, dev sda, sector 99 op 0x3:(DISCARD) flags 0x800 phys_seg 1 prio class 2",
    "ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x0",
    "BTRFS warning (device sda3): block group 123 has wrong amount of free space",
    "EXT4-fs (sda2): mounted filesystem with ordered data mode. Quota mode: none.",
    "CPU3: Package temperature/speed normal (total events = 12)",
    "usb 1-2: USB disconnect, device number 4",
    "",
]


@pytest.mark.parametrize(("message", "kind", "device"), SAID, ids=[row[0][:50] for row in SAID])
def test_the_kernel_is_understood_in_its_older_and_newer_words(message: str, kind: str, device: str) -> None:
    found = recognise(message)
    assert found is not None
    assert (found.kind, found.device) == (kind, device)


@pytest.mark.parametrize("message", HARMLESS)
def test_what_loses_nothing_is_no_failure(message: str) -> None:
    assert recognise(message) is None


def test_a_disk_says_its_address_and_size_when_it_is_found() -> None:
    line = "sd 2:0:0:0: [sdb] 122070384 4096-byte logical blocks: (500 GB/466 GiB)"
    assert attached(line) == Attached("sdb", "2:0:0:0", sectors=976563072)
    assert attached("sd 6:0:0:0: [sdc] Attached SCSI removable disk") == Attached(
        "sdc", "6:0:0:0", removable=True
    )
    assert attached("sd 2:0:0:0: [sdb] Write Protect is off") is None


def test_a_partition_belongs_to_its_disk() -> None:
    assert [disk_of(name) for name in ("sda1", "nvme0n1p2", "mmcblk0p1", "sda", "dm-0", "nvme0n1")] == [
        "sda", "nvme0n1", "mmcblk0", "sda", "dm-0", "nvme0n1",
    ]  # fmt: skip
    assert not is_disk("dm-0")
    assert not is_disk("md127")


@settings(max_examples=300, deadline=None)
@given(some.text() | some.sampled_from(SAID).flatmap(lambda row: some.text().map(lambda tail: row[0] + tail)))
def test_strange_messages_break_nothing_and_leave_nothing_but_a_name(message: str) -> None:
    attached(message)
    found = recognise(message)
    assert found is None or len(found.device) <= 80
