"""nodes have a region

Revision ID: b1f0a7c3d2e4
Revises: 7e20b4d8f1a6
"""

import sqlalchemy as sa
from alembic import op

revision = "b1f0a7c3d2e4"
down_revision = "7e20b4d8f1a6"


def upgrade() -> None:
    op.add_column("node", sa.Column("region", sa.String(32), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("node") as node:
        node.drop_column("region")
