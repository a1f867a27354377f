"""Who a process is: its pid alone can be another's tomorrow; with its start time and the boot it cannot."""

import os
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.store.clock import boot_id


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """`start_ticks`: clock ticks after boot (proc(5), field 22); `boot_id`: the kernel's random id of this boot."""

    pid: int
    start_ticks: int
    boot_id: str

    def alive(self) -> bool:
        return identify(self.pid) == self


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has `pid` now, or None; a zombie counts as gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold anything, parentheses too: parse after the last one.
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":
        return None
    return ProcessIdentity(pid, int(fields[19]), boot_id())


def myself() -> ProcessIdentity:
    identity = identify(os.getpid())
    assert identity is not None  # noqa: S101 - this process is alive
    return identity
