"""Enrolment tokens and credentials: small tables, looked up by secret or fingerprint."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base


class EnrolmentToken(Base):
    """A secret that lets n machines become devices. Only its hash is kept."""

    __tablename__ = "enrolment_token"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(
        String(64), unique=True
    )  # sha256: the secret has 160 random bits
    site: Mapped[str | None] = mapped_column(ForeignKey("site.name"))
    group: Mapped[str] = mapped_column("team", String(32), default="desktop")
    room: Mapped[str] = mapped_column(String(100), default="")
    device_class: Mapped[str] = mapped_column(String(16), default="")  # '' = as the device says
    uses_left: Mapped[int]
    uses: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(100), default="")
    revoked_at: Mapped[datetime | None]


class Credential(Base):
    """A client certificate. Revoking it works on the next call."""

    __tablename__ = "credential"
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)  # sha256 of the DER, hex
    device_id: Mapped[str] = mapped_column(String(32))
    serial_number: Mapped[str] = mapped_column(String(48))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    token_id: Mapped[str] = mapped_column(String(32), default="")

    __table_args__ = (Index("ix_credential_device_id", "device_id"),)
