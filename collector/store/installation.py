"""Small local tables of the installation itself: facts, counters, leases, refresh requests."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base


class Fact(Base):
    """`installation_id`, `alive_at` (the collector's own heartbeat), `silence_frozen_until`, …"""

    __tablename__ = "installation_fact"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Counter(Base):
    """Numbers people say, such as the ticket's. Taken by UPDATE … RETURNING."""

    __tablename__ = "counter"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Lease(Base):
    """Who does a singleton's work (presence sweep, outbox) until when."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until_at: Mapped[datetime]


class RefreshRequest(Base):
    """ "Refresh now", from a page to the device: the collector turns it into a directive."""

    __tablename__ = "refresh_request"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(32))
    number: Mapped[int] = mapped_column(BigInteger)
    asked_by: Mapped[str] = mapped_column(String(100))
    asked_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]  # given to the device
    answered_at: Mapped[datetime | None]  # the first live report after it

    __table_args__ = (Index("ix_refresh_request_device_id_asked_at", "device_id", "asked_at"),)
