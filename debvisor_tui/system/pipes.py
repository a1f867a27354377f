"""Carries a child's output to its sinks, and knows when to give up on a pipe that the child left open."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import IO, Self

CHUNK = 65_536
LINGER = 2.0  # seconds of waiting for a pipe to close after the child has ended
LINGER_BYTES = 4 * 1024 * 1024  # more than a pipe and its buffers hold: this is not the child's output any more


class Pump:
    """Reads a pipe in chunks until it closes. A sink that takes its time holds the child back.

    When the child has ended its pipe should close at once, unless a daemon that it started inherited it: then the
    pump gives up after `LINGER` seconds of waiting (time spent in the sinks is not counted: nothing of the child's
    output is lost) or `LINGER_BYTES`.
    """

    def __init__(
        self,
        stream: asyncio.StreamReader,
        transport: asyncio.ReadTransport,
        sinks: Sequence[Callable[[bytes], Awaitable[None]]],
    ) -> None:
        self.gave_up = False
        self._stream = stream
        self._transport = transport
        self._sinks = sinks
        self._patience: float | None = None  # seconds of waiting left; None while the child lives
        self._budget = LINGER_BYTES
        self._reading: asyncio.Timeout | None = None
        self.task = asyncio.create_task(self._run())

    @classmethod
    async def of(cls, pipe: IO[bytes], sinks: Sequence[Callable[[bytes], Awaitable[None]]]) -> Self:
        stream = asyncio.StreamReader(limit=CHUNK)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        return cls(stream, transport, sinks)

    def child_ended(self) -> None:
        if self._patience is not None:
            return
        self._patience = LINGER
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time() + LINGER)

    def close(self) -> None:
        self.task.cancel()
        if self.task.done() and not self.task.cancelled():
            self.task.exception()  # it was raised where it was waited for, or the command is being cancelled anyway
        self._transport.close()

    async def _run(self) -> None:
        while chunk := await self._read():
            for sink in self._sinks:
                await sink(chunk)

    async def _read(self) -> bytes:
        """The next chunk; empty at the end of the pipe, or of the patience."""
        if self._budget <= 0 or (self._patience is not None and self._patience <= 0):
            self.gave_up = True
            return b""
        clock = asyncio.get_running_loop().time
        ended_before, begun = self._patience is not None, clock()
        try:
            async with asyncio.timeout(self._patience) as self._reading:
                chunk = await self._stream.read(CHUNK)
        except TimeoutError:
            self.gave_up = True
            return b""
        finally:
            self._reading = None
        if self._patience is not None and ended_before:
            self._patience -= clock() - begun
            self._budget -= len(chunk)
        return chunk
