"""Inventory: facts by section, and what changed in the sections where a change matters."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base


class InventorySection(Base):
    """The newest complete items of a section. `announced_hash` differs while the new items are on their way."""

    __tablename__ = "inventory_section"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    section: Mapped[str] = mapped_column(String(32), primary_key=True)
    hash: Mapped[int] = mapped_column(BigInteger)
    announced_hash: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[bytes] = mapped_column(LargeBinary)  # zlib of JSON {key: {fact: text}}
    items_count: Mapped[int]
    changed_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class InventoryPart(Base):
    """Parts of a long section, until all are here."""

    __tablename__ = "inventory_part"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    section: Mapped[str] = mapped_column(String(32), primary_key=True)
    hash: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    items: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]


class PartSerial(Base):
    """The serial of one part, in capitals and without blanks: to find the device it is in. Kept by section."""

    __tablename__ = "part_serial"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    section: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    # Compared byte by byte, so that "begins with" is a range of the index whatever the database's language is.
    serial: Mapped[str] = mapped_column(
        String(255).with_variant(String(255, collation="C"), "postgresql"), index=True
    )


class InventoryChange(Base):
    """One item added, removed or changed."""

    __tablename__ = "inventory_change"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    section: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(8))  # added removed changed
    key: Mapped[str] = mapped_column(String(255))
    before: Mapped[dict[str, str] | None] = mapped_column(JSON)
    after: Mapped[dict[str, str] | None] = mapped_column(JSON)

    __table_args__ = (Index("ix_inventory_change_device_id_at", "device_id", "at"),)
