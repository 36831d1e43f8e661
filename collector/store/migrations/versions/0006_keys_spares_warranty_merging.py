"""api keys, creations, spares, warranty, merged devices

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import collector.store

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", collector.store.UTCDateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_key_token_hash")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index("ix_api_key_person", ["person"], unique=False)

    op.create_table(
        "contract",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("vendor", sa.String(length=100), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_contract")),
    )
    op.create_table(
        "creation",
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person", "key", name=op.f("pk_creation")),
    )
    with op.batch_alter_table("creation", schema=None) as batch_op:
        batch_op.create_index("ix_creation_created_at", ["created_at"], unique=False)

    op.create_table(
        "depot",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_depot")),
    )
    op.create_table(
        "fitting_part",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.String(length=32), nullable=False),
        sa.Column("form_factor", sa.String(length=64), nullable=False),
        sa.Column("interface", sa.String(length=64), nullable=False),
        sa.Column("at_least_bytes", sa.BigInteger(), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("part_number", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fitting_part")),
    )
    with op.batch_alter_table("fitting_part", schema=None) as batch_op:
        batch_op.create_index("ix_fitting_part_part", ["part"], unique=False)

    op.create_table(
        "warranty",
        sa.Column("system_serial", sa.String(length=200), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("contract", sa.String(length=100), nullable=False),
        sa.Column("imported_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("system_serial", name=op.f("pk_warranty")),
    )
    op.create_table(
        "stock",
        sa.Column("depot", sa.String(length=100), nullable=False),
        sa.Column("part_number", sa.String(length=100), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Integer(), nullable=False),
        sa.Column("counted_at", collector.store.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["depot"], ["depot.name"], name=op.f("fk_stock_depot")),
        sa.PrimaryKeyConstraint("depot", "part_number", name=op.f("pk_stock")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lives_on_as", sa.String(length=32), nullable=False, server_default=""))
        batch_op.create_index("ix_device_lives_on_as", ["lives_on_as"], unique=False)

    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("subject", sa.String(length=512), nullable=True))
        batch_op.create_index("uq_person_subject", ["subject"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index("uq_person_subject")
        batch_op.drop_column("subject")

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index("ix_device_lives_on_as")
        batch_op.drop_column("lives_on_as")

    op.drop_table("stock")
    op.drop_table("warranty")
    with op.batch_alter_table("fitting_part", schema=None) as batch_op:
        batch_op.drop_index("ix_fitting_part_part")

    op.drop_table("fitting_part")
    op.drop_table("depot")
    with op.batch_alter_table("creation", schema=None) as batch_op:
        batch_op.drop_index("ix_creation_created_at")

    op.drop_table("creation")
    op.drop_table("contract")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index("ix_api_key_person")

    op.drop_table("api_key")
