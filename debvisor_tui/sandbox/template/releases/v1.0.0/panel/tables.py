"""The tables as this release knows them."""

import sqlalchemy as sa

metadata = sa.MetaData()

node = sa.Table(
    "node",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("cpus", sa.Integer, nullable=False),
    sa.Column("memory_gb", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("notes", sa.Text),
)
vm = sa.Table(
    "vm",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("node_id", sa.Integer, sa.ForeignKey("node.id", ondelete="CASCADE"), nullable=False),
    # The panel has always refused a second machine of the same name.
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("cpus", sa.Integer, nullable=False),
    sa.Column("memory_gb", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
)
account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(200), nullable=False),
)
login_event = sa.Table(
    "login_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id"), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
