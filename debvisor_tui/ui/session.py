"""What every screen works with: the target's settings and places, who acts, the clock, and reads of the journal."""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from debvisor_tui.config.preview import TargetPreview
from debvisor_tui.model.people import Person
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.ui.clock import Clock

if TYPE_CHECKING:
    from debvisor_tui.config.settings import Settings  # pydantic: too slow for the first paint
    from debvisor_tui.runner.client import RunnerClient
    from debvisor_tui.store.history import History

T = TypeVar("T")


class Session:
    """`settings` may be what loads them: then they are loaded when first needed, and `face` stands in before that.

    `client`: the connection to the runner that the run screen in the stack holds, or None. Whoever wants to command
    the runner uses that one: the first client is the operator, a second only observes.
    """

    def __init__(
        self,
        settings: "Settings | Callable[[], Settings]",
        places: TargetPaths,
        person: Person,
        clock: Clock | None = None,
        *,
        face: TargetPreview | None = None,
    ) -> None:
        self.places = places
        self.person = person
        self.clock = clock or Clock()
        self.client: RunnerClient | None = None
        self._settings: Settings | None = None if callable(settings) else settings
        self._load = settings if callable(settings) else None
        self._face = face
        self._history: History | None = None
        self._lock = threading.Lock()

    @property
    def settings(self) -> "Settings":
        """Loaded on first use; ConfigError or UsageError if that cannot be."""
        if self._settings is None:
            assert self._load is not None  # noqa: S101 - one of the two was given
            self._settings = self._load()
        return self._settings

    @property
    def face(self) -> TargetPreview:
        if self._face is None:
            self._face = TargetPreview(self.settings.name, self.settings.production, self.settings.platform.kind)
        return self._face

    async def load(self) -> None:
        """Load the settings, in a thread; the same errors."""
        if self._settings is None:
            await asyncio.to_thread(lambda: self.settings)

    async def history(self, call: "Callable[[History], T]", default: T) -> T:
        """What `call` reads of the journal, in a thread; `default` while there is none (no release yet).

        JournalError if there is one that cannot be read.
        """
        return await asyncio.to_thread(self._read, call, default)

    def _read(self, call: "Callable[[History], T]", default: T) -> T:
        with self._lock:  # only the opening: the reads themselves go side by side
            if self._history is None:
                if not self.places.has_journal():
                    return default
                # Imported here, in the thread: SQLAlchemy costs more than the whole first paint.
                from debvisor_tui.runner.live_history import LiveHistory

                self._history = LiveHistory(self.places)
            history = self._history
        return call(history)

    def close(self) -> None:
        with self._lock:
            if self._history is not None:
                self._history.close()
                self._history = None
