"""What a run goes from and to, by whatever identity its source gives it: a commit is one of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for side in ("from", "to"):
        op.add_column("run", sa.Column(f"{side}_identity", sa.JSON(), nullable=False, server_default="{}"))
        op.execute(
            f"UPDATE run SET {side}_identity = json_object('commit', {side}_commit) WHERE {side}_commit <> ''"  # noqa: S608
        )
        op.execute(f"ALTER TABLE run DROP COLUMN {side}_commit")


def downgrade() -> None:
    raise NotImplementedError("an older debvisor-tui says that the journal is newer; nothing is taken away from it")
