"""Tickets, what happened to them, and the evidence they froze."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base

OPEN_STATES = ("new", "assigned", "in_progress", "pending", "resolved")
# Open for the purpose of "one open ticket per device and group": work is not done.
WORKING_STATES = ("new", "assigned", "in_progress", "pending")
# What lists are ordered by, as text: an index on an expression serves only who says the same one.
WORST = (
    "(CASE WHEN severity = 'critical' THEN priority WHEN severity = 'warning' THEN priority + 10 ELSE 30 END)"
)
TITLE = "substr(title, 1, 100)"  # a whole one may be longer than an index takes


class Ticket(Base):
    """Work for people: the findings of one device for one group. One working ticket per (device, group)."""

    __tablename__ = "ticket"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int]  # what people say; from a counter
    group: Mapped[str] = mapped_column("team", String(32))
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=1)  # a change made from a stale page is refused
    severity: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=4)  # 1–5
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text, default="")
    assignee: Mapped[str] = mapped_column(String(100), default="")
    pending_reason: Mapped[str] = mapped_column(String(32), default="")
    follow_up_at: Mapped[datetime | None]
    touched_at: Mapped[datetime | None]  # a person did something: the machine only proposes from now on
    opened_at: Mapped[datetime]
    first_resolved_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    resolved_by: Mapped[str] = mapped_column(
        String(100), default=""
    )  # '' open, 'tocsin' by itself, else a person
    reopened: Mapped[int] = mapped_column(default=0)
    recurrence_of: Mapped[str] = mapped_column(String(32), default="")
    outcome: Mapped[str] = mapped_column(String(16), default="")  # real false known nothing_found
    proposal: Mapped[str] = mapped_column(Text, default="")  # "cleared at …": for a person to confirm
    proof: Mapped[str] = mapped_column(Text, default="")  # of the repair: another serial, a clean day
    part_used: Mapped[str] = mapped_column(String(100), default="")
    priority_by: Mapped[str] = mapped_column(String(100), default="")  # who set another priority, and why
    priority_why: Mapped[str] = mapped_column(Text, default="")
    site: Mapped[str] = mapped_column(String(100), default="")  # at opening: its calendar stays the ticket's
    sla: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # the policy in force at opening

    __table_args__ = (
        Index(
            "uq_ticket_working",
            "device_id",
            "team",
            unique=True,
            sqlite_where=text("state IN ('new','assigned','in_progress','pending')"),
            postgresql_where=text("state IN ('new','assigned','in_progress','pending')"),
        ),
        Index("ix_ticket_state_priority_opened_at", "state", "priority", "opened_at"),
        Index("ix_ticket_number", "number"),
        Index("ix_ticket_site_opened_at", "site", "opened_at"),
        Index("ix_ticket_state_closed_at", "state", "closed_at"),
        # One for each order of the list of all tickets (console/tickets.py says the same expressions).
        Index("ix_ticket_worst_id", text(WORST), "id"),
        Index("ix_ticket_title_id", text(TITLE), "id"),
        Index("ix_ticket_state_id", "state", "id"),
        Index("ix_ticket_assignee_id", "assignee", "id"),
        Index("ix_ticket_opened_at_id", "opened_at", "id"),
    )


class TicketEvent(Base):
    """One line of a ticket's history."""

    __tablename__ = "ticket_event"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(100))  # 'tocsin' or a user name
    kind: Mapped[str] = mapped_column(
        String(32)
    )  # opened joined cleared moved note resolved reopened evidence
    text: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (Index("ix_ticket_event_device_id_ticket_id_at", "device_id", "ticket_id", "at"),)


class Evidence(Base):
    """Readings frozen at opening and at resolution, for one finding of a ticket."""

    __tablename__ = "evidence"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(32))
    finding_id: Mapped[str] = mapped_column(String(32))
    moment: Mapped[str] = mapped_column(String(16))  # opening, resolution
    at: Mapped[datetime]
    body: Mapped[dict[str, Any]] = mapped_column(
        JSON
    )  # clauses, series, facts: collector/tickets/evidence.py

    __table_args__ = (Index("ix_evidence_device_id_ticket_id", "device_id", "ticket_id"),)


class Escalation(Base):
    """One step of one clock of one ticket that was told to somebody: once, also with several collectors."""

    __tablename__ = "escalation"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    clock: Mapped[str] = mapped_column(String(16), primary_key=True)  # respond, resolve
    step: Mapped[int] = mapped_column(primary_key=True)  # percent of the target
    reopened: Mapped[int] = mapped_column(primary_key=True)  # of which life of the ticket
    at: Mapped[datetime]


# What becomes of a change that the outside shall hear of.
# `dropped`: a person gave it up, with a reason.
WAITING, SENT, FAILED, UNWANTED, DROPPED = "waiting", "sent", "failed", "unwanted", "dropped"
# A dead letter first: nothing becomes of it by itself.
TROUBLE = "(CASE WHEN state = 'failed' THEN 0 WHEN state = 'waiting' THEN 1 ELSE 2 END)"


class OutboxRow(Base):
    """A change of a ticket that the outside shall hear of; written in the same transaction."""

    __tablename__ = "outbox"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(100))  # TOCSIN-KEY of the ticket
    seq: Mapped[int] = mapped_column(default=0)  # the order within a key: two changes may be of one moment
    verb: Mapped[str] = mapped_column(String(16))  # create update resolve reopen
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16), default=WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[int] = mapped_column(default=0)  # attempts of which nobody knows whether they arrived
    next_at: Mapped[datetime | None]  # not before; None: at once
    error: Mapped[str] = mapped_column(Text, default="")  # of the last attempt
    sent_at: Mapped[datetime | None]
    remote: Mapped[str] = mapped_column(String(255), default="")  # what the other side calls it

    __table_args__ = (
        Index("ix_outbox_created_at", "created_at"),
        Index("ix_outbox_key_seq", "key", "seq"),
        Index("ix_outbox_state_created_at", "state", "created_at"),
        # For the orders of the list (console/outbox.py says the same expression).
        Index("ix_outbox_trouble_id", text(TROUBLE), "id"),
        Index("ix_outbox_attempts_id", "attempts", "id"),
        Index("ix_outbox_sent_at", "sent_at"),
    )
