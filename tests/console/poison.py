"""Every text of the store that devices and people write becomes an attack, each place another one.

A new column of text has to be judged: it goes to FREE or to OURS, or the suite fails.
"""

import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

from flask import Flask
from sqlalchemy import Column, String, Table, Text, delete, select, update

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.inventory import InventoryChange, InventorySection
from collector.store.overrides import Override
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart, ReadinessCheck
from collector.store.schema import Base
from collector.store.situations import Situation
from collector.store.spares import FittingPart, Warranty
from collector.store.tickets import Evidence
from tests.console.conftest import database

# Column names under which anybody's text may stand.
FREE: Final = {
    "host_name", "os_name", "maker", "model", "system_serial", "asset_tag", "used_by", "smbios_uuid", "agent_version", "address",
    "patch_reason", "component", "label", "summary", "reason", "title", "body", "proposal", "proof", "part_used", "priority_why",
    "priority_by", "text", "who", "why", "note", "seen_by", "created_by", "ended_by", "released_by", "revoked_by", "asked_by",
    "error", "remote", "subject", "form_factor", "interface", "part_number", "description", "vendor", "contact", "terms",
}  # fmt: skip
# Words and names of our own making, which we look things up by; texts of these columns are checked where they come in.
OURS: Final = {
    "id", "name", "site", "room", "team", "group", "role", "rule", "probe", "section", "key", "kind", "state", "severity", "scope",
    "presence", "patch_state", "os_family", "device_class", "outcome", "moment", "trigger", "verdict", "standing", "old", "new",
    "cleared_reason", "suppressed", "pending_reason", "clock", "verb", "action", "time_zone", "value", "holder", "person",
    "password_hash", "fingerprint", "serial_number", "boot_id", "possible_duplicate_of", "lives_on_as", "recurrence_of", "source",
    "assignee", "part", "serial", "depot", "contract", "version", "worst_severity", "resolved_by",
}  # fmt: skip


def texts(table: Table) -> Iterator[Column[Any]]:
    for column in table.columns:
        # Who somebody is at the identity provider is unique, and read by nobody.
        own = column.primary_key or column.foreign_keys or str(column) == "person.subject"
        if isinstance(column.type, String | Text) and not own:
            yield column


def judged(column: Column[Any]) -> bool:
    return column.name in FREE | OURS or column.name.endswith(("_id", "_hash"))


def poison(app: Flask, kind: list[str], guaranteed: str = "0c7be3a9d4f15862") -> None:
    """The first place gets the first text of this kind, the next place the next one; again with another kind if wanted."""
    evil = itertools.cycle(kind)
    with database(app).writer() as session, session.begin():
        for table in Base.metadata.sorted_tables:
            keys = list(table.primary_key.columns)
            free = [column for column in texts(table) if column.name in FREE]
            for row in session.execute(select(*keys)).all() if free else ():
                told = {c.name: next(evil)[: getattr(c.type, "length", None) or 500] for c in free}
                here = [key == value for key, value in zip(keys, row, strict=True)]
                session.execute(update(table).where(*here).values({table.c[k]: v for k, v in told.items()}))
        for result in session.query(ProbeResult):
            result.readings = [[row[0], next(evil)[:200], row[2], next(evil)] for row in result.readings]
        for section in session.query(InventorySection):
            items = json.loads(zlib.decompress(section.items))
            planted = {f"{next(evil)}{n}": dict.fromkeys(facts, next(evil)) for n, facts in enumerate(items.values())}  # fmt: skip
            section.items = zlib.compress(json.dumps(planted).encode())
        for change in session.query(InventoryChange):
            change.key, change.after = next(evil)[:255], {next(evil): next(evil)}
        for part in session.query(BaselinePart):
            part.facts = {name: next(evil) for name in part.facts}
        for check in session.query(ReadinessCheck):
            check.bring = [next(evil)]
        for device in session.query(Device):
            device.wired_macs = [next(evil)]
            if device.group != "av":  # the rooms of those are looked up by their names: test_rooms.py
                device.room = next(evil)[:100]
        for finding in session.query(Finding):
            finding.texts = {name: next(evil) for name in ("bring", "meaning", "advice")}
        for override in session.query(Override):
            override.changes = {next(evil): next(evil)}
        for situation in session.query(Situation):
            situation.data = situation.data | {"ended": next(evil)}
        # One part number fits every drive, and the guarantee is that of a device that a brief is made of.
        fits = session.scalars(select(FittingPart).order_by(FittingPart.id).limit(1)).one_or_none()
        if fits is not None:
            fits.part, fits.model, fits.form_factor, fits.interface, fits.at_least_bytes = (
                "drive",
                "",
                "",
                "",
                None,
            )
        known = session.scalars(select(Device).where(Device.id == guaranteed)).one_or_none()
        warranty = session.scalars(select(Warranty).order_by(Warranty.contract.desc(), Warranty.system_serial).limit(1)).one_or_none()  # fmt: skip
        if known is not None and warranty is not None:
            session.execute(delete(Warranty).where(Warranty.system_serial != warranty.system_serial))
            warranty.system_serial = "".join(known.system_serial.split()).upper()
        for evidence in session.query(Evidence):
            evil_clause = {
                "text": next(evil),
                "metric": next(evil),
                "value": 1.0,
                "limit": 1.0,
                "at": next(evil),
            }
            evidence.body = evidence.body | {"facts": {next(evil): next(evil)}, "clauses": [evil_clause]}
