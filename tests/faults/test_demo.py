"""The demo cleans up after itself, and never takes a run with it that somebody could still want."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from terminal import Terminal

from debvisor_tui.runner.discovery import runs_going_on
from debvisor_tui.runner.lock import find_holder
from debvisor_tui.runner.paths import TargetPaths
from debvisor_tui.sandbox.host import Sandbox


def demo(folder: Path) -> Terminal:
    return Terminal([sys.executable, "-m", "debvisor_tui", "demo"], {"TMPDIR": str(folder)})


def test_what_nobody_has_begun_is_removed(tmp_path: Path) -> None:
    terminal = demo(tmp_path)
    try:
        terminal.until(lambda text: "v1.0.0" in text and "new release" in text, "home")
        terminal.type(b"\x11")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_has_not_ended_stays_with_its_host(tmp_path: Path) -> None:
    terminal = demo(tmp_path)
    sandbox: Sandbox | None = None
    try:
        terminal.until(lambda text: "v1.0.0" in text and "new release" in text, "home")
        sandbox = Sandbox.open(next(tmp_path.iterdir()))
        terminal.type(b"n")
        terminal.until(lambda text: "v1.3.0" in text and "Which version?" in text, "the versions")
        terminal.type(b"\r")
        terminal.until(lambda text: "Nothing is touched yet" in text, "the plan")
        terminal.decide(b"\r", lambda text: "waiting for you" in text, "the first gate")
        holder = find_holder(TargetPaths(sandbox.state_dir, "sandbox"))
        assert holder is not None
        assert sandbox.config_path in [run.config for run in runs_going_on()]
        os.kill(holder.pid, signal.SIGKILL)
        terminal.until(lambda text: "The runner is gone" in text, "it is shown")
        terminal.type(b"\x11")
        assert terminal.wait() == 0
        end = time.monotonic() + 5.0
        while b"it can be taken up" not in terminal.output and time.monotonic() < end:
            threading.Event().wait(0.05)
        assert b"Run 1 in " in terminal.output
        assert f"demo --dir {sandbox.dir}".encode() in terminal.output.replace(b"\r\n", b"")
        # Another demo sweeps up after others, not this.
        other = demo(tmp_path)
        try:
            other.until(lambda text: "new release" in text, "home")
            other.type(b"\x11")
            assert other.wait() == 0
        finally:
            other.close()
        assert [entry for entry in tmp_path.iterdir() if entry.is_dir()] == [sandbox.dir]
        assert sandbox.config_path.exists()
    finally:
        terminal.close()
        if sandbox is not None:
            sandbox.destroy()
