"""Closes the host to the release's code while it is only looked at: what stays open is reading, and a copy to read.

Part of the probe that runs in the release's own interpreter: the standard library alone (Python 3.8 and later).

An audit hook (PEP 578) refuses to write, remove or rename files, to start processes, to connect to servers, and to
open any other SQLite database than the copy; where the code opens the live one, it is given the copy. While env.py
and the migrations are imported, a refusal is a PermissionError, as on a read-only file system: what can do without
goes on. While an upgrade() or downgrade() is recorded, it is a BaseException, so that the migration's own `except
Exception` does not hide it, and no connection at all is opened: what it did there would go unseen. Each refusal is
kept with the files that led to it. While a revision is tried, the copy may be used, by whatever way the code opens
it, and what is written there is noted by table; the rest is refused as while recording. A connection made in C
(libpq) is not seen, nor is anything else that no Python code asks for: that is the kernel's to refuse, where it can
(probe_landlock.py).
"""

from __future__ import annotations

import logging
import logging.config
import os
import re
import sqlite3
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, FrozenSet, Iterator, List, NamedTuple, Optional, Set  # noqa: UP035 - it may run Python 3.8

if TYPE_CHECKING or __package__:
    from debvisor_tui.adapters.migrations.alembic_probe import probe_landlock
else:  # run as a folder: python puts it first on sys.path
    import probe_landlock

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: The authorizer's action codes (sqlite.org/c3ref/c_alter_table.html).
SQLITE_ATTACH = 24
SQLITE_WRITES = {9: 0, 18: 0, 23: 0, 11: 0, 2: 0, 26: 1}  # delete … alter: which argument names the table

#: Statements that may take away or overwrite what is there.
ROW_CHANGES = {"UPDATE", "DELETE", "REPLACE", "INSERT", "WITH"}

#: Modules that start a program to learn something of this host, and can do without it.
LIBRARY = os.path.dirname(os.__file__)
ASKING = {os.path.join(LIBRARY, name) for name in ("platform.py", "uuid.py", os.path.join("ctypes", "util.py"))}

#: Audit events (docs.python.org/3/library/audit_events.html) that change something, by what is refused.
CHANGES = {
    "os.remove": "remove {0}",
    "os.rename": "rename {0} to {1}",  # both ways: what is moved out of the room writes there
    "os.rmdir": "remove the folder {0}",
    "os.truncate": "truncate {0}",
    "os.link": "link {0} to {1}",
    "os.symlink": "link {0} to {1}",
    "os.chmod": "change the mode of {0}",
    "os.chown": "change the owner of {0}",
    "os.utime": "change the times of {0}",
    "os.setxattr": "change the attributes of {0}",
    "os.removexattr": "change the attributes of {0}",
    "shutil.rmtree": "remove the folder {0}",
    "shutil.move": "move {0} to {1}",
}
PROCESSES = {
    "subprocess.Popen": "start {0}",
    "os.system": "start {0}",
    "os.exec": "start {0}",
    "os.posix_spawn": "start {0}",
    "os.spawn": "start {1}",
    "os.startfile": "start {0}",
    "os.fork": "start a process",
    "os.forkpty": "start a process",
    "pty.spawn": "start {0}",
    "os.kill": "signal process {0}",
    "os.killpg": "signal process group {0}",
}
SOCKETS = {
    "socket.connect": "connect to {1}",
    "socket.bind": "listen at {1}",
    "socket.sendto": "send to {1}",
    "socket.sendmsg": "send to {1}",
    "socket.getaddrinfo": "look up {0}",
    "socket.gethostbyname": "look up {0}",
    "ftplib.connect": "connect to {1}",
    "smtplib.connect": "connect to {1}",
}


class CannotTell(BaseException):
    """Something whose effect only a live database, or the world, could tell. No `except Exception` takes it."""


class Refusal(NamedTuple):
    """`what`: what was refused, in words; `files`: of the code that asked for it; `database`: it would open it."""

    what: str
    database: str
    files: FrozenSet[str]  # noqa: UP006


class Denied(PermissionError):
    """A refusal outside of a recorded migration: code that can do without goes on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(1, f"refused, because the release is only looked at: {refusal.what}")
        self.refusal = refusal


def denied(error: Optional[BaseException]) -> Optional[Refusal]:  # noqa: UP045
    """The refusal that led to `error`, or None."""
    for _ in range(50):
        if error is None or isinstance(error, Denied):
            break
        error = error.__cause__ or error.__context__
    return error.refusal if isinstance(error, Denied) else None


class Tried:
    """What a revision did while it was tried. `touched`: the tables that it wrote to, also by a trigger or a foreign
    key's action. `sql`: its own statements that change rows; of those that only differ in their values, the first."""

    def __init__(self, refusals: List[Refusal]) -> None:  # noqa: UP006
        self.touched: Set[str] = set()  # noqa: UP006
        self.sql: List[str] = []  # noqa: UP006
        self._heard: Set[str] = set()  # noqa: UP006
        self._refusals, self._first = refusals, len(refusals)

    def hear(self, statement: str) -> None:
        shape = re.sub(r"'(?:[^']|'')*'|\d+", "?", statement[:2000])
        if shape not in self._heard and len(self._heard) < 200:
            self._heard.add(shape)
            self.sql.append(statement[:2000])

    def refused(self) -> List[str]:  # noqa: UP006
        return list(dict.fromkeys(refusal.what for refusal in self._refusals[self._first :]))


class Closed:
    """Since it was made, this process only looks. `live`, `copy`: paths of SQLite databases, or "" where unknown."""

    def __init__(self, live: str, copy: str) -> None:
        self.refusals: List[Refusal] = []  # noqa: UP006
        self.live, self.copy = os.path.realpath(live), os.path.realpath(copy)
        self._room = os.path.dirname(self.copy) + os.sep
        self._recording = False
        self._tried: Optional[Tried] = None  # noqa: UP045
        self._busy = threading.local()  # while a refusal is written down, by the thread that does it
        # What a release writes for itself as it starts: its log files and temporary ones.
        logging.config.fileConfig = _as_far_as_it_goes(logging.config.fileConfig)
        logging.config.dictConfig = _as_far_as_it_goes(logging.config.dictConfig)
        logging.FileHandler._open = _to_nowhere  # type: ignore[assignment,method-assign]
        tempfile.tempdir = os.path.dirname(self.copy)
        self._divert()
        self.open = probe_landlock.close(os.path.dirname(self.copy))
        sys.addaudithook(self._look)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """CannotTell at the end if anything was refused meanwhile, also where the code took that and went on."""
        before = len(self.refusals)
        self._recording = True
        try:
            yield
        finally:
            self._recording = False
        if len(self.refusals) > before:
            raise CannotTell(self.refusals[before].what)

    @contextmanager
    def trying(self) -> Iterator[Tried]:
        """The copy may be written to meanwhile."""
        self._tried = tried = Tried(self.refusals)
        try:
            yield tried
        finally:
            self._tried = None

    def asked_by(self, file: str) -> str:
        """What the code in `file` asked for and was refused, or ""."""
        return next((r.what for r in self.refusals if os.path.realpath(file) in r.files), "")

    def _divert(self) -> None:
        """Who opens the live database by its own settings is given the copy."""
        real = sqlite3.connect

        def connect(database: Any, *args: Any, **kwargs: Any) -> Any:
            if self._means_live(database):
                database, kwargs = self.copy, {**kwargs, "uri": False}
            connection = real(database, *args, **kwargs)
            connection.set_trace_callback(self._hear)
            connection.set_authorizer(self._authorize)  # ATTACH and VACUUM INTO open files that no audit event names
            return connection

        sqlite3.connect = sqlite3.dbapi2.connect = connect

    def _hear(self, statement: str) -> None:
        words = statement.split(None, 1)
        if self._tried is not None and words and words[0].upper() in ROW_CHANGES and "version_num" not in statement:
            self._tried.hear(statement)

    def _means_live(self, database: Any) -> bool:
        path = self._path(database)
        return path == self.live and path != self.copy

    @staticmethod
    def _path(database: Any) -> str:
        try:
            text = os.fsdecode(database)
        except TypeError:
            return ""
        if text.startswith("file:"):
            from urllib.parse import unquote, urlsplit

            text = unquote(urlsplit(text).path)
        return os.path.realpath(text) if text and text != ":memory:" else ""

    def _authorize(self, action: int, name: Any, more: Any = None, *_: Any) -> int:
        if self._tried is not None and action in SQLITE_WRITES:
            self._tried.touched.add(str(more if SQLITE_WRITES[action] else name))
        if action != SQLITE_ATTACH or not name or name == ":memory:":
            return sqlite3.SQLITE_OK
        self._keep(f"it would open the database {' '.join(str(name).split())[:200]} by itself", str(name))
        return sqlite3.SQLITE_DENY

    def _look(self, event: str, args: Any) -> None:
        if getattr(self._busy, "now", False) or not self._is_refused(event, args):
            return
        if event == "subprocess.Popen" and self._only_asks():
            raise FileNotFoundError(2, "not found, because the release is only looked at", str(args[0]))
        database = str(args[0]) if event == "sqlite3.connect" else ""
        refusal = self._keep("it would " + self._words(event, args), database)
        raise CannotTell(refusal.what) if self._recording or self._tried is not None else Denied(refusal)

    @staticmethod
    def _only_asks() -> bool:
        """Whether the standard library wants to ask another program what this host is (uname, ldconfig, ip link),
        as many packages have it do when they are imported. It goes on where there is no such program."""
        frame: Optional[FrameType] = sys._getframe(2)  # noqa: UP045
        while frame is not None and frame.f_code.co_filename == os.path.join(LIBRARY, "subprocess.py"):
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename in ASKING

    def _keep(self, what: str, database: str) -> Refusal:
        self._busy.now = True
        try:
            files = set()
            frame: Optional[FrameType] = sys._getframe(1)  # noqa: UP045
            while frame is not None:
                files.add(os.path.realpath(frame.f_code.co_filename))
                frame = frame.f_back
            refusal = Refusal(what, database, frozenset(files))
            self.refusals.append(refusal)
            return refusal
        finally:
            self._busy.now = False

    def _is_refused(self, event: str, args: Any) -> bool:
        if event == "open":
            path, _, flags = args
            return isinstance(flags, int) and bool(flags & WRITES) and not self._is_own(path)
        if event == "socket.bind":  # whether there is IPv6 here: nobody can reach it there
            return len(args) < 2 or tuple(args[1][:2]) not in {("::1", 0), ("127.0.0.1", 0), ("localhost", 0)}
        if event == "os.mkdir":
            return not self._is_own(args[0]) and not os.path.isdir(args[0])
        if event == "sqlite3.connect":
            return self._is_foreign(args[0])
        if event in {"os.rename", "os.link", "shutil.move"}:
            return not all(self._is_room(path) for path in args[:2])
        if event == "os.symlink":
            return not self._is_room(args[1])
        if event in CHANGES:
            return not self._is_room(args[0])
        return event in PROCESSES or event in SOCKETS

    def _is_foreign(self, database: Any) -> bool:
        """One in memory changes nothing; the copy may be used, but not where what is done there goes unseen."""
        path = self._path(database)
        return path != "" and (self._recording or path != self.copy)

    def _is_own(self, path: Any) -> bool:
        """What may be opened for writing: the room's files (also unnamed ones, O_TMPFILE), and nothing at all."""
        if isinstance(path, int):  # it is open already
            return True
        real = self._real(path)
        return real == os.devnull or real + os.sep == self._room or real.startswith(self._room)

    def _is_room(self, path: Any) -> bool:
        """What may be changed in other ways. An open file may be anybody's, so a descriptor does not count."""
        return not isinstance(path, int) and self._real(path).startswith(self._room)

    @staticmethod
    def _real(path: Any) -> str:
        try:
            return os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError):
            return ""

    def _words(self, event: str, args: Any) -> str:
        shown = [" ".join(str(arg).split())[:200] for arg in args]
        if event == "open":
            return f"write {shown[0]}"
        if event == "os.mkdir":
            return f"make the folder {shown[0]}"
        if event == "sqlite3.connect":
            return f"open the database {shown[0]} by itself"
        words = {**CHANGES, **PROCESSES, **SOCKETS}[event]
        return words.format(*shown, *[""] * 2)


def _as_far_as_it_goes(configure: Any) -> Any:
    """Logging that wants what is refused here, a folder or syslog, is no reason not to read the migrations."""

    def wrapped(*args: Any, **kwargs: Any) -> None:
        with suppress(Exception):
            configure(*args, **kwargs)

    return wrapped


def _to_nowhere(_: logging.FileHandler) -> Any:
    return open(os.devnull, "w", encoding="utf-8")
