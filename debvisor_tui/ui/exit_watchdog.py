"""The end that comes when an orderly one does not: nothing of a run lives in the TUI."""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

PATIENCE = 4.0  # seconds that an orderly end may take


class LastResort:
    """Waits, in a thread, for `begin`; the process then ends within seconds, whatever blocks it.

    `restore` is tried before that, and may not block for long.
    """

    def __init__(self, restore: Callable[[], object]) -> None:
        self._restore = restore
        self._codes: SimpleQueue[int] = SimpleQueue()  # its put may be called by a signal's handler
        threading.Thread(target=self._wait, name="last-resort", daemon=True).start()

    def begin(self, code: int) -> None:
        """The process is to end with exit code `code`."""
        self._codes.put(code)

    def _wait(self) -> None:
        code = self._codes.get()
        threading.Event().wait(PATIENCE)
        try:
            self._restore()
        finally:
            os._exit(code)
