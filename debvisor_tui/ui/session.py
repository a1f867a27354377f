"""What every screen works with: the target's settings and places, who acts, the clock, and reads of the journal."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from debvisor_tui.model.people import Person
from debvisor_tui.runner.places import Places
from debvisor_tui.ui.clock import Clock

if TYPE_CHECKING:
    from debvisor_tui.config.settings import Settings  # pydantic: 16 ms that the first screen does not need
    from debvisor_tui.runner.client import RunnerClient
    from debvisor_tui.store.history import History

T = TypeVar("T")


@dataclass
class Session:
    """`client`: the connection to the runner that the run screen in the stack holds, or None.

    Whoever wants to command the runner uses that one: the first client is the operator, a second only observes.
    """

    settings: "Settings"
    places: Places
    person: Person
    clock: Clock = field(default_factory=Clock)
    client: "RunnerClient | None" = None
    _history: "History | None" = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    async def history(self, call: "Callable[[History], T]", default: T) -> T:
        """What `call` reads of the journal, in a thread; `default` while there is none (no release yet).

        JournalError if there is one that cannot be read.
        """
        return await asyncio.to_thread(self._read, call, default)

    def _read(self, call: "Callable[[History], T]", default: T) -> T:
        with self._lock:  # only the opening: the reads themselves go side by side
            if self._history is None:
                if not self.places.journal.exists():
                    return default
                # Imported here, in the thread: SQLAlchemy costs more than the whole first paint.
                from debvisor_tui.store.history import History

                self._history = History(self.places.journal)
            history = self._history
        return call(history)

    def close(self) -> None:
        with self._lock:
            if self._history is not None:
                self._history.close()
                self._history = None
