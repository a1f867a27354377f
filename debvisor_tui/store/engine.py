"""Opening the journal: its schema brought up to date, WAL, every commit on the disk, writers in turn."""

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from debvisor_tui.model.errors import JournalError
from debvisor_tui.store.connection import connect, file_id, is_aside
from debvisor_tui.store.errors import unreadable, unwritable

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: The newest revision in store/migrations/versions; a test holds it against the scripts.
HEAD: Final = "0005"
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005")
#: What a reader lays over an older journal for the time of its connection: the columns that came later. It migrates
#: nothing, for an older program's runner may be at work on it.
_IDENTITIES: Final = (
    ", CASE from_commit WHEN '' THEN '{}' ELSE json_object('commit', from_commit) END AS from_identity"
    ", CASE to_commit WHEN '' THEN '{}' ELSE json_object('commit', to_commit) END AS to_identity"
)
_NUMBERED: Final = (
    "CREATE TEMP VIEW log_line AS SELECT *, id + 1 -"
    " (SELECT min(first.id) FROM main.log_line AS first WHERE first.attempt_id = l.attempt_id) AS number"
    " FROM main.log_line AS l"
)
OLDER: Final = {
    "0001": (
        "CREATE TEMP VIEW run AS SELECT *, NULL AS started_uptime, NULL AS boot_id,"
        " max(ended_at - started_at, 0.0) AS seconds, '' AS note" + _IDENTITIES + " FROM main.run",
        "CREATE TEMP VIEW attempt AS SELECT *, NULL AS started_uptime, NULL AS boot_id FROM main.attempt",
        "CREATE TEMP VIEW child AS SELECT *, NULL AS nonce FROM main.child",
        _NUMBERED,
    ),
    "0002": ("CREATE TEMP VIEW run AS SELECT *, '' AS note" + _IDENTITIES + " FROM main.run", _NUMBERED),
    "0003": ("CREATE TEMP VIEW run AS SELECT *" + _IDENTITIES + " FROM main.run", _NUMBERED),
    "0004": (_NUMBERED,),
}
#: As alembic makes it.
VERSION_TABLE: Final = (
    "CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n"
    "\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)"
)


def open_engine(path: Path, *, read_only: bool = False) -> "Engine":
    """An engine on the journal at `path`. JournalError says what is wrong and what to do.

    A writer brings its schema to HEAD. A reader never writes: it takes the file as it is, and sees an older
    schema as if it were HEAD.
    """
    if read_only:
        check_readable(path)
    else:
        ensure_schema(path)
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DisconnectionError
    from sqlalchemy.pool import QueuePool

    engine = create_engine(
        "sqlite://", creator=lambda: connect(path, read_only=read_only), poolclass=QueuePool, pool_size=4
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, record: Any) -> None:
        record.info["file"] = file_id(path)
        if read_only:
            connection.execute("PRAGMA temp_store = MEMORY")
            record.info["version"] = version = _version_in(connection)
            for view in OLDER.get(version or "", ()):
                connection.execute(view)
            connection.execute("PRAGMA query_only = ON")
            record.info["aside"] = is_aside(connection)
            return
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    if read_only:

        @event.listens_for(engine, "checkout")
        def _same_file(connection: Any, record: Any, _proxy: Any) -> None:
            if record.info["file"] != file_id(path):  # it was replaced, fixed: what is open is nobody's any more
                raise DisconnectionError("another file stands there now")
            # A runner of this version has migrated it meanwhile: what was laid over it does not fit any more.
            if record.info["version"] != HEAD and _version_in(connection) != record.info["version"]:
                raise DisconnectionError("it has another schema now")

        @event.listens_for(engine, "checkin")
        def _once(_connection: Any, record: Any) -> None:
            if record.info.get("aside"):
                record.invalidate()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A deferred transaction that reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def check_readable(path: Path) -> None:
    """JournalError if there is no journal at `path`, or a newer one than this program knows."""
    if _known_version(path) is None:
        raise JournalError(f"There is no journal at {path}.", "It is made by the first release.")


def ensure_schema(path: Path) -> None:
    """Bring the journal at `path` to HEAD; asked of plain sqlite3 first, so that alembic is loaded only if due."""
    version = _known_version(path)
    if version is None:
        _create(path)
    elif version != HEAD:
        _migrate(path)


def _known_version(path: Path) -> str | None:
    """The journal's revision, one of REVISIONS; None if it is yet to be made."""
    try:
        version = _version(path)
    except sqlite3.DatabaseError as error:
        raise unreadable(path, error) from error
    if version is not None and version not in REVISIONS:
        raise JournalError(
            f"The journal {path} was written by a newer debvisor-tui (schema {version}; this one knows {HEAD}).",
            "Use the newer program on this host. The journal was not touched.",
        )
    if version is None and path.exists() and path.stat().st_size > 0:
        raise JournalError(
            f"The file {path} is a database, but no journal.", "It was not changed. Move it away, then try again."
        )
    return version


def _version(path: Path) -> str | None:
    if not path.exists():
        return None
    with closing(connect(path, read_only=True)) as connection:
        return _version_in(connection)


def _version_in(connection: Any) -> str | None:
    known = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return str(row[0]) if row else None


def _create(path: Path) -> None:
    """A new journal at HEAD, in one transaction, without loading alembic; a test holds it against the migrations."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    from debvisor_tui.store.tables import LOG_INDEX, metadata

    fresh = path.with_name(path.name + ".new")  # renamed when it is whole: nobody finds an empty journal
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove(fresh)
        os.close(os.open(fresh, os.O_CREAT | os.O_RDWR, 0o600))
        engine = create_engine(f"sqlite:///{fresh}", poolclass=NullPool, connect_args={"isolation_level": None})
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            metadata.create_all(connection)
            connection.exec_driver_sql(LOG_INDEX)
            connection.exec_driver_sql(VERSION_TABLE)
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))
            connection.exec_driver_sql("COMMIT")
        _remove_side_files(path)
        fresh.rename(path)
    except OSError as error:
        _remove(fresh)
        raise unwritable(path, error) from error
    except DBAPIError as error:
        _remove(fresh)
        raise unreadable(path, error) from error


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    _remove_side_files(path)


def _remove_side_files(path: Path) -> None:
    """A -wal that another file of this name left would be taken for this one's, and damage it."""
    for side in ("-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + side).unlink(missing_ok=True)


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
