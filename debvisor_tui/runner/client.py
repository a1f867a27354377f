"""A client's end of the socket: says hello, hears wake-ups, sends commands and waits for their replies."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

from debvisor_tui import __version__
from debvisor_tui.model.errors import NoReply, Refused, RunnerGone
from debvisor_tui.model.people import Person
from debvisor_tui.model.text import one_line
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.peers import account, peer_of
from debvisor_tui.runner.protocol import FRAME_LIMIT, PROTO, BadFrame, Message, decode, encode

HELLO_TIMEOUT = 5.0
REPLY_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Welcome:
    """`operator`: who operates, or "". `progress`: the last progress message of the step under way, or None."""

    run: int
    seq: int
    role: str
    version: str
    progress: Message | None
    operator: str = ""
    here: int = 1  # how many are attached, this one too

    @classmethod
    def from_message(cls, answer: Message) -> "Welcome":
        """Refused if the runner said no, or said it in a way that this program does not know."""
        version = one_line(str(answer.get("version", "")), 40) or "of an unknown version"
        if answer["type"] == "refused":
            hint = str(answer.get("hint", ""))
            raise Refused(str(answer.get("what", "The runner refused.")), hint)
        try:
            if answer["type"] == "welcome" and answer["proto"] == PROTO:
                progress = answer.get("progress")
                return cls(
                    run=int(answer["run"]),
                    seq=int(answer["seq"]),
                    role=str(answer["role"]),
                    version=version,
                    progress=progress if isinstance(progress, dict) else None,
                    operator=one_line(str(answer.get("operator", "")), 200),
                    here=int(answer.get("here", 1)),
                )
        except (KeyError, TypeError, ValueError):
            pass  # as good as another protocol
        raise Refused(
            f"The runner is debvisor-tui {version}; this is {__version__}, and they do not understand each other.",
            f"Attach with debvisor-tui {version}. The run goes on meanwhile.",
        )

    @property
    def notice(self) -> str:
        """That the runner is of another version that understands this one; or ""."""
        if self.version == __version__:
            return ""
        return f"This run's runner is debvisor-tui {self.version}; you use {__version__}. They understand each other."


class RunnerClient:
    """Connected to the runner of a target. Iterate it for messages (`reply` excluded) until the runner has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: Welcome) -> None:
        self._reader = reader
        self._writer = writer
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self._next_id = 1
        self.welcome = welcome
        self.role = welcome.role
        self.operator = welcome.operator
        self.run = welcome.run

    @classmethod
    async def connect(cls, places: TargetPaths, person: Person, *, observe: bool = False) -> "RunnerClient":
        """RunnerGone if no runner listens; Refused if it will not talk to this user, or to this program's version."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(places.socket), limit=FRAME_LIMIT)
        except OSError as error:
            _no_connection(places, error)
        try:
            _check_runner(places, peer_of(writer.get_extra_info("socket")).uid)
            async with asyncio.timeout(HELLO_TIMEOUT):
                hello = {"type": "hello", "proto": PROTO, "version": __version__, "who": person.to_json()}
                with contextlib.suppress(OSError):  # one that refuses at once has closed already
                    writer.write(encode({**hello, "observe": observe}))
                    await writer.drain()
                welcome = Welcome.from_message(decode(await reader.readline()))
        except (OSError, ValueError) as error:
            writer.close()
            raise RunnerGone(
                "The runner does not answer.", "It may be ending just now. Try again; its log is runner.log."
            ) from error
        except BaseException:
            writer.close()
            raise
        return cls(reader, writer, welcome)

    async def __aiter__(self) -> AsyncIterator[Message]:
        try:
            while line := await self._reader.readline():
                try:
                    message = decode(line)
                except BadFrame:
                    break
                if message["type"] == "reply":
                    number = message.get("id")
                    waiting = self._replies.pop(number, None) if isinstance(number, int) else None
                    if waiting and not waiting.done():
                        waiting.set_result(message)
                    continue
                if message["type"] == "role":
                    self.role = str(message.get("role"))
                elif message["type"] == "operator":
                    self.operator = one_line(str(message.get("who", "")), 200)
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

    async def command(self, name: str, *, patient: bool = False, **args: Any) -> None:
        """Send a command and wait for its reply, which the iteration must be running to hear.

        `patient`: for as long as it takes, which is until the journal can be written.

        Refused says why the runner will not; NoReply, that it may or may not have obeyed; RunnerGone, that it is not
        there any more.
        """
        number, self._next_id = self._next_id, self._next_id + 1
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            async with asyncio.timeout(None if patient else REPLY_TIMEOUT):
                self._writer.write(encode({"type": "command", "id": number, "name": name, "args": args}))
                await self._writer.drain()
                message = await reply
        except TimeoutError as error:
            raise NoReply(
                f"The runner has not replied for {REPLY_TIMEOUT:.0f} s.",
                "What you asked for is done as soon as the journal can be written, or not at all. Watch the run.",
            ) from error
        except OSError as error:
            raise RunnerGone("The runner has gone.", "Look at the run in the history.") from error
        finally:
            self._replies.pop(number, None)
        if not message.get("ok"):
            raise Refused(str(message.get("what", "Refused.")), str(message.get("hint", "")))

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def _no_connection(places: TargetPaths, error: OSError) -> NoReturn:
    """Say why nobody could be spoken to: only where nobody listens is nothing running."""
    path = places.socket
    if isinstance(error, PermissionError):
        raise Refused(
            f"{account(os.geteuid())} may not speak to the runner of {places.target}: {path}: permission denied.",
            "Become the user whose release it is (sudo -u), or root.",
        ) from error
    if isinstance(error, BlockingIOError):
        raise RunnerGone("Too many clients connect at once.", "Try again.") from error
    if isinstance(error, ConnectionRefusedError) and path.exists() and not path.is_socket():
        raise RunnerGone(
            f"{path} is not a socket: something else lies in its place.",
            "Move it away; a runner that is still there makes its socket anew within seconds.",
        ) from error
    raise RunnerGone("No release is running.", "Start one, or look at the history.") from error


def _check_runner(places: TargetPaths, uid: int) -> None:
    """Whoever listens there must be who owns the state: a stranger could have put a socket of its own there."""
    if uid not in {0, os.getuid(), places.owner}:
        raise Refused(
            f"{places.socket} belongs to {account(uid)}, who is not the runner of {places.target}.",
            "Somebody has put it there. Look at the folder's rights.",
        )
