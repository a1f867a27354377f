"""What a runner that is gone has left running: known by pid, start time and boot, or by a mark; never a stranger."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.model.text import REDACTED
from debvisor_tui.model.views import Child
from debvisor_tui.runner.identity import ProcessIdentity, identify
from debvisor_tui.store.clock import boot_id

#: In the environment of every child: a random word that the journal has known before the child was there.
MARK = "DEBVISOR_TUI_CHILD"
GRACE = 5.0  # seconds between TERM and KILL
AFTER_KILL = 2.0  # seconds: what hangs in the kernel cannot be killed
POLL = 0.02


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process of ours that was found. `ended`: it is gone now. `spared`: it was left to run on, by intent."""

    pid: int
    command: str
    ended: bool
    spared: bool = False


def new_mark() -> str:
    return secrets.token_hex(8)


async def end_leftovers(child: Child) -> list[Leftover]:
    """End what is left of `child` (TERM, then KILL, to its whole process group); what was found of it.

    If the command itself has ended already, what it left in its group is ended too, except at the restart: there it
    may be the service.
    """
    if child.boot_id != boot_id():
        return []  # the host was restarted since: a process of that pid is a stranger's
    leader = _leader(child)
    if leader is not None:
        command = _command(leader.pid)
        return [Leftover(leader.pid, command, await _end(leader.pid, leader.alive))]
    if child.pid is None:
        return []
    members = [pid for pid in _session_of(child.pid) if _carries(pid, child.nonce)]
    if not members:
        return []
    commands = {pid: _command(pid) for pid in members}
    if child.step == "restart":
        return [Leftover(pid, commands[pid], ended=False, spared=True) for pid in members]
    known = [identity for pid in members if (identity := identify(pid)) is not None]
    gone = await _end(child.pid, lambda: any(identity.alive() for identity in known))
    return [Leftover(pid, commands[pid], ended=gone) for pid in members]


def _leader(child: Child) -> ProcessIdentity | None:
    """The very process that was started, if it lives."""
    if child.pid is not None:
        identity = ProcessIdentity(child.pid, child.start_ticks or 0, child.boot_id)
        return identity if identity.alive() else None
    # The runner was killed between the start and its record. The mark is ours alone; what the command has started in
    # its turn carries it too, but does not lead its session with the command's own words.
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _carries(int(entry), child.nonce):
            pid = int(entry)
            if _is(child.argv, _words(pid)) and _session(pid) == pid:
                return identify(pid)
    return None


def _is(argv: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a process of these words is the command `argv`; a script's interpreter may stand before it."""
    own = words[-len(argv) :]
    return len(own) == len(argv) and all(REDACTED in want or want == got for want, got in zip(argv, own, strict=True))


async def _end(group: int, alive: Callable[[], bool]) -> bool:
    """Whether it is gone."""
    for number, grace in ((signal.SIGTERM, GRACE), (signal.SIGKILL, AFTER_KILL)):
        for sent in (number, signal.SIGCONT):  # a stopped process hears nothing but KILL until it goes on
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, sent)
        deadline = time.monotonic() + grace
        while alive() and time.monotonic() < deadline:  # noqa: ASYNC110 - not our child: nothing to await
            await asyncio.sleep(POLL)
        if not alive():
            return True
    return False


def _carries(pid: int, nonce: str) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or another user's
        return False
    return f"{MARK}={nonce}".encode() in environ.split(b"\0")


def _words(pid: int) -> list[str]:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in line.split(b"\0")[:-1]]


def _command(pid: int) -> str:
    return " ".join(_words(pid)) or "(its name is gone)"


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _session_of(leader: int) -> list[int]:
    """The living processes of the session that `leader` began."""
    return [
        int(entry)
        for entry in os.listdir("/proc")
        if entry.isdigit() and _session(int(entry)) == leader and identify(int(entry)) is not None
    ]
