"""What people decided about rules: other limits for some devices, values accepted as they are, rules held back."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base

# From the widest to the narrowest: the narrowest one that fits decides.
SCOPES = ("all", "device_class", "site", "room", "device", "component")


class Override(Base):
    """One rule with other numbers, for a part of the fleet. Never deleted: `ended_at` closes it."""

    __tablename__ = "override"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(16))
    site: Mapped[str] = mapped_column(String(100), default="")  # of scope site and room
    name: Mapped[str] = mapped_column(String(255), default="")  # the class, room or device
    component: Mapped[str] = mapped_column(String(255), default="")
    changes: Mapped[dict[str, Any]] = mapped_column(
        JSON
    )  # keys of the rule file: raise_above, hold, enabled, …
    why: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(100), default="")


class Acceptance(Base):
    """A value a person accepted for one component: the rule is silent until it gets worse."""

    __tablename__ = "acceptance"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    component: Mapped[str] = mapped_column(String(255), default="")
    value: Mapped[float]
    why: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(100), default="")

    __table_args__ = (
        Index(
            "uq_acceptance_in_force", "device_id", "rule", "component", unique=True,
            sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip


class RuleHold(Base):
    """A new version of a rule that would open too much at once: its findings wait for a person's word."""

    __tablename__ = "rule_hold"
    rule: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule_hash: Mapped[str] = mapped_column(String(16), primary_key=True)
    held_at: Mapped[datetime]
    devices: Mapped[int]  # on how many it would open
    of: Mapped[int]  # devices there are
    released_at: Mapped[datetime | None]
    released_by: Mapped[str] = mapped_column(String(100), default="")
