"""One client as the runner sees it: who it is, what waits to be written to it, and how much of that at the most."""

import asyncio
import contextlib
import time
from collections import deque

from debvisor_tui.model.people import Person
from debvisor_tui.runner.protocol import FRAME_LIMIT, Message, encode

OUTBOX_LIMIT = 500  # messages that wait for one client; with more it must read the journal anew
OUTBOX_BYTES = 262_144
REPLIES_LIMIT = 64  # replies that wait; with more its commands are not read until it reads
FLUSH_INTERVAL = 1 / 30  # seconds: wake-ups travel at most so often
GOODBYE = 1.0  # seconds in which what waits may still be read
COALESCED = frozenset({"log", "progress", "sample"})
#: Of these the newest says it all.
STANDING = frozenset({"welcome", "role", "operator", "run", "trouble", "bye"})


class Connection:
    """Its outbox is bounded; of wake-ups only the newest of a kind waits. A reader that stalls stalls only this."""

    def __init__(self, person: Person, writer: asyncio.StreamWriter) -> None:
        self.person = person
        self.role = "observer"
        self.stalled_since: float | None = None  # monotonic seconds: since when the client has not read
        self._writer = writer
        self._outbox: deque[tuple[str, bytes]] = deque()
        self._newest: dict[str, Message] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._ended = False

    def send(self, message: Message, encoded: bytes | None = None) -> None:
        """`encoded`: the message as a frame, when it goes to several clients."""
        kind = message["type"]
        if kind in COALESCED:
            self._newest[kind] = message
        else:
            frame = encoded if encoded is not None else encode(message)
            self._outbox.append((kind, frame))
            if (
                len(self._outbox) > OUTBOX_LIMIT
                or len(frame) > FRAME_LIMIT
                or sum(len(f) for _, f in self._outbox) > OUTBOX_BYTES
            ):
                self._drop_events(message.get("seq", 0))
            if kind == "reply" and sum(k == "reply" for k, _ in self._outbox) >= REPLIES_LIMIT:
                self._room.clear()
        self._wake.set()

    def _drop_events(self, seq: int) -> None:
        """Keep what the journal does not hold, in its order."""
        last = {kind: index for index, (kind, _) in enumerate(self._outbox) if kind in STANDING}
        kept = [
            entry
            for index, entry in enumerate(self._outbox)
            if entry[0] == "reply" or (entry[0] in STANDING and last[entry[0]] == index)
        ]
        self._outbox = deque([*kept, ("resync", encode({"type": "resync", "seq": seq}))])

    async def room(self) -> None:
        """Wait until this client has read enough of its replies to be given more."""
        await self._room.wait()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    def abort(self) -> None:
        """Let go of it at once, with all that it did not read."""
        self._writer.transport.abort()

    async def write(self) -> None:
        """Write what waits, until the connection ends or the client has gone."""
        try:
            while not (self._ended and not self._outbox):
                await self._wake.wait()
                self._wake.clear()
                batch = [*(frame for _, frame in self._outbox), *map(encode, self._newest.values())]
                self._outbox.clear()
                self._newest.clear()
                self._room.set()
                if batch:
                    self.stalled_since = time.monotonic()
                    self._writer.write(b"".join(batch))
                    await self._writer.drain()
                    self.stalled_since = None
                if not self._ended:
                    await asyncio.sleep(FLUSH_INTERVAL)
        except OSError:
            return


async def part(writer: asyncio.StreamWriter) -> None:
    """Close, and abort what cannot be closed in time: a client that never reads would hold it for ever."""
    try:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await writer.wait_closed()
    finally:
        writer.transport.abort()
