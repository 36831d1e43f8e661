"""People: users, their sessions, failed sign-ins, and what they did."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base


class User(Base):
    __tablename__ = "person"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(
        Text
    )  # argon2id; empty: signs in by the identity provider only
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    # `issuer#sub` of the identity provider: a name may be given to another person, this never is.
    subject: Mapped[str | None] = mapped_column(String(512))

    __table_args__ = (Index("uq_person_subject", "subject", unique=True),)


class SignInSession(Base):
    """A signed-in browser. Only the hash of its cookie is kept; deleting the row signs it out."""

    __tablename__ = "sign_in_session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column("person", String(100))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (Index("ix_sign_in_session_person", "person"),)


class ApiKey(Base):
    """A program's way in, in the name of the person who made it. Only the hash of its secret is kept."""

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(100))  # what it is for
    user: Mapped[str] = mapped_column("person", String(100))  # made it: it can never do more than they can
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str] = mapped_column(String(100), default="")

    __table_args__ = (Index("ix_api_key_person", "person"),)


class Creation(Base):
    """What was answered to a creation that named itself (`Idempotency-Key`): asked again, it is answered again and
    nothing is created twice."""

    __tablename__ = "creation"
    user: Mapped[str] = mapped_column("person", String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))  # another request under the same name is refused
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_creation_created_at", "created_at"),)


class SignInFailure(Base):
    """For the lock-out, which must hold over several console processes."""

    __tablename__ = "sign_in_failure"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]

    __table_args__ = (
        Index("ix_sign_in_failure_name_at", "name", "at"),
        Index("ix_sign_in_failure_address_at", "address", "at"),
    )


class AuditEntry(Base):
    """Who did what to what."""

    __tablename__ = "audit"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255), default="")
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        Index("ix_audit_at", "at"),
        Index("ix_audit_who_id", "who", "id"),
        Index("ix_audit_action_id", "action", "id"),
        Index("ix_audit_words", "who", "action", "subject"),  # all that is searched
    )
