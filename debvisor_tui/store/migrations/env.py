"""How alembic reaches the journal; run by store/engine.py alone, online, all or nothing."""

from typing import Any

from alembic import context
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

url = context.config.get_main_option("sqlalchemy.url")
assert url  # noqa: S101 - set by store/engine.py
engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 10.0})


@event.listens_for(engine, "connect")
def _configure(connection: Any, _record: Any) -> None:
    # The driver would begin no transaction for DDL: a kill would leave half a schema that says it is the old one.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


@event.listens_for(engine, "begin")
def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
