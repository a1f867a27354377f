"""What is to go wrong in a rehearsal: read from a file, and only for releases after the one it names."""

import itertools
import json
import threading
from pathlib import Path

from panel.config import VERSION

#: Seconds that a page waits in the fault "slow", in turn.
DELAYS = (0.22, 0.31, 0.36, 0.4, 0.44, 0.47, 0.5, 0.53, 0.57, 0.61)


def parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


class Faults:
    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._turn = itertools.count(1)
        self._lock = threading.Lock()

    def active(self, name: str) -> bool:
        if self._path is None:
            return False
        try:
            wanted = json.loads(self._path.read_text(encoding="utf-8"))
            return bool(wanted["fault"] == name and parts(VERSION) > parts(wanted["after"]))
        except (OSError, ValueError, KeyError):
            return False

    def turn(self) -> int:
        """1, 2, 3 …: lets a fault hit every n-th page."""
        with self._lock:
            return next(self._turn)
