"""A county's store as it is after a year and a half: devices, their past, tickets, what people decided.

The numbers of rows are given, the rows follow from them and from a seed: two runs look alike.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine

from bench import county_past, county_rooms
from bench.bulk import Bulk
from bench.machine import AV_HOST, DESKTOP, Model, make
from collector.changes import table_of
from collector.roles import ROLES
from collector.store.devices import Device, Site
from collector.store.enrolment import Credential, EnrolmentToken
from collector.store.installation import Counter, Fact, RefreshRequest
from collector.store.inventory import InventoryChange, InventorySection, PartSerial
from collector.store.overrides import Acceptance, Override
from collector.store.people import AuditEntry, User
from collector.store.reports import ProbeResult
from collector.store.situations import SITE_OUTAGE, STORM, Maintenance, Situation
from collector.unpack import pack_items

PAST: Final = timedelta(days=548)  # how long this has run
_LIKE_THESE: Final = 60  # machines that the others are copies of


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    devices: int = 20_000
    sites: int = 40
    rooms: int = 10  # with an A/V host, at each site
    cleared: int = 1_000_000  # findings that are over
    closed: int = 50_000  # tickets
    working: int = 2_000
    audit: int = 100_000
    situations: int = 200
    decisions: int = 300  # planned work, overrides, accepted values: of each


SMALL: Final = Size(
    devices=1_000, sites=8, rooms=5, cleared=20_000, closed=2_000, working=150, audit=3_000, situations=20, decisions=40
)  # fmt: skip


@dataclass(kw_only=True, slots=True)
class County:
    """What the other rows hang on."""

    size: Size
    now: datetime
    chance: random.Random = field(default_factory=lambda: random.Random(20_000))
    sites: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    rooms: list[tuple[str, str]] = field(default_factory=list)

    @property
    def looked_at(self) -> str:
        """That device, ticket and room whose pages are opened: a host of a room, with a ticket and a log."""
        return self.devices[0]

    def id(self) -> str:
        return f"{self.chance.getrandbits(128):032x}"

    def before(self, longest: timedelta = PAST) -> datetime:
        return self.now - longest * self.chance.random()


def fill(engine: Engine, size: Size, now: datetime) -> County:
    """Into an empty store, in one transaction."""
    county = County(size=size, now=now)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # not inside a transaction
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            connection.connection.cursor().execute("PRAGMA synchronous=OFF")
            connection.connection.cursor().execute("BEGIN")
            _fill(Bulk(connection), county)
            connection.connection.cursor().execute("COMMIT")
    else:
        with engine.begin() as connection:
            _fill(Bulk(connection), county)
    engine.dispose()  # no connection stays that checks less
    return county


def _fill(bulk: Bulk, county: County) -> None:
    _people(bulk, county)
    _devices(bulk, county)
    _told(bulk, county)
    _decided(bulk, county)
    county_rooms.fill(bulk, county)
    county_past.fill(bulk, county)


def _people(bulk: Bulk, county: County) -> None:
    made = county.now - PAST
    people = [(f"{role}.{n}", role) for role in ROLES for n in ("one", *range(8))]
    bulk.put(table_of(User), {"password_hash": "x", "created_at": made}, ("name", "role"), people)
    actions = ("ticket moved", "note", "signed in", "refresh asked", "value accepted", "device placed")
    bulk.put(
        table_of(AuditEntry), {"data": {"from": "new", "to": "assigned"}}, ("id", "at", "who", "action", "subject"),
        (
            (county.id(), county.before(), people[n % len(people)][0], actions[n % len(actions)], f"ticket {n}")
            for n in range(county.size.audit)
        ),
    )  # fmt: skip
    alive = county.now.isoformat()
    bulk.put(table_of(Fact), {}, ("name", "value"), [("alive_at", alive), ("ca_fingerprint", "ab" * 32)])
    bulk.put(table_of(Counter), {}, ("name", "value"), [("ticket", 900_000)])


def _devices(bulk: Bulk, county: County) -> None:
    size, now, chance = county.size, county.now, county.chance
    week = {str(day): [["08:00", "17:00"]] for day in range(5)}
    county.sites = [f"Courthouse {n:02}, {'NESW'[n % 4]} county" for n in range(size.sites)]
    bulk.put(
        table_of(Site),
        {"time_zone": "America/Chicago", "hours": week, "expected_hours": week, "created_at": now - PAST},
        ("name",),
        [(name,) for name in county.sites],
    )
    county.rooms = [(site, f"Courtroom {n + 1}") for site in county.sites for n in range(size.rooms)]
    models = [make(n, 1).model for n in range(1, _LIKE_THESE + 1)]
    rows = []
    for n in range(size.devices):
        id, model = county.id(), models[n % len(models)]
        county.devices.append(id)
        site, room = (
            county.rooms[n]
            if n < len(county.rooms)
            else (county.sites[n % size.sites], f"{100 + n // size.sites % 150}")
        )
        serves = n < len(county.rooms)
        away = chance.random()
        presence = (
            "online"
            if serves or away < 0.7
            else "shut_down"
            if away < 0.9
            else "asleep"
            if away < 0.97
            else "silent"
        )
        heard = (
            now - timedelta(seconds=chance.randrange(60))
            if presence == "online"
            else county.before(timedelta(days=20))
        )
        worst = ("", "", "", "", "", "", "", "", "warning", "critical")[n % 10] if n % 3 else ""
        patches = ("compliant", "missing", "unknown", "compliant", "compliant")[n % 5]
        rows.append((
            id, f"{site[11:13]}-{'av' if serves else 'pc'}-{n:05}", site, room, "av" if serves else "desktop",
            AV_HOST if serves else _class(model), model.maker, model.name, f"{n * 7919 % 10**7:07X}", str(uuid.UUID(id)),
            f"TC-{n:06}", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}", county.before(), heard, heard, presence, heard, worst,
            1 if worst else 0, patches, "" if patches == "compliant" else f"{n % 12} updates on offer", 1 if n % 97 == 0 else 0,
            county.before() if n % 50 == 49 else None, county.devices[n - 7] if n % 200 == 199 else "",
        ))  # fmt: skip
    bulk.put(
        table_of(Device),
        {
            "os_family": "linux", "os_name": "Ubuntu 24.04.3 LTS", "agent_version": "0.1.0",
            "wired_macs": ["b0:4f:13:0a:5c:21"], "uptime_seconds": 6.4 * 86400, "clock_skew_seconds": 0.01,
        },
        (
            "id", "host_name", "site", "room", "team", "device_class", "maker", "model", "system_serial", "smbios_uuid", "asset_tag",
            "address", "enrolled_at", "seen_at", "reported_at", "presence", "presence_at", "worst_severity", "open_findings",
            "patch_state", "patch_reason", "unreadable_disks", "revoked_at", "possible_duplicate_of",
        ),
        rows,
    )  # fmt: skip
    bulk.put(
        table_of(Credential), {"issued_at": now, "expires_at": now + timedelta(days=200)},
        ("fingerprint", "device_id", "serial_number"), ((id * 2, id, id) for id in county.devices),
    )  # fmt: skip
    bulk.put(
        table_of(EnrolmentToken), {"uses": 100, "uses_left": 3, "expires_at": now + timedelta(days=9), "created_by": "lead.1"},
        ("id", "secret_hash", "site", "created_at"),
        ((id := county.id(), id * 2, county.sites[n % size.sites], county.before()) for n in range(60)),
    )  # fmt: skip
    bulk.put(
        table_of(RefreshRequest), {"asked_by": "technician.1"}, ("id", "device_id", "number", "asked_at", "answered_at"),
        ((county.id(), id, n, now, now) for n, id in enumerate(county.devices[:500])),
    )  # fmt: skip


def _class(model: Model) -> str:
    return DESKTOP if model.device_class == AV_HOST else model.device_class


def _told(bulk: Bulk, county: County) -> None:
    """The newest result of each probe, the sections of the inventory and the serials in them."""
    now = county.now
    readings: dict[str, list[list[Any]]] = {
        "cpu": [["cpu_used_ratio", "", 0.07, ""], ["cpu_run_queue_load", "", 0.2, ""]],
        "memory": [["memory_used_ratio", "", 0.41, ""], ["memory_size_bytes", "", 2**34, ""]],
        "filesystem": [["filesystem_used_ratio", "a1b2", 0.38, "/"], ["filesystem_used_ratio", "e5f6", 0.1, "/boot"]],
        "disk_health": [["disk_readable_state", "S1", 0, "Disk, sda"], ["disk_temperature_celsius", "S1", 41, "Disk, sda"]],
        "clock": [["clock_synchronised_state", "", 1, ""], ["clock_offset_seconds", "", 0.0004, ""]],
        "patches": [["updates_security_count", "", 0, ""]],
        "reboot_pending": [["reboot_pending_state", "", 0, ""]],
        "operating_system": [], "sensors": [], "battery": [],
    }  # fmt: skip
    reasons = ("no smartctl on this device", "not allowed to read /dev/sda", "apt did not answer within 60 s")

    def results() -> Iterator[tuple[object, ...]]:
        for n, id in enumerate(county.devices):
            for place, (probe, told) in enumerate(readings.items()):
                if probe == "battery":
                    yield id, probe, "unavailable", "no battery", now, None, []
                elif (n + place) % 40 == 0:
                    yield id, probe, "failed", reasons[n % 3], now, now - timedelta(days=3), told
                else:
                    yield id, probe, "ok", "", now, now, told

    bulk.put(
        table_of(ProbeResult), {"took_seconds": 0.02},
        ("device_id", "probe", "outcome", "reason", "received_at", "ok_at", "readings"), results(),
    )  # fmt: skip
    sections = {
        "system": {"system": {"maker": "Dell Inc.", "model": "OptiPlex 7090", "bios_version": "1.28.0"}},
        "disks": {"S1": {"model": "Samsung SSD 860 EVO", "size_bytes": "250059350016", "form_factor": "2.5 inch"}},
        "memory_modules": {f"DIMM{n}": {"size_bytes": str(2**33), "maker": "SK hynix"} for n in (1, 2)},
        "software": {f"package-{n:03}": {"version": f"{n % 7}.{n % 13}", "architecture": "amd64"} for n in range(400)},
    }  # fmt: skip
    packed = [(name, pack_items(items), len(items)) for name, items in sections.items()]
    bulk.put(
        table_of(InventorySection),
        {"hash": 7, "announced_hash": 7, "changed_at": now - timedelta(days=9), "seen_at": now},
        ("device_id", "section", "items", "items_count"),
        ((id, *section) for id in county.devices for section in packed),
    )
    bulk.put(
        table_of(PartSerial), {}, ("device_id", "section", "key", "serial"),
        (
            (id, section, f"K{k}", f"{kind}{n * 104729 % 10**8:08}{k}")
            for n, id in enumerate(county.devices)
            for section, kind, k in (("disks", "S4EV", 0), ("memory_modules", "HMA", 1), ("memory_modules", "HMA", 2))
        ),
    )  # fmt: skip
    bulk.put(
        table_of(InventoryChange), {"section": "memory_modules", "kind": "added", "after": {"size_bytes": str(2**33)}},
        ("device_id", "id", "at", "key"), ((id, county.id(), county.before(), "DIMM2") for id in county.devices),
    )  # fmt: skip


def _decided(bulk: Bulk, county: County) -> None:
    size, now, day = county.size, county.now, timedelta(days=1)
    held = [id for n, id in enumerate(county.devices) if n % 40 == 3][:120]

    def situations() -> Iterator[tuple[object, ...]]:
        for n in range(size.situations):
            site, at, is_open = county.sites[n % size.sites], county.before(timedelta(days=300)), n < 3
            kind = STORM if n % 2 else SITE_OUTAGE
            yield (
                county.id(), 800_000 + n, kind, f"site {site}" if is_open else f"site {site} {n}", "open" if is_open else "resolved",
                f"Site {site} is silent", at, None if is_open else at + timedelta(hours=2), {"devices": held, "of": 500},
            )  # fmt: skip

    bulk.put(
        table_of(Situation), {},
        ("id", "number", "kind", "scope", "state", "title", "opened_at", "resolved_at", "data"), situations(),
    )  # fmt: skip
    bulk.put(
        table_of(Maintenance), {"why": "Updates of the servers", "who": "lead.1", "created_at": now},
        ("id", "site", "device_id", "starts_at", "ends_at", "weekly", "time_zone", "ended_at"),
        (
            (
                county.id(), county.sites[n % size.sites], county.devices[n] if n % 3 else "", at := county.before(day * 200),
                at + timedelta(hours=4), n % 10 == 0, "America/Chicago", now if n % 7 == 0 else None,
            )
            for n in range(size.decisions)
        ),
    )  # fmt: skip
    rules = county_past.RULES
    bulk.put(
        table_of(Override), {"changes": {"raise_above": 0.97}, "why": "Known to be full", "who": "lead.1"},
        ("id", "rule", "scope", "site", "name", "created_at", "ended_at"),
        (
            (
                county.id(), rules[n % len(rules)], "device" if n % 2 else "site", "" if n % 2 else county.sites[n % size.sites],
                county.devices[n] if n % 2 else "", county.before(), now if n % 3 == 0 else None,
            )
            for n in range(size.decisions)
        ),
    )  # fmt: skip
    bulk.put(
        table_of(Acceptance), {"rule": "disk_reallocated_sectors", "value": 8.0, "why": "Known", "who": "lead.1", "created_at": now},
        ("device_id", "id"), ((id, county.id()) for id in county.devices[: size.decisions]),
    )  # fmt: skip
