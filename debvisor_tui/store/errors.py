"""What is wrong with a journal's file, by SQLite's result code, and what a tired person does about it."""

import errno
import sqlite3
from pathlib import Path
from typing import Final

from debvisor_tui.model.errors import JournalError

#: What passes by making room or by waiting; the connection that met it is good.
PASSING: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY})
#: The file itself is not what was written.
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: What cannot be opened or written as the disk is now; a connection opened later may be good.
NO_ACCESS: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def code_of(error: BaseException) -> int:
    """SQLite's primary result code (the low byte: sqlite.org/rescode.html) of a driver's or SQLAlchemy's error."""
    cause = getattr(error, "orig", None) or error
    return (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF


def unreadable(path: Path, error: Exception) -> JournalError:
    cause = getattr(error, "orig", None) or error
    code = code_of(error)
    if code == sqlite3.SQLITE_BUSY:
        hint = f"Another process holds the file. See which: fuser -v {path}"
    elif code == sqlite3.SQLITE_FULL:
        hint = f"Make room: df -h {path.parent}"
    elif code in NO_ACCESS:
        hint = f"See whether the disk is full or read-only: df -h {path.parent}; findmnt -T {path.parent}; dmesg"
    else:
        hint = how_to_fix(path)
    return JournalError(f"The journal {path} cannot be used: {cause}.", hint, passing=code in PASSING)


def unwritable(path: Path, error: OSError) -> JournalError:
    """The journal could not be made: no rights, no room, no folder."""
    hint = f"Give the releasing user rights to {path.parent}, or choose another folder with --state-dir."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        hint = f"See whether the disk is full or read-only: df -h {path.parent}; findmnt -T {path.parent}"
    return JournalError(f"The journal {path} cannot be written: {error.strerror}.", hint)


def how_to_fix(path: Path) -> str:
    """Commands to copy: the damaged file is kept, what can be read of it becomes the journal."""
    return (
        "Nothing more is written to it. Set it aside and fix a copy:\n"
        f"  cd {path.parent} && mkdir broken && mv {path.name} {path.name}-* broken/\n"
        f"  sqlite3 broken/{path.name} .recover | sqlite3 fixed.db && mv fixed.db {path.name}"
    )


def gone(path: Path, why: str) -> JournalError:
    return JournalError(
        f"The journal {path} was removed while it was in use; it could not be put back: {why}.",
        f"See what stands there: ls -l {path.parent}",
    )


def another(path: Path) -> JournalError:
    return JournalError(
        f"The file at {path} is not the journal that this run was written to, or has lost the end of it.",
        "Put the right one there.",
    )
