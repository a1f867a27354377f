"""The process of a service that keeps its pid in a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debvisor_tui.system.files import open_at_once
from debvisor_tui.system.procfs import identify

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
    found = identify(pid)
    return None if found is None else Process(pid, found.started, found.start_ticks)


def process_of(pid_file: Path) -> Process | None:
    """The living process that `pid_file` names on its first line; None if there is no file, number or process."""
    try:
        with open_at_once(pid_file) as file:
            line = file.read(MAX_PID_FILE).partition(b"\n")[0].strip()
    except OSError:
        return None
    return read_process(int(line)) if line.isdigit() and int(line) > 0 else None
