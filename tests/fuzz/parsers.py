"""Every parser of outside data: how it is called, what it may raise, and what its input looks like.

The bounded test and the long run both walk this table; a public `parse…` of agent/probes without a row here fails
the test. Corpora are the captured samples beside the checkout, our own captures, and seeds written here so that a
parser is fuzzed where the samples are missing too.
"""

import contextlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from tests.fuzz import devices, packages, rooms, whole
from tests.fuzz.corpus import LONG, NOW, Parser, pairs, text


def table() -> list[Parser]:
    """All rows, in the order of the agent, then the collector."""
    return [
        *_probes(),
        *_logs(),
        *packages.rows(),
        *devices.rows(),
        *rooms.rows(),
        *whole.rows(),
        *_state(),
        *_collector(),
    ]


def _probes() -> Iterator[Parser]:
    from agent.probes import (
        battery,
        cpu,
        dmi,
        filesystem,
        hardware,
        memory,
        operating_system,
        services,
        smart,
        versions,
    )
    from agent.windows import rows
    from protos.placeholders import is_placeholder

    smartctl = ("smartctl/*.json", "data/disk_health/*.json")
    yield Parser(name="probes.smart.parse", call=text(smart.parse), corpus=smartctl)
    yield Parser(name="probes.smart.parse_scan", call=text(smart.parse_scan), corpus=smartctl)
    yield Parser(
        name="probes.versions.key",
        call=text(lambda told: sorted(told.split("\n")[:50], key=versions.key)),
        seeds=(b"1:2.3~rc1-4+deb12u1\n6.1.0-40\n2.3-4\n0\n", b"1." + LONG, LONG + b":1"),
        allowed=(),
    )
    yield Parser(
        name="probes.dmi.parse",
        call=text(lambda told: dmi.memory_slots(dmi.parse(told))),
        corpus=("dmidecode/*.txt", "data/dmi/*.txt"),
        allowed=(),
    )
    yield Parser(
        name="probes.dmi.size_bytes", call=text(dmi.size_bytes), seeds=(b"16 GB", b"2048 MB"), allowed=()
    )
    yield Parser(
        name="probes.hardware.processors",
        call=text(hardware.processors),
        seeds=(b"processor\t: 0\nphysical id\t: 0\ncore id\t\t: 0\nmodel name\t: A\n\nprocessor\t: 1\n",),
        allowed=(),
    )
    mount = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
    yield Parser(
        name="probes.filesystem.parse_mountinfo",
        call=text(lambda told: filesystem.chosen(filesystem.parse_mountinfo(told))),
        seeds=(mount, mount * 3),
        allowed=(),
    )
    yield Parser(
        name="probes.filesystem.parse_mounts",
        call=text(lambda told: filesystem.chosen(filesystem.parse_mounts(told))),
        seeds=(b"/dev/sda1 / ext4 rw,relatime 0 0\nUUID=1 /ho\\040me xfs ro 0 2\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.services.parse",
        call=text(services.parse),
        seeds=(
            b"\xe2\x97\x8f cups.service loaded failed failed CUPS Scheduler\nssh.service loaded failed failed x\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.battery.parse",
        call=lambda data: battery.parse("BAT0", pairs(data)),
        seeds=(
            b"status=Discharging\nenergy_full=41000000\nenergy_full_design=50000000\nenergy_now=1\ncycle_count=173\n"
            b"voltage_min_design=11400000\ncharge_full=3000000\ncharge_full_design=4000000\n"
            b"charge_now=2000000\ncapacity=93\npresent=1\nmanufacturer=SMP\nmodel_name=01AV\nserial_number= 541\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.operating_system.parse_os_release",
        call=text(
            lambda told: operating_system.taken(operating_system.parse_os_release(told), None, None, NOW)
        ),
        seeds=(
            b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian \\"12\\""\n',
            b"ID=rhel\nVERSION_ID='9.4'\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.memory.parse_meminfo",
        call=text(lambda told: memory.available_bytes(memory.parse_meminfo(told))),
        seeds=(
            b"MemTotal:       16303428 kB\nMemAvailable:   11001188 kB\nHugePages_Total:       0\n",
            b"MemTotal: " + LONG + b" kB\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.memory.parse_pressure",
        call=text(memory.parse_pressure),
        seeds=(b"some avg10=0.00 avg60=1.25 avg300=0.00 total=4711\nfull avg10=0.00\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.cpu.parse_stat",
        call=text(cpu.parse_stat),
        seeds=(b"cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\nintr 1\n",),
    )
    yield Parser(
        name="probes.cpu.parse_load", call=text(cpu.parse_load), seeds=(b"0.20 0.18 0.12 1/80 11206\n",)
    )
    yield Parser(
        name="windows.rows",
        call=lambda data: [
            read({name.lower(): value for name, value in pairs(data).items()}, name)
            for read in (rows.text, rows.whole, rows.truth, rows.numbers, rows.moment)
            for name in ("date", "size", "flag", "list")
        ],
        seeds=(b"date=20220622000000.000000-000\nsize=512110190592\nflag=TRUE\nlist={3,4}\n",),
        allowed=(),
    )
    yield Parser(
        name="placeholders.is_placeholder",
        call=text(is_placeholder),
        seeds=(b"Default string", b"0000"),
        allowed=(),
    )


def _logs() -> Iterator[Parser]:
    from agent.probes import journal, kernel_messages
    from agent.windows import event_log

    entry = b'{"__REALTIME_TIMESTAMP":"1767225600000000","_BOOT_ID":"b","_TRANSPORT":"kernel","MESSAGE":"Out of memory:"}\n'
    yield Parser(
        name="probes.journal.parse",
        call=text(lambda told: journal.cut_off(journal.starts(journal.parse(told.splitlines())))),
        seeds=(
            entry * 2,
            entry.replace(b'"1767225600000000"', LONG),
            entry.replace(b'"Out of memory:"', b"[1,2]"),
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.kernel_messages.recognise",
        call=text(lambda told: (kernel_messages.recognise(told), kernel_messages.attached(told))),
        seeds=(
            b"blk_update_request: critical medium error, dev sda, sector 80 op 0x0:(READ) flags 0x0",
            b"pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer",
            b"BTRFS error (device sda3: state EA): bdev /dev/sda3 errs: wr 1",
            b"sd 2:0:0:0: [sdb] 122070384 4096-byte logical blocks: (500 GB/466 GiB)",
            b"mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 5: 9c00004000010090",
        ),
        allowed=(),
    )
    yield Parser(
        name="windows.event_log",
        call=text(lambda told: event_log.parse(told, ("1", "BugcheckCode"))),
        seeds=(
            b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='disk'/>"
            b"<EventID Qualifiers='49156'>7</EventID><Level>2</Level><TimeCreated SystemTime='2026-01-05T08:00:01.1234567Z'/>"
            b"</System><EventData><Data>x</Data><Data Name='BugcheckCode'>159</Data></EventData></Event>",
        ),
        allowed=(),
    )


def _state() -> Iterator[Parser]:
    """Files the agent wrote itself, or a person did: a bad disk and a bad editor spoil them."""
    from agent import config, identity
    from agent.spool import Spool

    def spool(data: bytes) -> object:
        with _folder("spool.db", data) as folder, contextlib.closing(_spool(folder)) as opened:
            return opened.counts()

    def _spool(folder: Path) -> Spool:
        return Spool(folder, now=lambda: NOW, max_bytes=10_000_000, keep_acked_for=timedelta(hours=1))

    def written() -> bytes:
        from protos.report_pb2 import Report

        with _folder("other", b"") as folder:
            made = _spool(folder)
            made.append(Report(host_name="pc-14"))
            made.close()
            return (folder / "spool.db").read_bytes()

    def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        def call(data: bytes) -> object:
            with _folder(name, data) as folder:
                return read(folder)

        return call

    yield Parser(
        name="config.load",
        call=in_file("agent.toml", lambda folder: config.load(folder / "agent.toml", {})),
        seeds=(
            b'collector = "collector.example:8443"\nstate_dir = "~/state"\nsample_seconds = 60\nextra_filesystems = ["/srv"]\nretry_base_seconds = 2\nlisten = true\n',
            b"spool_max_bytes = " + LONG + b"\n",
            b"retry_base_seconds = " + b"9" * 400 + b"\n",
            b"extra_filesystems = " + b"[" * 3000,
            b'state_dir = "~nobody-of-this-name/x"\n',
            b'state_dir = "a\\u0000b"\n',
        ),
        allowed=(config.ConfigError,),
        runs=150,
    )
    device = {
        "device_id": "7f", "collector_host": "c.example", "enrolment_port": 8442, "intake_port": 8443,
        "credential": "credential-1", "not_before": "2026-01-01T00:00:00+00:00", "not_after": "2026-04-01T00:00:00+00:00",
    }  # fmt: skip
    yield Parser(
        name="identity.load",
        call=in_file("device.json", identity.load),
        seeds=(
            json.dumps(device).encode(),
            json.dumps(device | {"intake_port": float("inf")}).encode(),
            json.dumps(device | {"not_after": "9999-12-31T23:59:59-23:59"}).encode(),
            b"[" * 100_000,
        ),
        allowed=(identity.NoCredential,),
        runs=150,
    )
    yield Parser(
        name="identity.load_policy",
        call=in_file("policy.bin", identity.load_policy),
        seeds=(b"\x08\x3c\x10\xc0\x70\x18\x90\x1c", b""),
        allowed=(),
        runs=150,
    )
    yield Parser(name="spool.Spool", call=spool, seeds=(written(),), allowed=(), runs=12)


@contextlib.contextmanager
def _folder(name: str, data: bytes) -> Iterator[Path]:
    logging.getLogger("agent").setLevel(logging.CRITICAL)  # a damaged spool is said loudly, each time
    with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as made:
        path = Path(made) / name
        path.write_bytes(data)
        yield path.parent


def _collector() -> Iterator[Parser]:
    try:
        from collector import unpack
    except ImportError:  # the Windows lane has the agent only
        return
    import zlib

    from protos.body import pack
    from protos.report_pb2 import Item, Outcome, Reading, Report, Section

    report = Report(host_name="pc-14", agent_version="1.0", build="1", uptime_seconds=5)
    report.collected_at.FromDatetime(NOW)
    report.readings.append(Reading(metric="disk_wear_ratio", component="nvme0n1", last=0.9, samples=1))
    report.outcomes.append(Outcome(probe="cpu", took_seconds=0.1))
    report.sections.append(Section(name="system", items=[Item(key="system", facts={"maker": "x"})]))
    bomb = zlib.compress(bytes(30_000_000), 9)

    yield Parser(
        name="collector.unpack.unpack",
        call=lambda data: unpack.unpack(data, NOW),
        seeds=(pack(report), bomb),
        allowed=(unpack.Refused,),
    )
    # Most spoiled bodies do not inflate: here the bytes inside are spoiled.
    yield Parser(
        name="collector.unpack.unpack (inside)",
        call=lambda data: unpack.unpack(zlib.compress(data, 1), NOW),
        seeds=(report.SerializeToString(),),
        allowed=(unpack.Refused,),
    )
