"""an index for each order of each list

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# name, table, columns (an expression has parentheses), which rows
_INDEXES = (
    ("ix_device_device_class", "device", ("device_class",), ""),
    ("ix_device_site_room", "device", ("site", "room"), ""),
    (
        "ix_device_worst_id",
        "device",
        ("(CASE WHEN worst_severity = 'critical' THEN 0 WHEN worst_severity = 'warning' THEN 1 ELSE 2 END)", "id"),
        "revoked_at IS NULL",
    ),
    ("ix_device_lower_host_name_id", "device", ("lower(host_name)", "id"), "revoked_at IS NULL"),
    ("ix_device_place_id", "device", ("coalesce(site, '')", "id"), "revoked_at IS NULL"),
    ("ix_device_presence_id", "device", ("presence", "id"), "revoked_at IS NULL"),
    ("ix_device_patch_state_id", "device", ("patch_state", "id"), "revoked_at IS NULL"),
    ("ix_device_model_id", "device", ("model", "id"), "revoked_at IS NULL"),
    (
        "ix_device_reported_id",
        "device",
        ("coalesce(reported_at, '1970-01-01 00:00:00.000000')", "id"),
        "revoked_at IS NULL",
    ),
    ("ix_device_team_id", "device", ("team", "id"), "revoked_at IS NULL"),
    ("ix_device_revoked_at", "device", ("revoked_at",), "revoked_at IS NOT NULL"),
    ("ix_device_unreadable_disks", "device", ("host_name", "id"), "unreadable_disks > 0"),
    ("ix_device_possible_duplicate", "device", ("enrolled_at", "id"), "possible_duplicate_of <> ''"),
    ("ix_finding_open_rule", "finding", ("rule", "severity", "opened_at"), "state <> 'cleared'"),
    ("ix_finding_open_device", "finding", ("device_id", "severity", "since_at"), "state <> 'cleared'"),
    ("ix_probe_result_said", "probe_result", ("probe", "device_id"), "outcome <> 'ok' OR reason <> ''"),
    (
        "ix_readiness_check_site_room_ended_at_verdict",
        "readiness_check",
        ("site", "room", "ended_at", "verdict"),
        "",
    ),
    ("ix_ticket_state_closed_at", "ticket", ("state", "closed_at"), ""),
    (
        "ix_ticket_worst_id",
        "ticket",
        ("(CASE WHEN severity = 'critical' THEN priority WHEN severity = 'warning' THEN priority + 10 ELSE 30 END)", "id"),
        "",
    ),
    ("ix_ticket_title_id", "ticket", ("substr(title, 1, 100)", "id"), ""),
    ("ix_ticket_state_id", "ticket", ("state", "id"), ""),
    ("ix_ticket_assignee_id", "ticket", ("assignee", "id"), ""),
    ("ix_ticket_opened_at_id", "ticket", ("opened_at", "id"), ""),
    ("ix_audit_who_id", "audit", ("who", "id"), ""),
    ("ix_audit_action_id", "audit", ("action", "id"), ""),
)  # fmt: skip


def upgrade() -> None:
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
