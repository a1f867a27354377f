"""Log lines are numbered within their attempt, from 1: by construction, not by the order of their writing."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_line", sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE log_line SET number = told.n FROM"
        " (SELECT id, row_number() OVER (PARTITION BY attempt_id ORDER BY id) AS n FROM log_line) AS told"
        " WHERE told.id = log_line.id"
    )
    op.drop_index("ix_log_line_attempt_id", table_name="log_line")
    op.create_index("ix_log_line_attempt_id", "log_line", ["attempt_id", "number"], unique=True)


def downgrade() -> None:
    raise NotImplementedError("an older debvisor-tui says that the journal is newer; nothing is taken away from it")
