"""One run a target: the kernel knows who holds the lock, and a dead holder's is free."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from debvisor_tui.model.errors import LockHeld, UsageError
from debvisor_tui.runner.lock import TargetLock, find_holder
from debvisor_tui.runner.places import Places

HOLD = """
import sys, time
from pathlib import Path
from debvisor_tui.runner.lock import TargetLock
from debvisor_tui.runner.places import Places
lock = TargetLock.acquire(Places(Path(sys.argv[1]), "t"), "anna (ssh)", "release v2")
lock.name_run(42)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path, "t")
    places.prepare()
    return places


def test_a_second_run_hears_who_runs_what_and_a_killed_holder_frees_it(places: Places, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeld, match=r"anna \(ssh\) runs release v2 on t since .* \(run 42, process \d+\)"):
            TargetLock.acquire(places, "bert", "release v3")
        found = find_holder(places)
        assert found is not None
        assert found.run == 42
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert find_holder(places) is None
    TargetLock.acquire(places, "bert", "release v3").release()


def test_a_child_does_not_inherit_the_lock(places: Places) -> None:
    lock = TargetLock.acquire(places, "anna", "release v2")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        lock.release()
        assert find_holder(places) is None
        TargetLock.acquire(places, "bert", "release v3").release()
        assert child.poll() is None


def test_a_lock_file_that_cannot_be_opened_is_not_called_a_lock(places: Places) -> None:
    places.lock.mkdir()
    with pytest.raises(UsageError, match="cannot be opened: Is a directory"):
        TargetLock.acquire(places, "anna", "release v2")


def test_the_folders_are_private(places: Places) -> None:
    assert places.folder.stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used: Not a directory"):
        Places(tmp_path / "file", "t").prepare()


def test_a_socket_path_that_is_too_long_is_moved(tmp_path: Path) -> None:
    long = Places(tmp_path / ("x" * 120), "t")
    assert len(os.fsencode(long.socket)) <= 100
    assert long.socket != Places(tmp_path / ("y" * 120), "t").socket
