"""What a runner that is gone has left running: known by pid, start time and boot, or by a mark; never a stranger."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from debvisor_tui.model.text import REDACTED
from debvisor_tui.model.views import Child
from debvisor_tui.system.procfs import (
    ProcessId,
    boot_id,
    cmdline,
    environ,
    groups_of_session,
    identify,
    pids,
    session,
)

#: In the environment of every child: a random word that the journal has known before the child was there.
MARK = "DEBVISOR_TUI_CHILD"
GRACE = 5.0  # seconds between TERM and KILL
AFTER_KILL = 2.0  # seconds: what hangs in the kernel cannot be killed
POLL = 0.02


@dataclass(frozen=True, slots=True)
class Orphan:
    """A process of ours that was found. `ended`: it is gone now. `spared`: it was left to run on, by intent."""

    pid: int
    command: str
    ended: bool
    spared: bool = False


def new_mark() -> str:
    return secrets.token_hex(8)


def host_restarted_since(child: Child) -> bool:
    """Whether `child` was started before this boot: a process of its pid is a stranger's."""
    return child.boot_id not in {"", boot_id()}


async def end_orphans(child: Child, *, spare: bool = False) -> list[Orphan]:
    """End what is left of `child` (TERM, then KILL, to its whole session, as a cancel does); what was found of it.

    If the command itself has ended already, what it left in its session is ended too. With `spare` that may be the
    service, so only the command's own group is ended.
    """
    if child.boot_id != boot_id():
        return []
    leader = _leader(child)
    led = leader.pid if leader is not None else child.pid
    if led is None:
        return []
    found = {leader} if leader is not None else set()
    found = _session_of(led, found, child.nonce)
    commands = {member: _command(member.pid) for member in sorted(found, key=lambda member: member.pid)}
    if leader is None and spare:
        return [Orphan(member.pid, command, ended=False, spared=True) for member, command in commands.items()]
    if leader is not None and spare:
        await _end(lambda: groups_of_session(leader.pid) & {leader.pid})
        return [Orphan(leader.pid, commands[leader], ended=leader.pid not in groups_of_session(leader.pid))]
    await _end(lambda: groups_of_session(led) if _session_of(led, found, child.nonce) else set())
    shown = commands if leader is None else [leader, *_session_of(led, found, child.nonce) - {leader}]
    return [Orphan(m.pid, commands.get(m) or _command(m.pid), ended=not m.alive()) for m in shown]


def _leader(child: Child) -> ProcessId | None:
    """The very process that was started, if it lives."""
    if child.pid is not None:
        identity = ProcessId(child.pid, child.start_ticks or 0, child.boot_id)
        return identity if identity.alive() else None
    # The runner was killed between the start and its record. The mark is ours alone; what the command has started in
    # its turn carries it too, but does not lead its session with the command's own words.
    for pid in pids():
        if _carries(pid, child.nonce) and _is(child.argv, cmdline(pid)) and session(pid) == pid:
            return identify(pid)
    return None


def _is(argv: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a process of these words is the command `argv`; a script's interpreter may stand before it."""
    own = words[-len(argv) :]
    return len(own) == len(argv) and all(REDACTED in want or want == got for want, got in zip(argv, own, strict=True))


async def _end(groups: Callable[[], set[int]]) -> None:
    """Signal `groups` until there are none, or no signal helps. Asked anew each time: a group may have gone."""
    for number, grace in ((signal.SIGTERM, GRACE), (signal.SIGKILL, AFTER_KILL)):
        for group in groups():
            for sent in (number, signal.SIGCONT):  # a stopped process hears nothing but KILL until it goes on
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, sent)
        deadline = time.monotonic() + grace
        while groups() and time.monotonic() < deadline:  # noqa: ASYNC110 - not our child: nothing to await
            await asyncio.sleep(POLL)


def _carries(pid: int, nonce: str) -> bool:
    return (environ(pid) or {}).get(MARK) == nonce


def _command(pid: int) -> str:
    return " ".join(cmdline(pid)) or "(its name is gone)"


def _session_of(leader: int, known: Set[ProcessId], nonce: str) -> set[ProcessId]:
    """The living processes of the session that our `leader` began; none if the session is a stranger's.

    It is ours if one of them is `known`, or carries `nonce`: a pid is not used again while it names a session.
    """
    members = [pid for pid in pids() if session(pid) == leader]
    living = {identity for pid in members if (identity := identify(pid)) is not None}
    ours = bool(living & known) or any(_carries(member.pid, nonce) for member in living)
    return living if ours else set()
