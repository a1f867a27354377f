"""One run a target: a lock that the kernel frees when its holder dies, however it dies (flock(2))."""

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass

from debvisor_tui.model.errors import LockHeld, UsageError
from debvisor_tui.runner.places import Places

ENDING = "ending"  # instead of what is run, by a holder that is about to go
ENDING_PATIENCE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: for showing only; that it is held is known from the kernel."""

    pid: int
    who: str
    what: str  # "release v1.2.0"
    since: float  # unix seconds
    run: int | None = None


class TargetLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, places: Places, fd: int, holder: Holder) -> None:
        self._fd = fd
        self._places = places
        self.holder = holder
        self._write(holder)

    @classmethod
    def acquire(cls, places: Places, who: str, what: str) -> "TargetLock":
        """LockHeld says who runs what since when; UsageError, that the lock's file cannot be opened."""
        try:
            # O_CLOEXEC (Python's default): a child must not inherit the lock and hold it on.
            fd = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"The lock file {places.lock} cannot be opened: {error.strerror}.") from error
        while not _try_lock(fd, fcntl.LOCK_EX):
            if find_lasting_holder(places) is not None:
                os.close(fd)
                raise lock_held(places)
        return cls(places, fd, Holder(os.getpid(), who, what, time.time()))

    def name_run(self, run: int) -> None:
        self.holder = Holder(**{**asdict(self.holder), "run": run})
        self._write(self.holder)

    def say_ending(self) -> None:
        """The holder has nothing more to do: who wants the lock may wait for it."""
        self._write(Holder(**{**asdict(self.holder), "what": ENDING}))

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def _write(self, holder: Holder) -> None:
        data = json.dumps(asdict(holder)).encode()
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, data, 0)


def find_holder(places: Places) -> Holder | None:
    """Who holds the target's lock now, or None if nobody does."""
    try:
        fd = os.open(places.lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"The lock file {places.lock} cannot be read: {error.strerror}.") from error
    try:
        if _try_lock(fd, fcntl.LOCK_SH):
            return None
        try:
            return Holder(**json.loads(os.pread(fd, 65_536, 0)))
        except (ValueError, TypeError):  # it is being written just now
            return Holder(0, "somebody", "a run", time.time())
    finally:
        os.close(fd)


def find_lasting_holder(places: Places) -> Holder | None:
    """As :func:`find_holder`, but one that is about to go is waited for, ENDING_PATIENCE at the most."""
    deadline = time.monotonic() + ENDING_PATIENCE
    while (holder := find_holder(places)) is not None and holder.what == ENDING and time.monotonic() < deadline:
        time.sleep(0.01)
    return holder


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_held(places: Places) -> LockHeld:
    holder = find_holder(places)
    if holder is None:
        return LockHeld(f"Another run of {places.target} was ending just now.", "Try again.")
    since = time.strftime("%H:%M:%S", time.localtime(holder.since))
    run = f"run {holder.run}, " if holder.run else ""
    return LockHeld(
        f"{holder.who} runs {holder.what} on {places.target} since {since} ({run}process {holder.pid}).",
        "Attach to it: debvisor-tui attach",
    )
