"""The one place that executes commands: argv lists, no shell, no terminal, both pipes read at once, bounded."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 65_536
CAPTURE_LIMIT = 8 * 1024 * 1024  # bytes kept of a captured stdout
GRACE = 5.0  # seconds between TERM and KILL of a process group

#: Gets each chunk of output as it comes; awaiting it holds the child back (its pipe fills).
OnOutput = Callable[[bytes], Awaitable[None]]
OnStart = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Completed:
    """`exit_code` is negative if a signal ended it, as in subprocess; 127 if the program is not there."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes = b""

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


async def execute(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_stdout: OnOutput | None = None,
    on_stderr: OnOutput | None = None,
    on_start: OnStart | None = None,
    capture: bool = False,
    grace: float = GRACE,
) -> Completed:
    """Run `argv` to its end in a process group of its own; on cancellation the whole group gets TERM, then KILL.

    `env` is added to this process's environment. OSError if the program cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=CHUNK,
    )
    kept = bytearray()

    async def keep(chunk: bytes) -> None:
        kept.extend(chunk[: CAPTURE_LIMIT - len(kept)])

    out_sinks = [sink for sink in (keep if capture else None, on_stdout) if sink]
    err_sinks = [on_stderr] if on_stderr else []
    out, err = process.stdout, process.stderr
    assert out  # noqa: S101 - both are pipes
    assert err  # noqa: S101
    try:
        if on_start is not None:
            await on_start(process.pid)
        async with asyncio.TaskGroup() as readers:
            readers.create_task(_drain(out, out_sinks))
            readers.create_task(_drain(err, err_sinks))
        exit_code = await process.wait()
    except BaseException:
        await asyncio.shield(_end_group(process, grace))
        raise
    return Completed(tuple(argv), exit_code, bytes(kept))


async def _drain(stream: asyncio.StreamReader, sinks: Sequence[OnOutput]) -> None:
    while chunk := await stream.read(CHUNK):
        for sink in sinks:
            await sink(chunk)


async def _end_group(process: asyncio.subprocess.Process, grace: float) -> None:
    """TERM to the group, KILL after `grace` seconds to whatever of it is left."""
    _signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await process.wait()
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    # The group's id is the first child's pid: it was started in a session of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
