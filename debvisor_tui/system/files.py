"""Files: opened without waiting, and known to be on the disk."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from debvisor_tui.model.errors import WorkFailed


def open_at_once(path: Path) -> IO[bytes]:
    """Open to read without waiting: opening a named pipe that nobody writes would hold the whole runner."""
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def sync_file(file: Path) -> None:
    """Wait until what was written to `file` is on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the entries of `folder` are on the disk: a new name, a rename."""
    sync_file(folder)  # a folder's entries are its contents


@contextlib.contextmanager
def explained(*paths: Path) -> Iterator[None]:
    """Turn what the system says into what it means for the operator. `paths`: the first is read from, the next
    written to."""
    try:
        yield
    except OSError as error:
        raise explain(error, *paths) from error


def explain(error: OSError, path: Path, target: Path | None = None) -> WorkFailed:
    written = target or path
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return WorkFailed(
            f"The disk of {written.parent} is full", f"Make room (`df -h {written.parent}`), then retry."
        )
    if isinstance(error, FileNotFoundError):
        return WorkFailed(
            f"There is no file {error.filename or path}", "Is its path right? Nothing was made in its place."
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        place = error.filename or path
        return WorkFailed(f"{place} cannot be used: {error}", "Who owns it and its folder? Run as that user.")
    return WorkFailed(f"{path}: {error}", "")
