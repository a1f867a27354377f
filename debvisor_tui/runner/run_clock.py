"""The clock of a run's deadlines: monotonic, and it stops while the run cannot go on for no fault of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class _Limit:
    timeout: asyncio.Timeout
    ends: float  # by the run's clock


class RunClock:
    """Seconds that do not pass while it is held: for the journal's sake, or while a person thinks.

    A migration is not ended for want of a log line, nor a service called dead while nobody could write that it lives.
    """

    def __init__(self) -> None:
        self._reasons: set[str] = set()
        self._stopped = 0.0  # loop time at which it was stopped, while it is
        self._lost = 0.0  # seconds that it has stood until then
        self._limits: set[_Limit] = set()

    def __call__(self) -> float:
        return (self._stopped if self._reasons else _loop_time()) - self._lost

    def hold(self, reason: str) -> None:
        """Stop it until :meth:`let_go` for every reason that holds it."""
        if not self._reasons:
            self._stopped = _loop_time()
        self._reasons.add(reason)
        for limit in self._limits:
            self._set(limit)

    def let_go(self, reason: str) -> None:
        if self._reasons == {reason}:
            self._lost += _loop_time() - self._stopped
        self._reasons.discard(reason)
        for limit in self._limits:
            self._set(limit)

    @asynccontextmanager
    async def limit(self, seconds: float | None) -> AsyncIterator[None]:
        """As `asyncio.timeout`, by this clock: TimeoutError when `seconds` have passed."""
        async with asyncio.timeout(None) as timeout:
            if seconds is None:
                yield
                return
            limit = _Limit(timeout, self() + seconds)
            self._set(limit)
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    def _set(self, limit: _Limit) -> None:
        if not limit.timeout.expired():
            limit.timeout.reschedule(None if self._reasons else limit.ends + self._lost)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
