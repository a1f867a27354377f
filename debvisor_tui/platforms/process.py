"""Processes as /proc tells of them: who a pid is (pid and start time); what a service's log says since a moment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from debvisor_tui.model.text import LineAssembler, Redactor

TAIL_BYTES = 65_536  # read of a log's end, at the most
MARK_BYTES = 256  # remembered of what stands before a mark
MAX_PID_FILE = 64  # bytes; a pid has ten digits at the most


@dataclass(frozen=True, slots=True)
class Process:
    """One process, not just a pid: pids are used again. `started`: unix seconds. `ticks`: since boot, exact."""

    pid: int
    started: float
    ticks: int

    def facts(self) -> dict[str, Any]:
        """As a PROCESS change and the evidence "process" hold it."""
        return {"pid": self.pid, "started": self.started, "ticks": self.ticks}

    def is_recorded(self, facts: Any) -> bool:
        """Whether recorded `facts` mean this process.

        By the ticks: `started` moves with the wall clock, but older journals have nothing else.
        """
        if not facts or facts.get("pid") != self.pid:
            return False
        if "ticks" in facts:
            return bool(facts["ticks"] == self.ticks)
        return abs(float(facts.get("started", 0)) - self.started) < 2.0


def read_process(pid: int) -> Process | None:
    """The living process `pid`; None if there is none, or only its zombie."""
    fields = _stat(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return None
    ticks = int(fields[19])
    return Process(pid, round(_boot_time() + ticks / os.sysconf("SC_CLK_TCK"), 2), ticks)


def process_of(pid_file: Path) -> Process | None:
    """The living process that `pid_file` names on its first line; None if there is no file, number or process."""
    try:
        with open_at_once(pid_file) as file:
            line = file.read(MAX_PID_FILE).partition(b"\n")[0].strip()
    except OSError:
        return None
    return read_process(int(line)) if line.isdigit() and int(line) > 0 else None


def open_at_once(path: Path) -> IO[bytes]:
    """Open to read without waiting: opening a named pipe that nobody writes would hold the whole runner."""
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def groups_of_session(session: int) -> set[int]:
    """The process groups of a session with a member that is no zombie (without a PID 1 that reaps, those stay)."""
    groups = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields is not None and int(fields[3]) == session and fields[0] not in {"Z", "X"}:
                groups.add(int(fields[2]))
    return groups


def working_in(folder: Path, name: str) -> list[int]:
    """The pids of living processes called `name` that work in `folder` or below, or that hide where they do."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            called = Path(f"/proc/{entry}/comm").read_text(encoding="utf-8", errors="replace").strip()
            if called != name or read_process(int(entry)) is None:
                continue
            where = Path(os.readlink(f"/proc/{entry}/cwd"))
        except PermissionError:
            found.append(int(entry))  # another user's: it may well be here
            continue
        except OSError:
            continue  # it has ended meanwhile
        if where.is_relative_to(folder.resolve()):
            found.append(int(entry))
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on: the second, the name, may hold anything, even ")"."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split() or None


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


@dataclass(frozen=True, slots=True)
class LogMark:
    """A place in a service's log file: what is written after it is new. `before`: the bytes that end there."""

    path: Path
    size: int
    before: bytes

    @classmethod
    def here(cls, path: Path) -> "LogMark":
        try:
            with open_at_once(path) as file:
                size = file.seek(0, os.SEEK_END)
                return cls(path, size, _ending_at(file, size))
        except OSError:
            return cls(path, 0, b"")

    def lines_since(self, count: int) -> list[str]:
        """The last `count` lines written since the mark, made safe. A rotated or truncated log counts whole."""
        try:
            with open_at_once(self.path) as file:
                size = file.seek(0, os.SEEK_END)
                # By what stands there, not by the inode: a rotated log's is used again at once.
                same = size >= self.size and _ending_at(file, self.size) == self.before
                file.seek(max(self.size if same else 0, size - TAIL_BYTES))
                data = file.read(TAIL_BYTES)
        except OSError:
            return []
        assembler = LineAssembler(Redactor())
        lines = assembler.feed(data) + assembler.close()
        return [line for line in lines if line.strip()][-count:]


def _ending_at(file: IO[bytes], place: int) -> bytes:
    start = max(place - MARK_BYTES, 0)
    file.seek(start)
    return file.read(place - start)
