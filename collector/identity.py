"""Finding the same machine again, by a score. A host name is never an identity.

Placeholder serials, zero UUIDs and serials that several devices share count nothing; randomised MACs are
ignored. A device that is heard right now is never taken over: a match then waits for a person.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from collector.store.devices import Device
from protos.enrolment_pb2 import Machine
from protos.placeholders import is_placeholder

# A match needs two independent facts, or one and a half: a serial alone may be a re-used main board.
_WEIGHTS = {"system_serial": 50, "smbios_uuid": 40, "wired_mac": 30, "asset_tag": 20}
_SAME = 70
_LIVE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Facts:
    host_name: str
    os_family: str
    system_serial: str
    smbios_uuid: str
    asset_tag: str
    maker: str
    model: str
    agent_version: str
    wired_macs: tuple[str, ...] = field(default=())


def plain(text: str, limit: int) -> str:
    """A device's text without control and direction characters, cut to `limit`."""
    return "".join(c for c in text if c.isprintable())[:limit].strip()


def cleaned(machine: Machine) -> Facts:
    """The machine's own words, trimmed; what identifies nothing becomes empty."""

    def telling(text: str, limit: int) -> str:
        text = plain(text, limit)
        return "" if is_placeholder(text) else text

    macs = {mac for text in list(machine.wired_macs)[:16] if (mac := _universal(text))}
    return Facts(
        host_name=plain(machine.host_name, 255),
        os_family=plain(machine.os_family, 16),
        system_serial=telling(machine.system_serial, 200),
        smbios_uuid=telling(machine.smbios_uuid, 64).lower(),
        asset_tag=telling(machine.asset_tag, 200),
        maker=plain(machine.maker, 200),
        model=plain(machine.model, 200),
        agent_version=plain(machine.agent_version, 64),
        wired_macs=tuple(sorted(macs)),
    )


def _universal(text: str) -> str:
    """A universally administered MAC in lower case, else empty."""
    octets = text.lower().replace("-", ":").split(":")
    try:
        numbers = [int(octet, 16) for octet in octets]
    except ValueError:
        return ""
    if len(numbers) != 6 or not any(numbers) or any(n > 255 for n in numbers) or numbers[0] & 0x03:
        return ""
    return ":".join(f"{n:02x}" for n in numbers)


def find(session: Session, facts: Facts, now: datetime) -> tuple[Device | None, str]:
    """(the same device, '') or (None, id of a device it may be) or (None, '')."""
    clauses = [
        column == value
        for column, value in (
            (Device.system_serial, facts.system_serial),
            (Device.smbios_uuid, facts.smbios_uuid),
            (Device.asset_tag, facts.asset_tag),
        )
        if value
    ]
    if not clauses:
        return None, ""
    # An earlier enrolment that was merged is no candidate: the one it lives on as speaks for the machine.
    candidates = list(
        session.scalars(select(Device).where(or_(*clauses), Device.lives_on_as == "").limit(50))
    )
    # One serial on several boards is not a serial.
    shared = {
        name
        for name in ("system_serial", "smbios_uuid", "asset_tag")
        if sum(1 for device in candidates if getattr(device, name) == getattr(facts, name) != "") > 1
    }
    scored = sorted(
        ((score(device, facts, shared), device) for device in candidates), key=lambda pair: -pair[0]
    )
    if not scored or scored[0][0] == 0:
        return None, ""
    best, device = scored[0]
    if best < _SAME:
        return None, device.id
    if device.seen_at is not None and now - device.seen_at < _LIVE and device.revoked_at is None:
        return None, device.id
    return device, ""


def score(device: Device, facts: Facts, shared: set[str]) -> int:
    """How much speaks for the same machine, 0–140."""
    total = 0
    for name in ("system_serial", "smbios_uuid", "asset_tag"):
        if name not in shared and getattr(facts, name) and getattr(facts, name) == getattr(device, name):
            total += _WEIGHTS[name]
    if set(facts.wired_macs) & set(device.wired_macs or ()):
        total += _WEIGHTS["wired_mac"]
    return total


def write(device: Device, facts: Facts) -> None:
    """Put the facts on the device's row."""
    for name in ("host_name", "os_family", "system_serial", "smbios_uuid", "asset_tag", "maker", "model"):
        setattr(device, name, getattr(facts, name))
    device.wired_macs = list(facts.wired_macs)
