"""who works at a device; and an index for what was looked through whole: searches of the audit, the outbox in the order of trouble, what is unseen

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# name, table, columns (an expression has parentheses), which rows
_INDEXES = (
    ("ix_audit_words", "audit", ("who", "action", "subject"), ""),
    (
        "ix_outbox_trouble_id",
        "outbox",
        ("(CASE WHEN state = 'failed' THEN 0 WHEN state = 'waiting' THEN 1 ELSE 2 END)", "id"),
        "",
    ),
    ("ix_outbox_attempts_id", "outbox", ("attempts", "id"), ""),
    ("ix_outbox_sent_at", "outbox", ("sent_at",), ""),
    (
        "ix_probe_result_unseen",
        "probe_result",
        ("device_id", "probe", "outcome", "reason"),
        "outcome <> 'ok'",
    ),
)


def upgrade() -> None:
    op.add_column("device", sa.Column("used_by", sa.String(200), server_default="", nullable=False))
    for name, table, columns, only in _INDEXES:
        where = sa.text(only) if only else None
        op.create_index(
            name,
            table,
            [sa.text(column) if "(" in column else column for column in columns],
            sqlite_where=where,
            postgresql_where=where,
        )


def downgrade() -> None:
    for name, table, _columns, _only in reversed(_INDEXES):
        op.drop_index(name, table_name=table)
    op.drop_column("device", "used_by")
