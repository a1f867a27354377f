"""Opening the journal's file: never made by a reader, read also on a full or read-only disk, known when replaced."""

import os
import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from debvisor_tui.store.errors import NO_ACCESS, PASSING, code_of

BUSY_TIMEOUT: Final = 10.0  # seconds that a writer waits for another one's commit

#: (device, inode) of a file, or None if it is not there.
FileId = tuple[int, int] | None


def file_id(path: Path) -> FileId:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the file at `path`, which must be there: SQLite would make an empty one."""
    try:
        return _connect(path, "mode=rw")
    except sqlite3.OperationalError as error:
        if not read_only or code_of(error) not in NO_ACCESS | PASSING or not stands_alone(path):
            raise
        return _connect(path, "mode=ro&immutable=1")


def stands_alone(path: Path) -> bool:
    """Whether all of the journal is in its one file, so that it can be read without the side files that WAL needs.

    On a full or read-only disk these cannot be made. If anybody had the journal open, they would be there.
    """
    try:
        return wal_of(path).stat().st_size == 0
    except FileNotFoundError:
        return path.exists()


def is_aside(connection: Any) -> bool:
    """Whether it reads the file as if nobody would ever write it: good for one reading, not to be kept."""
    name: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
    return name != "wal"


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,  # transactions are begun by the engine, not by the driver
        check_same_thread=False,  # the pool gives a connection to one thread at a time
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the side files, or cannot
    except BaseException:
        connection.close()
        raise
    return connection
