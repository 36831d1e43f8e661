"""Spare parts and who pays: which part number fits, what lies in which depot, until when a device is under warranty.

All of it comes out of people's CSV files; an import replaces what was there.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base


class FittingPart(Base):
    """One row of the compatibility map: a part number, and what it fits. An empty column fits all."""

    __tablename__ = "fitting_part"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    part: Mapped[str] = mapped_column(String(32))  # class: drive, memory, battery, lamp, …
    form_factor: Mapped[str] = mapped_column(String(64), default="")
    interface: Mapped[str] = mapped_column(String(64), default="")
    at_least_bytes: Mapped[int | None] = mapped_column(BigInteger)  # capacity of the part
    model: Mapped[str] = mapped_column(
        String(200), default=""
    )  # of the device (or projector), `*` for any letters
    part_number: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("ix_fitting_part_part", "part"),)


class Depot(Base):
    """Where spares lie."""

    __tablename__ = "depot"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    site: Mapped[str] = mapped_column(String(100), default="")  # empty: at none of the sites
    note: Mapped[str] = mapped_column(Text, default="")  # opening hours, who has the key


class Stock(Base):
    """How many of a part number lie in a depot, when it was last counted."""

    __tablename__ = "stock"
    depot: Mapped[str] = mapped_column(ForeignKey("depot.name"), primary_key=True)
    part_number: Mapped[str] = mapped_column(String(100), primary_key=True)
    quantity: Mapped[int]
    minimum: Mapped[int] = mapped_column(default=0)  # fewer than that: order
    counted_at: Mapped[datetime]


class Contract(Base):
    """Who repairs or replaces, and how they are reached."""

    __tablename__ = "contract"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    vendor: Mapped[str] = mapped_column(String(100), default="")
    contact: Mapped[str] = mapped_column(String(200), default="")
    terms: Mapped[str] = mapped_column(Text, default="")  # on site the next working day, keep your drive, …
    ends_on: Mapped[date | None]  # empty: not known


class Warranty(Base):
    """Until when a device is covered, by its system serial: it may be bought before it is enrolled."""

    __tablename__ = "warranty"
    system_serial: Mapped[str] = mapped_column(String(200), primary_key=True)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date]
    contract: Mapped[str] = mapped_column(String(100), default="")
    imported_at: Mapped[datetime]
