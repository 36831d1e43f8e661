"""Who works at a device. People say so, of one device or in a file of many; nothing of it is read from a machine."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.decide import Refused
from collector.spares import table_file
from collector.spares.table_file import Mistakes, said
from collector.store.devices import Device
from collector.store.people import AuditEntry

LONGEST: Final = 200
COLUMNS: Final = ("Device", "Used by")


@dataclass(frozen=True, slots=True)
class Change:
    device_id: str
    host_name: str
    before: str
    after: str


def tell(session: Session, device_id: str, name: str, *, who: str, now: datetime) -> Change:
    """Empty: nobody in particular. Raises Refused."""
    device = session.get(Device, device_id)
    if device is None:
        raise Refused("there is no such device")
    name = _checked(name)
    change = Change(device.id, device.host_name, device.used_by, name)
    if device.used_by != name:
        device.used_by = name
        session.add(
            AuditEntry(id=uuid.uuid4().hex, at=now, who=who, action="used by", subject=device.id, data={"name": name})
        )  # fmt: skip
    return change


def tell_all(session: Session, body: bytes, file: str, *, who: str, now: datetime) -> list[Change]:
    """What a CSV file says, of the devices that stand in it alone. A device is named by its id, host name, serial or
    asset tag. Raises Mistakes, and then nothing was changed."""
    lines = table_file.read(body, file, COLUMNS, COLUMNS)
    called, wrong = _called(session), []
    taken: dict[str, str] = {}
    for line in lines:
        text, name = line.cells["Device"], line.cells["Used by"]
        found = called.get(_plain(text), ())
        if len(found) != 1:
            wrong.append(f"{file}, line {line.number}: {'no' if not found else 'more than one'} device is called {said(text)}")  # fmt: skip
            continue
        try:
            name = _checked(name)
        except Refused as problem:
            wrong.append(f"{file}, line {line.number}: {problem}")
            continue
        if taken.setdefault(found[0], name) != name:
            wrong.append(f"{file}, line {line.number}: {said(text)} stands there twice, with another name")
    if wrong:
        raise Mistakes(wrong)
    told = [tell(session, device_id, name, who=who, now=now) for device_id, name in taken.items()]
    return [change for change in told if change.before != change.after]


def _called(session: Session) -> Mapping[str, Sequence[str]]:
    """Name → ids of the devices in use that are called so."""
    found: dict[str, list[str]] = defaultdict(list)
    columns = (Device.id, Device.host_name, Device.system_serial, Device.asset_tag)
    for id, *names in session.execute(select(*columns).where(Device.revoked_at.is_(None))):
        for name in {_plain(text) for text in (id, *names)} - {""}:
            found[name].append(id)
    return found


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > LONGEST or not name.isprintable():
        raise Refused(f"a name is one line of at most {LONGEST} letters")
    return name
