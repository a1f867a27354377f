"""Temporary folders that name who made them, so that the next one takes away what a killed process left."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from debvisor_tui.system.procfs import identify, myself

OLD: Final = 3600.0  # seconds; from within a container a living owner may look dead, but none works for so long
_NAME: Final = re.compile(r"debvisor-[a-z]+-(?P<pid>\d+)-(?P<ticks>\d+)-\w+")


@contextmanager
def scratch(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A private folder in `parent` (default: where temporary files lie), removed on leaving. OSError: no room."""
    where = parent or Path(tempfile.gettempdir())
    _sweep(where)
    me = myself()
    prefix = f"debvisor-{kind}-{me.pid}-{me.start_ticks}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=where, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _sweep(where: Path) -> None:
    """Remove this user's folders whose makers are dead."""
    with os.scandir(where) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found and _is_left(entry, int(found["pid"]), int(found["ticks"])):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: os.DirEntry[str], pid: int, ticks: int) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
        if not entry.is_dir(follow_symlinks=False) or status.st_uid != os.geteuid():
            return False
    except OSError:
        return False  # gone meanwhile
    owner = identify(pid)
    return time.time() - status.st_mtime > OLD and (owner is None or owner.start_ticks != ticks)
