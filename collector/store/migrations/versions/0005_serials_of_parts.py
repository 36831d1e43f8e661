"""serials of parts, for searching; filled here from the sections there are

Revision ID: 0005
Revises: 0004
"""

import json
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SECTIONS = ("disks", "batteries", "memory_modules", "displays", "projectors", "cameras", "usb_devices")
_DEVICES_AT_ONCE = 200


def upgrade() -> None:
    table = op.create_table(
        "part_serial",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("section", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column(
            "serial",
            sa.String(length=255).with_variant(sa.String(length=255, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_part_serial_device_id")),
        sa.PrimaryKeyConstraint("device_id", "section", "key", name=op.f("pk_part_serial")),
    )
    with op.batch_alter_table("part_serial", schema=None) as batch_op:
        batch_op.create_index("ix_part_serial_serial", ["serial"], unique=False)
    _fill(table)


def downgrade() -> None:
    with op.batch_alter_table("part_serial", schema=None) as batch_op:
        batch_op.drop_index("ix_part_serial_serial")

    op.drop_table("part_serial")


def _fill(table: sa.Table) -> None:
    """A copy of what the collector does with a section that changed, as it was when this was written."""
    # Imported here: the words for "no serial" may grow, and then the newest are right for old rows too.
    from protos.placeholders import is_placeholder

    connection = op.get_bind()
    stored = sa.table("inventory_section", *map(sa.column, ("device_id", "section", "items")))
    devices = connection.scalars(sa.select(stored.c.device_id).distinct()).all()
    for begin in range(0, len(devices), _DEVICES_AT_ONCE):
        sections = connection.execute(
            sa.select(stored.c.device_id, stored.c.section, stored.c["items"]).where(
                stored.c.device_id.in_(devices[begin : begin + _DEVICES_AT_ONCE]),
                stored.c.section.in_(_SECTIONS),
            )
        ).all()
        rows = [
            {"device_id": device, "section": section, "key": key, "serial": serial}
            for device, section, packed in sections
            for key, facts in json.loads(zlib.decompress(packed)).items()
            if (serial := "".join(facts.get("serial", "").split()).upper()[:255])
            and facts.get("serial_is_placeholder") != "true"
            and not is_placeholder(facts["serial"])
        ]
        if rows:
            connection.execute(table.insert(), rows)
