"""What the end of a run must say besides its state: what a rollback does not bring back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("note", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("an older debvisor-tui says that the journal is newer; nothing is taken away from it")
