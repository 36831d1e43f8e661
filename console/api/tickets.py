"""Tickets: the queue, and one with its findings, what happened to it, and the evidence it froze."""

from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, url_for
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.tickets import Evidence, Ticket, TicketEvent
from collector.tickets import lifecycle, sla
from console import clocks, guard, tickets
from console import database as db
from console.api import listing
from console.api.fields import Filter, Shown
from console.api.findings import FindingShown
from console.api.operation import operation
from console.api.problem import Stopped

api_tickets = Blueprint("api_tickets", __name__, url_prefix="/api/v1/tickets")


class TicketShown(Shown):
    """A ticket as the queue shows it."""

    number: int = Field(description="What people say", examples=[1041])
    url: str = ""
    id: str
    version: int
    state: str = Field(
        description="new, assigned, in_progress, pending, resolved, closed or cancelled", examples=["new"]
    )
    severity: str = Field(examples=["critical"])
    priority: int = Field(description="1 drop everything … 5 when there is time")
    title: str
    device_id: str
    host_name: str = ""
    site: str | None = None
    room: str = ""
    group: str
    assignee: str = Field(description="Empty: nobody")
    pending_reason: str
    follow_up_at: datetime | None
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: str = Field(description="tocsin: by itself; else who; empty: it is not")
    closed_at: datetime | None
    reopened: int
    outcome: str = Field(description="real, known, false, nothing_found; empty: not said")
    proposal: str = Field(description="What Tocsin proposes to confirm: the findings are over")


class EventShown(Shown):
    """One line of a ticket's history."""

    id: str
    at: datetime
    who: str = Field(description="tocsin, a person, or a person and (the title of the key)")
    kind: str = Field(examples=["moved"])
    text: str
    data: dict[str, Any] | None


class EvidenceShown(Shown):
    """Readings frozen for one finding, with the rule's limits at that time."""

    id: str
    finding_id: str
    moment: str = Field(examples=["opening"])
    at: datetime
    body: dict[str, Any]


class ClockShown(Shown):
    """One promise, in the working time of the ticket's site."""

    name: str = Field(description="respond or resolve", examples=["respond"])
    target_seconds: float
    due_at: datetime | None = Field(description="null: it stands still, or can never be due")
    stopped_at: datetime | None
    paused: bool
    breached: bool


class TicketDetail(TicketShown):
    """All of a ticket."""

    body: str
    proof: str
    part_used: str
    priority_by: str = Field(description="Who set another priority than the computed one; empty: nobody")
    priority_why: str
    touched_at: datetime | None = Field(
        description="A person did something: from then on Tocsin only proposes"
    )
    legal: list[str] = Field(description="What it can become from here")
    clocks: list[ClockShown]
    findings: list[FindingShown]
    events: list[EventShown]
    evidence: list[EvidenceShown]


class TicketsAsked(listing.ListAsked):
    q: Filter = Field("", description="Part of a title, device, room or assignee; a number")
    state: Literal[
        "", "any", "new", "assigned", "in_progress", "pending", "resolved", "closed", "cancelled"
    ] = Field("", description="Empty: those on which work is not done")
    severity: Literal["", "critical", "warning"] = ""
    group: Filter = ""
    site: Filter = ""
    assignee: Filter = Field("", description="A name; me; none")
    proposed: Literal["", "1"] = Field("", description="1: those that wait to be confirmed")
    sort: str = listing.order(tickets.SORTS, "worst")


class TicketPage(listing.Page[TicketShown]):
    """Tickets in the order asked for."""


@api_tickets.get("")
@operation(noun="Tickets", answer=TicketPage, asked=TicketsAsked)
def every(asked: TicketsAsked) -> TicketPage:
    """The queue, filtered and ordered as on its page."""
    return listing.page(
        TicketPage, tickets.query, lambda row: TicketShown(**_columns(TicketShown, row.Ticket, row.Device)),
        sorts=tickets.SORTS, default="worst", filters=tickets.FILTERS, ids=Ticket.id, limit=asked.limit,
    )  # fmt: skip


def _columns(kind: type[TicketShown], row: Ticket, device: Device) -> dict[str, Any]:
    own = {name: getattr(row, name) for name in kind.model_fields if hasattr(row, name)}
    return own | {
        "url": url_for("api_tickets.one", number=row.number), "host_name": device.host_name, "site": device.site,
        "room": device.room,
    }  # fmt: skip


def found(session: Session, number: int) -> Ticket:
    row = session.scalar(select(Ticket).where(Ticket.number == number).order_by(Ticket.opened_at).limit(1))
    if row is None:
        raise Stopped(404, "No ticket has this number.")
    return row


@api_tickets.get("/<number:number>")
@operation(noun="Tickets", answer=TicketDetail, is_one=True)
def one(number: int) -> TicketDetail:
    """One ticket: findings, clocks, history, evidence, and the moves that are legal now."""
    session = db.session()
    return shown(session, found(session, number))


def shown(session: Session, row: Ticket) -> TicketDetail:
    now = guard.now()
    mine = {"device_id": row.device_id, "ticket_id": row.id}
    findings = session.scalars(select(Finding).filter_by(**mine).order_by(Finding.opened_at, Finding.id))
    events = session.scalars(
        select(TicketEvent).filter_by(**mine).order_by(TicketEvent.at, TicketEvent.id)
    ).all()
    evidence = session.scalars(select(Evidence).filter_by(**mine).order_by(Evidence.at, Evidence.id)).all()
    columns = _columns(TicketDetail, row, session.get_one(Device, row.device_id))
    return TicketDetail(
        **columns
        | {
            "legal": list(lifecycle.LEGAL.get(row.state, ())),
            "clocks": [
                _clock(each) for each in sla.clocks(row, events, clocks.calendar_of(session, row), now)
            ],
            "findings": [FindingShown.of(finding) for finding in findings],
            "events": events,
            "evidence": evidence,
        }
    )


def _clock(clock: sla.Clock) -> ClockShown:
    return ClockShown(
        name=clock.name, target_seconds=clock.target.total_seconds(), due_at=clock.due_at, stopped_at=clock.stopped_at,
        paused=clock.paused, breached=clock.breached,
    )  # fmt: skip
