"""maintenance windows and unique names of virtual machines

Revision ID: c48d9e6a1b70
Revises: b1f0a7c3d2e4
"""

import sqlalchemy as sa
from alembic import op

revision = "c48d9e6a1b70"
down_revision = "b1f0a7c3d2e4"


def upgrade() -> None:
    op.create_table(
        "maintenance_window",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("node_id", sa.Integer, sa.ForeignKey("node.id"), nullable=False),
        sa.Column("begins_at", sa.Float, nullable=False),
        sa.Column("ends_at", sa.Float, nullable=False),
    )
    # A window names its machines, so a name must mean one machine.
    op.create_index("ix_vm_name", "vm", ["name"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_vm_name", table_name="vm")
    op.drop_table("maintenance_window")
