"""A small county to look at: two sites, eight devices, each with one thing to tell."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from collector.store.devices import Site
from collector.store.findings import Transition
from collector.store.installation import Counter, Fact
from collector.store.inventory import InventoryChange
from collector.store.reports import GapSeen
from collector.store.tickets import Evidence
from tests.console.rows import (
    COURT,
    GB,
    GIB,
    OFFICE,
    PASSWORD,
    device,
    event,
    finding,
    history,
    people,
    probe,
    row,
    section,
    steps,
    ticket,
    wave,
)

__all__ = ["COURT", "OFFICE", "PASSWORD", "build", "device", "people", "probe", "ticket"]


def build(session: Session, now: datetime) -> None:
    people(session, now)
    session.add_all(Site(name=name, time_zone="America/Chicago", created_at=now) for name in (COURT, OFFICE))
    session.add(Fact(name="enrolment_address", value="tocsin.example.gov:7443"))
    session.add(Fact(name="ca_fingerprint", value="9f2c" * 16))
    session.add(Fact(name="alive_at", value=(now - timedelta(seconds=12)).isoformat()))
    session.add(Counter(name="ticket", value=1044))
    session.flush()
    _failing_disk(session, now)
    _full_recorder(session, now)
    _healthy(session, now)
    _silent(session, now)
    _laptop(session, now)
    _half_seen(session, now)
    device(
        session, "77a0c1d2e3f40516", "nor-desk-11", now, site=OFFICE, room="214", presence="unknown", seen_at=None,
        reported_at=None, presence_at=None, patch_state="unknown", uptime_seconds=None, clock_skew_seconds=None,
        enrolled_at=now - timedelta(minutes=4), model="OptiPlex 3000",
    )  # fmt: skip
    _away(session, now)


def _quiet(session: Session, device_id: str, at: datetime, more: list[list[Any]] | None = None) -> None:
    """The probes of a device on which nothing is wrong."""
    probe(session, device_id, "cpu", at, [row("cpu_used_ratio", 0.07), row("cpu_run_queue_load", 0.21)])
    probe(
        session, device_id, "memory", at,
        [row("memory_size_bytes", 16 * GIB), row("memory_used_ratio", 0.41), row("swap_used_ratio", 0.0)],
    )  # fmt: skip
    probe(
        session, device_id, "filesystem", at,
        [row("filesystem_used_ratio", 0.38, "a1b2", "/"), row("filesystem_available_bytes", 143.2 * GB, "a1b2", "/")] + (more or []),
    )  # fmt: skip
    probe(
        session,
        device_id,
        "clock",
        at,
        [row("clock_synchronised_state", 1), row("clock_offset_seconds", 0.0004)],
    )
    probe(
        session, device_id, "patches", at, [row("updates_security_count", 0), row("updates_other_count", 3)]
    )
    probe(session, device_id, "reboot_pending", at, [row("reboot_pending_state", 0)])


def _failing_disk(session: Session, now: datetime) -> None:
    id, serial, label = "0c7be3a9d4f15862", "S4EVNF0M712345", "Samsung SSD 860 EVO, sda"
    device(
        session, id, "tul-clerk-014", now, room="Clerk's counter 2", worst_severity="critical", open_findings=2,
        patch_state="missing", patch_reason="3 security updates on offer",
    )  # fmt: skip
    at = now - timedelta(minutes=3)
    probe(session, id, "cpu", at, [row("cpu_used_ratio", 0.12), row("cpu_run_queue_load", 0.44)])
    probe(session, id, "memory", at, [row("memory_size_bytes", 16 * GIB), row("memory_used_ratio", 0.58)])
    probe(
        session, id, "filesystem", at,
        [
            row("filesystem_used_ratio", 0.71, "a1b2", "/"), row("filesystem_available_bytes", 66.1 * GB, "a1b2", "/"),
            row("filesystem_used_ratio", 0.12, "e5f6", "/boot"), row("filesystem_available_bytes", 0.9 * GB, "e5f6", "/boot"),
        ],
    )  # fmt: skip
    probe(
        session, id, "disk_health", now - timedelta(hours=2),
        [
            row("disk_self_assessment_passed_state", 1, serial, label), row("disk_temperature_celsius", 44, serial, label),
            row("disk_reallocated_sectors_total", 88, serial, label), row("disk_pending_sectors_count", 40, serial, label),
            row("disk_power_on_seconds", 21_400 * 3600, serial, label), row("disk_life_used_ratio", 0.31, serial, label),
        ],
    )  # fmt: skip
    probe(
        session,
        id,
        "sensors",
        at,
        [row("sensor_temperature_celsius", 52, "coretemp/Package", "Processor package")],
    )
    probe(session, id, "clock", at, [row("clock_synchronised_state", 1), row("clock_offset_seconds", 0.0012)])
    probe(session, id, "patches", now - timedelta(hours=3), [row("updates_security_count", 3), row("updates_other_count", 11), row("updates_lists_age_seconds", 3 * 3600)])  # fmt: skip
    probe(session, id, "battery", at, [], "unavailable", "no battery")
    section(session, id, "system", {"system": {"maker": "Dell Inc.", "model": "OptiPlex 7090", "serial": "0C7BE3A", "bios_version": "1.28.0", "chassis": "small form factor"}}, at)  # fmt: skip
    section(session, id, "disks", {serial: {"model": "Samsung SSD 860 EVO", "size_bytes": "250059350016", "firmware": "RVT04B6Q", "form_factor": "2.5 inch", "interface": "SATA", "readable": "true"}}, at)  # fmt: skip
    section(session, id, "memory_modules", {f"DIMM{n}": {"size_bytes": str(8 * GIB), "maker": "SK hynix", "part_number": "HMA81GU6DJR8N-XN", "speed": "3200 MT/s"} for n in (1, 2)}, at)  # fmt: skip
    section(session, id, "software", {f"package-{n:03d}": {"version": f"{n % 7}.{n % 13}.{n % 5}", "architecture": "amd64"} for n in range(412)}, at)  # fmt: skip
    session.add(InventoryChange(device_id=id, id="c1", section="memory_modules", at=now - timedelta(days=12), kind="added", key="DIMM2", before=None, after={"size_bytes": str(8 * GIB)}))  # fmt: skip
    session.add(GapSeen(device_id=id, id="g1", reason="evicted", reports=14, from_at=None, to_at=None, received_at=now - timedelta(days=3)))  # fmt: skip
    history(
        session, id, now,
        {
            ("disk_pending_sectors_count", serial): steps((0, 0), (9.5, 8), (13, 24), (19, 40)),
            ("cpu_used_ratio", ""): wave(0.18, 0.12, 0.05, seed=2),
            ("memory_used_ratio", ""): wave(0.52, 0.08, 0.02, seed=3),
            ("filesystem_used_ratio", "a1b2"): wave(0.69, 0.0, 0.001, rise=0.02, seed=4),
            ("sensor_temperature_celsius", "coretemp/Package"): wave(48, 6, 2.5, seed=5),
            ("disk_temperature_celsius", serial): wave(41, 3, 0.5, seed=6),
            ("cpu_run_queue_load", ""): wave(0.4, 0.3, 0.15, seed=7),
        },
        without=(16.0, 13.5),
    )  # fmt: skip
    first = finding(
        session, id, "f1" * 8, "disk_pending_sectors", now, component=serial, severity="critical", value=40.0,
        summary="Disk Samsung SSD 860 EVO, sda cannot read 40 of its sectors",
        since_at=now - timedelta(hours=14, minutes=30), opened_at=now - timedelta(hours=14, minutes=20), ticket_id="7" * 32,
    )  # fmt: skip
    finding(
        session, id, "f2" * 8, "security_updates_missing", now, value=9 * 86400.0, summary="Security updates are missing for 9 days",
        since_at=now - timedelta(days=9), opened_at=now - timedelta(days=2), ticket_id="7" * 32,
    )  # fmt: skip
    clauses = [
        {"text": "Disk pending sectors is 8, above 0", "metric": "disk_pending_sectors_count", "value": 8.0, "limit": 0.0, "at": first.opened_at.isoformat()},
    ]  # fmt: skip
    session.add(
        Transition(
            device_id=id, id="t1", finding_id=first.id, rule=first.rule, component=serial, old="pending", new="open",
            at=first.opened_at, reason="raised", clauses=clauses,
        )
    )  # fmt: skip
    opened = ticket(
        session, id, "7" * 32, 1041, f"{first.summary} (and 1 more)", now, severity="critical", priority=3,
        state="in_progress", assignee="technician.one", opened_at=first.opened_at, touched_at=now - timedelta(hours=3), version=3,
    )  # fmt: skip
    event(
        session,
        opened,
        now - timedelta(hours=6),
        "tocsin",
        "joined",
        "Security updates are missing for 9 days",
    )
    event(session, opened, now - timedelta(hours=3), "technician.one", "moved", "new → in_progress")
    event(session, opened, now - timedelta(hours=2, minutes=50), "technician.one", "note", "Copied the user's files to the share. A new SSD is in the van.")  # fmt: skip
    series = [
        [(first.opened_at - timedelta(minutes=5 * n)).isoformat(), 0.0 if n > 2 else 8.0]
        for n in range(200, -1, -1)
    ]
    session.add(
        Evidence(
            device_id=id, id="e1", ticket_id=opened.id, finding_id=first.id, moment="opening", at=first.opened_at,
            body={
                "clauses": clauses, "series": {"disk_pending_sectors_count": series},
                "facts": {"model": "Samsung SSD 860 EVO", "size_bytes": "250059350016", "form_factor": "2.5 inch", "interface": "SATA", "firmware": "RVT04B6Q"},
            },
        )
    )  # fmt: skip


def _full_recorder(session: Session, now: datetime) -> None:
    id = "1b22c8f04e6a9d31"
    device(
        session, id, "tul-court3-av", now, room="Courtroom 3", group="av", device_class="av_host", model="Precision 3260",
        worst_severity="warning", open_findings=1, unreadable_disks=1,
    )  # fmt: skip
    recordings = [
        row("filesystem_used_ratio", 0.93, "d4e5", "/srv/recordings"),
        row("filesystem_available_bytes", 71.3 * GB, "d4e5", "/srv/recordings"),
    ]
    _quiet(session, id, now - timedelta(minutes=2), recordings)
    probe(session, id, "disk_health", now - timedelta(hours=1), [row("disk_readable_state", 0, "/dev/nvme0", "Recorder volume, nvme0")])  # fmt: skip
    history(session, id, now, {("filesystem_used_ratio", "d4e5"): wave(0.86, 0.0, 0.001, rise=0.07, seed=8)})
    finding(
        session, id, "f3" * 8, "filesystem_nearly_full", now, component="d4e5", value=0.93,
        summary="/srv/recordings is 93 % full", ticket_id="8" * 32,
    )  # fmt: skip
    ticket(session, id, "8" * 32, 1042, "/srv/recordings is 93 % full", now, group="av", priority=3)  # fmt: skip


def _healthy(session: Session, now: datetime) -> None:
    id = "2e91d0b7c3a84f65"
    device(session, id, "tul-clerk-022", now, room="Clerk's counter 4")
    _quiet(session, id, now - timedelta(minutes=3))
    history(session, id, now, {("cpu_used_ratio", ""): wave(0.08, 0.05, 0.03, seed=9)}, hours=6)


def _silent(session: Session, now: datetime) -> None:
    id = "3d40a6e2f8b7159c"
    gone = now - timedelta(hours=2, minutes=12)
    device(
        session, id, "nor-front-01", now, site=OFFICE, room="Front desk", presence="silent", presence_at=gone + timedelta(minutes=15),
        seen_at=gone, reported_at=gone, worst_severity="critical", open_findings=1, maker="LENOVO", model="ThinkCentre M70q",
        os_family="windows", os_name="Windows 11 Pro 24H2",
    )  # fmt: skip
    _quiet(session, id, gone)
    finding(
        session, id, "f4" * 8, "device_silent", now, severity="critical", summary="Nothing was heard of this device for 2 hours",
        since_at=gone, opened_at=now - timedelta(hours=1, minutes=40), ticket_id="9" * 32,
    )  # fmt: skip
    ticket(
        session, id, "9" * 32, 1043, "Nothing was heard of this device for 2 hours", now, severity="critical", priority=2,
        opened_at=now - timedelta(hours=1, minutes=40),
    )  # fmt: skip


def _laptop(session: Session, now: datetime) -> None:
    id = "4fa5170be92c6d83"
    device(
        session, id, "nor-lt-07", now, site=OFFICE, room="Field team", group="field", device_class="laptop", presence="asleep",
        presence_at=now - timedelta(hours=1), seen_at=now - timedelta(hours=1), reported_at=now - timedelta(hours=1, minutes=2),
        maker="LENOVO", model="ThinkPad T14 Gen 3", patch_state="compliant",
    )  # fmt: skip
    _quiet(session, id, now - timedelta(hours=1, minutes=2))
    finding(
        session, id, "f5" * 8, "battery_worn", now, component="B1", state="cleared", value=0.54, cleared_reason="part_replaced",
        summary="Battery 02DL019 holds 54 % of what it did", cleared_at=now - timedelta(days=2), ticket_id="a" * 32,
        since_at=now - timedelta(days=20), opened_at=now - timedelta(days=20),
    )  # fmt: skip
    ticket(
        session, id, "a" * 32, 1039, "Battery 02DL019 holds 54 % of what it did", now, group="field", state="resolved",
        opened_at=now - timedelta(days=20), resolved_at=now - timedelta(days=2), resolved_by="technician.one",
        assignee="technician.one", touched_at=now - timedelta(days=19), proposal="",
    )  # fmt: skip


def _half_seen(session: Session, now: datetime) -> None:
    id = "5a6b93f1c07d2e48"
    device(
        session, id, "tul-judge-02", now, room="Chambers 2", patch_state="unknown", model="OptiPlex 7000",
        patch_reason="package lists are 46 days old and the mirror does not answer", possible_duplicate_of="",
    )  # fmt: skip
    at = now - timedelta(minutes=4)
    probe(session, id, "cpu", at, [row("cpu_used_ratio", 0.03)])
    probe(session, id, "disk_health", at, [], "unavailable", "no smartctl on this device")
    probe(
        session,
        id,
        "patches",
        at,
        [],
        "timed_out",
        "apt did not answer within 60 s",
        ok_at=now - timedelta(days=46),
    )
    probe(session, id, "sensors", at, [], "failed", "hwmon0: Input/output error")


def _away(session: Session, now: datetime) -> None:
    id = "61c4e8a2b90f3d75"
    device(
        session, id, "tul-clerk-009", now, room="Clerk's counter 1", presence="shut_down", presence_at=now - timedelta(days=16),
        seen_at=now - timedelta(days=16), reported_at=now - timedelta(days=16), patch_state="missing", patch_reason="7 security updates on offer",
    )  # fmt: skip
    _quiet(session, id, now - timedelta(days=16))
    ticket(
        session, id, "b" * 32, 1044, "Security updates are missing for 21 days", now, state="pending", pending_reason="user",
        follow_up_at=now + timedelta(days=1), assignee="lead.one", opened_at=now - timedelta(days=18),
    )  # fmt: skip
