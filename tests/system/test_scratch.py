"""Temporary folders: private, gone afterwards, and what a killed process left is taken away by the next."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from debvisor_tui.system.scratch import OLD, scratch

LEAVES = """
import os, signal, sys
from pathlib import Path
from debvisor_tui.system.scratch import scratch
with scratch("tree", Path(sys.argv[1])) as folder:
    (folder / "file").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def aged(folder: Path) -> Path:
    os.utime(folder, times=(folder.stat().st_mtime - OLD - 1,) * 2)
    return folder


def test_it_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch("tree", tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
        with scratch("tree", tmp_path) as other:
            assert {folder, other} == set(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVES, tmp_path], check=False)
    (left,) = tmp_path.iterdir()
    others = [tmp_path / name for name in ("debvisor-tree-abc", "else", f"{left.name}.kept")]
    for other in others:
        other.mkdir()
        aged(other)
    link = tmp_path / left.name.replace("debvisor-tree-", "debvisor-link-")
    link.symlink_to(others[0])
    with scratch("tree", tmp_path) as mine:
        assert left.exists(), "it may be somebody's whom this process cannot see"
        aged(left)
        aged(mine)
        with scratch("tree", tmp_path):
            assert not left.exists()
            assert mine.exists(), "its owner lives"
    assert set(tmp_path.iterdir()) == {*others, link}


def test_no_room_is_said_as_that(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch("tree", tmp_path / "not-there"):
        pass
