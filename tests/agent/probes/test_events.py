"""Events of Linux. The journals are made here out of messages of the documented forms, and read by the real
journalctl; the trees beside them are constructed."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import events, events_linux, journal
from agent.probes.events import CUT_OFF, Disk, Seen, Sighting

MAKER = Path("/lib/systemd/systemd-journal-remote")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32
NOW = datetime.now(UTC)
BAD = "blk_update_request: critical medium error, dev {}, sector 80 op 0x0:(READ) flags 0x0 phys_seg 1"

needs_journal = pytest.mark.skipif(
    not MAKER.exists() or shutil.which("journalctl") is None,
    reason="no systemd-journal-remote here to make a journal with: apt-get install systemd-journal-remote",
)


class Log:
    """Entries of a journal, in the export format that systemd documents."""

    def __init__(self) -> None:
        self.entries: list[tuple[datetime, str]] = []

    def kernel(
        self, at: datetime, boot: str, message: str, priority: int = 3, facility: int = 0, more: str = ""
    ) -> None:
        rows = (
            f"_TRANSPORT=kernel\nPRIORITY={priority}\nSYSLOG_FACILITY={facility}\nMESSAGE={message}\n{more}"
        )
        self._add(at, boot, rows)

    def found(self, at: datetime, boot: str, name: str, address: str, sectors: int) -> None:
        line = f"sd {address}: [{name}] {sectors} 512-byte logical blocks: (1 GB/1 GiB)"
        self.kernel(at, boot, line, priority=5, more="_KERNEL_SUBSYSTEM=scsi\n")

    def start(self, at: datetime, boot: str) -> None:
        self._add(
            at,
            boot,
            f"_TRANSPORT=journal\nPRIORITY=6\nMESSAGE_ID={journal.JOURNAL_STARTED}\nMESSAGE=started\n",
        )

    def shutdown(self, at: datetime, boot: str) -> None:
        self._add(
            at, boot,
            f"_TRANSPORT=journal\nPRIORITY=6\nMESSAGE_ID={journal.UNIT_STARTED}\nUNIT=shutdown.target\nMESSAGE=Reached\n",
        )  # fmt: skip

    def program(self, at: datetime, boot: str, message: str) -> None:
        self._add(at, boot, f"_TRANSPORT=syslog\nPRIORITY=3\nMESSAGE={message}\n")

    def _add(self, at: datetime, boot: str, rows: str) -> None:
        head = f"__REALTIME_TIMESTAMP={int(at.timestamp() * 1e6)}\n__MONOTONIC_TIMESTAMP={1000 + len(self.entries)}\n"
        self.entries.append((at, f"{head}_BOOT_ID={boot}\n_MACHINE_ID={'a' * 32}\n{rows}\n"))

    def write(self, root: Path, below: str = "var/log/journal") -> Place:
        directory = root / below / ("a" * 32)
        directory.mkdir(parents=True, exist_ok=True)
        export = root / "entries.export"
        export.write_text("".join(rows for _, rows in sorted(self.entries)))
        made = subprocess.run(
            [str(MAKER), "-o", str(directory / "system.journal"), str(export)],
            capture_output=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        return Place(root=root)


def disk(
    root: Path, name: str, serial: str, host: int = 0, sectors: int = 1000, bus: str = "pci0/ata{}"
) -> None:
    """/sys as the kernel lays it out for a SATA or USB disk; the serial is SCSI's page 0x80."""
    target = root / "sys/devices" / bus.format(host + 1) / f"host{host}/target{host}:0:0/{host}:0:0:0"
    block = target / "block" / name
    block.mkdir(parents=True)
    (block / "size").write_text(f"{sectors}\n")
    (block / "removable").write_text("0\n")
    (block / "device").symlink_to(target)
    (target / "model").write_text("Model X\n")
    (target / "vpd_pg80").write_bytes(b"\0\x80" + len(serial).to_bytes(2, "big") + serial.encode())
    (root / "sys/block").mkdir(exist_ok=True)
    (root / "sys/block" / name).symlink_to(block)
    (root / f"sys/class/scsi_host/host{host}").mkdir(parents=True, exist_ok=True)


def running(root: Path, boot: str) -> None:
    path = root / "proc/sys/kernel/random/boot_id"
    path.parent.mkdir(parents=True)
    path.write_text(f"{boot[:8]}-{boot[8:12]}-{boot[12:16]}-{boot[16:20]}-{boot[20:]}\n")


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(row.metric, row.component): row.last for row in taken.readings}


def rows(taken: Taken) -> list[dict[str, str]]:
    return [dict(item.facts) for item in taken.sections["events"]]


# the journal, read for real


@needs_journal
def test_a_disk_s_bad_blocks_are_counted_under_its_serial(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - DAY, FIRST)
    for hours in (1, 2, 3):
        log.kernel(NOW - hours * HOUR, FIRST, BAD.format("sda"))
        log.kernel(
            NOW - hours * HOUR, FIRST, "Buffer I/O error on dev sda2, logical block 10, async page read"
        )
    log.program(NOW - HOUR, FIRST, BAD.format("sdz"))
    log.kernel(NOW - HOUR, FIRST, BAD.format("sdy"), facility=3)
    disk(tmp_path, "sda", "WD-4711")
    running(tmp_path, FIRST)
    taken = events.read(log.write(tmp_path))
    read = values(taken)
    assert read["events_disk_bad_blocks_week_count", "WD-4711"] == 3
    assert read["events_disk_errors_week_count", "WD-4711"] == 0, (
        "what follows from an error is not another one"
    )
    assert ("events_disk_bad_blocks_week_count", "sdz") not in read, "only the kernel is believed"
    (row,) = rows(taken)
    assert (row["kind"], row["device"], row["disk"], row["count"]) == ("bad_block", "sda", "WD-4711", "3")
    assert row["first_at"] < row["last_at"]
    assert "sector" not in str(taken), "no message leaves the device"


@needs_journal
def test_a_start_that_was_cut_off_is_told_from_one_that_ended_well(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - 5 * DAY, FIRST)
    log.shutdown(NOW - 4 * DAY, FIRST)
    log.start(NOW - 3 * DAY, SECOND)
    log.kernel(NOW - 2 * DAY, SECOND, "usb 1-2-port3: over-current condition")
    log.start(NOW - DAY, THIRD)
    taken = events.read(log.write(tmp_path))
    read = values(taken)
    assert read["events_unclean_shutdowns_month_count", ""] == 1
    assert read["events_usb_over_current_week_count", ""] == 1
    assert 4.9 * 86400 < read["events_log_reach_seconds", ""] < 5.1 * 86400
    assert ("events_stop_errors_month_count", "") not in read, "nothing here could keep a record of one"


@needs_journal
def test_a_journal_in_memory_knows_nothing_of_former_starts(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - HOUR, FIRST)
    taken = events.read(log.write(tmp_path, "run/log/journal"))
    assert ("events_unclean_shutdowns_month_count", "") not in values(taken)
    assert "in memory only" in taken.reason


@needs_journal
def test_two_disks_that_changed_names_keep_their_errors(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - 2 * DAY, FIRST)
    log.found(NOW - 2 * DAY, FIRST, "sda", "1:0:0:0", 2000)
    log.found(NOW - 2 * DAY, FIRST, "sdb", "0:0:0:0", 1000)
    log.kernel(NOW - DAY, FIRST, BAD.format("sdb"))
    log.start(NOW - HOUR, SECOND)
    disk(tmp_path, "sda", "GOOD-NAME-NOW", host=0, sectors=1000)
    disk(tmp_path, "sdb", "OTHER", host=1, sectors=2000)
    running(tmp_path, SECOND)
    read = values(events.read(log.write(tmp_path)))
    assert read["events_disk_bad_blocks_week_count", "GOOD-NAME-NOW"] == 1
    assert read["events_disk_bad_blocks_week_count", "OTHER"] == 0


@needs_journal
def test_a_disk_that_was_taken_out_hands_its_errors_to_no_other(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - 2 * DAY, FIRST)
    log.found(NOW - 2 * DAY, FIRST, "sda", "0:0:0:0", 500)
    log.kernel(NOW - DAY, FIRST, BAD.format("sda"))
    log.shutdown(NOW - 2 * HOUR, FIRST)
    log.start(NOW - HOUR, SECOND)
    disk(tmp_path, "sda", "NEW", sectors=1000)
    running(tmp_path, SECOND)
    taken = events.read(log.write(tmp_path))
    assert values(taken)["events_disk_bad_blocks_week_count", "NEW"] == 0
    assert [row["not_counted"] for row in rows(taken)] == ["no longer in this device"]


@needs_journal
def test_a_stick_that_was_pulled_out_is_no_failing_disk_and_a_dead_disk_is(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - DAY, FIRST)
    log.found(NOW - DAY, FIRST, "sdb", "6:0:0:0", 500)
    log.found(NOW - DAY, FIRST, "sdc", "3:0:0:0", 500)
    for name in ("sda", "sdb", "sdc"):
        log.kernel(NOW - HOUR, FIRST, BAD.format(name))
    disk(tmp_path, "sda", "STICK", host=5, bus="pci0/usb1/1-2/{}")
    (tmp_path / "sys/class/scsi_host/host3").mkdir(parents=True)  # its port is there, the disk is gone
    running(tmp_path, FIRST)
    taken = events.read(log.write(tmp_path))
    counts = {
        name: n
        for (metric, name), n in values(taken).items()
        if metric == "events_disk_bad_blocks_week_count"
    }
    assert counts == {"sdc": 1}
    assert {row["device"]: row.get("not_counted") for row in rows(taken)} == {
        "sda": "removable", "sdb": "unplugged", "sdc": None,
    }  # fmt: skip


@needs_journal
def test_a_kernel_panic_is_counted_and_not_as_a_power_cut_too(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - 2 * DAY, FIRST)
    log.start(NOW - DAY, SECOND)
    moment = int((NOW - DAY - timedelta(minutes=5)).timestamp())
    record = tmp_path / "var/lib/systemd/pstore" / str(moment) / "001"
    record.mkdir(parents=True)
    (record / "dmesg.txt").write_text("Panic#2 Part1\n<0>Kernel panic - not syncing: Fatal exception\n")
    for part, head in enumerate(("Panic#2 Part2", "Oops#1 Part1"), 1):
        (record / f"dmesg-efi-{moment}{part:02}001").write_text(f"{head}\n<4>words\n")
    taken = events.read(log.write(tmp_path))
    assert values(taken)["events_stop_errors_month_count", ""] == 1
    assert values(taken)["events_unclean_shutdowns_month_count", ""] == 0


@needs_journal
def test_a_storm_of_messages_leaves_one_row_and_a_bounded_count(tmp_path: Path) -> None:
    log = Log()
    log.start(NOW - DAY, FIRST)
    for n in range(3000):
        log.kernel(
            NOW - HOUR + timedelta(milliseconds=10 * n), FIRST, "I/O error, dev sda, sector 7 op 0x1:(WRITE)"
        )
    taken = events.read(log.write(tmp_path))
    assert values(taken)["events_disk_errors_week_count", "sda"] == 30
    assert len(rows(taken)) == 1


def test_a_tree_without_a_journal_is_unknown_and_not_quiet(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no journal"):
        events_linux.seen(Place(root=tmp_path), NOW)


@needs_journal
def test_an_empty_journal_is_unknown_and_not_quiet(tmp_path: Path) -> None:
    log = Log()
    log.program(NOW - HOUR, FIRST, "hello")
    with pytest.raises(Unavailable, match="holds nothing of the kernel"):
        events.read(log.write(tmp_path))


# counting


def seen(*sightings: Sighting, kinds: tuple[str, ...] = ()) -> Taken:
    found = Seen(sightings=list(sightings), kinds=frozenset(kinds), reaches_at=NOW - 90 * DAY)
    return events.taken(found, NOW)


def test_only_the_events_of_the_window_count() -> None:
    week = [
        Sighting(kind="machine_check", at=NOW - days * DAY, source="kernel") for days in (1, 6, 8, 20, 31)
    ]
    cut = [Sighting(kind=CUT_OFF, at=NOW - days * DAY, source="journal") for days in (8, 29, 31)]
    future = Sighting(kind="machine_check", at=NOW + DAY, source="kernel")
    taken = seen(*week, *cut, future, kinds=("machine_check", CUT_OFF))
    assert values(taken) == {
        ("events_log_reach_seconds", ""): 30 * 86400,
        ("events_machine_checks_week_count", ""): 2,
        ("events_unclean_shutdowns_month_count", ""): 2,
    }
    assert {row["kind"]: row["count"] for row in rows(taken)} == {"machine_check": "4", CUT_OFF: "2"}


def test_what_a_system_cannot_tell_is_absent_and_not_zero() -> None:
    assert values(seen()) == {("events_log_reach_seconds", ""): 30 * 86400}


def test_a_crash_explains_one_start_only() -> None:
    at = NOW - DAY
    left = events_linux.unclean([at, at + timedelta(minutes=2)], [at - timedelta(minutes=1)])
    assert [one.at for one in left] == [at + timedelta(minutes=2)]


def test_too_many_devices_leave_the_newest() -> None:
    many = [
        Sighting(kind="usb_over_current", at=NOW - timedelta(minutes=n), source="kernel", device=f"1-{n}")
        for n in range(500)
    ]
    devices = {row["device"] for row in rows(seen(*many))}
    assert len(devices) == 200
    assert "1-0" in devices


def test_a_disk_s_errors_go_by_its_serial_and_its_volume_s_by_its_name() -> None:
    one = Disk("SERIAL", "Model (sda)")
    taken = seen(
        Sighting(kind="bad_block", at=NOW, source="kernel", device="sda", disk=one),
        Sighting(kind="filesystem_error", at=NOW, source="kernel", device="sda2", disk=one),
    )
    assert values(taken) == {
        ("events_log_reach_seconds", ""): 30 * 86400,
        ("events_disk_bad_blocks_week_count", "SERIAL"): 1,
        ("events_filesystem_errors_week_count", "sda2"): 1,
    }


# what journalctl gives


def test_a_message_in_bytes_is_read_and_a_cut_line_passed_over() -> None:
    text = (
        '{"__REALTIME_TIMESTAMP":"1767225600000000","_BOOT_ID":"b","_TRANSPORT":"kernel","MESSAGE":[79,117,116]}\n'
        '{"__REALTIME_TIMESTAMP":"1767225600000000","_BOOT_ID":"b","_TRANSPORT":"kernel","MESSAGE":null}\n'
        '{"__REALTIME_TIMESTAMP":"17672256'
    )
    assert [entry.message for entry in journal.parse(text.splitlines())] == ["Out", ""]


@settings(max_examples=200, deadline=None)
@given(
    some.lists(
        some.text()
        | some.fixed_dictionaries(
            {"__REALTIME_TIMESTAMP": some.integers() | some.text()},
            optional={
                name: some.text() | some.none() | some.lists(some.integers())
                for name in ("MESSAGE", "_BOOT_ID", "_TRANSPORT", "UNIT", "MESSAGE_ID", "SYSLOG_FACILITY")
            },
        ).map(json.dumps)
    )
)
def test_a_strange_journal_breaks_nothing(lines: list[str]) -> None:
    journal.cut_off(journal.starts(journal.parse(lines)))
