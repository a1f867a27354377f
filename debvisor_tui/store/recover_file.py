"""A journal that was removed under its writer is put back: the open connection still holds all of it."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from debvisor_tui.store.connection import wal_of
from debvisor_tui.store.errors import gone, unreadable

if TYPE_CHECKING:
    from sqlalchemy import Engine


def put_back(engine: "Engine", path: Path) -> None:
    """Write what `engine`'s pooled connection reads to `path`; JournalError if it cannot be read, or written."""
    copy = path.with_name(path.name + ".back")
    pooled = engine.pool.connect() if engine.pool.checkedin() else None  # type: ignore[attr-defined]
    if pooled is None:
        raise gone(path, "it is not open any more")
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600))
        source: Any = pooled.driver_connection
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            if target.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise gone(path, "what is left of it is damaged")
        for file in (wal_of(path), path.with_name(path.name + "-shm")):
            file.unlink(missing_ok=True)  # the removed file's: beside the copy they would damage it
        os.replace(copy, path)
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    except OSError as error:
        raise gone(path, error.strerror or str(error)) from error
    finally:
        pooled.close()
        for left in (copy, *(copy.with_name(copy.name + side) for side in ("-wal", "-shm", "-journal"))):
            with suppress(OSError):
                left.unlink(missing_ok=True)
