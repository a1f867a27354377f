"""The runner's way to the journal: one thread writes, in order, and only then is anything published."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from debvisor_tui.model.views import Event
from debvisor_tui.store.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")

Publish = Callable[[Event], None]


class Recorder:
    """Runs journal calls one after the other; what they committed is published from the event loop."""

    def __init__(self, journal: Journal, publish: Publish) -> None:
        self.journal = journal
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def do(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a journal call. It is made, and published, also if the caller is cancelled meanwhile."""
        future = self._thread.submit(partial(call, *args, **kwargs))
        future.add_done_callback(self._committed)
        return await asyncio.shield(asyncio.wrap_future(future))

    def _committed(self, _future: Future[T]) -> None:
        # In the writing thread: no other call can have committed anything between.
        events = self.journal.take_events()
        if events:
            self._loop.call_soon_threadsafe(self._publish_all, events)

    def _publish_all(self, events: list[Event]) -> None:
        for event in events:
            self._publish(event)

    async def close(self) -> None:
        await self.do(self.journal.close)
        self._thread.shutdown()
