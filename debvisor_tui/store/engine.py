"""Opening the journal: its schema brought up to date, WAL, every commit on the disk, writers in turn."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from debvisor_tui.model.errors import JournalError

if TYPE_CHECKING:
    from sqlalchemy import Engine

BUSY_TIMEOUT: Final = 10.0  # seconds that a writer waits for another one's commit
#: The newest revision in store/migrations/versions; a test holds it against the scripts.
HEAD: Final = "0002"
REVISIONS: Final = ("0001", "0002")
#: As alembic makes it.
VERSION_TABLE: Final = (
    "CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n"
    "\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)"
)


def open_engine(path: Path, *, read_only: bool = False) -> "Engine":
    """An engine on the journal at `path`, its schema at HEAD. JournalError says what is wrong and what to do.

    A reader never writes: it opens the file as it is, and the caller has seen that it is there.
    """
    ensure_schema(path, create=not read_only)
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import QueuePool

    engine = create_engine(
        f"sqlite:///{path}", poolclass=QueuePool, pool_size=4, connect_args={"timeout": BUSY_TIMEOUT}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A deferred transaction that reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def ensure_schema(path: Path, *, create: bool = True) -> None:
    """Bring the journal at `path` to HEAD; asked of plain sqlite3 first, so that alembic is loaded only if due."""
    if not path.exists() and not create:
        raise JournalError(f"There is no journal at {path}.", "It is made by the first release.")
    try:
        version = _version(path)
    except sqlite3.DatabaseError as error:
        raise unreadable(path, error) from error
    if version == HEAD:
        return
    if version is not None and version not in REVISIONS:
        raise JournalError(
            f"The journal {path} was written by a newer debvisor-tui (schema {version}; this one knows {HEAD}).",
            "Use the newer program on this host. The journal was not touched.",
        )
    if version is None:
        _create(path)
    else:
        _migrate(path)


#: What may pass by itself, or by making room: the disk is full, another process holds the file.
PASSING: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
)


def unreadable(path: Path, error: Exception) -> JournalError:
    cause = getattr(error, "orig", None) or error
    # The low byte is the primary result code (sqlite.org/rescode.html).
    passing = (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF in PASSING
    hint = (
        f"Make room, or see who holds the file (df -h {path.parent}; fuser -v {path})."
        if passing
        else "It was not changed. To start anew, move it away; keep it for whoever can mend it."
    )
    return JournalError(f"The journal {path} cannot be used: {cause}.", hint, passing=passing)


def _version(path: Path) -> str | None:
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT)) as connection:
        known = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return str(row[0]) if row else None


def _create(path: Path) -> None:
    """A new journal at HEAD, in one transaction, without loading alembic; a test holds it against the migrations."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    from debvisor_tui.store.tables import LOG_INDEX, metadata

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise JournalError(
            f"The journal {path} cannot be written: {error.strerror}.",
            "Give the folder's rights to the user who releases, or choose another with --state-dir.",
        ) from error
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"isolation_level": None})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            metadata.create_all(connection)
            connection.exec_driver_sql(LOG_INDEX)
            connection.exec_driver_sql(VERSION_TABLE)
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))
            connection.exec_driver_sql("COMMIT")
    except DBAPIError as error:
        raise unreadable(path, error) from error


def _migrate(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}".replace("%", "%%"))
    try:
        command.upgrade(config, HEAD)
    except DBAPIError as error:
        raise unreadable(path, error) from error
