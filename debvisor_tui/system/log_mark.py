"""What a service's log file says since a moment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from debvisor_tui.model.text import LineAssembler, Redactor
from debvisor_tui.system.files import open_at_once

TAIL_BYTES = 65_536  # read of a log's end, at the most
MARK_BYTES = 256  # remembered of what stands before a mark


@dataclass(frozen=True, slots=True)
class LogMark:
    """A place in a service's log file: what is written after it is new. `before`: the bytes that end there."""

    path: Path
    size: int
    before: bytes

    @property
    def name(self) -> str:
        return str(self.path)

    @classmethod
    def here(cls, path: Path) -> "LogMark":
        try:
            with open_at_once(path) as file:
                size = file.seek(0, os.SEEK_END)
                return cls(path, size, _ending_at(file, size))
        except OSError:
            return cls(path, 0, b"")

    def lines_since(self, count: int) -> list[str]:
        """The last `count` lines written since the mark, made safe. A rotated or truncated log counts whole."""
        try:
            with open_at_once(self.path) as file:
                size = file.seek(0, os.SEEK_END)
                # By what stands there, not by the inode: a rotated log's is used again at once.
                same = size >= self.size and _ending_at(file, self.size) == self.before
                file.seek(max(self.size if same else 0, size - TAIL_BYTES))
                data = file.read(TAIL_BYTES)
        except OSError:
            return []
        assembler = LineAssembler(Redactor())
        lines = assembler.feed(data) + assembler.close()
        return [line for line in lines if line.strip()][-count:]


def _ending_at(file: IO[bytes], place: int) -> bytes:
    start = max(place - MARK_BYTES, 0)
    file.seek(start)
    return file.read(place - start)
