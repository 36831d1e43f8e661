"""One event behind many findings, and planned work: both keep tickets from opening."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base

SITE_OUTAGE, EVERYTHING_SILENT, STORM = "site_outage", "everything_silent", "storm"


class Situation(Base):
    """A site that fell silent, or a storm of tickets: one thing for people instead of hundreds."""

    __tablename__ = "situation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int]  # from the tickets' counter: people say it as they say a ticket's
    kind: Mapped[str] = mapped_column(String(32))
    scope: Mapped[str] = mapped_column(String(255), default="")  # the site, the rule; empty: everything
    state: Mapped[str] = mapped_column(String(16))  # open resolved
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text, default="")
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    seen_by: Mapped[str] = mapped_column(String(100), default="")  # who said that he looks after it
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # devices, counts, times

    __table_args__ = (
        Index(
            "uq_situation_open", "kind", "scope", unique=True,
            sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"),
        ),
        Index("ix_situation_state_opened_at", "state", "opened_at"),
    )  # fmt: skip


class Maintenance(Base):
    """Planned work: findings are recorded during it, and at its end only what is still bad becomes a ticket."""

    __tablename__ = "maintenance"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(100), default="")  # each empty column: any
    room: Mapped[str] = mapped_column(String(100), default="")
    device_id: Mapped[str] = mapped_column(String(32), default="")
    rule: Mapped[str] = mapped_column(String(64), default="")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    weekly: Mapped[bool] = mapped_column(default=False)  # again each week at the same local time
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")  # of that local time
    until_at: Mapped[datetime | None]  # weekly ones: the last
    why: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # called off
    source: Mapped[str] = mapped_column(String(255), default="")  # UID of the calendar entry it came from

    __table_args__ = (Index("ix_maintenance_ends_at", "ends_at"),)
