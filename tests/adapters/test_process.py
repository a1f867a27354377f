"""Processes as /proc tells of them: identity by start time, odd names, and pid files that say nothing."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from debvisor_tui.adapters.platforms.process import process_of, read_process
from debvisor_tui.model.services import is_recorded
from debvisor_tui.system.log_mark import LogMark


def test_a_process_is_known_by_pid_and_start_whatever_its_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z 1 (b"  # the name stands in the middle of /proc/PID/stat, in parentheses
    shutil.copy(shutil.which("sleep") or "/bin/sleep", odd)
    with subprocess.Popen([odd, "60"]) as child:
        found = read_process(child.pid)
        child.kill()
    assert found is not None
    assert found.since is not None
    assert abs(found.since - time.time()) < 5
    assert is_recorded(found, found.facts())
    assert not is_recorded(found, {**found.facts(), "ticks": found.identity["ticks"] - 1})
    assert is_recorded(found, {"pid": child.pid, "started": found.since})  # as older journals have it
    assert not is_recorded(found, {"pid": child.pid, "started": found.since - 100})  # the pid was used before
    assert not is_recorded(found, {})


def test_a_zombie_is_gone() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has reaped it
    assert read_process(child.pid) is None
    child.wait()


@pytest.mark.parametrize("content", [b"", b"none\n", b"-1\n", b"0\n", b"\xff\xfe", b"9" * 40, b"4194999\n"])
def test_a_pid_file_without_a_living_pid_names_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pid").write_bytes(content)
    assert process_of(tmp_path / "pid") is None
    assert process_of(tmp_path / "gone") is None


def test_only_what_was_written_since_the_mark_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    mark = LogMark.here(log)
    with log.open("a") as file:
        file.write("one\n\ntwo\x1b[2J\nthree")
    assert mark.lines_since(2) == ["two", "three"]
    log.unlink()
    log.write_text("rotated\n")
    assert mark.lines_since(9) == ["rotated"]
    log.unlink()
    assert mark.lines_since(9) == []
