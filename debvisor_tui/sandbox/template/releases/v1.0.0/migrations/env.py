"""How alembic reaches the panel's database: DATABASE_URL, or the URL of alembic.ini."""

import os
from logging.config import fileConfig
from typing import Any

from alembic import context
from migrations.rehearsal import Rehearsal
from panel.tables import metadata
from sqlalchemy import create_engine, event, pool

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name, disable_existing_loggers=False)

url = os.environ.get("DATABASE_URL") or config.get_main_option("sqlalchemy.url") or ""


def run_offline() -> None:
    context.configure(url=url, render_as_batch=True, literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    engine = create_engine(url, poolclass=pool.NullPool)
    rehearsal = Rehearsal(engine.url.database or "")

    # Python's sqlite3 commits in the middle of DDL unless it is told to leave transactions alone. With these two,
    # a migration that fails is undone whole, and those before it stand.
    @event.listens_for(engine, "connect")
    def leave_transactions_alone(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        if rehearsal.cascades:
            connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if not rehearsal.stops_half_way:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            transactional_ddl=not rehearsal.stops_half_way,
            on_version_apply=rehearsal.after,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
