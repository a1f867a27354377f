"""Cleaning up that is done whole, however often the task that does it is cancelled meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def run_to_completion(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end. A cancellation that comes meanwhile is raised afterwards.

    `asyncio.shield` alone keeps the work going, and lets go of it at the second cancellation (a time limit's, a
    signal's): what is said of its outcome then comes before the outcome.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # heard; that it was cancelled goes first
        raise cancelled
    return task.result()
