"""Small questions to other programs, where there is no event loop: no terminal, and ended whole when late."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def call(
    argv: Sequence[str],
    *,
    limit: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run `argv` to its end, in a session of its own, in exactly the environment `env` (None: this process's).

    OSError or ValueError if it cannot be started; TimeoutError after `limit` seconds: it and what it started is
    killed then.
    """
    child = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env) if env is not None else None,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with child:
        try:
            out, err = child.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            _kill(child)
            raise TimeoutError(f"no answer within {limit:.0f} s") from None
        except BaseException:
            _kill(child)
            raise
    return subprocess.CompletedProcess(list(argv), child.returncode, out, err)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    # Something that left the session may hold the pipes open for ever: they are not read to their end.
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()
