"""Findings and tickets of a year and a half, and what is open now."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bench.bulk import Bulk
from bench.machine import make
from bench.report import build, vitals_at
from bench.vitals import SAMPLED
from collector.changes import table_of
from collector.store.findings import Finding, Transition
from collector.store.reports import CURRENT, Spool, StoredReport
from collector.store.situations import STORM
from collector.store.tickets import Evidence, OutboxRow, Ticket, TicketEvent
from collector.tickets import sla
from protos import body as bodies

if TYPE_CHECKING:
    from bench.county import County

# Rule, severity, summary; each with a number that is good enough to read.
_WHAT: Final = (
    ("filesystem_nearly_full", "warning", "/ is 93 % full"),
    ("disk_pending_sectors", "critical", "Disk Samsung SSD 860 EVO, sda cannot read 40 of its sectors"),
    ("security_updates_missing", "warning", "Security updates are missing for 9 days"),
    ("restart_pending", "warning", "A restart is pending for 20 days"),
    ("battery_worn", "warning", "Battery BAT0 holds 54 % of what it did"),
    ("device_silent", "critical", "Nothing was heard of this device for 2 hours"),
    ("service_failed", "warning", "A service failed: cups.service"),
    ("disk_hot", "warning", "Disk Samsung SSD 860 EVO, sda is 61 °C warm"),
)
RULES: Final = tuple(rule for rule, _severity, _summary in _WHAT)
_OUTCOMES: Final = ("real", "real", "real", "real", "known", "false", "nothing_found")
_WORKING: Final = ("new", "new", "assigned", "in_progress", "pending")
_LOG: Final = timedelta(days=30)
_EVERY: Final = timedelta(minutes=5)
_TEXTS: Final = {
    "meaning": "Sectors could not be read.",
    "advice": "Copy the data first.",
    "bring": "A drive.",
}


def fill(bulk: Bulk, county: "County") -> None:
    closed = list(_closed(county))
    working = list(_working(county))
    _tickets(bulk, county, [*closed, *working])
    _findings(bulk, county, closed, working)
    _log(bulk, county)


# device, id, number, state, what (a row of _WHAT), opened, closed
Row = tuple[str, str, int, str, int, datetime, datetime | None]


def _closed(county: "County") -> Iterator[Row]:
    for n in range(county.size.closed):
        opened = county.before()
        device = county.devices[n * 31 % len(county.devices)]
        over = min(opened + timedelta(days=3), county.now)
        yield device, county.id(), 1000 + n, "closed", n % len(_WHAT), opened, over


def _working(county: "County") -> Iterator[Row]:
    for n in range(county.size.working):
        # One working ticket a device and group.
        device = county.devices[
            n * 7 % len(county.devices) if county.size.working * 7 < len(county.devices) else n
        ]
        opened = county.before(timedelta(days=20))
        yield device, county.id(), 500_000 + n, _WORKING[n % 5], n % len(_WHAT), opened, None


def _tickets(bulk: Bulk, county: "County", rows: list[Row]) -> None:
    policy = sla.shipped()
    bulk.put(
        table_of(Ticket), {"team": "desktop", "sla": policy},
        (
            "device_id", "id", "number", "state", "severity", "priority", "title", "assignee", "opened_at", "resolved_at", "closed_at",
            "resolved_by", "outcome", "proposal", "site",
        ),
        (
            (
                device, id, number, state, _WHAT[what][1], number % 5 + 1, _WHAT[what][2], "" if state == "new" else f"technician.{number % 8}",
                opened, over, over, "technician.1" if over else "", _OUTCOMES[number % 7] if over else "",
                "cleared: for a person to confirm" if number % 9 == 0 and not over else "", county.sites[number % len(county.sites)],
            )
            for device, id, number, state, what, opened, over in rows
        ),
    )  # fmt: skip
    bulk.put(
        table_of(TicketEvent), {"data": None}, ("device_id", "id", "ticket_id", "at", "who", "kind", "text"),
        (
            (device, f"{id[:30]}{step:02}", id, opened + timedelta(hours=step), "tocsin", kind, _WHAT[what][2])
            for device, id, _number, _state, what, opened, _over in rows
            for step, kind in enumerate(("opened", "joined", "note"))
        ),
    )  # fmt: skip
    body = {
        "clauses": [{"text": "Disk pending sectors is 8, above 0", "metric": "disk_pending_sectors_count", "value": 8.0}],
        "series": {"disk_pending_sectors_count": [[(county.now - timedelta(minutes=5 * n)).isoformat(), 8.0] for n in range(60, 0, -1)]},
        "facts": {"model": "Samsung SSD 860 EVO", "form_factor": "2.5 inch"},
    }  # fmt: skip
    bulk.put(
        table_of(Evidence), {"moment": "opening", "body": body}, ("device_id", "id", "ticket_id", "finding_id", "at"),
        ((device, id, id, id, opened) for device, id, *_more, opened, _over in rows),
    )  # fmt: skip
    bulk.put(
        table_of(OutboxRow), {"verb": "create", "body": {"title": "x"}}, ("id", "key", "created_at", "state"),
        ((id, f"TOCSIN-{number}", opened, "failed" if number % 500 == 0 else "sent") for _device, id, number, *_more, opened, _over in rows),
    )  # fmt: skip


_COLUMNS: Final = (
    "device_id", "id", "rule", "component", "state", "severity", "summary", "value", "since_at", "opened_at", "cleared_at",
    "cleared_reason", "suppressed", "ticket_id",
)  # fmt: skip


def _findings(bulk: Bulk, county: "County", closed: list[Row], working: list[Row]) -> None:
    same = {"rule_hash": "3f9c2a77d0b14e52", "kind": "threshold", "texts": _TEXTS, "label": ""}
    bulk.put(table_of(Finding), same, _COLUMNS, _over(county, closed))
    bulk.put(table_of(Finding), same, _COLUMNS, _open(county, working))
    bulk.put(
        table_of(Transition), {"old": "pending", "new": "open", "reason": "raised", "clauses": []},
        ("device_id", "id", "finding_id", "rule", "at"),
        ((device, id, id, RULES[what], opened) for device, id, _number, _state, what, opened, _over in working),
    )  # fmt: skip


def _over(county: "County", closed: list[Row]) -> Iterator[tuple[object, ...]]:
    """Of a closed ticket one each, the others never had one or share it."""
    for device, id, _number, _state, what, opened, over in closed:
        rule, severity, summary = _WHAT[what]
        yield (
            device,
            id,
            rule,
            "S1",
            "cleared",
            severity,
            summary,
            8.0,
            opened,
            opened,
            over,
            "recovered",
            "",
            id,
        )
    for n in range(county.size.cleared - len(closed)):
        rule, severity, summary = _WHAT[n % len(_WHAT)]
        opened = county.before()
        yield (
            county.devices[n % len(county.devices)], f"{n:032x}", rule, "S1", "cleared", severity, summary, 8.0, opened, opened,
            min(opened + timedelta(hours=30), county.now), "recovered", "maintenance" if n % 50 == 0 else "", "",
        )  # fmt: skip


def _open(county: "County", working: list[Row]) -> Iterator[tuple[object, ...]]:
    for device, id, _number, _state, what, opened, _over in working:
        rule, severity, summary = _WHAT[what]
        yield device, id, rule, "S1", "open", severity, summary, 8.0, opened, opened, None, "", "", id
    for n, device in enumerate(county.devices[: county.size.working]):
        rule, severity, summary = _WHAT[n % len(_WHAT)]
        why = (STORM, "maintenance", "accepted")[n % 3]
        opened = county.before(timedelta(days=2))
        yield (
            device,
            f"{n:032x}".replace("0", "f", 1),
            rule,
            "S2",
            "open",
            severity,
            summary,
            8.0,
            opened,
            opened,
            None,
            "",
            why,
            "",
        )


def _log(bulk: Bulk, county: "County") -> None:
    """The reports of thirty days of one device, that its pictures are drawn from: one day's, told each day anew."""
    machine, first = make(1, 11), county.now - _LOG
    day = [first + n * _EVERY for n in range(timedelta(days=1) // _EVERY)]
    packed = [bodies.pack(build(machine, vitals_at(machine, at, first), at, first, SAMPLED)) for at in day]
    device, spool = county.looked_at, county.id()
    bulk.put(
        table_of(Spool), {"standing": CURRENT, "first_seen_at": first, "seen_at": county.now}, ("device_id", "id"),
        [(device, spool)],
    )  # fmt: skip
    bulk.put(
        table_of(StoredReport), {"spool_id": spool, "lane": 1, "judged": True}, ("device_id", "seq", "hash", "collected_at", "received_at", "body"),
        ((device, n + 1, n, at := first + n * _EVERY, at, packed[n % len(packed)]) for n in range(_LOG // _EVERY)),
    )  # fmt: skip
