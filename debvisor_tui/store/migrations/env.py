"""How alembic reaches the journal; run by store/engine.py alone, online."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

url = context.config.get_main_option("sqlalchemy.url")
assert url  # noqa: S101 - set by store/engine.py
engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 10.0})
with engine.connect() as connection:
    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    connection.exec_driver_sql("PRAGMA synchronous = FULL")
    connection.commit()
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
