"""The runner's way to the journal: one thread writes, in order, and only then is anything published."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from debvisor_tui.model.errors import JournalError
from debvisor_tui.model.views import Event
from debvisor_tui.platforms.failpoints import reach
from debvisor_tui.store.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")

RETRY = 1.0  # seconds between two tries while the journal cannot be written

Publish = Callable[[Event], None]
#: Told what is wrong with the journal, and None once it is written again.
Trouble = Callable[[JournalError | None], None]


class Recorder:
    """Runs journal calls one after the other; what they committed is published from the event loop.

    Once `patient` is set, a call that fails for a passing reason (disk full, file locked) is made again until it
    succeeds: the run stands still meanwhile, and nothing happens that the journal does not know of.
    """

    def __init__(self, journal: Journal, publish: Publish, trouble: Trouble) -> None:
        self.journal = journal
        self.patient = False
        self._publish = publish
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def do(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a journal call. It is made, and published, also if the caller is cancelled meanwhile."""
        future = self._thread.submit(self._insist, partial(call, *args, **kwargs))
        future.add_done_callback(self._committed)
        return await asyncio.shield(asyncio.wrap_future(future))

    def _insist(self, call: Callable[[], T]) -> T:
        """In the writing thread: later calls wait behind this one, so the order stays."""
        troubled = False
        while True:
            try:
                reach(f"{_name(call)} before")
                result = call()
                reach(f"{_name(call)} after")
            except JournalError as error:
                if not (error.passing and self.patient):
                    raise
                if not troubled:
                    self._loop.call_soon_threadsafe(self._trouble, error)
                    troubled = True
                time.sleep(RETRY)
            else:
                if troubled:
                    self._loop.call_soon_threadsafe(self._trouble, None)
                return result

    def _committed(self, _future: Future[T]) -> None:
        # In the writing thread: no other call can have committed anything between.
        events = self.journal.take_events()
        if events:
            self._loop.call_soon_threadsafe(self._publish_all, events)

    def _publish_all(self, events: list[Event]) -> None:
        for event in events:
            self._publish(event)

    async def close(self) -> None:
        self.patient = False
        await self.do(self.journal.close)
        self._thread.shutdown()


def _name(call: Callable[[], object]) -> str:
    return str(getattr(getattr(call, "func", call), "__name__", "call"))
