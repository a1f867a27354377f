"""A client's end of the socket: says hello, hears wake-ups, sends commands and waits for their replies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from debvisor_tui import __version__
from debvisor_tui.model.errors import Refused, RunnerGone
from debvisor_tui.model.people import Person
from debvisor_tui.runner.places import Places
from debvisor_tui.runner.protocol import FRAME_LIMIT, PROTO, BadFrame, Message, decode, encode

HELLO_TIMEOUT = 5.0
REPLY_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Welcome:
    """`progress` is the last progress message of the step under way, or None."""

    run: int
    seq: int
    role: str
    version: str
    progress: Message | None


class RunnerClient:
    """Connected to the runner of a target. Iterate it for messages (`reply` excluded) until the runner has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: Welcome) -> None:
        self._reader = reader
        self._writer = writer
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self._next_id = 1
        self.welcome = welcome
        self.role = welcome.role
        self.run = welcome.run

    @classmethod
    async def connect(cls, places: Places, person: Person, *, observe: bool = False) -> "RunnerClient":
        """RunnerGone if no runner listens; Refused if it will not talk to this program's version."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(places.socket), limit=FRAME_LIMIT)
        except OSError as error:
            raise RunnerGone("No release is running.", "Start one, or look at the history.") from error
        try:
            async with asyncio.timeout(HELLO_TIMEOUT):
                hello = {"type": "hello", "proto": PROTO, "version": __version__, "who": person.to_json()}
                writer.write(encode({**hello, "observe": observe}))
                await writer.drain()
                answer = decode(await reader.readline())
        except (OSError, TimeoutError, ValueError) as error:
            writer.close()
            raise RunnerGone(
                "The runner does not answer.", "It may be ending just now. Try again; its log is runner.log."
            ) from error
        if answer["type"] != "welcome":
            writer.close()
            raise Refused(str(answer.get("what", "The runner refused.")), str(answer.get("hint", "")))
        welcome = Welcome(
            run=int(answer["run"]),
            seq=int(answer["seq"]),
            role=str(answer["role"]),
            version=str(answer["version"]),
            progress=answer.get("progress"),
        )
        return cls(reader, writer, welcome)

    async def __aiter__(self) -> AsyncIterator[Message]:
        try:
            while line := await self._reader.readline():
                try:
                    message = decode(line)
                except BadFrame:
                    break
                if message["type"] == "reply":
                    waiting = self._replies.pop(int(message["id"]), None)
                    if waiting and not waiting.done():
                        waiting.set_result(message)
                    continue
                if message["type"] == "role":
                    self.role = str(message["role"])
                elif message["type"] == "run":
                    self.run = int(message["run"])
                yield message
        except (OSError, ValueError):
            return
        finally:
            for waiting in self._replies.values():
                if not waiting.done():
                    waiting.set_exception(RunnerGone("The runner has gone.", "Look at the run in the history."))
            self._replies.clear()

    async def command(self, name: str, **args: Any) -> None:
        """Send a command and wait for its reply, which the iteration must be running to hear.

        Refused says why the runner will not; RunnerGone, that it is not there any more.
        """
        number, self._next_id = self._next_id, self._next_id + 1
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            async with asyncio.timeout(REPLY_TIMEOUT):
                self._writer.write(encode({"type": "command", "id": number, "name": name, "args": args}))
                await self._writer.drain()
                message = await reply
        except (OSError, TimeoutError) as error:
            raise RunnerGone(
                "The runner does not answer.", "Nothing is known of this command; look again."
            ) from error
        finally:
            self._replies.pop(number, None)
        if not message["ok"]:
            raise Refused(str(message.get("what", "Refused.")), str(message.get("hint", "")))

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
