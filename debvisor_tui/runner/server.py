"""The runner's end of the socket: who is there, who operates, and what each is told; slow clients never hold it."""

import asyncio
import contextlib
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from debvisor_tui import __version__
from debvisor_tui.model.errors import DebvisorError, Refused
from debvisor_tui.model.people import Person
from debvisor_tui.model.secrets_registry import scrub
from debvisor_tui.model.text import one_line
from debvisor_tui.runner.client_log import ClientLog, Note
from debvisor_tui.runner.connection import COALESCED, FLUSH_INTERVAL, Connection, part
from debvisor_tui.runner.listener import Listener
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.peers import Peer, account, peer_of, person_behind
from debvisor_tui.runner.protocol import PROTO, Message, command_id, decode, encode

HELLO_TIMEOUT = 5.0
WHO_TIMEOUT = 1.0  # seconds for /proc; then what the client says of itself must do
CLIENTS_LIMIT = 64  # attached at once; the run needs file descriptors too
STRANGERS_LIMIT = 64  # connected, and not yet greeted
STALL_PATIENCE = 30.0  # seconds after which a client that does not read gives up its place to one that comes
FRAMES_AT_ONCE = 64  # commands of one client that are heard in one FLUSH_INTERVAL
STOPPING = 2.0  # seconds

Handle = Callable[[Person, str, Mapping[str, Any]], Awaitable[None]]
#: (run, seq, last progress)
Standing = Callable[[], tuple[int, int, Message | None]]


class Server:
    """The first client operates. When it leaves, nobody does, until one takes over or the next one comes."""

    def __init__(self, places: TargetPaths, handle: Handle, note: Note, standing: Standing) -> None:
        self._handle = handle
        self._guests = ClientLog(note)
        self._standing = standing
        self._listener = Listener(places, self._accept)
        self._connections: set[Connection] = set()
        self._strangers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._acts: set[asyncio.Task[None]] = set()
        self._acting = asyncio.Lock()  # a command takes effect while its sender operates, or not at all
        self.trouble: Message | None = None  # what every client that comes is told at once

    async def start(self) -> None:
        """Listen. The target's lock is held already, so a socket that is there is a dead runner's."""
        self._guests.open()
        await self._listener.start()

    async def stop(self, reason: str) -> None:
        """Say goodbye to everybody, bounded, and go."""
        await self._listener.stop()
        self.publish({"type": "bye", "reason": reason})
        for connection in self._connections:
            connection.end()
        for tasks in (self._tasks, self._acts):
            if tasks:
                _done, late = await asyncio.wait(tasks, timeout=STOPPING)
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late, timeout=STOPPING)
        await self._guests.close()

    def publish(self, message: Message) -> None:
        encoded = encode(message) if self._connections and message["type"] not in COALESCED else None
        for connection in self._connections:
            connection.send(message, encoded)

    @property
    def operator(self) -> Connection | None:
        return next((c for c in self._connections if c.role == "operator"), None)

    # -- coming and going ---------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._strangers >= STRANGERS_LIMIT:
            writer.write(_refusal("Too many clients connect at once.", "Try again."))
            writer.close()
            return
        self._strangers += 1
        _keep(self._tasks, self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = None
        try:
            try:
                connection = await self._welcome(reader, writer)
            finally:
                self._strangers -= 1
            if connection is not None:
                await self._attend(connection, reader)
        except (OSError, ValueError):  # TimeoutError is an OSError, BadFrame a ValueError: gone, silent, or garbage
            pass
        finally:
            if connection is not None:
                self._see_off(connection)
            await part(writer)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection | None:
        peer = peer_of(writer.get_extra_info("socket"))
        async with asyncio.timeout(HELLO_TIMEOUT):
            line = await reader.readline()
            if peer.uid not in {os.getuid(), 0}:
                what = f"This runner belongs to user {account(os.getuid())}; you are {account(peer.uid)}."
                await _refuse(writer, what, "Become that user (sudo -u) and attach again.")
                return None
            hello = decode(line)
            if hello["type"] != "hello" or hello.get("proto") != PROTO:
                mine = f"The runner is debvisor-tui {__version__} and speaks protocol {PROTO}"
                what = f"{mine}; {_version(hello)} does not."
                await _refuse(writer, what, f"Use debvisor-tui {__version__} to attach to this run.")
                return None
            person = await _who(peer, hello.get("who"))
            if len(self._connections) >= CLIENTS_LIMIT and not self._make_room():
                what = f"{CLIENTS_LIMIT} clients are attached to this run already."
                await _refuse(writer, what, "Close some of them. The run itself is in the history.")
                return None
        # No await from here on: two that come at once cannot both find that nobody operates.
        connection = Connection(person, writer)
        takes_the_seat = not hello.get("observe") and self.operator is None
        if takes_the_seat:
            connection.role = "operator"
        self._connections.add(connection)
        run, seq, progress = self._standing()
        welcome = {"type": "welcome", "proto": PROTO, "version": __version__, "run": run, "seq": seq}
        connection.send(
            welcome
            | {"role": connection.role, "operator": self._operating(), "progress": progress}
            | {"here": len(self._connections)}
        )
        if self.trouble is not None:
            connection.send(self.trouble)
        if takes_the_seat:
            self._tell_who_operates()
        self._tell_of_guest(connection, "joined")
        other = {"version": _version(hello)} if hello.get("version") != __version__ else {}
        self._guests.enter({"who": str(person), "what": "joined", "role": connection.role} | other)
        return connection

    def _make_room(self) -> bool:
        """Let go of the client that has not read for longest, if that is long enough."""
        now = time.monotonic()
        stalled = [c for c in self._connections if c.stalled_since and now - c.stalled_since > STALL_PATIENCE]
        if stalled:
            longest = min(stalled, key=lambda c: c.stalled_since or now)
            self._see_off(longest)
            longest.abort()
        return bool(stalled)

    async def _attend(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        writing = asyncio.create_task(connection.write())
        hearing = asyncio.create_task(self._hear(connection, reader))
        try:
            await asyncio.wait({writing, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._see_off(connection)
            hearing.cancel()
            connection.end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writing, timeout=1.0)

    def _see_off(self, connection: Connection) -> None:
        """It is not there any more; once. If it operated, nobody does now, and everybody hears it."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        role, connection.role = connection.role, "observer"
        self._guests.enter({"who": str(connection.person), "what": "left", "role": role})
        if role == "operator":
            self._tell_who_operates()
        self._tell_of_guest(connection, "left")

    def _tell_of_guest(self, of: Connection, what: str, before: str = "") -> None:
        """Everybody else hears who has come, gone or taken over, and how many are there."""
        message = {"type": "guest", "who": str(of.person), "what": what, "from": before}
        for connection in self._connections - {of}:
            connection.send({**message, "here": len(self._connections)})

    def _operating(self) -> str:
        return str(operator.person) if (operator := self.operator) is not None else ""

    def _tell_who_operates(self) -> None:
        self.publish({"type": "operator", "who": self._operating()})

    # -- commands -----------------------------------------------------------------------------------------------

    async def _hear(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        heard = 0
        with contextlib.suppress(OSError, ValueError):  # garbage, or gone: the connection ends, the run goes on
            while line := await reader.readline():
                message = decode(line)
                if message["type"] == "command":
                    # A task of its own: a client that goes meanwhile does not leave half a decision behind.
                    await asyncio.shield(_keep(self._acts, self._command(connection, message, command_id(message))))
                    await connection.room()
                heard += 1
                if heard % FRAMES_AT_ONCE == 0:
                    await asyncio.sleep(FLUSH_INTERVAL)

    async def _command(self, connection: Connection, message: Message, number: int) -> None:
        reply: Message = {"type": "reply", "id": number, "ok": True}
        try:
            if self.trouble is not None:
                raise Refused(f"Nothing was taken. {self.trouble['what']}", "Try again once the run goes on.")
            await self._obey(connection, message)
        except DebvisorError as error:
            reply |= {"ok": False, "what": scrub(error.what), "hint": scrub(error.hint)}
        except Exception as bug:
            traceback.print_exception(bug)
            what = f"The runner could not do that: {type(bug).__name__}: {one_line(scrub(str(bug)), 200)}"
            reply |= {"ok": False, "what": what, "hint": "This is a bug; its details are in the runner's log."}
        connection.send(reply)

    async def _obey(self, connection: Connection, message: Message) -> None:
        name = str(message.get("name"))
        args = message.get("args")
        if name != "take-over":
            self._must_operate(connection)  # an observer need not wait for what is done meanwhile
        async with self._acting:
            if name == "take-over":
                await self._take_over(connection)
            else:
                self._must_operate(connection)
                await self._handle(connection.person, name, args if isinstance(args, Mapping) else {})

    def _must_operate(self, connection: Connection) -> None:
        if connection.role == "operator":
            return
        if operating := self._operating():
            what = f"You observe this run; {operating} operates it."
            raise Refused(what, "Take it over first, if that is agreed.")
        raise Refused("You observe this run; nobody operates it.", "Take it over first.")

    async def _take_over(self, connection: Connection) -> None:
        if connection not in self._connections:
            raise Refused("You have gone.")
        if connection.role == "operator":
            return
        who, from_ = str(connection.person), self._operating()
        await self._guests.entered({"who": who, "what": "took over", "role": "operator", "from": from_})
        if (before := self.operator) is not None:  # asked again: much can happen while the journal is written
            before.role = "observer"
            before.send({"type": "role", "role": "observer"})
        if connection in self._connections:
            connection.role = "operator"
            connection.send({"type": "role", "role": "operator"})
        self._tell_who_operates()
        self._tell_of_guest(connection, "took over", from_)


async def _who(peer: Peer, said: object) -> Person:
    claimed = Person.from_json(said if isinstance(said, Mapping) else {})
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(asyncio.to_thread(person_behind, peer, claimed), WHO_TIMEOUT)
    return person_behind(Peer(0, peer.uid), claimed)


async def _refuse(writer: asyncio.StreamWriter, what: str, hint: str) -> None:
    writer.write(_refusal(what, hint))
    await writer.drain()


def _refusal(what: str, hint: str) -> bytes:
    return encode({"type": "refused", "proto": PROTO, "version": __version__, "what": what, "hint": hint})


def _version(hello: Message) -> str:
    said = hello.get("version")
    return f"debvisor-tui {one_line(said, 40)}" if isinstance(said, str) and said else "this client"


def _keep(tasks: "set[asyncio.Task[None]]", work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
