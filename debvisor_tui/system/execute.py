"""The one place that executes commands: argv lists, no shell, no terminal, both pipes read at once, bounded."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

from debvisor_tui.system.cancellation import run_to_completion
from debvisor_tui.system.failures import could_not_start, describe_failure
from debvisor_tui.system.pipes import Pump
from debvisor_tui.system.procfs import groups_of_session

CAPTURE_LIMIT = 8 * 1024 * 1024  # bytes kept of a captured stdout
TAIL_LIMIT = 64 * 1024  # bytes kept of the end of stderr, for the error's words
GRACE = 5.0  # seconds between TERM and KILL of a process group
AFTER_KILL = 2.0  # seconds: a process that hangs in the kernel cannot be killed, and must not hold us
LAST_WORDS = 3.0  # seconds for what an ended group wrote last to reach its sinks

#: Of git's variables (git(1)): the caller's configuration files, and the way to a remote.
GIT_KEPT = frozenset(
    {
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_COMMAND"),
    }
)
#: What belongs to one repository (git rev-parse --local-env-vars), and must not reach another command that calls git.
GIT_LOCAL = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_CONFIG"),
        *("GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
        *("GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_CEILING_DIRECTORIES"),
    }
)

#: Gets each chunk of output as it comes; awaiting it holds the child back (its pipe fills).
OnOutput = Callable[[bytes], Awaitable[None]]
OnStart = Callable[[int], Awaitable[None]]
#: Gets each line of stdout that is not empty as it comes, and what stands after the last one: raw text, which may be
#: foreign. What it returns is written to the child's stdin.
Converse = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Completed:
    """`exit_code` is negative if a signal ended it, as in subprocess; 127 if the program is not there.

    `stdout` is kept only if it was asked for, `stderr` is always its last 64 KiB, in whole lines. `left_open`: the
    command ended, but something that it started still holds its output open; what that writes is not read any more.
    """

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    left_open: bool = False

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


class Options(TypedDict, total=False):
    """How an :class:`Executor` runs a command; all may be left out.

    `env` is added to the environment. `check` (the default): a non-zero exit raises CommandFailed. `capture` keeps
    stdout (bounded, 8 MiB) in the result; `quiet` keeps it out of the log. `converse` answers each line of stdout;
    without it stdin is empty. After `limit` seconds the command is ended, and TimeoutError raised.
    """

    cwd: Path | None
    env: Mapping[str, str] | None
    check: bool
    capture: bool
    quiet: bool
    converse: Converse
    limit: float | None


class Executor(Protocol):
    """Runs a command: `StepContext.execute` in a step, :func:`run_quietly` without one."""

    async def __call__(self, argv: Sequence[str], **options: Unpack[Options]) -> Completed: ...


async def run_as(
    argv: Sequence[str],
    options: Options,
    *,
    on_stdout: OnOutput | None = None,
    on_stderr: OnOutput | None = None,
    on_start: OnStart | None = None,
) -> Completed:
    """Run `argv` by all of `options` but `limit`, which is the caller's clock's, and `check`, which is
    :func:`require_success`'s. CommandFailed if it cannot be started."""
    sinks = [on_stdout] if on_stdout and not options.get("quiet") else []
    lines = _Lines(options["converse"]) if "converse" in options else None
    done = await execute(
        argv,
        cwd=options.get("cwd"),
        env=options.get("env"),
        on_stdout=[*sinks, lines.feed] if lines else sinks,
        on_stderr=on_stderr,
        on_start=on_start,
        answers=lines.answers if lines else None,
        capture=options.get("capture", False),
    )
    if lines:
        await lines.close()
    return done


def require_success(done: Completed, options: Options) -> Completed:
    """`done`; CommandFailed if it failed, and `options` ask for a check."""
    if options.get("check", True) and done.exit_code != 0:
        raise describe_failure(done.argv, done.exit_code, done.stderr)
    return done


class _Lines:
    """Cuts output into lines, and hands them on; what of a line is longer than :data:`CAPTURE_LIMIT` is dropped.

    `answers`: what is to be written to the child's stdin.
    """

    def __init__(self, converse: Converse) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._converse = converse
        self._rest = bytearray()

    async def feed(self, chunk: bytes) -> None:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._keep(end)
            await self.close()
        self._keep(rest)

    def _keep(self, part: bytes) -> None:
        self._rest += part[: CAPTURE_LIMIT - len(self._rest)]

    async def close(self) -> None:
        line = self._rest.decode("utf-8", "replace")
        self._rest.clear()
        if line and (answer := await self._converse(line)):
            self.answers.put_nowait(answer)


async def execute(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_stdout: Sequence[OnOutput] = (),
    on_stderr: OnOutput | None = None,
    on_start: OnStart | None = None,
    answers: asyncio.Queue[bytes] | None = None,
    capture: bool = False,
    grace: float = GRACE,
) -> Completed:
    """Run `argv` to its end in a session of its own; on cancellation all of its groups get TERM, then KILL.

    `answers`: what is written to its stdin as it comes; without them that is empty. `env` is added to
    :func:`callers_environment`. CommandFailed if the program cannot be started. An error of a sink ends the group and
    is raised.
    """
    kept, tail, cut = bytearray(), bytearray(), False

    async def keep(chunk: bytes) -> None:
        kept.extend(chunk[: CAPTURE_LIMIT - len(kept)])

    async def keep_tail(chunk: bytes) -> None:
        nonlocal cut
        tail.extend(chunk)
        cut = cut or len(tail) > TAIL_LIMIT
        del tail[:-TAIL_LIMIT]

    try:
        child = _start(argv, cwd, {**callers_environment(argv), **(env or {})}, talks=answers is not None)
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise could_not_start(argv, error, cwd) from error
    pumps: tuple[Pump, ...] = ()
    writing = asyncio.create_task(_write(child, answers)) if answers is not None else None
    try:
        assert child.stdout  # noqa: S101 - both are pipes
        assert child.stderr  # noqa: S101
        pumps = (
            await Pump.of(child.stdout, [*([keep] if capture else []), *on_stdout]),
            await Pump.of(child.stderr, [sink for sink in (keep_tail, on_stderr) if sink]),
        )
        if on_start is not None:
            await on_start(child.pid)
        await _until_exit(child, pumps)
        for pump in pumps:
            pump.child_ended()
        await asyncio.gather(*(pump.task for pump in pumps))
    except BaseException:
        await run_to_completion(_end_group(child, pumps, grace))
        raise
    finally:
        for pump in pumps:
            pump.close()
        if writing is not None:
            writing.cancel()
        if child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()
    # Without the line that it begins in the middle of: perhaps in the middle of a secret.
    last_words = bytes(tail).partition(b"\n")[2] if cut else bytes(tail)
    left_open = any(pump.gave_up for pump in pumps)
    return Completed(tuple(argv), child.returncode, bytes(kept), last_words, left_open)


def callers_environment(argv: Sequence[str]) -> dict[str, str]:
    """This process's environment for `argv`, without what points git at another repository, index or hook.

    A hook or a script that started us has it set for its own repository, and git obeys it before any option. Git
    itself gets, of its own variables, only what names the caller's configuration, or how to reach a remote.
    """
    is_git = bool(argv) and Path(argv[0]).name == "git"

    def stays(name: str) -> bool:
        if not name.startswith("GIT_"):
            return True
        if is_git:
            return name in GIT_KEPT
        return name not in GIT_LOCAL and not name.startswith("GIT_CONFIG_")

    return {name: value for name, value in os.environ.items() if stays(name)}


async def run_quietly(argv: Sequence[str], **options: Unpack[Options]) -> Completed:
    """An :class:`Executor` without a step: nothing is logged."""
    async with asyncio.timeout(options.get("limit")):
        done = await run_as(argv, options)
    return require_success(done, options)


async def _write(child: subprocess.Popen[bytes], answers: asyncio.Queue[bytes]) -> None:
    """Short answers, each to a line that the child has written and waits after: its pipe has room for them."""
    assert child.stdin  # noqa: S101 - it is a pipe
    with contextlib.suppress(OSError):  # it has ended, and its exit code says how
        while True:
            child.stdin.write(await answers.get())


def _start(
    argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], *, talks: bool = False
) -> subprocess.Popen[bytes]:
    # Not asyncio's subprocess: on Python 3.11 and 3.12 its wait() also waits for the pipes, which a daemon that the
    # command started may hold open for ever.
    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )


async def _until_exit(child: subprocess.Popen[bytes], pumps: Sequence[Pump]) -> None:
    """Return when `child` has ended and was reaped; raise what a sink raised."""
    ended = asyncio.create_task(_reap(child))
    try:
        waiting = {ended, *(pump.task for pump in pumps)}
        while not ended.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        ended.cancel()


async def _reap(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # an old kernel, or a container that forbids it: polling does it too
        fd = os.pidfd_open(child.pid)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(fd, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(fd)
            os.close(fd)
    while child.poll() is None:  # noqa: ASYNC110 - the kernel has no event left to wait for
        await asyncio.sleep(0.02)


async def _end_group(child: subprocess.Popen[bytes], pumps: Sequence[Pump], grace: float) -> None:
    """TERM to all of the session, KILL after `grace` seconds to what of it is left; its last words are still read."""
    # A stopped process does not hear TERM before it goes on.
    _signal_session(child.pid, signal.SIGTERM, signal.SIGCONT)
    if not await _session_gone(child, grace):
        _signal_session(child.pid, signal.SIGKILL)
        await _session_gone(child, AFTER_KILL)
    for pump in pumps:
        pump.child_ended()
    if tasks := [pump.task for pump in pumps]:
        await asyncio.wait(tasks, timeout=LAST_WORDS)


async def _session_gone(child: subprocess.Popen[bytes], limit: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await _reap(child)
            while groups_of_session(child.pid):  # noqa: ASYNC110 - a session's end is no event
                await asyncio.sleep(0.05)
            return True
    return False


def _signal_session(session: int, *numbers: int) -> None:
    """To every group of the session: a program such as `timeout` puts what it runs into another group."""
    for group in {session, *groups_of_session(session)}:
        for number in numbers:
            # What has become another user's is out of reach.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
