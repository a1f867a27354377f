"""login events

Revision ID: 7e20b4d8f1a6
Revises: 3c9a51e07d24
"""

import sqlalchemy as sa
from alembic import op

revision = "7e20b4d8f1a6"
down_revision = "3c9a51e07d24"


def upgrade() -> None:
    op.create_table(
        "login_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("login_event")
