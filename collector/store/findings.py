"""Findings and their transitions."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base, only

PENDING, OPEN, CLEARED = "pending", "open", "cleared"


class Finding(Base):
    """A rule true for a device and component. Pending ones live in the device's state; rows begin at open."""

    __tablename__ = "finding"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    rule_hash: Mapped[str] = mapped_column(String(16))  # version of the rule that opened it
    kind: Mapped[str] = mapped_column(String(16), default="")  # of the rule; empty: opened by an older Tocsin
    component: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(255), default="")  # what people call the component
    summary: Mapped[str] = mapped_column(Text)
    texts: Mapped[dict[str, str]] = mapped_column(
        JSON, default=dict
    )  # meaning, advice, bring, runbook: as said at opening
    value: Mapped[float | None]
    since_at: Mapped[datetime]  # the first bad observation of this episode
    opened_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_reason: Mapped[str] = mapped_column(String(64), default="")
    stale_at: Mapped[datetime | None]  # since when nothing fresh is known of it
    intermittent: Mapped[bool] = mapped_column(default=False)  # flapping: held open
    suppressed: Mapped[str] = mapped_column(String(64), default="")  # the reason why no ticket
    ticket_id: Mapped[str] = mapped_column(String(32), default="")

    __table_args__ = (
        Index(
            "uq_finding_open",
            "device_id",
            "rule",
            "component",
            unique=True,
            sqlite_where=text("state <> 'cleared'"),
            postgresql_where=text("state <> 'cleared'"),
        ),
        Index("ix_finding_device_id_opened_at", "device_id", "opened_at"),
        Index("ix_finding_device_id_ticket_id", "device_id", "ticket_id"),
        Index("ix_finding_rule_opened_at", "rule", "opened_at"),
        Index(
            "ix_finding_suppressed",
            "suppressed",
            sqlite_where=text("suppressed <> '' AND state <> 'cleared'"),
            postgresql_where=text("suppressed <> '' AND state <> 'cleared'"),
        ),
        # What is open is a few thousand among a million that are over.
        Index("ix_finding_open_rule", "rule", "severity", "opened_at", **only("state <> 'cleared'")),
        Index("ix_finding_open_device", "device_id", "severity", "since_at", **only("state <> 'cleared'")),
    )


class Transition(Base):
    """One change of a finding, with the numbers that made it."""

    __tablename__ = "transition"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    finding_id: Mapped[str] = mapped_column(String(32))
    rule: Mapped[str] = mapped_column(String(64))
    component: Mapped[str] = mapped_column(String(255), default="")
    old: Mapped[str] = mapped_column(String(16))
    new: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(64))
    clauses: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    __table_args__ = (Index("ix_transition_device_id_at", "device_id", "at"),)
