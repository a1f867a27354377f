"""The runner's own log: what it prints goes there; a full disk never stops it, and it never fills one."""

import contextlib
import io
import os
import sys
from pathlib import Path

from debvisor_tui.model.secrets_registry import scrub

LIMIT = 1_000_000  # bytes; then it is put aside as NAME.1, in place of the one before


class OwnLog(io.TextIOBase):
    """Takes the place of stdout and stderr, by their descriptors too: what a library prints lands there as well.

    What cannot be written is dropped: it is said to the clients and in the journal, and a log line must end no run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            if os.fstat(1).st_size > LIMIT:
                with contextlib.suppress(FileNotFoundError):  # put aside before, when there was no room for a new one
                    self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._open()
            os.write(1, scrub(text).encode("utf-8", "replace"))
        return len(text)

    def _open(self) -> None:
        out = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.close(out)


def take_output(path: Path) -> None:
    """From now on all output of this process goes to the log at `path`. OSError if that cannot be opened."""
    sys.stdout = sys.stderr = OwnLog(path)
