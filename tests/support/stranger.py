"""Another local user who lays things in the way; all of it is nobody's, and none of it is to be obeyed."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from other_user import NOBODY

PROGRAM = Path(sys.executable).with_name("debvisor-tui")  # `python -m` would itself take modules from where it stands


@dataclass(frozen=True)
class Stranger:
    """`folder`: where everybody may write, as in /tmp but not sticky. `mark`: is made by what must not run."""

    folder: Path
    mark: Path

    def own(self, path: Path, mode: int) -> Path:
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        path.chmod(mode)
        return path

    def program(self, name: str) -> Path:
        """A program of the stranger's: whoever runs it leaves the mark."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\ntouch {self.mark}\n", encoding="utf-8")
        return self.own(path, 0o755)

    @property
    def obeyed(self) -> bool:
        return self.mark.exists()


@pytest.fixture
def stranger(open_folder: Path) -> Stranger:
    folder = open_folder / "theirs"
    folder.mkdir()
    marks = open_folder / "marks"
    marks.mkdir(mode=0o777)
    made = Stranger(folder, marks / "obeyed")
    made.own(folder, 0o777)
    return made


def debvisor(*words: object, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The installed program, as this user, in the folder `cwd`."""
    return subprocess.run(
        [PROGRAM, *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
