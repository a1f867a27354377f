"""Who holds a lock: in the holder's own words, or, where these are missing, by what the kernel knows of it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debvisor_tui.model.text import one_line
from debvisor_tui.runner.peers import account
from debvisor_tui.runner.runner_args import RunnerArgv
from debvisor_tui.system.procfs import cmdline, identify


@dataclass(frozen=True, slots=True)
class Holder:
    """For showing only: that the lock is held is known from the kernel.

    `since` in unix seconds. `ending`: it has nothing more to do. `user`, `state_dir`: known of a holder whose state
    lies elsewhere.
    """

    pid: int
    who: str
    what: str  # "release v1.2.0"
    since: float
    run: int | None = None
    ending: bool = False
    user: str = ""
    state_dir: str = ""

    @property
    def is_runner(self) -> bool:
        """Whether it may be the runner of a run; a command that moves the database by hand holds the lock, too."""
        return not self.what.startswith(("debvisor-cli", "history prune"))

    @property
    def attachable(self) -> bool:
        return self.what.partition(" ")[0] in {"release", "rollback", "resume"}


def words_of(work: dict[str, Any]) -> str:
    """What a runner was started for: "release v1.2.0"."""
    return f"{work['kind']} {work.get('version') or 'of run ' + str(work.get('run'))}"


def holder_by_kernel(path: Path) -> Holder | None:
    """Who holds a flock(2) on `path`, by /proc/locks; None if nobody does, or the kernel does not tell."""
    try:
        status = path.stat()
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    exact = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found: list[int] = []
    for line in locks.splitlines():
        fields = line.split()  # 7: FLOCK ADVISORY WRITE 4711 fe:00:130607 0 EOF; "->" marks one that waits
        if len(fields) < 6 or fields[1] != "FLOCK":
            continue
        # Overlay file systems name another device there than stat does: the inode must do.
        if fields[5] == exact or fields[5].rpartition(":")[2] == str(status.st_ino):
            found.insert(0 if fields[5] == exact else len(found), int(fields[4]))
    return _describe(found[0]) if found else None


def _describe(pid: int) -> Holder:
    """What can be known of process `pid`, whoever's it is."""
    user, since, argv = "", time.time(), []
    try:
        folder = Path(f"/proc/{pid}")
        user = account(folder.stat().st_uid)
        since = found.started if (found := identify(pid)) else since
        argv = cmdline(pid)
    except OSError:
        pass  # gone meanwhile, of another namespace, or hidden: what is known so far must do
    who, what, state_dir = user or "somebody", one_line(" ".join(argv), 80) or "an unknown process", ""
    if (runner := RunnerArgv.parse(argv)) is not None:
        what, state_dir, named = one_line(runner.what, 60), one_line(runner.state_dir, 200), one_line(runner.who, 60)
        who = named if named == user else f"{named} as {user}"
    return Holder(pid, who, what, since, user=user, state_dir=state_dir)
