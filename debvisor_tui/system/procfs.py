"""Processes as /proc tells of them: the one place that reads it.

A pid alone can be another process's tomorrow; with its start time and the boot it cannot.
"""

import functools
import os
from dataclasses import dataclass
from pathlib import Path

ENVIRON_LIMIT = 4_194_304  # bytes; the kernel lets an environment be about that long


@dataclass(frozen=True, slots=True)
class ProcessId:
    """`start_ticks`: clock ticks after boot (proc(5), field 22); `boot_id`: the kernel's random id of this boot."""

    pid: int
    start_ticks: int
    boot_id: str

    def alive(self) -> bool:
        return identify(self.pid) == self

    @property
    def started(self) -> float:
        """Unix seconds; it moves when somebody sets the clock. Of a process of this boot."""
        return round(_boot_time() + self.start_ticks / os.sysconf("SC_CLK_TCK"), 2)


def identify(pid: int) -> ProcessId | None:
    """The living process that has `pid` now; None if there is none, or only its zombie."""
    fields = stat(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return None
    return ProcessId(pid, int(fields[19]), boot_id())


def identify_child(pid: int) -> ProcessId | None:
    """Our own child `pid`, which may have ended already: until it is reaped the kernel tells of it."""
    fields = stat(pid)
    return None if fields is None else ProcessId(pid, int(fields[19]), boot_id())


def myself() -> ProcessId:
    identity = identify(os.getpid())
    assert identity is not None  # noqa: S101 - this process is alive
    return identity


@functools.cache
def boot_id() -> str:
    """The kernel's random id of this boot (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on; None if there is no such process.

    The second, the name in parentheses, may hold anything, parentheses too: parsed after the last one.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split() or None


def parent(pid: int) -> int | None:
    """The pid of the process that `pid` is a child of; None if that cannot be told."""
    fields = stat(pid)
    return int(fields[1]) if fields is not None else None


def cmdline(pid: int) -> list[str]:
    """The arguments of process `pid`: foreign text. Empty if it is gone, or hidden."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in line.split(b"\0")[:-1]]


def environ(pid: int) -> dict[str, str] | None:
    """The environment that process `pid` was started with; None if it is gone, or not to be read by us."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = os.fsdecode(file.read(ENVIRON_LIMIT)).split("\0")
    except OSError:
        return None
    return {name: value for name, equals, value in (entry.partition("=") for entry in entries) if equals}


def session(pid: int) -> int | None:
    """The id of the session that process `pid` belongs to; None if there is no such process."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def groups_of_session(session: int) -> set[int]:
    """The process groups of a session with a member that is no zombie (without a PID 1 that reaps, those stay)."""
    groups = set()
    for pid in pids():
        fields = stat(pid)
        if fields is not None and int(fields[3]) == session and fields[0] not in {"Z", "X"}:
            groups.add(int(fields[2]))
    return groups


def working_in(folder: Path, name: str) -> list[int]:
    """The pids of living processes called `name` that work in `folder` or below, or that hide where they do."""
    found = []
    for pid in pids():
        try:
            called = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
            if called != name or identify(pid) is None:
                continue
            where = Path(os.readlink(f"/proc/{pid}/cwd"))
        except PermissionError:
            found.append(pid)  # another user's: it may well be here
            continue
        except OSError:
            continue  # it has ended meanwhile
        if where.is_relative_to(folder.resolve()):
            found.append(pid)
    return found


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
