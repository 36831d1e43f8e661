"""What people and the machine decided in the small county: planned work, overrides, situations, clocks."""

from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import decide
from collector.decisions import FACT
from collector.rules import load
from collector.store.devices import Site
from collector.store.installation import Fact
from collector.store.overrides import RuleHold
from collector.store.people import AuditEntry
from collector.store.situations import EVERYTHING_SILENT, SITE_OUTAGE, STORM, Situation
from collector.store.tickets import Ticket
from collector.tickets import sla
from console.database import Database
from tests.console.rows import COURT, OFFICE, device, finding

DISK, RECORDER = "0c7be3a9d4f15862", "1b22c8f04e6a9d31"
FULL = "f3" * 8  # the recorder's filesystem
WEEK = {str(day): [["08:00", "17:00"]] for day in range(5)}


def build(session: Session, now: datetime) -> None:
    """On top of tests/console/world.py."""
    court = session.get_one(Site, COURT)
    court.hours = court.expected_hours = WEEK
    court.holidays = ["2020-12-25", "2199-12-25"]
    for ticket in session.query(Ticket):
        ticket.sla, ticket.site = sla.shipped(), COURT
    _situations(session, now)
    _planned(session, now)
    _rules(session, now)
    for n, why in enumerate(("storm", "maintenance")):
        finding(
            session, RECORDER, f"{n}s" * 8, "package_lists_old" if n else "restart_pending", now, suppressed=why,
            summary=f"Held back {n}", value=20.0 * 86400,
        )  # fmt: skip
    session.flush()
    decide.accept(
        session,
        device_id=DISK,
        finding_id="f2" * 8,
        why="Waits for the vendor's release",
        who="lead.one",
        now=now,
    )


def _situations(session: Session, now: datetime) -> None:
    gone = [f"{n:016x}" for n in range(0x70, 0x76)]
    for n, id in enumerate(gone):
        device(
            session, id, f"nor-desk-{n + 20}", now, site=OFFICE, room=f"2{n:02}", presence="online" if n < 2 else "silent",
            presence_at=now - timedelta(minutes=20), seen_at=now - timedelta(minutes=20 if n > 1 else 0),
        )  # fmt: skip
    session.add_all(
        Situation(
            id=f"s{number}", number=number, kind=kind, scope=scope, state=state, title=title, body="Power, line or switch.",
            opened_at=now - age, resolved_at=now - age + timedelta(minutes=42) if state == "resolved" else None,
            data=data, seen_by=seen_by,
        )
        for number, kind, scope, state, title, age, data, seen_by in (
            (1050, SITE_OUTAGE, f"site {OFFICE}", "open", f"Site {OFFICE} is silent: 6 of 9 devices within 5 minutes",
             timedelta(minutes=21), {"devices": gone, "of": 9}, ""),
            (1051, STORM, "rule restart_pending", "open", "10 new tickets within an hour (rule restart_pending): the others wait",
             timedelta(hours=2), {}, "technician.one"),
            (1031, EVERYTHING_SILENT, "", "resolved", "8 of 8 devices fell silent at once, everywhere", timedelta(days=12),
             {"devices": gone, "of": 8, "ended": "6 of 6 devices are heard again"}, "admin.one"),
        )
    )  # fmt: skip


def _planned(session: Session, now: datetime) -> None:
    hour = timedelta(hours=1)
    # The weekly one is under way also in the week when the clocks change.
    for starts, ends, more in (
        (-hour, 3 * hour, {"site": COURT, "room": "Courtroom 3", "why": "New projector in courtroom 3"}),
        (
            -169.5 * hour,
            -165.5 * hour,
            {"site": OFFICE, "weekly": True, "why": "Updates of the servers"},
        ),
        (
            20 * hour,
            22 * hour,
            {"device_id": DISK, "rule": "disk_pending_sectors", "why": "The disk is replaced"},
        ),
        (-50 * hour, -48 * hour, {"site": OFFICE, "why": "The electrician"}),
    ):
        decide.plan(
            session, starts_at=now + starts, ends_at=now + ends, who="technician.one", now=now - timedelta(days=9),
            time_zone="America/Chicago", **more,  # type: ignore[arg-type]
        )  # fmt: skip


def _rules(session: Session, now: datetime) -> None:
    rules = load.load()
    made = (
        {"scope": "site", "site": COURT, "changes": {"raise_above": 0.95, "hold": "2h"}, "why": "Recordings are moved at night"},
        {"scope": "component", "name": RECORDER, "component": "d4e5", "changes": {"severity": "critical"}, "why": "The only copy"},
        {"scope": "device", "name": DISK, "changes": {"enabled": False}, "why": "Is scrapped next week"},
    )  # fmt: skip
    for one in made:
        decide.override(
            session, rules, rule="filesystem_nearly_full", who="lead.one", now=now - timedelta(days=3), **one  # type: ignore[arg-type]
        )  # fmt: skip
    session.add(
        RuleHold(rule="restart_pending", rule_hash="9a0b1c2d3e4f5061", held_at=now - timedelta(hours=5), devices=312, of=2040)
    )  # fmt: skip


def every(app: Flask, model: Any, *where: Any) -> list[Any]:
    database: Database = app.extensions["database"]
    with database.reader() as session:
        return list(session.scalars(select(model).where(*where)))


def told(app: Flask) -> str:
    """The version of all decisions: collectors read anew when it is another."""
    found = every(app, Fact, Fact.name == FACT)
    return str(found[0].value) if found else ""


def audited(app: Flask, action: str) -> AuditEntry:
    """The newest entry of this action."""
    entries = sorted(every(app, AuditEntry, AuditEntry.action == action), key=lambda entry: entry.at)
    entry = entries[-1]
    assert isinstance(entry, AuditEntry)
    return entry
