"""Plain constructors of rows, with the usual values filled in."""

import json
import math
import random
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from collector.roles import ROLES
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.inventory import InventorySection
from collector.store.people import User
from collector.store.reports import ProbeResult, StoredReport
from collector.store.tickets import Ticket, TicketEvent
from console import passwords
from protos.report_pb2 import Report

COURT, OFFICE = "Tulsa County Courthouse", "Norman Field Office"
PASSWORD = "a horse in a courtroom"
GIB, GB = 2**30, 10**9


def people(session: Session, now: datetime) -> None:
    hashed = passwords.hashed(PASSWORD, name="nobody")
    for role in ROLES:
        session.add(
            User(name=f"{role}.one", role=role, password_hash=hashed, created_at=now - timedelta(days=90))
        )


def device(session: Session, id: str, host_name: str, now: datetime, **values: Any) -> Device:
    row = Device(
        **{
            "id": id,
            "host_name": host_name,
            "site": COURT,
            "room": "",
            "group": "desktop",
            "device_class": "desktop",
            "os_family": "linux",
            "os_name": "Ubuntu 24.04.3 LTS",
            "maker": "Dell Inc.",
            "model": "OptiPlex 7090",
            "system_serial": f"{id[:7].upper()}",
            "smbios_uuid": f"4c4c4544-0042-{id[:4]}-8048-b4c04f503233",
            "asset_tag": f"TC-{int(id, 16) % 100000:05d}",
            "wired_macs": ["b0:4f:13:0a:5c:21"],
            "agent_version": "0.1.0",
            "address": f"10.20.4.{int(id, 16) % 250}",
            "enrolled_at": now - timedelta(days=61),
            "seen_at": now - timedelta(seconds=31),
            "reported_at": now - timedelta(minutes=3),
            "presence": "online",
            "presence_at": now - timedelta(hours=7),
            "uptime_seconds": 6.4 * 86400,
            "clock_skew_seconds": 0.012,
            "patch_state": "compliant",
        }
        | values
    )
    session.add(row)
    session.flush()
    return row


def probe(
    session: Session, device_id: str, name: str, at: datetime, readings: list[list[Any]] | None = None,
    outcome: str = "ok", reason: str = "", ok_at: datetime | None = None,
) -> None:  # fmt: skip
    session.add(
        ProbeResult(
            device_id=device_id, probe=name, outcome=outcome, reason=reason, took_seconds=0.02, received_at=at,
            ok_at=at if outcome == "ok" else ok_at, readings=readings or [],
        )
    )  # fmt: skip


def row(metric: str, last: float, component: str = "", label: str = "") -> list[Any]:
    return [metric, component, last, label]


def section(
    session: Session, device_id: str, name: str, items: dict[str, dict[str, str]], at: datetime
) -> None:
    session.add(
        InventorySection(
            device_id=device_id, section=name, hash=7, announced_hash=7, items=zlib.compress(json.dumps(items).encode()),
            items_count=len(items), changed_at=at - timedelta(days=12), seen_at=at,
        )
    )  # fmt: skip


Curve = Callable[[float], tuple[float, float, float]]  # hour of the day -> last, min, max


def history(
    session: Session, device_id: str, now: datetime, curves: dict[tuple[str, str], Curve],
    hours: float = 24, without: tuple[float, float] | None = None,
) -> None:  # fmt: skip
    """Reports every five minutes, but for a hole: hours before now, from and to."""
    for number in range(int(hours * 12), 0, -1):
        before = number / 12
        if without and without[1] < before < without[0]:
            continue
        at = now - timedelta(hours=before)
        report = Report()
        report.collected_at.FromDatetime(at)
        for (metric, component), curve in curves.items():
            last, low, high = curve(24 - before)
            report.readings.add(
                metric=metric, component=component, last=last, min=low, mean=last, max=high, samples=5
            )
        session.add(
            StoredReport(
                device_id=device_id, spool_id="5" * 32, lane=1, seq=int(at.timestamp() // 300), hash=number, collected_at=at,
                received_at=at, judged=True, body=zlib.compress(report.SerializeToString()),
            )
        )  # fmt: skip


def wave(middle: float, swing: float, noise: float = 0.0, rise: float = 0.0, seed: int = 1) -> Curve:
    chance = random.Random(seed)

    def at(hour: float) -> tuple[float, float, float]:
        last = middle + swing * math.sin((hour - 6) / 24 * 2 * math.pi) + rise * hour / 24
        jitter = abs(chance.gauss(0, noise))
        last = max(last + chance.gauss(0, noise), 0)
        return last, max(last - jitter, 0), last + 2 * jitter

    return at


def steps(*at_hours: tuple[float, float]) -> Curve:
    def at(hour: float) -> tuple[float, float, float]:
        value = [number for start, number in at_hours if hour >= start][-1]
        return value, value, value

    return at


def finding(session: Session, device_id: str, id: str, rule: str, now: datetime, **values: Any) -> Finding:
    found = Finding(
        **{
            "device_id": device_id,
            "id": id,
            "rule": rule,
            "rule_hash": "3f9c2a77d0b14e52",
            "component": "",
            "state": "open",
            "severity": "warning",
            "summary": rule,
            "since_at": now - timedelta(hours=9),
            "opened_at": now - timedelta(hours=9),
            "texts": {
                "meaning": "Sectors could not be read.",
                "advice": "Copy the data first.",
                "bring": "A drive of the same size.",
            },
        }
        | values
    )
    session.add(found)
    return found


def ticket(
    session: Session, device_id: str, id: str, number: int, title: str, now: datetime, **values: Any
) -> Ticket:
    opened = Ticket(
        **{
            "device_id": device_id,
            "id": id,
            "number": number,
            "group": "desktop",
            "state": "new",
            "severity": "warning",
            "priority": 4,
            "title": title,
            "opened_at": now - timedelta(hours=9),
        }
        | values
    )
    session.add(opened)
    event(session, opened, opened.opened_at, "tocsin", "opened", title)
    return opened


def event(session: Session, of: Ticket, at: datetime, who: str, kind: str, text: str) -> None:
    session.add(
        TicketEvent(
            device_id=of.device_id, id=f"{of.id[:8]}{at.timestamp():.0f}{kind[:4]}", ticket_id=of.id, at=at, who=who,
            kind=kind, text=text, data={"from": "new", "to": "in_progress"} if kind == "moved" else None,
        )
    )  # fmt: skip
