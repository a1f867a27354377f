"""What an adapter may ask of the step that runs it: no journal, no gates."""

import asyncio
from typing import Protocol

from debvisor_tui.system.execute import Executor, run_quietly


class Work(Protocol):
    """`StepContext` is one; who only looks gives :data:`QUIET`."""

    @property
    def execute(self) -> Executor:
        """Run a command as a journaled child of the step, its output in the step's log."""

    def log(self, text: str, stream: str = "note") -> None:
        """Add line(s) to the step's log; `text` may be foreign."""

    def progress(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """How far the work is. `unit`: "bytes", "revisions", "seconds" …"""

    def clock(self) -> float:
        """Monotonic seconds for a deadline: they do not pass while the run stands still, or a person is asked."""


class _Quiet:
    execute: Executor = staticmethod(run_quietly)

    def log(self, text: str, stream: str = "note") -> None:
        del text, stream

    def progress(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        del done, total, unit, note

    def clock(self) -> float:
        return asyncio.get_running_loop().time()


#: Work without a step: commands run, and nobody is told.
QUIET: Work = _Quiet()
