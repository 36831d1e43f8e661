"""rooms, baselines, bookings, checks

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import collector.store

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room",
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("hours", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.name"], name=op.f("fk_room_site")),
        sa.PrimaryKeyConstraint("site", "name", name=op.f("pk_room")),
    )
    op.create_table(
        "baseline_part",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("section", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_baseline_part_device_id")),
        sa.PrimaryKeyConstraint("device_id", "id", name=op.f("pk_baseline_part")),
    )
    with op.batch_alter_table("baseline_part", schema=None) as batch_op:
        batch_op.create_index(
            "uq_baseline_part_in_force",
            ["device_id", "section", "key"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "booking",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("room", sa.String(length=100), nullable=False),
        sa.Column("starts_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
    )
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.create_index("ix_booking_ends_at", ["ends_at"], unique=False)
        batch_op.create_index("ix_booking_site_room_starts_at", ["site", "room", "starts_at"], unique=False)

    op.create_table(
        "readiness_check",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("room", sa.String(length=100), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("for_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("asked_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("bring", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readiness_check")),
    )
    with op.batch_alter_table("readiness_check", schema=None) as batch_op:
        batch_op.create_index("ix_readiness_check_ended_at_asked_at", ["ended_at", "asked_at"], unique=False)
        batch_op.create_index("uq_readiness_check_once", ["site", "room", "trigger", "for_at"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("readiness_check", schema=None) as batch_op:
        batch_op.drop_index("uq_readiness_check_once")
        batch_op.drop_index("ix_readiness_check_ended_at_asked_at")

    op.drop_table("readiness_check")
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.drop_index("ix_booking_site_room_starts_at")
        batch_op.drop_index("ix_booking_ends_at")

    op.drop_table("booking")
    with op.batch_alter_table("baseline_part", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_baseline_part_in_force",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("baseline_part")
    op.drop_table("room")
