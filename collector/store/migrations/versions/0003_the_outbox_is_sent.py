"""the outbox is sent

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

import collector.store

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seq", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(
            sa.Column("state", sa.String(length=16), nullable=False, server_default="waiting")
        )
        batch_op.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("unsure", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("next_at", collector.store.UTCDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("error", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("remote", sa.String(length=255), nullable=False, server_default=""))
        batch_op.drop_index("ix_outbox_sent_at_created_at")
        batch_op.create_index("ix_outbox_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_outbox_key_seq", ["key", "seq"], unique=False)
        batch_op.create_index("ix_outbox_state_created_at", ["state", "created_at"], unique=False)
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=16), nullable=False, server_default=""))
    # There was nobody to tell until now, and nobody wants to hear of all of it at once.
    op.execute("UPDATE outbox SET state = 'unwanted' WHERE sent_at IS NULL")
    # The rules of these kinds that were shipped so far.
    op.execute("UPDATE finding SET kind = 'silence' WHERE rule = 'device_silent'")
    op.execute("UPDATE finding SET kind = 'age' WHERE rule = 'security_updates_missing'")


def downgrade() -> None:
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.drop_column("kind")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_state_created_at")
        batch_op.drop_index("ix_outbox_key_seq")
        batch_op.drop_index("ix_outbox_created_at")
        batch_op.create_index("ix_outbox_sent_at_created_at", ["sent_at", "created_at"], unique=False)
        batch_op.drop_column("remote")
        batch_op.drop_column("error")
        batch_op.drop_column("next_at")
        batch_op.drop_column("unsure")
        batch_op.drop_column("attempts")
        batch_op.drop_column("state")
        batch_op.drop_column("seq")
