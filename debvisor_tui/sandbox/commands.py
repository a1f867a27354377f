"""The sandbox's own commands: no terminal, a deadline, nothing of the user's git configuration."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from debvisor_tui.model.errors import CommandFailed
from debvisor_tui.model.text import one_line, sanitise
from debvisor_tui.system.call import call as run

DEADLINE = 30.0  # seconds; each of them takes less than one

_GIT_ENVIRONMENT: Mapping[str, str] = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def call(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> str:
    """Run `argv` to its end and return its stdout; `env` is added. CommandFailed with its last words if it fails."""
    # git's own variables would point it at another repository, such as the one whose hook runs us.
    base = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = run(argv, cwd=cwd, env={**base, **(env or {})}, stdin=stdin, limit=DEADLINE)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename == argv[0]:
            raise CommandFailed(f"{argv[0]} is not installed", f"Install it: apt-get install {argv[0]}") from None
        reason = error.strerror or str(error)
        raise CommandFailed(f"{Path(argv[0]).name} failed: {reason}") from None
    if done.returncode != 0:
        words = sanitise(done.stderr.decode("utf-8", "replace")).strip()
        raise CommandFailed(
            f"{one_line(' '.join(argv[:5]), 200)} ended with {done.returncode}",
            words[-2000:],
            exit_code=done.returncode,
        )
    return done.stdout.decode("utf-8", "replace")


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """git in `folder`, whoever owns it, with no configuration but the repository's own."""
    return call(
        ("git", "-c", "safe.directory=*", *arguments),
        cwd=folder,
        env={**_GIT_ENVIRONMENT, "HOME": str(folder)},
        stdin=stdin,
    )
