"""Rooms: what belongs in them, when they are used, and what was found when somebody or the clock asked."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base

READY, DEGRADED, NOT_READY, UNKNOWN = "ready", "degraded", "not_ready", "unknown"
# Why a check was made; a booking's are asked for once each.
ASKED, MORNING, BEFORE_60, BEFORE_15 = "asked", "morning", "before_60", "before_15"


class Room(Base):
    """A room with A/V hosts. It is here from the first baseline, booking or hours on; devices name it by their
    columns site and room."""

    __tablename__ = "room"
    site: Mapped[str] = mapped_column(ForeignKey("site.name"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    # As Site.hours: when a hearing may take place; empty: the site's own hours.
    hours: Mapped[dict[str, list[list[str]]]] = mapped_column(JSON, default=dict)
    note: Mapped[str] = mapped_column(Text, default="")  # the way in, who has the key
    created_at: Mapped[datetime]


class BaselinePart(Base):
    """One part of a room's accepted baseline. Never changed: another acceptance ends it and begins anew."""

    __tablename__ = "baseline_part"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    section: Mapped[str] = mapped_column(String(64))  # displays, audio_endpoints, …: of the inventory
    key: Mapped[str] = mapped_column(String(255))
    label: Mapped[str] = mapped_column(String(255), default="")
    facts: Mapped[dict[str, str]] = mapped_column(JSON)  # as they were when accepted
    mandatory: Mapped[bool] = mapped_column(default=True)  # without it the room is not ready
    why: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(100), default="")

    __table_args__ = (
        Index(
            "uq_baseline_part_in_force", "device_id", "section", "key", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip


class Booking(Base):
    """When a room is in use. Without a title: those of a court's calendar are names of people."""

    __tablename__ = "booking"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(100))
    room: Mapped[str] = mapped_column(String(100))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(255))  # calendar#UID of the entry
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_booking_site_room_starts_at", "site", "room", "starts_at"),
        Index("ix_booking_ends_at", "ends_at"),
    )


class ReadinessCheck(Base):
    """One look at a room: asked for, then ended with a verdict. The history is the pass rate."""

    __tablename__ = "readiness_check"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(100))
    room: Mapped[str] = mapped_column(String(100))
    trigger: Mapped[str] = mapped_column(String(16))
    # What it was made for: the beginning of a booking, the morning's moment; asked ones: when they were asked.
    for_at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(100), default="")
    asked_at: Mapped[datetime]  # the room's devices were asked for fresh data
    ended_at: Mapped[datetime | None]
    verdict: Mapped[str] = mapped_column(String(16), default="")  # ready degraded not_ready unknown
    reason: Mapped[str] = mapped_column(Text, default="")  # one sentence
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # collector/rooms/readiness.py
    bring: Mapped[list[str]] = mapped_column(JSON, default=list)

    __table_args__ = (
        Index("uq_readiness_check_once", "site", "room", "trigger", "for_at", unique=True),
        Index("ix_readiness_check_ended_at_asked_at", "ended_at", "asked_at"),
        # Since when a room has been as it is: its checks backwards, without a look into the table.
        Index("ix_readiness_check_site_room_ended_at_verdict", "site", "room", "ended_at", "verdict"),
    )
