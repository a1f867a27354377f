"""Blocking work in a thread, which a cancelled step really ends before it goes on."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.system.cancellation import run_to_completion

T = TypeVar("T")

#: How far the work is: done, of how many.
Progress = Callable[[int, int], None]


class Stopped(Exception):
    """The work was told to stop; nothing of it is left behind."""


PATIENCE = 60.0  # seconds


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """`work(stop)` in a thread. On cancellation `stop` is set and the thread waited for: nothing runs on behind.

    WorkFailed if it does not stop: it hangs in the kernel, and nobody can end it.
    """
    stop = threading.Event()
    thread = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):  # again: it is raised below
            await run_to_completion(asyncio.wait({thread}, timeout=PATIENCE))
        if not thread.done():
            raise WorkFailed(
                f"It was told to stop and has not within {PATIENCE:.0f} s: the system does not let go of it",
                "Is a disk or a network share dead (dmesg)? What it was doing may still happen: "
                "do not retry before the host answers again.",
            ) from None
        if not thread.cancelled():
            thread.exception()  # it was told to stop; how it ended is of no interest any more
        raise


def on_loop(report: Progress) -> Progress:
    """`report` for a thread to call: it runs on the loop that is running now."""
    loop = asyncio.get_running_loop()

    def from_thread(done: int, total: int) -> None:
        loop.call_soon_threadsafe(report, done, total)

    return from_thread
