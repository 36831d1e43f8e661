"""decisions of people, situations, clocks

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

import collector.store

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "maintenance",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("room", sa.String(length=100), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("starts_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("weekly", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("until_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance")),
    )
    with op.batch_alter_table("maintenance", schema=None) as batch_op:
        batch_op.create_index("ix_maintenance_ends_at", ["ends_at"], unique=False)

    op.create_table(
        "override",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("component", sa.String(length=255), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("until_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_override")),
    )
    op.create_table(
        "rule_hold",
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("rule_hash", sa.String(length=16), nullable=False),
        sa.Column("held_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("devices", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("released_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("rule", "rule_hash", name=op.f("pk_rule_hold")),
    )
    op.create_table(
        "situation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("opened_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.String(length=100), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_situation")),
    )
    with op.batch_alter_table("situation", schema=None) as batch_op:
        batch_op.create_index("ix_situation_state_opened_at", ["state", "opened_at"], unique=False)
        batch_op.create_index(
            "uq_situation_open",
            ["kind", "scope"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "acceptance",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("component", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_acceptance_device_id")),
        sa.PrimaryKeyConstraint("device_id", "id", name=op.f("pk_acceptance")),
    )
    with op.batch_alter_table("acceptance", schema=None) as batch_op:
        batch_op.create_index(
            "uq_acceptance_in_force",
            ["device_id", "rule", "component"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "escalation",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("clock", sa.String(length=16), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_escalation_device_id")),
        sa.PrimaryKeyConstraint(
            "device_id", "ticket_id", "clock", "step", "reopened", name=op.f("pk_escalation")
        ),
    )
    op.create_table(
        "state_checkpoint",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_state_checkpoint_device_id")),
        sa.PrimaryKeyConstraint("device_id", "at", name=op.f("pk_state_checkpoint")),
    )
    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hours", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("expected_hours", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("holidays", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proof", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("part_used", sa.String(length=100), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("priority_by", sa.String(length=100), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("priority_why", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("site", sa.String(length=100), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("sla", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.add_column(sa.Column("added", collector.store.EncodedJSON(), nullable=True))
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.create_index("ix_finding_rule_opened_at", ["rule", "opened_at"], unique=False)
        batch_op.create_index(
            "ix_finding_suppressed",
            ["suppressed"],
            unique=False,
            sqlite_where=sa.text("suppressed <> '' AND state <> 'cleared'"),
            postgresql_where=sa.text("suppressed <> '' AND state <> 'cleared'"),
        )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index("ix_ticket_site_opened_at", ["site", "opened_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_ticket_site_opened_at")
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.drop_index("ix_finding_suppressed")
        batch_op.drop_index("ix_finding_rule_opened_at")
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.drop_column("added")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_column("sla")
        batch_op.drop_column("site")
        batch_op.drop_column("priority_why")
        batch_op.drop_column("priority_by")
        batch_op.drop_column("part_used")
        batch_op.drop_column("proof")

    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.drop_column("holidays")
        batch_op.drop_column("expected_hours")
        batch_op.drop_column("hours")

    op.drop_table("state_checkpoint")
    op.drop_table("escalation")
    with op.batch_alter_table("acceptance", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_acceptance_in_force",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("acceptance")
    with op.batch_alter_table("situation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_situation_open",
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.drop_index("ix_situation_state_opened_at")

    op.drop_table("situation")
    op.drop_table("rule_hold")
    op.drop_table("override")
    with op.batch_alter_table("maintenance", schema=None) as batch_op:
        batch_op.drop_index("ix_maintenance_ends_at")

    op.drop_table("maintenance")
