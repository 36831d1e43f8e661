"""One call for one room: what another A/V host of the room finds goes to the ticket the room has already."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.tickets import WORKING_STATES, Ticket
from collector.tickets import lifecycle

GROUP: Final = "av"
_WORSE: Final = {"warning": 1, "critical": 2}


def ticket_of_room(session: Session, device: Device, finding: Finding) -> Ticket | None:
    """The working ticket of another A/V host in the same room, if it is no less urgent than the finding."""
    if device.group != GROUP or not device.room or not device.site:
        return None
    for ticket in session.scalars(
        select(Ticket)
        .join(Device, Device.id == Ticket.device_id)
        .where(
            Device.site == device.site, Device.room == device.room, Device.id != device.id, Ticket.group == GROUP,
            Ticket.state.in_(WORKING_STATES),
        )
        .order_by(Ticket.opened_at)
    ):  # fmt: skip
        if _WORSE.get(ticket.severity, 0) >= _WORSE.get(finding.severity, 0):
            return ticket
    return None


def tell(session: Session, device: Device, finding: Finding, now: datetime) -> None:
    """A line on that ticket: whoever goes there should know both."""
    ticket = ticket_of_room(session, device, finding)
    if ticket is None:
        return
    text = f"also in this room, on {device.host_name or device.id}: {finding.summary}"
    lifecycle.record(session, ticket, who=lifecycle.TOCSIN, kind="joined", text=text, now=now)
    lifecycle.outbox(session, ticket, "update", now, text)
