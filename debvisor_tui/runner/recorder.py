"""The runner's way to the journal: one thread writes, in order, and only then is anything published."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event as Flag
from typing import ParamSpec, TypeVar

from debvisor_tui.model.errors import JournalError
from debvisor_tui.model.views import Event
from debvisor_tui.store.journal import Journal
from debvisor_tui.system.failpoints import reach

P = ParamSpec("P")
T = TypeVar("T")

RETRY = 1.0  # seconds between two tries while the journal cannot be written

Publish = Callable[[Event], None]
#: Told what is wrong with the journal, and None once it is written again.
Trouble = Callable[[JournalError | None], None]


class Recorder:
    """Runs journal calls one after the other; what they committed is published from the event loop.

    Once `patient` is set, a call that fails is made again until it succeeds, also on a file that was fixed or put
    back meanwhile: the run stands still, and nothing happens that the journal does not know of.
    """

    def __init__(self, journal: Journal, publish: Publish, trouble: Trouble) -> None:
        self.journal = journal
        self.patient = False
        self._publish = publish
        self._tell = trouble
        self._trouble: JournalError | None = None
        self._giving_up = Flag()
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def do(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await a journal call. It is made, and published, also if the caller is cancelled meanwhile."""
        future = self._thread.submit(self._insist, partial(call, *args, **kwargs))
        return await asyncio.shield(asyncio.wrap_future(future))

    def _insist(self, call: Callable[[], T]) -> T:
        """In the writing thread: later calls wait behind this one, so the order stays."""
        while True:
            try:
                if self._giving_up.is_set() and self._trouble is not None:
                    raise self._trouble  # what waits behind a call that failed would fail too, each after its wait
                if self._trouble is not None and not self._trouble.passing:
                    self.journal.reopen()
                writes = _name_of_write(call)
                if writes:
                    reach(f"{writes} before")
                result = call()
                if writes:
                    reach(f"{writes} after")
                self._publish_soon()
            except JournalError as error:
                self._set_trouble(error)
                if not self.patient:
                    raise
                self._giving_up.wait(RETRY)
            else:
                self._set_trouble(None)
                return result

    def _set_trouble(self, error: JournalError | None) -> None:
        before, self._trouble = self._trouble, error
        if self.patient and str(before) != str(error):
            self._loop.call_soon_threadsafe(self._tell, error)

    def _publish_soon(self) -> None:
        """In the writing thread, before the caller hears of its call: no other call can have committed between."""
        if events := self.journal.take_events():
            self._loop.call_soon_threadsafe(self._publish_all, events)

    def _publish_all(self, events: list[Event]) -> None:
        for event in events:
            self._publish(event)

    def give_up(self) -> None:
        """From now on a call that fails raises, whoever waits for it; those that succeed are as before."""
        self.patient = False
        self._giving_up.set()

    async def close(self) -> None:
        """Close the journal after the calls made so far; while it cannot be written, without them: JournalError."""
        self.give_up()
        trouble = self._trouble
        closed = self._thread.submit(self.journal.close)
        self._thread.shutdown(wait=False)
        await asyncio.wrap_future(closed)
        if trouble is not None:
            raise trouble


def _name_of_write(call: Callable[[], object]) -> str:
    """What a commit is called among the failpoints; "" for what only reads."""
    called = getattr(call, "func", call)
    return str(called.__name__) if isinstance(getattr(called, "__self__", None), Journal) else ""
