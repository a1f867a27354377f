"""One run a target: a lock that the kernel frees when its holder dies, however it dies (flock(2)).

What is locked is the target's folder itself, which stays as long as the journal in it: a file could be removed by
somebody who thinks that the lock is stuck, and the next runner would lock another one. The file `lock` only says who
holds it. A release also locks what it works on (the checkout), read-only and without writing there: another user's
runner keeps its state elsewhere, and must not release the same target meanwhile.
"""

import contextlib
import errno
import fcntl
import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from debvisor_tui.model.errors import DebvisorError, LockHeld, UsageError
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import local_day
from debvisor_tui.runner.lock_holder import Holder, holder_by_kernel
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.runner.peers import account
from debvisor_tui.system.procfs import identify

ENDING_PATIENCE = 5.0  # seconds that a holder which is about to go is waited for
PROBE_PATIENCE = 5.0  # seconds; others only look, one after the other, who holds the lock
PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class _Held:
    path: Path
    fd: int


class TargetLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, places: TargetPaths, held: Sequence[_Held], holder: Holder) -> None:
        self._held = held
        self._places = places
        self.holder = holder
        self._write(holder)

    @classmethod
    def acquire(cls, places: TargetPaths, who: str, what: str, works_on: Sequence[Path] = ()) -> "TargetLock":
        """LockHeld says who runs what since when; UsageError, that a folder cannot be opened.

        `works_on`: folders that no two runs may change at once, wherever these keep their state. One that is not
        there is left out: what needs it says so better.
        """
        held: list[_Held] = []
        try:
            held.append(_lock(places.folder, partial(find_lasting_holder, places), partial(lock_held, places)))
            for path in works_on:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    held.append(_lock(path, partial(holder_by_kernel, path), partial(in_use, path)))
        except BaseException:
            for each in held:
                os.close(each.fd)
            raise
        return cls(places, held, Holder(os.getpid(), who, what, time.time()))

    def name_run(self, run: int) -> None:
        self.holder = replace(self.holder, run=run)
        self._write(self.holder)

    def say_ending(self) -> None:
        """The holder has nothing more to do: who wants the lock may wait for it."""
        self._write(replace(self.holder, ending=True))

    def release(self) -> None:
        self.say_ending()  # who looks just now waits for it
        for each in reversed(self._held):
            os.close(each.fd)

    def _write(self, holder: Holder) -> None:
        """Whole or not at all. A full disk must not stop a run here: that it holds the lock, the kernel knows."""
        new = self._places.lock.with_suffix(".partial")
        with contextlib.suppress(OSError):
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                json.dump(asdict(holder), file)
            new.rename(self._places.lock)


def find_holder(places: TargetPaths) -> Holder | None:
    """Who holds the target's lock now, or None if nobody does; UsageError if that cannot be known."""
    try:
        fd = _open(places.folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if _try_lock(fd, fcntl.LOCK_SH, places.folder):
            return None
    finally:
        os.close(fd)
    return _words(places) or holder_by_kernel(places.folder) or Holder(0, "somebody", "a run", time.time())


def find_lasting_holder(places: TargetPaths) -> Holder | None:
    """As :func:`find_holder`, but one that is about to go is waited for, ENDING_PATIENCE at the most."""
    deadline = time.monotonic() + ENDING_PATIENCE
    while (holder := find_holder(places)) is not None and holder.ending and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return holder


def lock_held(places: TargetPaths) -> LockHeld:
    holder = find_holder(places)
    if holder is None:
        return LockHeld(f"Another run of {places.target} was ending just now.", "Try again.")
    if holder.ending:
        return LockHeld(f"{holder.who} is ending {holder.what} on {places.target}{_where(holder)}.", "Try again.")
    hint = "Attach to it: debvisor-tui attach" if holder.attachable else "Wait until it is done, and try again."
    return LockHeld(
        f"{holder.who} runs {holder.what} on {places.target} since {_since(holder)}{_where(holder)}.", hint
    )


@contextlib.contextmanager
def by_hand(places: TargetPaths, who: str, what: str) -> Iterator[None]:
    """Beside a run that waits for a person: no step of it begins meanwhile. LockHeld if another does so already."""
    fd = os.open(places.by_hand, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if not _try_lock(fd, fcntl.LOCK_EX, places.by_hand):
            if beside := done_by_hand(places):
                raise LockHeld(f"{beside} on {places.target} just now.", "Wait until it is done.")
            raise LockHeld(f"Another process had locked {places.by_hand} just now.", "Try again.")
        with contextlib.suppress(OSError):  # a full disk must not stop a person who mends it
            os.ftruncate(fd, 0)
            os.write(fd, f"{who} runs {what}".encode())
        yield
    finally:
        os.close(fd)


def done_by_hand(places: TargetPaths) -> str:
    """What is done by hand beside the run just now: "anna runs debvisor-cli db upgrade"; "" if nothing is."""
    try:
        fd = os.open(places.by_hand, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    except OSError:  # another user's file: the kernel tells whether it is locked, and by whom
        holder = holder_by_kernel(places.by_hand)
        return f"{holder.who} runs {holder.what}" if holder is not None else ""
    try:
        if _try_lock(fd, fcntl.LOCK_SH, places.by_hand):
            return ""
        return one_line(os.read(fd, 1000).decode("utf-8", "replace")) or "somebody works by hand"
    finally:
        os.close(fd)


def in_use(path: Path) -> LockHeld:
    """The lock of the target's own folder is free, but somebody works on `path`: from another state folder."""
    holder = holder_by_kernel(path)
    if holder is None:
        return LockHeld(f"Another process had locked {path} just now.", "Try again.")
    if not holder.attachable:
        return LockHeld(
            f"{holder.who} has locked {path} since {_since(holder)}: {holder.what}{_where(holder)}.",
            "No release can change it meanwhile. Ask them, or end that process.",
        )
    state = f" It keeps its state in {holder.state_dir}." if holder.state_dir else ""
    options = ("--state-dir", holder.state_dir) if holder.state_dir else ()
    attach = shlex.join(("debvisor-tui", *options, "attach"))  # what another process says is to be copied as one word
    return LockHeld(
        f"{holder.who} runs {holder.what} on {path} since {_since(holder)}{_where(holder)}.{state}",
        f"Attach to it, as {holder.user or 'that user'}: {attach}",
    )


def _lock(path: Path, find: Callable[[], Holder | None], refuse: Callable[[], LockHeld]) -> _Held:
    fd = _open(path)
    deadline = time.monotonic() + PROBE_PATIENCE
    try:
        while not _try_lock(fd, fcntl.LOCK_EX, path):
            if find() is not None or time.monotonic() > deadline:
                raise refuse()
            time.sleep(PAUSE)  # somebody only looked
    except BaseException:
        os.close(fd)
        raise
    return _Held(path, fd)


def _open(folder: Path) -> int:
    """FileNotFoundError and NotADirectoryError pass; whatever else is in the way is said, and is not a lock."""
    try:
        # O_CLOEXEC (Python's default): a child must not inherit the lock and hold it on.
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: OSError) -> DebvisorError:
    hint = ""
    if error.errno in {errno.EACCES, errno.EPERM}:
        hint = f"You are {account(os.geteuid())}. Become the user whose releases these are (sudo -u), or root."
    return UsageError(f"The folder {folder} cannot be read: {error.strerror}.", hint)


def _try_lock(fd: int, kind: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks
        raise UsageError(
            f"The folder {path} cannot be locked: {error.strerror}.", "Keep it on a local disk (--state-dir)."
        ) from error
    return True


def _words(places: TargetPaths) -> Holder | None:
    """What the holder wrote of itself; None if there is nothing, or what a dead one left."""
    try:
        holder = Holder(**json.loads(places.lock.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return holder if identify(holder.pid) is not None else None


def _since(holder: Holder) -> str:
    return local_day(holder.since, time.time())


def _where(holder: Holder) -> str:
    known = [f"run {holder.run}"] if holder.run else []
    known += [f"process {holder.pid}"] if holder.pid else []
    return f" ({', '.join(known)})" if known else ""
