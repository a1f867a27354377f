"""drop node notes

Revision ID: d95e37f2c081
Revises: c48d9e6a1b70
"""

import sqlalchemy as sa
from alembic import op

revision = "d95e37f2c081"
down_revision = "c48d9e6a1b70"


def upgrade() -> None:
    with op.batch_alter_table("node") as node:
        node.drop_column("notes")


def downgrade() -> None:
    # The column comes back, its text does not.
    op.add_column("node", sa.Column("notes", sa.Text, nullable=True))
