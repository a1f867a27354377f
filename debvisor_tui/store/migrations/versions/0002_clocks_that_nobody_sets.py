"""Beginnings on the clock since boot, a run's duration, and children that are journaled before they start."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("started_uptime", sa.Float(), nullable=True))
    op.add_column("run", sa.Column("boot_id", sa.String(), nullable=True))
    op.add_column("run", sa.Column("seconds", sa.Float(), nullable=True))
    # All that is known of the older runs: the wall clock at both ends, which may have been set back in between.
    op.execute("UPDATE run SET seconds = max(ended_at - started_at, 0.0) WHERE ended_at IS NOT NULL")
    op.add_column("attempt", sa.Column("started_uptime", sa.Float(), nullable=True))
    op.add_column("attempt", sa.Column("boot_id", sa.String(), nullable=True))
    with op.batch_alter_table("child") as child:
        child.add_column(sa.Column("nonce", sa.Text(), nullable=True))
        child.alter_column("pid", existing_type=sa.Integer(), nullable=True)
        child.alter_column("start_ticks", existing_type=sa.Integer(), nullable=True)
        child.alter_column("boot_id", existing_type=sa.String(), nullable=True)


def downgrade() -> None:
    raise NotImplementedError("an older debvisor-tui says that the journal is newer; nothing is taken away from it")
