"""The runs of this user that go on, found by their runners: for who comes back and has not the options at hand."""

import os
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.runner.argv import RunnerArgv


@dataclass(frozen=True, slots=True)
class GoingOn:
    """What names the run's target again: its config and the state folder."""

    config: Path
    state_dir: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--config", str(self.config), "--state-dir", str(self.state_dir))


def runs_going_on() -> list[GoingOn]:
    """Only this user's own processes are believed: another's could name any folder."""
    found: dict[GoingOn, None] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        process = Path("/proc", entry)
        try:
            if process.stat().st_uid != os.geteuid():
                continue
            words = os.fsdecode((process / "cmdline").read_bytes()).split("\0")[:-1]
            if (runner := RunnerArgv.parse(words)) is not None:
                found[GoingOn(Path(runner.config).resolve(), Path(runner.state_dir))] = None
        except OSError:
            continue  # gone meanwhile
    return list(found)
