"""The runner's socket: private from its first moment, and made anew when somebody has removed it."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from debvisor_tui.model.errors import UsageError
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.protocol import COMMAND_LIMIT

LOOK_EVERY = 2.0  # seconds

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


class Listener:
    """Listens at the target's socket path. The target's lock must be held: what lies there is a dead runner's."""

    def __init__(self, places: TargetPaths, accept: Accept) -> None:
        self._path = places.socket
        self._accept = accept
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """UsageError if that cannot be."""
        try:
            await self._listen()
        except OSError as error:
            raise UsageError(
                f"The runner cannot listen at {self._path}: {error.strerror or error}.", "Move away what lies there."
            ) from error
        self._watching = asyncio.create_task(self._watch(), name="watch the socket")

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._server is not None:
            self._server.close()
            if _inode(self._path) == self._inode:
                with contextlib.suppress(OSError):
                    self._path.unlink()

    async def _listen(self) -> None:
        if not self._path.is_socket() and _inode(self._path):
            raise FileExistsError(17, "something else lies there")
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # 0600 from its first moment. Nothing is awaited meanwhile: a step's command would inherit the umask.
            before = os.umask(0o177)
            try:
                listening.bind(str(self._path))
            finally:
                os.umask(before)
            server = await asyncio.start_unix_server(self._accept, sock=listening, limit=COMMAND_LIMIT)
        except BaseException:
            listening.close()
            raise
        if self._server is not None:
            self._server.close()
        self._server, self._inode = server, _inode(self._path)

    async def _watch(self) -> None:
        """A cleaner of old files, or a hand, may take the socket away: nobody could attach any more."""
        said = ""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if _inode(self._path) == self._inode:
                continue
            try:
                await self._listen()
                said = ""
            except OSError as error:
                if said != (said := f"nobody can attach: {self._path}: {error.strerror or error}"):
                    print(said, file=sys.stderr, flush=True)


def _inode(path: Path) -> int:
    """0: there is nothing, or it cannot be seen."""
    try:
        return path.lstat().st_ino
    except OSError:
        return 0
