"""Named points where the fault suite has the runner killed: before and after every commit and every side effect.

Only a runner that was started with $DEBVISOR_TUI_FAILPOINT set knows them. It is "FILE" or "FILE=NAME": each name
that the runner comes by is written down in FILE, once, in their order; at NAME it is then ended with SIGKILL.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "DEBVISOR_TUI_FAILPOINT"


class _Armed:
    def __init__(self, record: Path, kill: str) -> None:
        self.record = record
        self.kill = kill
        self.seen: set[str] = set()
        self.where = "start"


_armed: _Armed | None = None


def arm() -> None:
    """Heed the environment; what this process starts does not."""
    global _armed
    file, _, name = os.environ.pop(VARIABLE, "").partition("=")
    if file:
        _armed = _Armed(Path(file), name)


def at(where: str) -> None:
    """The points that come are those of `where`: "release.pull"."""
    if _armed is not None:
        _armed.where = where


def reach(name: str) -> None:
    """A point; costs nothing unless armed."""
    if _armed is not None:
        _reached(_armed, name)


@contextmanager
def around(name: str) -> Iterator[None]:
    """A point before and one after a side effect."""
    reach(f"{name} before")
    yield
    reach(f"{name} after")


def _reached(armed: _Armed, name: str) -> None:
    whole = f"{armed.where} {name}"
    if whole not in armed.seen:
        armed.seen.add(whole)
        with armed.record.open("a", encoding="utf-8") as file:
            file.write(whole + "\n")
    if whole == armed.kill:
        os.kill(os.getpid(), signal.SIGKILL)
