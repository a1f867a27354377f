"""Files: opened without waiting, and known to be on the disk."""

import os
from pathlib import Path
from typing import IO


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
