"""Who came, went and took over, journaled in that order; the run waits for none of it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.events import EventKind

Entry = Mapping[str, Any]
Note = Callable[[EventKind, Entry], Awaitable[None]]

WAITING_LIMIT = 200  # entries, while the journal cannot be written; further comings and goings are only counted
CLOSING = 1.0  # seconds


class ClientLog:
    def __init__(self, note: Note) -> None:
        self._note = note
        self._entries: asyncio.Queue[tuple[Entry, asyncio.Future[None] | None]] = asyncio.Queue(WAITING_LIMIT)
        self._left_out = 0
        self._writing: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._writing = asyncio.create_task(self._write(), name="guest book")

    async def close(self) -> None:
        """Write what waits, if that can be in time."""
        if self._writing is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._entries.join(), CLOSING)
            self._writing.cancel()

    def enter(self, entry: Entry) -> None:
        """Have it written soon."""
        try:
            self._entries.put_nowait((entry, None))
        except asyncio.QueueFull:
            self._left_out += 1

    async def entered(self, entry: Entry) -> None:
        """Return when it is written; DebvisorError if it cannot be."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._entries.put((entry, written))
        await written

    async def _write(self) -> None:
        while True:
            entry, waited_for = await self._entries.get()
            try:
                await self._note(EventKind.CLIENT, entry)
                if self._left_out:
                    count, self._left_out = self._left_out, 0
                    what = f"{count} comings and goings were not recorded while the journal could not be written"
                    await self._note(EventKind.CLIENT, {"who": "", "what": what})
            except (DebvisorError, RuntimeError) as error:  # RuntimeError: the journal is closed already
                if waited_for is not None and not waited_for.done():
                    waited_for.set_exception(
                        error if isinstance(error, DebvisorError) else DebvisorError("The run is ending.")
                    )
            else:
                if waited_for is not None and not waited_for.done():
                    waited_for.set_result(None)
            finally:
                self._entries.task_done()
