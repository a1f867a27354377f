"""The runner's end of the socket: who is there, who operates, and what each is told; slow clients never hold it."""

import asyncio
import contextlib
import os
import pwd
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from debvisor_tui import __version__
from debvisor_tui.model.errors import DebvisorError, Refused
from debvisor_tui.model.events import EventKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.text import one_line
from debvisor_tui.runner.places import Places
from debvisor_tui.runner.protocol import FRAME_LIMIT, PROTO, BadFrame, Message, decode, encode

HELLO_TIMEOUT = 5.0
OUTBOX_LIMIT = 500  # messages that wait for one client; with more it must read the journal anew
FLUSH_INTERVAL = 1 / 30  # seconds: wake-ups travel at most so often
COALESCED = frozenset({"log", "progress", "sample"})

Handle = Callable[[Person, str, Mapping[str, Any]], Awaitable[None]]
Note = Callable[[EventKind, Mapping[str, Any]], Awaitable[None]]
#: (run, seq, last progress)
Standing = Callable[[], tuple[int, int, Message | None]]


class Connection:
    """One client. Its outbox is bounded; of wake-ups only the newest of a kind waits."""

    def __init__(self, person: Person, writer: asyncio.StreamWriter) -> None:
        self.person = person
        self.role = "observer"
        self._writer = writer
        self._outbox: deque[Message] = deque()
        self._newest: dict[str, Message] = {}
        self._wake = asyncio.Event()
        self._ended = False

    def send(self, message: Message) -> None:
        if message["type"] in COALESCED:
            self._newest[message["type"]] = message
        elif len(self._outbox) >= OUTBOX_LIMIT:
            replies = [m for m in self._outbox if m["type"] in {"reply", "role", "bye", "run", "trouble"}]
            self._outbox = deque([*replies[-OUTBOX_LIMIT // 2 :], {"type": "resync", "seq": message.get("seq", 0)}])
        else:
            self._outbox.append(message)
        self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def write(self) -> None:
        """Write what waits until the connection ends; a reader that stalls stalls only this."""
        try:
            while not (self._ended and not self._outbox):
                await self._wake.wait()
                self._wake.clear()
                batch = [*self._outbox, *self._newest.values()]
                self._outbox.clear()
                self._newest.clear()
                if batch:
                    self._writer.write(b"".join(map(encode, batch)))
                    await self._writer.drain()
                if not self._ended:
                    await asyncio.sleep(FLUSH_INTERVAL)
        except OSError:
            return
        finally:
            self._writer.close()


class Server:
    def __init__(self, places: Places, handle: Handle, note: Note, standing: Standing) -> None:
        self._places = places
        self._handle = handle
        self._note = note
        self._standing = standing
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._notes: set[asyncio.Task[None]] = set()
        self.trouble: Message | None = None  # what every client that comes is told at once

    async def start(self) -> None:
        """Listen. The target's lock is held already, so a socket that is there is a dead runner's."""
        path = self._places.socket
        path.unlink(missing_ok=True)
        before = os.umask(0o177)  # the socket is 0600 from its first moment
        try:
            self._server = await asyncio.start_unix_server(self._accept, path=str(path), limit=FRAME_LIMIT)
        finally:
            os.umask(before)

    async def stop(self, reason: str) -> None:
        """Say goodbye to everybody, bounded, and go."""
        if self._server is not None:
            self._server.close()
        self.publish({"type": "bye", "reason": reason})
        for connection in self._connections:
            connection.end()
        if self._readers:
            await asyncio.wait(self._readers, timeout=2.0)
        for reader in self._readers:
            reader.cancel()
        if self._notes:
            await asyncio.wait(self._notes, timeout=1.0)
        self._places.socket.unlink(missing_ok=True)

    def publish(self, message: Message) -> None:
        for connection in self._connections:
            connection.send(message)

    @property
    def operator(self) -> Connection | None:
        return next((c for c in self._connections if c.role == "operator"), None)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = await self._welcome(reader, writer)
        if connection is None:
            writer.close()
            return
        writing = asyncio.create_task(connection.write())
        hearing = asyncio.create_task(self._hear(connection, reader))
        try:
            await asyncio.wait({writing, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            hearing.cancel()
            connection.end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writing, timeout=1.0)
            self._note_soon({"who": str(connection.person), "what": "left"})

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection | None:
        uid = _peer_uid(writer)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT):
                hello = decode(await reader.readline())
        except (OSError, TimeoutError, ValueError):
            return None
        what = hint = ""
        if uid not in {os.getuid(), 0}:
            what = f"This runner belongs to user {_user(os.getuid())}; you are {_user(uid)}."
            hint = "Become that user (sudo -u) and attach again."
        elif hello.get("type") != "hello" or hello.get("proto") != PROTO:
            what = f"The runner is debvisor-tui {__version__} and speaks protocol {PROTO}; this client does not."
            hint = f"Use debvisor-tui {__version__} to attach to this run."
        if what:
            refused = {"type": "refused", "proto": PROTO, "version": __version__, "what": what, "hint": hint}
            with contextlib.suppress(OSError):
                writer.write(encode(refused))
                await writer.drain()
            return None
        said = hello.get("who")
        person = Person.from_json(said if isinstance(said, Mapping) else {})
        name = person.name if uid == 0 else _user(uid)  # root may say for whom it acts (SUDO_USER)
        connection = Connection(Person(one_line(name, 60), one_line(person.origin, 80)), writer)
        if not hello.get("observe") and self.operator is None:
            connection.role = "operator"
        run, seq, progress = self._standing()
        welcome = {"type": "welcome", "proto": PROTO, "version": __version__, "run": run, "seq": seq}
        connection.send({**welcome, "role": connection.role, "progress": progress})
        if self.trouble is not None:
            connection.send(self.trouble)
        self._connections.add(connection)
        joined = {"who": str(connection.person), "what": "joined", "role": connection.role}
        self._note_soon(joined)
        return connection

    def _note_soon(self, data: Mapping[str, Any]) -> None:
        """Journal who came or went; nobody waits for it, least of all while the journal cannot be written."""

        async def note() -> None:
            with contextlib.suppress(DebvisorError, RuntimeError):  # RuntimeError: the journal is closed already
                await self._note(EventKind.CLIENT, data)

        task = asyncio.create_task(note())
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _hear(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message = decode(line)
                if message["type"] == "command":
                    await self._command(connection, message)
        except (OSError, BadFrame, ValueError):
            return  # garbage, or gone: the connection ends, the run does not notice

    async def _command(self, connection: Connection, message: Message) -> None:
        reply: Message = {"type": "reply", "id": message.get("id", 0), "ok": True}
        args = message.get("args")
        args = args if isinstance(args, Mapping) else {}
        try:
            if message.get("name") == "take-over":
                await self._take_over(connection)
            else:
                if connection.role != "operator":
                    raise Refused(*self._why_not(connection))
                await self._handle(connection.person, str(message.get("name")), args)
        except DebvisorError as error:
            reply |= {"ok": False, "what": error.what, "hint": error.hint}
        connection.send(reply)

    def _why_not(self, connection: Connection) -> tuple[str, str]:
        operator = self.operator
        if operator is None:
            return "You observe this run; nobody operates it.", "Take it over first."
        return f"You observe this run; {operator.person} operates it.", "Take it over first, if that is agreed."

    async def _take_over(self, connection: Connection) -> None:
        before = self.operator
        if before is connection:
            return
        note = {"who": str(connection.person), "what": "took over", "role": "operator"}
        await self._note(EventKind.CLIENT, note)
        if before is not None:
            before.role = "observer"
            before.send({"type": "role", "role": "observer"})
        connection.role = "operator"
        connection.send({"type": "role", "role": "operator"})


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    peer: socket.socket = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
