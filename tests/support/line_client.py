"""A client that says whatever bytes a test wants, on the real socket of a runner."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.protocol import PROTO, decode, encode

PATIENCE = 15.0


class LineClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *messages: dict[str, Any] | bytes) -> None:
        """Send, as far as the other side takes it."""
        with contextlib.suppress(OSError):
            for message in messages:
                self.writer.write(message if isinstance(message, bytes) else encode(message))
                await self.writer.drain()

    async def hear(self, kind: str = "") -> dict[str, Any] | None:
        """The next message (of `kind`, else any but who comes and goes); None when the other side has closed."""
        with contextlib.suppress(OSError):
            async with asyncio.timeout(PATIENCE):
                while line := await self.reader.readline():
                    message = decode(line)
                    if kind == message["type"] or (not kind and message["type"] != "guest"):
                        return message
        return None

    async def greet(self, name: str, *, observe: bool = False, proto: object = PROTO) -> dict[str, Any] | None:
        hello = {"type": "hello", "proto": proto, "version": "0.0.1", "who": {"name": name, "origin": "test"}}
        await self.say(hello | {"observe": observe})
        return await self.hear()

    async def command(self, number: object, name: str, **args: Any) -> dict[str, Any] | None:
        await self.say({"type": "command", "id": number, "name": name, "args": args})
        return await self.hear("reply")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def lines_to(places: TargetPaths) -> AsyncIterator[LineClient]:
    client = await connect(places)
    try:
        yield client
    finally:
        client.writer.transport.abort()


async def connect(places: TargetPaths) -> LineClient:
    """Connected; tried again while too many others connect at once."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return LineClient(*await asyncio.open_unix_connection(str(places.socket), limit=2**20))
            except BlockingIOError:
                await asyncio.sleep(0.01)


def open_files(pid: int | None = None) -> int:
    return len(os.listdir(f"/proc/{pid or os.getpid()}/fd"))


def memory(pid: int | None = None) -> int:
    """Resident, in bytes."""
    for line in Path(f"/proc/{pid or os.getpid()}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
