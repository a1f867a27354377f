"""Doing something as another user (nobody), for what only another user's rights show; skipped where not root."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = pwd.getpwnam("nobody")
#: The interpreter may lie where nobody may not go: import first, then become nobody.
BECOME = f"""
import asyncio, concurrent.futures.thread, encodings.ascii, encodings.idna, os, sys
from pathlib import Path
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.people import Person
from debvisor_tui.runner import client, orphans as leftovers, lock, paths as places, protocol, spawn
from debvisor_tui.runner.lock import TargetLock, find_holder
from debvisor_tui.runner.paths import TargetPaths
os.setgroups([]); os.setgid({NOBODY.pw_gid}); os.setuid({NOBODY.pw_uid}); os.chdir("/")
"""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_nobody(code: str, *args: str | Path) -> subprocess.Popen[str]:
    """Start Python `code` as nobody; `args` are sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", BECOME + code, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said_by_nobody(code: str, *args: str | Path) -> str:
    """All that `code` printed as nobody, or the traceback that it ended with."""
    with as_nobody(code, *args) as process:
        said, _ = process.communicate(timeout=30)
    return said


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="debvisor-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
