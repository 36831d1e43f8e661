"""Devices, the sites they are at, and who may have been the same machine before."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base, only

ONLINE, ASLEEP, SHUT_DOWN, SILENT, UNKNOWN = "online", "asleep", "shut_down", "silent", "unknown"

# What lists are ordered by, as text: an index on an expression serves only who says the same one.
WORST = "(CASE WHEN worst_severity = 'critical' THEN 0 WHEN worst_severity = 'warning' THEN 1 ELSE 2 END)"
PLACE = "coalesce(site, '')"
REPORTED = "coalesce(reported_at, '1970-01-01 00:00:00.000000')"  # never: before all others


class Site(Base):
    """Where devices are: an office, a court house."""

    __tablename__ = "site"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    # Weekday ("0" is Monday) → [["08:00", "17:00"], …]; empty: at all times.
    hours: Mapped[dict[str, list[list[str]]]] = mapped_column(JSON, default=dict)  # people work
    expected_hours: Mapped[dict[str, list[list[str]]]] = mapped_column(JSON, default=dict)  # desktops are up
    holidays: Mapped[list[str]] = mapped_column(JSON, default=list)  # ISO dates
    created_at: Mapped[datetime]


class Device(Base):
    """One enrolled computer. Its columns are what lists show and sort by; the rest hangs on `id`."""

    __tablename__ = "device"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(
        default=0
    )  # one more with each report: two collectors never judge the same state
    host_name: Mapped[str] = mapped_column(String(255), default="")
    site: Mapped[str | None] = mapped_column(ForeignKey("site.name"))
    room: Mapped[str] = mapped_column(String(100), default="")
    group: Mapped[str] = mapped_column(
        "team", String(32), default="desktop"
    )  # desktop, field, office-tech, av
    device_class: Mapped[str] = mapped_column(
        String(16), default="unknown"
    )  # desktop laptop av_host server virtual
    os_family: Mapped[str] = mapped_column(String(16), default="")
    os_name: Mapped[str] = mapped_column(String(200), default="")
    maker: Mapped[str] = mapped_column(String(200), default="")
    model: Mapped[str] = mapped_column(String(200), default="")
    system_serial: Mapped[str] = mapped_column(String(200), default="")
    smbios_uuid: Mapped[str] = mapped_column(String(64), default="")
    asset_tag: Mapped[str] = mapped_column(String(200), default="")
    used_by: Mapped[str] = mapped_column(
        String(200), default="", server_default=""
    )  # as people said; the agent tells nobody's name
    wired_macs: Mapped[list[str]] = mapped_column(JSON, default=list)
    agent_version: Mapped[str] = mapped_column(String(64), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    enrolled_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]  # last call of any kind, server's clock
    reported_at: Mapped[datetime | None]  # last live report, server's clock
    presence: Mapped[str] = mapped_column(String(16), default=UNKNOWN)
    presence_at: Mapped[datetime | None]
    boot_id: Mapped[str] = mapped_column(String(64), default="")
    uptime_seconds: Mapped[float | None]
    clock_skew_seconds: Mapped[float | None]  # device minus server; a measurement
    spool_id: Mapped[str] = mapped_column(String(32), default="")  # the spool whose reports are judged
    worst_severity: Mapped[str] = mapped_column(
        String(16), default=""
    )  # '', warning, critical: of open findings
    open_findings: Mapped[int] = mapped_column(default=0)
    unreadable_disks: Mapped[int] = mapped_column(
        default=0
    )  # disks that are there and do not tell their health
    patch_state: Mapped[str] = mapped_column(String(16), default="unknown")
    patch_reason: Mapped[str] = mapped_column(Text, default="")
    revoked_at: Mapped[datetime | None]
    possible_duplicate_of: Mapped[str] = mapped_column(String(32), default="")
    # An administrator said that this machine was enrolled again under that id; history stays here.
    lives_on_as: Mapped[str] = mapped_column(String(32), default="")

    __table_args__ = (
        Index("ix_device_host_name_id", "host_name", "id"),
        Index("ix_device_site_id", "site", "id"),
        Index("ix_device_system_serial", "system_serial"),
        Index("ix_device_smbios_uuid", "smbios_uuid"),
        Index("ix_device_lives_on_as", "lives_on_as"),
        Index("ix_device_presence_seen_at", "presence", "seen_at"),
        Index("ix_device_device_class", "device_class"),
        Index("ix_device_site_room", "site", "room"),
        # One for each order of the list of devices (console/devices.py says the same expressions), so that a page of it
        # is a walk of fifty steps. Revoked ones are in another list.
        Index("ix_device_worst_id", text(WORST), "id", **only("revoked_at IS NULL")),
        Index("ix_device_lower_host_name_id", text("lower(host_name)"), "id", **only("revoked_at IS NULL")),
        Index("ix_device_place_id", text(PLACE), "id", **only("revoked_at IS NULL")),
        Index("ix_device_presence_id", "presence", "id", **only("revoked_at IS NULL")),
        Index("ix_device_patch_state_id", "patch_state", "id", **only("revoked_at IS NULL")),
        Index("ix_device_model_id", "model", "id", **only("revoked_at IS NULL")),
        Index("ix_device_reported_id", text(REPORTED), "id", **only("revoked_at IS NULL")),
        Index("ix_device_team_id", "team", "id", **only("revoked_at IS NULL")),
        Index("ix_device_revoked_at", "revoked_at", **only("revoked_at IS NOT NULL")),
        Index("ix_device_unreadable_disks", "host_name", "id", **only("unreadable_disks > 0")),
        Index("ix_device_possible_duplicate", "enrolled_at", "id", **only("possible_duplicate_of <> ''")),
    )


class DeviceState(Base):
    """What the rules remember of a device between reports; JSON, compressed (collector/rules/state.py)."""

    __tablename__ = "device_state"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # when the next hold runs out


class StateCheckpoint(Base):
    """What the rules remembered of a device at the first report of a day: replay may begin there, so that
    pruning the report log does not take the past away."""

    __tablename__ = "state_checkpoint"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)  # every transition up to here is in it
    body: Mapped[bytes] = mapped_column(LargeBinary)
